//! What every use case has at hand.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use saas_cache::ChangeCache;
use saas_config::Networks;
use saas_domain::{Clock, Random};
use saas_security::{Envelope, InternalVerifier, RootSecret, SigningKey};
use saas_storage::{ChangeStream, Database, SystemTx, TenantTx};
use saas_telemetry::CoreMetrics;

use crate::{
    identity::passwords::PasswordDesk,
    refusal::Refusal,
    trust::{Subject, Trust},
};

/// Core's state. Cloning shares it.
#[derive(Clone)]
pub struct Core(Arc<Inner>);

impl std::ops::Deref for Core {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}

/// What [`Core`] shares.
pub struct Inner {
    pub(crate) rules: Rules,
    pub(crate) db: Database,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) root: RootSecret,
    pub(crate) envelope: Envelope,
    pub(crate) internal: InternalVerifier,
    pub(crate) passwords: PasswordDesk,
    pub(crate) trust: Trust,
    pub(crate) metrics: CoreMetrics,
    /// Reads that are kept for five minutes and until something they show changes.
    pub(crate) reads: ChangeCache,
    /// The key that signs, as the follower of changes last read it.
    pub(crate) signing_key: ArcSwap<SigningKey>,
}

/// The settings that use cases look at.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub production: bool,
    pub signup_open: bool,
    /// `iss` of tokens, and where `/.well-known` is reached.
    pub public_url: String,
    /// The one origin whose pages may use cookie sessions.
    pub console_url: String,
    pub access_lifetime: Duration,
    pub refresh_lifetime: Duration,
    /// Whose word about the client counts beside the gateways'.
    pub trusted_proxies: Networks,
}

impl Core {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Commits a change that others must hear of, and waits until this process has heard of it: the
    /// caller can then read what it wrote, and a token it has just ended is refused.
    pub(crate) async fn commit(&self, tx: SystemTx, subjects: &[Subject]) -> Result<(), Refusal> {
        let subjects: Vec<String> = subjects.iter().map(Subject::to_string).collect();
        let number = tx
            .commit_with_changes(ChangeStream::Trust, &subjects)
            .await?;
        self.trust.until_applied(number).await;
        Ok(())
    }

    /// Like [`Core::commit`], for a tenant's transaction.
    pub(crate) async fn commit_own(
        &self,
        tx: TenantTx,
        subjects: &[Subject],
    ) -> Result<(), Refusal> {
        let subjects: Vec<String> = subjects.iter().map(Subject::to_string).collect();
        let number = tx
            .commit_with_changes(ChangeStream::Trust, &subjects)
            .await?;
        self.trust.until_applied(number).await;
        Ok(())
    }
}
