//! `GET /v1/stream`.

use axum::extract::State;
use axum::response::Response;
use saas_web::{EventId, Frame, LastEventId, Problem};

use crate::app::App;
use crate::caller::Caller;
use crate::catalog::Table;

/// Follow every change
///
/// Server-sent events: `snapshot` with everything, then `service`, `service_removed`, `route` and
/// `route_removed` with the thing as it is now, and `beat` every 250 ms in between. A reader that
/// comes back with `Last-Event-ID` gets what it missed, or a snapshot if that was too long ago.
/// Takes the permission `registry:read`.
#[utoipa::path(
    get,
    path = "/v1/stream",
    tag = "discovery",
    operation_id = "follow_changes",
    params(("Last-Event-ID" = Option<String>, Header,
        description = "The identifier of the last event that was read.")),
    responses((status = 200, description = "Events, until the reader or the registry leaves.",
        content_type = "text/event-stream", body = String)),
    security(("bearer" = []))
)]
pub(crate) async fn follow_changes(
    State(app): State<App>,
    caller: Caller,
    LastEventId(last): LastEventId,
) -> Result<Response, Problem> {
    caller.may_read()?;
    let (subscription, current) = loop {
        let before = app.current()?;
        let subscription = before.hub.subscribe();
        // Read after subscribing, so that nothing falls in between. A new epoch has a new hub.
        let current = app.current()?;
        if current.hub.epoch() == before.hub.epoch() {
            break (subscription, current);
        }
    };
    let table = &current.table;
    let first = missed(&app, table, last).map_err(Problem::internal)?;
    let seen = last.filter(|last| last.epoch == table.position().epoch);
    // A reader may come from a replica that is a moment ahead of this one.
    let after = table
        .position()
        .number
        .max(seen.map_or(0, |last| last.number));
    Ok(subscription.respond(first, after))
}

/// What the reader missed, up to this table.
fn missed(
    app: &App,
    table: &Table,
    last: Option<EventId>,
) -> Result<Vec<Frame>, serde_json::Error> {
    let position = table.position();
    let known = last.filter(|last| last.epoch == position.epoch);
    let changes = known.and_then(|last| app.catalog().since(last.number));
    let Some(changes) = changes else {
        return Ok(vec![table.snapshot()?]);
    };
    changes
        .iter()
        .filter(|(number, _)| *number <= position.number)
        .map(|(number, subject)| table.event(*number, subject))
        .collect()
}
