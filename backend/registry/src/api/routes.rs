//! `/v1/routes`.

pub(super) mod change;
mod conflicts;
pub(super) mod create;
mod definition;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
mod reserved;

use chrono::{DateTime, Utc};
use garde::Validate;
use saas_storage::SystemTx;
use saas_storage::registry::{RouteRecord, routes};
use saas_web::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem;
use conflicts::{Conflict, conflicts};
use definition::Access;

/// A route that people defined.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the interface, and each stands for itself"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteView {
    /// Its identifier.
    id: String,
    /// What people call it.
    name: Option<String>,
    /// Host names it answers to; empty: any.
    hosts: Vec<String>,
    /// The path's beginning, on segment borders.
    path: String,
    /// Methods it answers to; empty: any.
    methods: Vec<String>,
    /// Where it leads.
    service: String,
    /// Whether the path's beginning is taken away before forwarding.
    strip_path: bool,
    /// Who may use it.
    access: Access,
    /// A permission that the token must grant.
    required_permission: Option<String>,
    /// Whether it closes while revocations may be missed.
    strict: bool,
    /// Whether the client's token is passed on.
    forward_token: bool,
    /// False: as if it were not there.
    is_enabled: bool,
    /// Counts up with every change; the `ETag`.
    version: i64,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<&RouteRecord> for RouteView {
    fn from(route: &RouteRecord) -> Self {
        Self {
            id: route.id.to_string(),
            name: route.name.clone(),
            hosts: route.hosts.clone(),
            path: route.path.clone(),
            methods: route.methods.clone(),
            service: route.service.to_string(),
            strip_path: route.strip_path,
            access: Access::from_stored(&route.access),
            required_permission: route.required_permission.clone(),
            strict: route.strict,
            forward_token: route.forward_token,
            is_enabled: route.is_enabled,
            version: route.version,
            created_at: route.created_at,
            updated_at: route.updated_at,
        }
    }
}

impl RouteView {
    /// What its definition says, without what the registry added: for comparing two of them.
    fn definition(&self) -> Self {
        Self {
            id: String::new(),
            version: 0,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            ..self.clone()
        }
    }
}

/// Whether to do it or only to say what would come of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRun {
    /// True: nothing is stored, and the answer (status 200) says what the route would be and what
    /// it clashes with.
    #[serde(default)]
    #[garde(skip)]
    #[param(default = false)]
    dry_run: bool,
}

/// What a route would be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRunReport {
    /// The route as it would be stored.
    route: RouteView,
    /// Whether storing it would succeed.
    is_accepted: bool,
    /// Enabled routes that answer to the same requests.
    conflicts: Vec<Conflict>,
}

impl DryRunReport {
    fn new(route: &RouteRecord, conflicts: Vec<Conflict>) -> Self {
        Self {
            route: RouteView::from(route),
            is_accepted: conflicts.is_empty(),
            conflicts,
        }
    }
}

/// What the route clashes with, looked up in the transaction that is to store it: changes of routes
/// take turns, so that two cannot both find no clash.
async fn conflicts_in(tx: &SystemTx, route: &RouteRecord) -> Result<Vec<Conflict>, Problem> {
    let read = async {
        routes::take_turns(tx).await?;
        routes::all(tx).await
    };
    let others = read.await.map_err(problem::of_storage)?;
    Ok(conflicts(route, &others))
}

fn no_route(id: saas_domain::RouteId) -> Problem {
    Problem::not_found(format!("there is no route `{id}`"))
}
