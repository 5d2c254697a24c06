//! What an instance may ask to be checked by.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::rules;

/// A health check of one instance, made by the registry at the instance's own address and port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthCheck {
    /// `http`: a GET whose answer has a status of 200 to 299. `tcp`: a connection that is accepted.
    #[serde(rename = "type")]
    #[garde(skip)]
    pub(crate) kind: CheckKind,
    /// The path of an `http` check; `/health` if absent. Redirects are not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::path)), custom(self.only_for_http()))]
    #[schema(example = "/health")]
    pub(crate) path: Option<String>,
    /// Seconds between two checks, 1 to 300.
    #[serde(default = "ten")]
    #[garde(range(min = 1, max = 300))]
    #[schema(default = 10)]
    pub(crate) interval_seconds: u32,
    /// Seconds the instance has to answer, 1 to 30.
    #[serde(default = "two")]
    #[garde(range(min = 1, max = 30))]
    #[schema(default = 2)]
    pub(crate) timeout_seconds: u32,
    /// After how many failures in a row it is down, 1 to 10.
    #[serde(default = "three")]
    #[garde(range(min = 1, max = 10))]
    #[schema(default = 3)]
    pub(crate) unhealthy_after: u32,
    /// After how many successes in a row it is up again, 1 to 10.
    #[serde(default = "one")]
    #[garde(range(min = 1, max = 10))]
    #[schema(default = 1)]
    pub(crate) healthy_after: u32,
}

/// How to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckKind {
    /// By a GET request.
    Http,
    /// By connecting.
    Tcp,
}

impl HealthCheck {
    pub(super) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/health")
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.into())
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }

    fn only_for_http(&self) -> impl FnOnce(&Option<String>, &()) -> garde::Result {
        let kind = self.kind;
        move |path, ()| {
            if path.is_some() && kind == CheckKind::Tcp {
                return Err(garde::Error::new("a tcp check has no path"));
            }
            Ok(())
        }
    }
}

const fn one() -> u32 {
    1
}

const fn two() -> u32 {
    2
}

const fn three() -> u32 {
    3
}

const fn ten() -> u32 {
    10
}
