//! Where instances may lie: within `UPSTREAM_NETWORKS`, and never at an address that means another
//! machine to everybody.

use std::io;
use std::net::{IpAddr, SocketAddr};

use saas_config::Networks;

/// Whether an instance may lie there. Link-local addresses never qualify: cloud providers answer
/// on one with the machine's own credentials.
pub(crate) fn is_allowed(networks: &Networks, address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !is_link_local
        && !address.is_unspecified()
        && !address.is_multicast()
        && networks.contains(address)
}

/// Resolves a host name or reads a literal, and keeps what is allowed. The caller connects to what
/// it gets, so that a name cannot mean something else a moment later.
///
/// # Errors
/// When the name cannot be resolved, or nothing it resolves to is allowed.
pub(crate) async fn resolve(
    networks: &Networks,
    host: &str,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    let found = tokio::net::lookup_host((host, port)).await?;
    let allowed: Vec<_> = found
        .filter(|address| is_allowed(networks, address.ip()))
        .collect();
    if allowed.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "no address of it lies in UPSTREAM_NETWORKS",
        ));
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_networks_are_allowed_and_link_local_never() {
        let networks = [
            "127.0.0.0/8",
            "10.0.0.0/8",
            "169.254.0.0/16",
            "0.0.0.0/8",
            "::/0",
        ];
        let networks: Networks = networks.iter().map(|n| n.parse().unwrap()).collect();
        for (address, allowed) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd00::1", true),
            ("192.0.2.1", false),
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
            ("fe80::1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("ff02::1", false),
        ] {
            assert_eq!(
                is_allowed(&networks, address.parse().unwrap()),
                allowed,
                "{address}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_resolves_to_allowed_addresses_only() {
        let networks: Networks = std::iter::once("10.0.0.0/8".parse().unwrap()).collect();
        let error = resolve(&networks, "127.0.0.1", 80).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(resolve(&networks, "10.0.0.1", 80).await.is_ok());
    }
}
