//! From a request's headers to a [`Caller`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::{HeaderMap, request::Parts};
use saas_config::{Environment, Secret};
use saas_domain::{Clock, OPERATOR_ROLE};
use saas_registry_client::{Follower, Standing, TrustTable};
use saas_security::{InternalVerifier, RegistrationTokens, TokenError, constant_time_eq};
use saas_web::{Problem, bearer_token};

use super::{Caller, development};
use crate::app::App;

/// Trust that was not confirmed for this long is stale: the stream beats four times in it.
const TRUST_LASTS_MILLIS: u64 = 1000;
/// Silent for less than this, core is waited for, as gateways do.
const STALE_A_MOMENT_MILLIS: u64 = 5_000;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Knows every kind of credential the registry takes.
#[derive(Clone)]
pub(crate) struct Authenticator(Arc<Keys>);

pub(crate) struct Keys {
    pub(crate) environment: Environment,
    pub(crate) clock: Clock,
    pub(crate) internal: InternalVerifier,
    pub(crate) registration: RegistrationTokens,
    pub(crate) trust: Follower<TrustTable>,
    pub(crate) metrics_token: Option<Secret>,
}

impl Authenticator {
    pub(crate) fn new(keys: Keys) -> Self {
        Self(Arc::new(keys))
    }

    /// Whether one of our gateways sent the request.
    pub(crate) fn is_from_gateway(&self, headers: &HeaderMap) -> bool {
        saas_web::is_from_gateway(headers, &self.0.internal, &self.0.clock)
    }

    async fn authenticate(&self, parts: &Parts) -> Result<Caller, Problem> {
        if let Some(token) = bearer_token(&parts.headers) {
            return self.by_token(token).await;
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        if self.0.environment == Environment::Development
            && !parts.headers.contains_key(http::header::AUTHORIZATION)
            && peer.is_some_and(|peer| development::is_local(peer.0, &parts.headers))
        {
            return Ok(Caller::Developer);
        }
        Err(Problem::unauthorized(
            "token_required",
            "send a token: `Authorization: Bearer …`",
        ))
    }

    async fn by_token(&self, token: &str) -> Result<Caller, Problem> {
        let now = self.0.clock.now();
        if let Some(monitor) = &self.0.metrics_token
            && constant_time_eq(token.as_bytes(), monitor.as_bytes())
        {
            return Ok(Caller::Monitor);
        }
        // Each kind has its own `typ`; a token of another kind is told apart before its signature
        // is looked at.
        match self.0.internal.verify(token, now) {
            Ok(role) => return Ok(Caller::Internal(role)),
            Err(TokenError::Algorithm) => {}
            Err(error) => return Err(refused(error)),
        }
        match self.0.registration.verify(token, now) {
            Ok(grant) => return Ok(Caller::Service(grant)),
            Err(TokenError::Algorithm) => {}
            Err(error) => return Err(refused(error)),
        }
        self.by_access_token(token).await
    }

    /// Whether core was heard from lately. If it was a moment ago, waits for it, since the stream may
    /// just be moving from one core to another; only for a token that was good until then.
    async fn trust_is_fresh(&self, token: &str) -> bool {
        let trust = &self.0.trust;
        let silent = || trust.silent_millis().unwrap_or(u64::MAX);
        if silent() > TRUST_LASTS_MILLIS && trust.load().verify(token, self.0.clock.now()).is_err()
        {
            return false;
        }
        while silent() > TRUST_LASTS_MILLIS {
            if silent() > STALE_A_MOMENT_MILLIS {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        true
    }

    async fn by_access_token(&self, token: &str) -> Result<Caller, Problem> {
        let trust = &self.0.trust;
        if !trust.is_ready() || !self.trust_is_fresh(token).await {
            return Err(Problem::unavailable(
                "trust_stale",
                1,
                "whether this token still holds cannot be said at the moment; try again",
            ));
        }
        let table = trust.load();
        let claims = table.verify(token, self.0.clock.now()).map_err(refused)?;
        match table.standing(&claims) {
            Standing::Good => {}
            // Whoever operates the platform does not stop when the tenant they act in does.
            Standing::TenantSuspended if claims.roles.iter().any(|role| role == OPERATOR_ROLE) => {}
            Standing::SessionRevoked => {
                return Err(Problem::unauthorized(
                    "session_ended",
                    "the session was ended; sign in again",
                ));
            }
            Standing::Stale => {
                return Err(Problem::unauthorized(
                    "token_stale",
                    "your rights changed since the token was issued; refresh it",
                ));
            }
            Standing::TenantSuspended => {
                return Err(Problem::forbidden(
                    "tenant_suspended",
                    "the tenant is suspended; ask the operator",
                ));
            }
        }
        if claims.restricted {
            return Err(Problem::forbidden(
                "password_change_required",
                "change the password first: POST /v1/me/password in core",
            ));
        }
        Ok(Caller::Person(Box::new(claims)))
    }
}

fn refused(error: TokenError) -> Problem {
    let problem = match error {
        TokenError::Expired => {
            Problem::unauthorized("token_expired", "the token has expired; get a new one")
        }
        _ => Problem::unauthorized(
            "token_invalid",
            "the token is none that this installation issued; get a new one, and give all of the platform's own processes the same SECRET_KEY",
        ),
    };
    problem.source(error)
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.authenticator().authenticate(parts).await
    }
}
