//! `saas backup list`.

use std::process::ExitCode;

use saas_config::Settings;
use saas_domain::Clock;
use saas_recovery::{
    Backup, Bucket, Directory,
    format::{BackupName, Manifest},
};
use serde_json::json;

use super::{
    bucket::bucket,
    place, stoppable,
    told::{ago, size},
};
use crate::{Failure, cli::Output, commands::print, terminal::plain};

/// A backup, with its size where it lies.
struct Listed {
    name: BackupName,
    here: Option<u64>,
    there: Option<u64>,
}

pub(super) fn run(settings: &Settings, output: &Output) -> Result<ExitCode, Failure> {
    let (place, bucket) = (place(settings)?, bucket(settings)?);
    let (listed, failed) = listed(&place, bucket.as_ref())?;
    let now = Clock::system().now();
    let mut items = Vec::new();
    for one in listed {
        let Listed { name, here, there } = one;
        let bytes = here.or(there).unwrap_or_default();
        let (inside, fault) = one.inside(&place);
        if output.json {
            items.push(json!({
                "name": name.to_string(),
                "taken_at": name.taken_at,
                "bytes": bytes,
                "where": one.place(),
                "copy": bucket.as_ref().filter(|_| there.is_some()).map(|bucket| bucket.url(&name)),
                "manifest": inside,
                "fault": fault,
            }));
            continue;
        }
        let told = match (inside, fault) {
            (_, Some(fault)) => fault,
            (Some(manifest), None) => {
                format!("{} rows, {}", manifest.rows(), manifest.revision())
            }
            (None, None) => bucket
                .as_ref()
                .map(|bucket| bucket.url(&name))
                .unwrap_or_default(),
        };
        let lies = match &bucket {
            Some(_) => format!("{:6}  ", one.place()),
            None => String::new(),
        };
        // What a backup says of itself was not compared with anything here.
        print(&format!(
            "{name}  {}  {} old  {lies}{}\n",
            size(bytes),
            ago(now, name.taken_at),
            plain(&told)
        ))?;
    }
    if output.json {
        print(&format!("{:#}\n", json!({ "items": items })))?;
    }
    match failed {
        None => Ok(ExitCode::SUCCESS),
        Some(failure) => Err(failure),
    }
}

/// Newest first. If the bucket cannot be asked, what is here is told all the same.
fn listed(
    place: &Directory,
    bucket: Option<&Bucket>,
) -> Result<(Vec<Listed>, Option<Failure>), Failure> {
    let mut failed = None;
    let mut there = match bucket {
        None => Vec::new(),
        Some(bucket) => stoppable(async |stop| bucket.list(stop).await).unwrap_or_else(|error| {
            failed = Some(error);
            Vec::new()
        }),
    };
    let mut all: Vec<Listed> = Vec::new();
    for (name, bytes) in place.list()? {
        let copy = there.iter().position(|(other, _)| *other == name);
        all.push(Listed {
            name,
            here: Some(bytes),
            there: copy.map(|at| there.swap_remove(at).1),
        });
    }
    all.extend(there.into_iter().map(|(name, bytes)| Listed {
        name,
        here: None,
        there: Some(bytes),
    }));
    all.sort_by_key(|one| std::cmp::Reverse(one.name.taken_at));
    Ok((all, failed))
}

impl Listed {
    fn place(&self) -> &'static str {
        match (self.here, self.there) {
            (Some(_), Some(_)) => "both",
            (None, _) => "bucket",
            (_, None) => "here",
        }
    }

    /// What it says of itself, which is read from the file alone, and what is wrong with it.
    fn inside(&self, place: &Directory) -> (Option<Manifest>, Option<String>) {
        let (Some(here), there) = (self.here, self.there) else {
            return (None, None);
        };
        if let Some(there) = there.filter(|there| *there != here) {
            let told = format!("its copy in the bucket is another one, of {}", size(there));
            return (None, Some(told));
        }
        match Backup::new(&place.file(&self.name), None).and_then(|backup| backup.peek()) {
            Ok(manifest) => (Some(manifest), None),
            Err(error) => (None, Some(Failure::from(error).to_string())),
        }
    }
}
