//! `saas backup drill`.

use std::{fs, path::Path, process::ExitCode};

use saas_config::Settings;
use saas_domain::{Clock, Random};
use serde_json::Value;

use super::{meant, stoppable};
use crate::{
    Failure, cli,
    commands::{print, root_secret, tell as note},
    drill::{self, Record, Report},
    terminal::plain,
};

pub(super) fn run(settings: &Settings, command: &cli::Drill) -> Result<ExitCode, Failure> {
    if let Some(report) = &command.check {
        return check(settings, report);
    }
    let (clock, random) = (Clock::system(), Random::os());
    let file = command.file.as_ref().map(|file| meant(settings, file));
    let sealed = stoppable(async |stop| {
        let record = Record::begin(settings, &clock, &random).await;
        let sealed = Box::pin(drill::run(settings, file.as_deref(), &clock, &random, stop)).await?;
        let written = match record {
            Ok(record) => record.end(&sealed).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = written {
            note(&format!(
                "the drill is not written down in the live database: {failure}"
            ));
        }
        Ok::<_, Failure>(sealed)
    })?;
    let text = format!("{:#}\n", sealed.json);
    if command.json {
        print(&text)?;
    } else {
        tell(&sealed.report)?;
    }
    if let Some(path) = &command.report {
        fs::write(path, &text).map_err(|error| {
            Failure::failed(format!("the report {} cannot be written", path.display()))
                .because(error)
        })?;
    }
    match sealed.report.fault {
        None => Ok(ExitCode::SUCCESS),
        Some(fault) => Err(Failure::failed(format!("the drill failed: {fault}"))),
    }
}

/// A line for each step, and what was measured.
fn tell(report: &Report) -> Result<(), Failure> {
    for step in &report.steps {
        let (outcome, name, seen) = (step.outcome.word(), &step.name, plain(&step.seen));
        let seconds = seconds(step.milliseconds);
        print(&format!(
            "{outcome:<7} {name:<10} {seconds:>8.1} s  {seen}\n"
        ))?;
    }
    let aims = &report.objectives;
    if let Some(took) = report.recovery_time_ms {
        print(&format!(
            "recovery time {:.1} s, objective {} s\n",
            seconds(took),
            aims.recovery_time_seconds
        ))?;
    }
    if let Some(lost) = report.recovery_point_seconds {
        print(&format!(
            "recovery point {lost} s, objective {} s\n",
            aims.recovery_point_seconds
        ))?;
    }
    Ok(())
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}

fn check(settings: &Settings, path: &Path) -> Result<ExitCode, Failure> {
    let shown = path.display();
    let cannot = || Failure::correctable(format!("{shown} cannot be read as a report of a drill"));
    let text = fs::read_to_string(path).map_err(|error| cannot().because(error))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| cannot().because(error))?;
    if !drill::is_signed(&report, &root_secret(settings)?) {
        return Err(Failure::failed(format!(
            "{shown} is not as a drill of this platform signed it: it was altered, or SECRET_KEY is another one now; set SECRET_KEY_PREVIOUS to the one of that time"
        )));
    }
    let read: Report = serde_json::from_value(report).map_err(|error| cannot().because(error))?;
    let how = if read.passed { "passed" } else { "failed" };
    print(&format!(
        "{shown} is as a drill of this platform signed it: {}, {how}\n",
        read.started_at.format("%Y-%m-%d %H:%M:%S UTC")
    ))?;
    Ok(ExitCode::SUCCESS)
}
