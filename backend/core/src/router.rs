//! Every route of core, and their description.

use axum::{
    Router,
    routing::{get, post},
};
use utoipa::{OpenApi as _, openapi::OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::{access, audit, identity, people, recovery, state::Core, tenancy, traffic, trust};

/// What the description begins with.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "core",
        description = "People, tenants, access, tokens and audit. Through the gateway, every path \
                       here begins with `/api/core`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "identity", description = "Signing in and up, sessions, the own account."),
        (name = "tenancy", description = "Tenants and who belongs to them."),
        (name = "access", description = "Roles and permissions."),
        (name = "people", description = "The operator's view of people."),
        (name = "audit", description = "Who did what."),
        (name = "traffic", description = "How requests went."),
        (name = "recovery", description = "Backups, and the proof that they can be used."),
        (name = "keys", description = "What verifies tokens.")
    )
)]
struct Description;

fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(identity::routes::described())
        .merge(identity::account_routes::described())
        .merge(tenancy::routes::described())
        .merge(tenancy::member_routes::described())
        .merge(tenancy::invitation_routes::described())
        .merge(access::routes::described())
        .merge(people::routes::described())
        .merge(audit::routes::described())
        .merge(traffic::routes::described())
        .merge(recovery::routes::described())
        .merge(trust::routes::described())
}

/// The OpenAPI description of core's public API, complete.
pub fn openapi() -> OpenApi {
    let mut openapi = described().into_openapi();
    saas_web::complete(&mut openapi);
    openapi
}

/// Every route, those between our own processes included.
pub(crate) fn routes(core: Core) -> Router {
    let (public, _) = described().split_for_parts();
    public
        .route("/internal/v1/stream", get(trust::routes::stream))
        .route("/internal/v1/traffic", post(traffic::routes::ingest))
        .route(
            "/internal/v1/users/reset-password",
            post(people::routes::reset_password_of),
        )
        .with_state(core)
}
