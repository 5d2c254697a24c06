//! `saas backup restore FILE --tenant T`.

use std::process::ExitCode;

use saas_config::Settings;
use saas_core::{RestoredTenant, commit_restored_tenant};
use saas_domain::{Clock, Random};
use saas_recovery::{
    Allowed, Backup, RecoveryError, Source, TenantPlan, TenantRestore, Wanted, create,
};

use super::{making, seal, stoppable};
use crate::{Failure, cli, commands::print, terminal::plain};

/// What came of it.
enum Done {
    LookedAt,
    Restored,
}

pub(super) fn run(
    settings: &Settings,
    command: &cli::Restore,
    tenant: &str,
    backup: &Backup,
    target: &Source,
) -> Result<ExitCode, Failure> {
    let (clock, random) = (Clock::system(), Random::os());
    let wanted = Wanted {
        tenant: tenant.to_owned(),
        slug: command.slug.clone(),
        leave_out: command.leave_out.clone(),
    };
    let allowed = Allowed {
        replace: command.replace,
        any_seal: command.any_seal,
    };
    let seal = seal(settings)?;
    let saves = !command.dry_run && !command.without_backup;
    let making = saves.then(|| making(settings)).transpose()?;
    let lifetime = settings.access_token_lifetime;
    let done = stoppable(async |stop| -> Result<Done, RecoveryError> {
        let prepared = TenantRestore::prepare(
            backup, target, &wanted, allowed, &seal, &clock, &random, stop,
        )
        .await?;
        let done = async {
            let plan = prepared.plan(stop).await?;
            tell(&plan)?;
            if command.dry_run {
                return Ok(Done::LookedAt);
            }
            if plan.is_live && !command.replace {
                return Err(RecoveryError::TenantLive(plan.slug));
            }
            if plan.is_live
                && let Some(making) = &making
            {
                let made = create(target, making, stop).await?;
                say(&format!(
                    "what is there now is saved in {}\n",
                    made.path.display()
                ))?;
            }
            prepared
                .apply(stop, async |tx, restored| {
                    let restored = RestoredTenant {
                        tenant: restored.tenant,
                        taken_at: restored.taken_at,
                        people: restored.people.clone(),
                        recreated: restored.recreated.clone(),
                    };
                    commit_restored_tenant(tx, lifetime, &restored).await
                })
                .await?;
            Ok(Done::Restored)
        };
        let done: Result<Done, RecoveryError> = done.await;
        prepared.discard().await;
        done
    })?;
    print(match done {
        Done::LookedAt => "nothing was changed\n",
        Done::Restored => "the tenant is restored\n",
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Within work that a closed pipe does not undo.
fn say(text: &str) -> Result<(), RecoveryError> {
    print(text).map_err(|failure| RecoveryError::Write(std::io::Error::other(failure.to_string())))
}

fn tell(plan: &TenantPlan) -> Result<(), RecoveryError> {
    let (name, is) = (
        plain(&plan.name),
        if plan.is_live {
            "is there"
        } else {
            "is not there"
        },
    );
    say(&format!(
        "the tenant {name} ({}, {}) {is} now\n",
        plan.slug, plan.tenant
    ))?;
    for change in &plan.tables {
        say(&format!(
            "{}: {} rows come, {} change, {} go\n",
            change.table, change.added, change.changed, change.removed
        ))?;
    }
    for email in &plan.people {
        say(&format!(
            "{email} is not there any more and comes back disabled: enable them in the console if they are to sign in\n"
        ))?;
    }
    if plan.stays_suspended {
        say("it was suspended since, and stays so: activate it in the console if that is meant\n")?;
    }
    Ok(())
}
