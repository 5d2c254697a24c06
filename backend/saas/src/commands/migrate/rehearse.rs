//! `saas migrate rehearse`.

use std::time::Duration;

use saas_config::{DatabaseKind, Settings};
use saas_domain::Clock;
use saas_migration::{Blocks, Rehearsed, TableLock};
use saas_recovery::{Directory, Rehearsal, Source, rehearse};
use serde_json::{Value, json};

use crate::{
    Failure,
    cli::Output,
    commands::{backup::stoppable, print},
};

pub(super) fn run(settings: &Settings, output: &Output) -> Result<(), Failure> {
    let source = Source::new(settings.database_url.expose())?;
    let beside = Directory::open(&settings.backup.directory)?;
    let clock = Clock::system();
    let done = stoppable(async |stop| rehearse(&source, beside.path(), &clock, stop).await)?;
    if output.json {
        print(&format!("{:#}\n", json(&done)))
    } else {
        print(&text(&done, settings.database_kind()))
    }
}

fn total(migrations: &[Rehearsed]) -> Duration {
    migrations.iter().map(|one| one.took).sum()
}

fn text(done: &Rehearsal, kind: DatabaseKind) -> String {
    let migrations = &done.migrations;
    if migrations.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let mut lines = vec![format!("copied in {:.1} s", done.copied_in.as_secs_f64())];
    for one in migrations {
        lines.push(format!("{:>9.3} s  {}", one.took.as_secs_f64(), one.name));
        let locks = one.locks.iter();
        lines.extend(locks.map(|lock| {
            let TableLock { table, mode, .. } = lock;
            format!("             {table}: {mode}, {}", who_waits(lock.blocks))
        }));
    }
    let total = total(migrations).as_secs_f64();
    lines.push(match kind {
        DatabaseKind::Postgres => format!(
            "all are one transaction: what is locked stays so to its end, {total:.3} s at most; the copy is gone"
        ),
        DatabaseKind::Sqlite => format!(
            "the platform stands still while the file is migrated, {total:.3} s; the copy is gone"
        ),
    });
    lines.join("\n") + "\n"
}

const fn who_waits(blocks: Blocks) -> &'static str {
    match blocks {
        Blocks::Nobody => "nobody waits",
        Blocks::Writes => "who writes waits",
        Blocks::ReadsAndWrites => "who reads or writes waits",
    }
}

fn json(done: &Rehearsal) -> Value {
    let lock = |lock: &TableLock| {
        json!({
            "table": lock.table,
            "mode": lock.mode,
            "blocks_reads": lock.blocks == Blocks::ReadsAndWrites,
            "blocks_writes": lock.blocks != Blocks::Nobody,
        })
    };
    let item = |one: &Rehearsed| {
        json!({
            "name": one.name,
            "seconds": one.took.as_secs_f64(),
            "locks": one.locks.iter().map(lock).collect::<Vec<_>>(),
        })
    };
    json!({
        "copy_seconds": done.copied_in.as_secs_f64(),
        "seconds": total(&done.migrations).as_secs_f64(),
        "items": done.migrations.iter().map(item).collect::<Vec<_>>(),
    })
}
