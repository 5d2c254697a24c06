//! Logging as a whole process does it: the test starts itself again and reads what it prints.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    env,
    process::{Command, Stdio},
};

use saas_domain::Clock;
use saas_telemetry::{Level, LogFormat, LogSettings, start};
use serde_json::Value;

/// Set in the environment of the process that logs.
const CHILD: &str = "SAAS_TEST_LOG_FORMAT";

fn output_of_child(format: &str) -> Vec<String> {
    let child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "logs_when_asked_to",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, format)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(child.status.success());
    let text = String::from_utf8(child.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn logs_when_asked_to() {
    let Ok(format) = env::var(CHILD) else {
        return;
    };
    let settings = LogSettings {
        format: if format == "pretty" {
            LogFormat::Pretty
        } else {
            LogFormat::Auto
        },
        level: Level::INFO,
        service: "saas".to_owned(),
        clock: Clock::system(),
    };
    let handle = start(settings.clone()).unwrap();
    assert!(start(settings).is_err(), "one process has one log");
    // A line break, so that the test harness's own words stay on a line of their own.
    println!();
    tracing::info!("first");
    tracing::debug!("too quiet");
    handle.set_level(Level::DEBUG);
    tracing::debug!(target: "sqlx::query", "a library's chatter");
    tracing::debug!(answer = 42, "second");
    let panicked = std::panic::catch_unwind(|| {
        let empty: &[u8] = &[];
        empty[env::args().count()]
    });
    assert!(panicked.is_err());
}

#[test]
fn json_when_nobody_watches_and_the_level_can_be_changed() {
    let lines: Vec<Value> = output_of_child("auto")
        .iter()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let messages: Vec<&str> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages[..2], ["first", "second"]);
    assert!(
        messages[2].starts_with("panic: index out of bounds"),
        "{messages:?}"
    );
    let file = lines[2]["log.origin.file.name"].as_str().unwrap();
    assert!(file.ends_with("process.rs"), "{file}");
    assert!(lines[2]["log.origin.file.line"].as_u64().is_some());
    assert_eq!(lines[1]["labels.answer"], 42);
    assert_eq!(lines[1]["service.name"], "saas");
}

#[test]
fn readable_lines_on_request() {
    let lines = output_of_child("pretty");
    let second = lines.iter().find(|line| line.contains("second")).unwrap();
    assert!(
        second.contains("DEBUG") && second.contains("answer=42"),
        "{second}"
    );
    assert!(
        !second.contains('\u{1b}'),
        "no colours into a file: {second}"
    );
}
