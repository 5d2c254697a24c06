//! `GET /v1/gateways`.

use axum::extract::State;
use chrono::{DateTime, Utc};
use saas_registry_client::wire::EventId;
use saas_storage::registry::gateways::{self, GatewayRecord, GatewayState};
use saas_web::{ApiJson, Page, PageQuery, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::LOST;
use crate::app::App;
use crate::caller::Caller;
use crate::problem;

/// A gateway, as its last report shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gateway)]
pub(crate) struct GatewayView {
    /// One for the life of its process.
    id: Uuid,
    /// Base URL at which the platform's own network reaches it; null for one that
    /// does not tell, or tells one outside `UPSTREAM_NETWORKS`.
    #[schema(example = "http://10.0.0.5:8000")]
    address: Option<String>,
    /// Whether its lease runs. One whose lease ended may be gone, or cut off and still forwarding.
    is_live: bool,
    /// The newest event it has applied; null while it runs on its last good copy.
    #[schema(value_type = Option<String>, example = "1-42")]
    seen: Option<EventId>,
    /// Requests that were under way.
    in_flight: u64,
    /// When it reported.
    reported_at: DateTime<Utc>,
}

impl From<GatewayRecord> for GatewayView {
    fn from(gateway: GatewayRecord) -> Self {
        let report = gateway.report;
        Self {
            id: gateway.id,
            address: report.address,
            is_live: gateway.state == GatewayState::Live,
            seen: report.seen.map(|seen| EventId {
                epoch: seen.epoch,
                number: seen.number,
            }),
            in_flight: report.in_flight.values().copied().map(u64::from).sum(),
            reported_at: gateway.reported_at,
        }
    }
}

/// The gateways
///
/// Those that report, and those that stopped without leaving less than ten minutes ago. Sorted by
/// `id`. Takes the permission `registry:read`.
#[utoipa::path(
    get,
    path = "/v1/gateways",
    tag = "gateways",
    operation_id = "list_gateways",
    params(PageQuery),
    responses((status = 200, description = "A page of gateways.", body = Page<GatewayView>)),
    security(("bearer" = []))
)]
pub(crate) async fn list_gateways(
    State(app): State<App>,
    caller: Caller,
    page: PageQuery,
) -> Result<ApiJson<Page<GatewayView>>, Problem> {
    caller.may_read()?;
    let sort = page.sort(&["id"])?;
    let after: Option<Uuid> = page.cursor()?;
    let tx = app.begin("registry.gateways").await?;
    let all = gateways::all(&tx, LOST).await;
    let mut all = all.map_err(problem::of_storage)?;
    all.sort_by_key(|gateway| gateway.id);
    if sort.descending {
        all.reverse();
    }
    let is_next = |id: Uuid| {
        after.is_none_or(|after| {
            if sort.descending {
                id < after
            } else {
                id > after
            }
        })
    };
    let limit = page.limit();
    let shown = all.into_iter().filter(|gateway| is_next(gateway.id));
    let shown: Vec<_> = shown.take(limit as usize + 1).collect();
    let page = Page::cut(shown, limit, |gateway| gateway.id);
    Ok(ApiJson(page.map(GatewayView::from)))
}
