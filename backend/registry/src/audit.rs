//! What people did to services, instances and routes, written in the transaction that did it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use saas_domain::AuditEventId;
use saas_storage::SystemTx;
use saas_storage::core::audit::{self, AuditEntry};
use saas_web::{Problem, RequestContext, client_address};
use serde_json::Value;

use crate::app::App;
use crate::caller::Caller;
use crate::problem;

/// Where a request comes from. Any request has one.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The client's address, seen through the gateway and trusted proxies.
    address: Option<IpAddr>,
    request_id: Option<String>,
}

impl FromRequestParts<App> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let proxies = app.trusted_proxies();
        let is_gateway = app.authenticator().is_from_gateway(&parts.headers);
        let address = peer.map(|peer| {
            let peer = peer.0.ip().to_canonical();
            client_address(&parts.headers, peer, |hop: IpAddr| {
                (is_gateway && hop == peer) || proxies.contains(hop)
            })
        });
        let context = parts.extensions.get::<RequestContext>();
        Ok(Self {
            address,
            request_id: context.map(|context| context.request_id.to_string()),
        })
    }
}

/// An entry of the platform's own log, being put together.
pub(crate) struct Entry(AuditEntry);

/// Begins an entry: the caller did `action`, such as `route.create`.
pub(crate) fn entry(app: &App, caller: &Caller, origin: &Origin, action: &str) -> Entry {
    Entry(AuditEntry {
        id: AuditEventId::generate(app.clock(), app.random()),
        tenant_id: None,
        at: app.clock().now(),
        action: action.to_owned(),
        actor_id: caller.person(),
        object_type: String::new(),
        object_id: None,
        detail: Value::Object(serde_json::Map::new()),
        address: origin.address.map(|address| address.to_string()),
        request_id: origin.request_id.clone(),
    })
}

impl Entry {
    /// What it was done to.
    pub(crate) fn about(mut self, kind: &str, id: &str) -> Self {
        kind.clone_into(&mut self.0.object_type);
        self.0.object_id = Some(id.to_owned());
        self
    }

    /// What else is worth knowing: a JSON object.
    pub(crate) fn detail(mut self, detail: Value) -> Self {
        self.0.detail = detail;
        self
    }

    pub(crate) async fn write(self, tx: &SystemTx) -> Result<(), Problem> {
        let written = audit::write(tx, &self.0).await;
        written.map_err(problem::of_storage)
    }
}
