//! Listening sockets.

use std::{
    io,
    net::{self, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Why a port cannot be listened on, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("port {} on {} is already taken; stop the process that listens there or choose another port", .0.port(), .0.ip())]
    Taken(SocketAddr),
    /// The port needs a right this process does not have.
    #[error("port {} on {} needs a right this process does not have; choose a port above 1023", .0.port(), .0.ip())]
    Denied(SocketAddr),
    /// The address is not one of this machine's.
    #[error("{} is not an address of this machine; set HOST to one that is, or to 0.0.0.0 for all", .0.ip())]
    NotLocal(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Taken(address),
            io::ErrorKind::PermissionDenied => Self::Denied(address),
            io::ErrorKind::AddrNotAvailable => Self::NotLocal(address),
            _ => Self::Other { address, source },
        }
    }
}

/// Listens on `address`; port 0 picks a free one. Has to be called within a tokio runtime.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listener = listen(address, false);
    let listener = listener.and_then(|socket| TcpListener::from_std(socket.into()));
    listener.map_err(|source| BindError::new(address, source))
}

/// `count` listeners on one address, between which the kernel spreads connections (`SO_REUSEPORT`):
/// one for each thread. Port 0 picks a free one, the same for all.
///
/// `SO_REUSEPORT` would let a second process of the same user join in silence, so the port is tried
/// without it first.
pub fn bind_shared(address: SocketAddr, count: usize) -> Result<Vec<net::TcpListener>, BindError> {
    let mut address = address;
    let mut listeners = Vec::with_capacity(count);
    let fail = |source| BindError::new(address, source);
    drop(listen(address, false).map_err(fail)?);
    for _ in 0..count {
        let fail = |source| BindError::new(address, source);
        let listener: net::TcpListener = listen(address, true).map_err(fail)?.into();
        address = listener.local_addr().map_err(fail)?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port whose last connections are in TIME_WAIT is free; a port somebody listens on is not.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: SocketAddr = SocketAddr::new(net::IpAddr::V4(net::Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = bind(LOOPBACK).unwrap();
        let taken = first.local_addr().unwrap();
        let error = bind(taken).unwrap_err().to_string();
        assert!(error.contains(&format!(
            "port {} on 127.0.0.1 is already taken",
            taken.port()
        )));
    }

    #[test]
    fn shared_listeners_have_one_port_and_let_nobody_else_in() {
        let listeners = bind_shared(LOOPBACK, 3).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert!(
            listeners
                .iter()
                .all(|listener| listener.local_addr().unwrap() == address)
        );
        assert!(matches!(bind_shared(address, 1), Err(BindError::Taken(_))));
    }

    #[tokio::test]
    async fn a_foreign_address_is_named() {
        let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
        assert!(matches!(bind(foreign), Err(BindError::NotLocal(_))));
    }
}
