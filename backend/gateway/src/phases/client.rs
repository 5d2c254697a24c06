//! Who is at the other end, when proxies stand in between.

use std::net::IpAddr;

use http::HeaderName;
use saas_config::Networks;

use super::RequestView;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address: of the peer and the chain before it, the rightmost that is not trusted.
    pub address: IpAddr,
    /// Whether the peer is a trusted proxy, whose forwarding headers are kept.
    pub is_via_proxy: bool,
    /// Whether it came by HTTPS: to this gateway, or to the first of the proxies, as a trusted one says.
    pub is_secure: bool,
}

/// Identifies the client. Forwarding headers from anybody but a trusted proxy say nothing.
pub(super) fn identify<V: RequestView>(view: &V, trusted: &Networks) -> Client {
    let peer = view.peer().to_canonical();
    if !trusted.contains(peer) {
        return Client {
            address: peer,
            is_via_proxy: false,
            is_secure: view.is_secure(),
        };
    }
    let mut values = Vec::new();
    view.each_value(&FORWARDED_FOR, &mut |value| values.push(value));
    let hops = values
        .iter()
        .rev()
        .flat_map(|value| value.rsplit(|b| *b == b','));
    let mut address = peer;
    for hop in hops {
        // What is not an address ends the chain: the proxy before it is the best that is known.
        let Some(hop) = parse_hop(hop.trim_ascii()) else {
            break;
        };
        address = hop;
        if !trusted.contains(hop) {
            break;
        }
    }
    Client {
        address,
        is_via_proxy: true,
        // A proxy that says nothing may be one that passes bytes on.
        is_secure: match view.header(&FORWARDED_PROTO) {
            Some(proto) => proto.eq_ignore_ascii_case(b"https"),
            None => view.is_secure(),
        },
    }
}

/// An address, which some proxies write with a port.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    let address = hop.parse::<IpAddr>().ok();
    let address = address.or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|hop| hop.ip()));
    address.map(|address| address.to_canonical())
}
