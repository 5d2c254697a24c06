//! `saas backup restore`.

use std::process::ExitCode;

use saas_config::{DatabaseKind, Settings};
use saas_core::remove_unopened_signing_keys;
use saas_domain::{Clock, Random};
use saas_recovery::{
    Allowed, Backup, Bucket, Fetched, Plan, Source, plan, restore, with_connections,
};
use saas_storage::Database;

use super::{bucket::needed, identity, meant, place, seal, stoppable, told::size, watched};
use crate::{
    DataDir, Failure, cli,
    commands::{print, root_secret},
    terminal::plain,
};

pub(super) fn run(settings: &Settings, command: &cli::Restore) -> Result<ExitCode, Failure> {
    let identity = identity(settings)?;
    let fetched = match command.file.to_str().filter(|text| Bucket::is_url(text)) {
        Some(url) => Some(fetched(settings, url)?),
        None => None,
    };
    let backup = match &fetched {
        Some(fetched) => fetched.backup(identity.clone()),
        None => Backup::new(&meant(settings, &command.file), identity.clone())?,
    };
    let target = Source::new(settings.database_url.expose())?;
    let allowed = Allowed {
        // Looking changes nothing that would have to be allowed.
        replace: command.replace || command.dry_run,
        any_seal: command.any_seal,
    };
    // One process per SQLite file: a platform that runs on it has to be stopped first. A look at the
    // backup alone does not touch the file; one at a tenant does.
    let touches = !command.dry_run || command.tenant.is_some();
    let _held = (touches && settings.database_kind() == DatabaseKind::Sqlite)
        .then(|| DataDir::open_in_turn(&settings.data_dir))
        .transpose()?;
    if let Some(tenant) = &command.tenant {
        return super::tenant::run(settings, command, tenant, &backup, &target);
    }
    let seal = seal(settings)?;
    let total = backup.peek().map(|manifest| manifest.content.bytes).ok();
    let root = root_secret(settings)?;
    let plan = watched(total, async |stop| {
        plan(&backup, &target, allowed, &seal, stop).await
    })?;
    tell(&plan, plan.manifest.is_sealed(&seal))?;
    if plan.replaces {
        let will = if command.dry_run { "would" } else { "will" };
        print(&format!(
            "the database that is there{} {will} be replaced, and kept beside the new one\n",
            with_connections(plan.connections)
        ))?;
    }
    if command.dry_run {
        print("nothing was changed\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    // Only what was found sound gets a name.
    let backup = match fetched {
        Some(fetched) => Backup::new(&fetched.keep()?, identity)?,
        None => backup,
    };
    let (clock, random) = (Clock::system(), Random::os());
    let mut removed = 0;
    let restored = watched(total, async |stop| {
        let finish = async |database: &Database| {
            removed = remove_unopened_signing_keys(database, &root).await?;
            Ok(())
        };
        restore(&backup, &target, &plan, finish, &clock, &random, stop).await
    })?;
    if removed > 0 {
        print(&format!(
            "removed signing keys that this SECRET_KEY does not open: {removed}; core makes a new one when it starts\n"
        ))?;
    }
    for name in &restored.migrated {
        print(&format!("migrated {name}\n"))?;
    }
    if let Some(kept) = &restored.kept {
        print(&format!(
            "the database that was there is kept as {kept}; remove it once you need it no more\n"
        ))?;
    }
    for statement in &restored.refused {
        print(&format!(
            "the database before had what this user may not give; run as one who may: {}\n",
            plain(statement)
        ))?;
    }
    print(&format!(
        "restored in {:.1} s\n",
        restored.took.as_secs_f64()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The object at this address, in `BACKUP_DIR`.
fn fetched(settings: &Settings, url: &str) -> Result<Fetched, Failure> {
    let (place, bucket) = (place(settings)?, needed(settings)?);
    stoppable(async |stop| bucket.fetch(url, &place, stop).await)
}

fn tell(plan: &Plan, is_sealed: bool) -> Result<(), Failure> {
    let manifest = &plan.manifest;
    let is = if is_sealed { "sound" } else { "whole" };
    let told = format!(
        "the backup is {is}: {} of {}, {} rows in {} tables, {} to write, made by version {} with schema {}",
        manifest.taken_at.format("%Y-%m-%d %H:%M:%S UTC"),
        manifest.engine.as_str(),
        manifest.rows(),
        manifest.tables.len(),
        size(manifest.content.bytes),
        manifest.platform,
        manifest.revision()
    );
    print(&format!("{}\n", plain(&told)))?;
    if !is_sealed {
        print(
            "its seal is not of this SECRET_KEY nor of SECRET_KEY_PREVIOUS: whether somebody altered it cannot be told\n",
        )?;
    }
    for name in &plan.pending {
        print(&format!("to be migrated: {name}\n"))?;
    }
    Ok(())
}
