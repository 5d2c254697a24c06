//! The token with which secrets are read from Vault. The process has one, whichever services run in
//! it.

use prometheus_client::metrics::gauge::Gauge;

use super::Metrics;

/// When the token for Vault expires. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct VaultMetrics {
    /// In seconds since 1970; 0 for a token that never does.
    pub token_expiry: Gauge,
}

impl Metrics {
    /// Shows from now on when the token for Vault expires. To be called once.
    pub fn show_vault(&self, vault: &VaultMetrics) {
        self.register(
            "saas_vault_token_expiry_timestamp_seconds",
            "When the token for Vault expires unless it is renewed, where secrets come from there; 0 for one that never does",
            vault.token_expiry.clone(),
        );
    }
}
