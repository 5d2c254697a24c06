//! The trust stream for gateways, and the key sets for everybody.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CACHE_CONTROL;
use saas_registry_client::wire::KeySet;
use saas_security::{AssertionSigner, InternalRole};
use saas_web::{ApiJson, LastEventId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{access::internal::Internal, refusal::Refusal, state::Core};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(jwks))
        .routes(routes!(assertion_jwks))
        .routes(routes!(openid_configuration))
}

/// The trust stream. Only our own processes read it.
pub(crate) async fn stream(
    State(core): State<Core>,
    caller: Internal,
    LastEventId(seen): LastEventId,
) -> Result<Response, Refusal> {
    caller.only(&[
        InternalRole::Gateway,
        InternalRole::Registry,
        InternalRole::Operator,
    ])?;
    core.trust.stream(seen).await
}

/// A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037).
#[derive(Serialize, ToSchema)]
#[schema(as = KeySet)]
pub(crate) struct KeySetDocument {
    /// The keys, newest first.
    #[schema(value_type = Vec<Object>)]
    keys: KeySetKeys,
}

type KeySetKeys = Vec<saas_registry_client::wire::PublicKey>;

/// Keys change rarely, and a verifier that meets an unknown `kid` asks again anyway.
fn key_set(keys: KeySet) -> Response {
    let cache = [(CACHE_CONTROL, "public, max-age=60")];
    (cache, ApiJson(KeySetDocument { keys: keys.keys })).into_response()
}

/// The keys that verify access tokens.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "keys",
    operation_id = "jwks",
    responses((status = 200, body = KeySetDocument))
)]
async fn jwks(State(core): State<Core>) -> Response {
    key_set(core.trust.table().keys().clone())
}

/// The keys that verify `X-Saas-Assertion`, which gateways add for services.
#[utoipa::path(
    get,
    path = "/.well-known/assertion-jwks.json",
    tag = "keys",
    operation_id = "assertion_jwks",
    responses((status = 200, body = KeySetDocument))
)]
async fn assertion_jwks(State(core): State<Core>) -> Result<Response, Refusal> {
    Ok(key_set(AssertionSigner::key_set(&core.root)?))
}

/// Where to find what is needed to verify access tokens. Only what is true today: this is not a
/// provider of `OpenID` Connect yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenIdConfiguration {
    /// The `iss` of every access token.
    issuer: String,
    /// Where the keys are.
    jwks_uri: String,
}

/// Discovery of issuer and keys.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    tag = "keys",
    operation_id = "openid_configuration",
    responses((status = 200, body = OpenIdConfiguration))
)]
async fn openid_configuration(State(core): State<Core>) -> ApiJson<OpenIdConfiguration> {
    let issuer = core.rules.public_url.clone();
    ApiJson(OpenIdConfiguration {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        issuer,
    })
}
