//! Under which address others reach this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use saas_config::Settings;

/// `ADVERTISE_ADDRESS`; else the address listened on; else, when that is every address, the one
/// from which the registry is reached (no packet is sent to find it); else loopback.
pub(crate) fn address(settings: &Settings) -> String {
    if let Some(address) = &settings.advertise_address {
        return address.clone();
    }
    if !settings.host.is_unspecified() {
        return settings.host.to_string();
    }
    settings
        .registry_urls
        .iter()
        .find_map(|url| towards(url))
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .to_string()
}

/// The base URL under which others reach this gateway.
pub(crate) fn gateway_url(settings: &Settings, listening: Option<SocketAddr>) -> String {
    let port = listening.map_or(settings.gateway_port, |at| at.port());
    let host = address(settings);
    match host.parse() {
        Ok(ip) => format!("http://{}", SocketAddr::new(ip, port)),
        Err(_) => format!("http://{host}:{port}"),
    }
}

fn towards(url: &str) -> Option<IpAddr> {
    let uri: http::Uri = url.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(80);
    let socket = UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0))).ok()?;
    socket.connect((host, port)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}

/// The base URL at which this machine reaches a listener: loopback for one on every address.
pub(crate) fn local_url(listening: SocketAddr) -> String {
    if listening.ip().is_unspecified() {
        format!("http://127.0.0.1:{}", listening.port())
    } else {
        format!("http://{listening}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        let every = SocketAddr::from(([0, 0, 0, 0], 8001));
        assert_eq!(local_url(every), "http://127.0.0.1:8001");
        let six: SocketAddr = "[::1]:8001".parse().unwrap();
        assert_eq!(local_url(six), "http://[::1]:8001");
    }
}
