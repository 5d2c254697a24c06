//! Who is calling, when proxies stand in between.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use saas_domain::Clock;
use saas_security::{InternalRole, InternalVerifier};

/// By which a gateway shows core and registry that it is one: an internal token. Gateways pass on
/// nobody else's.
pub const GATEWAY_TOKEN: HeaderName = HeaderName::from_static("x-saas-gateway");

/// Whether one of the platform's own gateways sent the request, so that its word about the client
/// counts.
pub fn is_from_gateway(headers: &HeaderMap, verifier: &InternalVerifier, clock: &Clock) -> bool {
    headers
        .get(&GATEWAY_TOKEN)
        .and_then(|token| token.to_str().ok())
        .is_some_and(|token| {
            verifier.verify(token, clock.now()).ok() == Some(InternalRole::Gateway)
        })
}

/// The client's address: of the connection's peer and the `X-Forwarded-For` chain before it, the
/// rightmost address that is not trusted. Whatever stands further left was written by somebody we do
/// not trust. If all are trusted, the leftmost.
pub fn client_address(
    headers: &HeaderMap,
    peer: IpAddr,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let values: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        // What is not an address ends the chain: the proxy before it is the best that is known.
        let Some(address) = parse_hop(hop.trim()) else {
            break;
        };
        client = address;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// An address, which some proxies write with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok();
    let address = address.or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|hop| hop.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let is_trusted = |address: IpAddr| address.to_string().starts_with("10.");
        client_address(&headers, peer.parse().unwrap(), is_trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_claim_another_address() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(
            client("10.0.0.1", &["198.51.100.1, 203.0.113.9"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn the_chain_is_read_from_the_right_over_several_headers() {
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, 10.0.0.7", "10.0.0.8"]),
            "203.0.113.9"
        );
        assert_eq!(
            client("::ffff:10.0.0.1", &["203.0.113.9:4711"]),
            "203.0.113.9"
        );
        assert_eq!(client("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
