//! How far away an address is.

use std::net::IpAddr;

/// Whether the address is this machine's or a private network's, not the open Internet's.
pub fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}
