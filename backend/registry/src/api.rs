//! The native API: an endpoint a file.

mod gateways;
mod instances;
mod prometheus;
mod routes;
pub(crate) mod rules;
mod services;
mod stream;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// What the description says of the whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Registry",
        description = "Which services and instances exist, how they are doing, and the routes that \
                       lead to them."
    ),
    tags(
        (name = "services", description = "Services, and taking them out."),
        (name = "instances", description = "Registration, heartbeats, drain."),
        (name = "routes", description = "Routes that come before the convention `/api/{service}`."),
        (name = "gateways", description = "The gateways that report."),
        (name = "discovery", description = "The change stream and the target list for Prometheus."),
        (name = "internal", description = "Between the platform's own processes.")
    )
)]
struct Description;

/// Every endpoint with its description.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(services::list::list_services))
        .routes(routes!(
            services::get::get_service,
            services::change::change_service
        ))
        .routes(routes!(
            instances::list::list_instances,
            instances::register::register_instance
        ))
        .routes(routes!(instances::deregister::deregister_instance))
        .routes(routes!(instances::heartbeat::renew_instance))
        .routes(routes!(
            instances::drain::drain_instance,
            instances::undrain::undrain_instance
        ))
        .routes(routes!(
            routes::list::list_routes,
            routes::create::create_route
        ))
        .routes(routes!(
            routes::get::get_route,
            routes::change::change_route,
            routes::delete::delete_route
        ))
        .routes(routes!(stream::follow_changes))
        .routes(routes!(prometheus::list_targets))
        .routes(routes!(gateways::list::list_gateways))
        .routes(routes!(gateways::report::report_gateway))
        .routes(routes!(gateways::leave::forget_gateway))
}

/// The description alone.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    let mut openapi = router().into_openapi();
    saas_web::complete(&mut openapi);
    openapi
}
