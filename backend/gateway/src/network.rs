//! Addresses that need special care.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that no instance may have: link-local ones (where clouds keep their metadata),
/// multicast, broadcast and the unspecified address.
pub fn is_never_an_upstream(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4_never(v4),
        IpAddr::V6(v6) => v6_never(v6),
    }
}

fn v4_never(v4: Ipv4Addr) -> bool {
    v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0
}

/// Also what embeds an IPv4 address that a translator would reach: NAT64 (RFC 6052) and 6to4.
fn v6_never(v6: Ipv6Addr) -> bool {
    let embedded = match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    };
    v6.is_unicast_link_local()
        || v6.is_multicast()
        || v6.is_unspecified()
        // Amazon's metadata address over IPv6.
        || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        || embedded.is_some_and(v4_never)
}

/// Whether the address is this machine's or a private network's, not the open Internet's.
pub fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn metadata_addresses_are_never_upstreams_in_any_clothes() {
        for never in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(is_never_an_upstream(ip(never)), "{never}");
        }
        for fine in ["127.0.0.1", "10.0.0.1", "::1", "2001:db8::1"] {
            assert!(!is_never_an_upstream(ip(fine)), "{fine}");
        }
    }
}
