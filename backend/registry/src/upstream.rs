//! The addresses of an instance: within `UPSTREAM_NETWORKS`, and none that no instance may have.

use std::io;
use std::net::SocketAddr;

use saas_config::Networks;

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
        .filter(|address| networks.permit_upstream(address.ip()))
        .collect();
    if allowed.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "no address of it lies in UPSTREAM_NETWORKS, or they are link-local or a cloud's metadata",
        ));
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_resolves_to_allowed_addresses_only() {
        let networks: Networks = std::iter::once("10.0.0.0/8".parse().unwrap()).collect();
        for refused in ["127.0.0.1", "169.254.169.254"] {
            let error = resolve(&networks, refused, 80).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        assert!(resolve(&networks, "10.0.0.1", 80).await.is_ok());
    }
}
