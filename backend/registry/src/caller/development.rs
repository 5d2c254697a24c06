//! The one exemption from tokens: a developer's own machine.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header::HOST};

/// Headers that a web page or a proxy adds. A page in a browser, or a request through the gateway,
/// comes from the loopback address as well and is exempt from nothing.
const FOREIGN: [&str; 9] = [
    "origin",
    "sec-fetch-site",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-saas-assertion",
    "via",
];

/// Whether a request comes from a program on this machine and was meant for this machine. The
/// `Host` counts because a name of somebody else's may resolve to the loopback address.
pub(super) fn is_local(peer: SocketAddr, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    peer.ip().to_canonical().is_loopback()
        && hosts.next().is_none()
        && host.is_some_and(is_loopback_host)
        && !FOREIGN.iter().any(|name| headers.contains_key(*name))
}

fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(peer: &str, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        is_local(peer.parse().unwrap(), &map)
    }

    #[test]
    fn a_program_on_this_machine_is_local() {
        for host in [
            "localhost:8001",
            "127.0.0.1:8001",
            "[::1]:8001",
            "LOCALHOST",
        ] {
            assert!(local("127.0.0.1:5000", &[("host", host)]), "{host}");
        }
        assert!(local("[::ffff:127.0.0.1]:5000", &[("host", "localhost")]));
    }

    #[test]
    fn everything_else_is_not() {
        let peer = "127.0.0.1:5000";
        assert!(!local("10.0.0.1:5000", &[("host", "localhost")]));
        assert!(!local(peer, &[]));
        assert!(!local(
            peer,
            &[("host", "localhost"), ("host", "localhost")]
        ));
        for host in [
            "registry:8001",
            "127.0.0.1.example.com",
            "10.0.0.1:8001",
            "[::2]:1",
        ] {
            assert!(!local(peer, &[("host", host)]), "{host}");
        }
        for name in FOREIGN {
            assert!(
                !local(peer, &[("host", "localhost"), (name, "x")]),
                "{name}"
            );
        }
    }
}
