//! One instance's checks, again and again.

use std::sync::Arc;

use saas_storage::StorageError;
use saas_storage::registry::{InstanceRecord, instances};
use saas_telemetry::Kind;

use super::{HealthCheck, Tools, probe};
use crate::app;
use crate::catalog::Subject;

/// Checks one instance until it is aborted.
pub(super) struct Watch {
    instance: InstanceRecord,
    check: HealthCheck,
    tools: Arc<Tools>,
    verdict: Verdict,
}

/// What the checks so far amount to.
#[derive(Debug)]
struct Verdict {
    is_passing: Option<bool>,
    /// Outcomes in a row that say the opposite; before the first verdict, outcomes of either kind.
    against: u32,
}

impl Verdict {
    /// Takes an outcome in, and returns the new verdict if it turned. The first outcome decides at
    /// once: nobody has sent requests there yet.
    fn take(&mut self, is_good: bool, check: &HealthCheck) -> Option<bool> {
        if self.is_passing == Some(is_good) {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let needed = match (self.is_passing, is_good) {
            (None, _) => 1,
            (_, true) => check.healthy_after,
            (_, false) => check.unhealthy_after,
        };
        (self.against >= needed).then_some(is_good)
    }

    fn turn(&mut self, is_passing: bool) {
        self.is_passing = Some(is_passing);
        self.against = 0;
    }
}

impl Watch {
    /// `None` if the instance has no check, or one that only a newer replica understands.
    pub(super) fn new(instance: InstanceRecord, tools: Arc<Tools>) -> Option<Self> {
        let stored = instance.check.clone()?;
        let check = match serde_json::from_value(stored) {
            Ok(check) => check,
            Err(error) => {
                tracing::warn!(service = %instance.key.service, instance = %instance.key.id, %error,
                    "the health check is not understood");
                return None;
            }
        };
        let verdict = Verdict {
            is_passing: instance.check_passing,
            against: 0,
        };
        Some(Self {
            instance,
            check,
            tools,
            verdict,
        })
    }

    pub(super) async fn run(mut self) {
        loop {
            self.round().await;
            tokio::time::sleep(self.check.interval()).await;
        }
    }

    async fn round(&mut self) {
        let Ok(permit) = self.tools.permits.acquire().await else {
            return;
        };
        let outcome = probe::probe(&self.tools.networks, &self.instance, &self.check).await;
        drop(permit);
        let kind = if outcome.is_ok() {
            "passing"
        } else {
            "failing"
        };
        let checks = &self.tools.metrics.registry().checks;
        checks.get_or_create(&Kind { kind }).inc();
        let key = &self.instance.key;
        if let Err(error) = &outcome {
            let error: &dyn std::error::Error = error;
            tracing::debug!(service = %key.service, instance = %key.id, error, "check failed");
        }
        let Some(is_passing) = self.verdict.take(outcome.is_ok(), &self.check) else {
            return;
        };
        tracing::info!(service = %key.service, instance = %key.id, is_passing, "health changed");
        match self.store(is_passing).await {
            Ok(()) => self.verdict.turn(is_passing),
            // The next round comes to the same verdict and stores it then.
            Err(error) => {
                tracing::warn!(
                    error = error.chain(),
                    "a health check's outcome was not stored"
                );
            }
        }
    }

    async fn store(&self, is_passing: bool) -> Result<(), StorageError> {
        let tx = self.tools.database.system("registry.check").await?;
        if instances::set_check(&tx, &self.instance, is_passing).await? {
            let subject = Subject::Service(self.instance.key.service.clone());
            app::commit(&self.tools.catalog, tx, &[subject]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check() -> HealthCheck {
        serde_json::from_value(serde_json::json!({"type": "tcp", "healthy_after": 2})).unwrap()
    }

    #[test]
    fn the_first_outcome_decides_and_later_ones_only_in_a_row() {
        let mut verdict = Verdict {
            is_passing: None,
            against: 0,
        };
        assert_eq!(verdict.take(true, &check()), Some(true));
        verdict.turn(true);
        assert_eq!(verdict.take(false, &check()), None);
        assert_eq!(verdict.take(false, &check()), None);
        assert_eq!(verdict.take(true, &check()), None);
        assert_eq!(verdict.take(false, &check()), None);
        assert_eq!(verdict.take(false, &check()), None);
        assert_eq!(verdict.take(false, &check()), Some(false));
        verdict.turn(false);
        assert_eq!(verdict.take(true, &check()), None);
        assert_eq!(verdict.take(true, &check()), Some(true));
    }
}
