//! Where a request comes from, for limits, sessions and the audit log.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::{header::USER_AGENT, request::Parts};
use saas_web::{RequestContext, client_address, is_from_gateway};

use crate::state::Core;

/// Where a request comes from. Any request has one.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The client's address, seen through the gateway and trusted proxies.
    pub address: IpAddr,
    /// The request's identifier.
    pub request_id: Option<String>,
    /// What the client's program calls itself, cut to 256 characters.
    pub user_agent: Option<String>,
}

impl Origin {
    pub(crate) fn of(parts: &Parts, core: &Core) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let is_gateway = is_from_gateway(&parts.headers, &core.internal, &core.clock);
        let is_trusted = |address| {
            (is_gateway && address == peer.to_canonical())
                || core.rules.trusted_proxies.contains(address)
        };
        let context = parts.extensions.get::<RequestContext>();
        let user_agent = parts.headers.get(USER_AGENT);
        Self {
            address: client_address(&parts.headers, peer, is_trusted),
            request_id: context.map(|context| context.request_id.as_str().to_owned()),
            user_agent: user_agent
                .and_then(|value| value.to_str().ok())
                .map(|value| value.chars().take(256).collect()),
        }
    }
}

impl FromRequestParts<Core> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Infallible> {
        Ok(Self::of(parts, core))
    }
}
