//! Addresses that no instance may have, whatever `UPSTREAM_NETWORKS` says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Networks;

/// Where clouds answer every machine with its own credentials and settings, beside the link-local
/// addresses, which most of them use: Alibaba, Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same over IPv6: Amazon's for machines and for pods, Google's.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

impl Networks {
    /// Whether an instance may have the address: it lies in one of the ranges, and is none that
    /// means another machine to everybody or that a cloud answers with credentials.
    pub fn permit_upstream(&self, address: IpAddr) -> bool {
        let is_never = match address.to_canonical() {
            IpAddr::V4(v4) => v4_never(v4),
            IpAddr::V6(v6) => v6_never(v6),
        };
        !is_never && self.contains(address)
    }
}

fn v4_never(v4: Ipv4Addr) -> bool {
    v4.is_link_local()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.octets()[0] == 0
        || METADATA_V4.contains(&v4)
}

/// Also what embeds an IPv4 address that a translator would reach: NAT64 (RFC 6052, RFC 8215) and
/// 6to4.
fn v6_never(v6: Ipv6Addr) -> bool {
    let embedded = match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    };
    v6.is_unicast_link_local()
        || v6.is_multicast()
        || v6.is_unspecified()
        || METADATA_V6.contains(&v6)
        || embedded.is_some_and(v4_never)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(networks: &[&str], address: &str) -> bool {
        let networks: Networks = networks.iter().map(|n| n.parse().unwrap()).collect();
        networks.permit_upstream(address.parse().unwrap())
    }

    #[test]
    fn metadata_addresses_are_never_upstreams_in_any_clothes() {
        for never in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "64:ff9b::6464:64c8",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(!permits(&["0.0.0.0/0", "::/0"], never), "{never}");
        }
    }

    #[test]
    fn other_addresses_are_if_they_are_listed() {
        for fine in [
            "127.0.0.1",
            "10.0.0.1",
            "::ffff:10.1.2.3",
            "100.100.100.201",
            "::1",
            "2001:db8::1",
            "fd00:ec2::1",
        ] {
            assert!(permits(&["0.0.0.0/0", "::/0"], fine), "{fine}");
            assert!(!permits(&["192.0.2.0/24"], fine), "{fine}");
        }
    }
}
