//! `DELETE /internal/v1/gateways/{id}`.

use axum::extract::State;
use http::StatusCode;
use saas_storage::registry::gateways;
use saas_web::{ApiPath, Problem};
use uuid::Uuid;

use crate::app::App;
use crate::caller::Caller;
use crate::problem;

/// A gateway leaves
///
/// It forwards no more, and no drain waits for it. Takes the gateways' internal token.
#[utoipa::path(
    delete,
    path = "/internal/v1/gateways/{id}",
    tag = "internal",
    operation_id = "forget_gateway",
    params(("id" = Uuid, Path, description = "The identifier it reported under.")),
    responses((status = 204, description = "Forgotten.")),
    security(("bearer" = []))
)]
pub(crate) async fn forget_gateway(
    State(app): State<App>,
    caller: Caller,
    ApiPath(id): ApiPath<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.may_report()?;
    let tx = app.begin("registry.gateway_leave").await?;
    let forget = async {
        gateways::leave(&tx, id).await?;
        tx.commit().await
    };
    forget.await.map_err(problem::of_storage)?;
    Ok(StatusCode::NO_CONTENT)
}
