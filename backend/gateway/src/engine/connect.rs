//! New connections to instances.

use std::{io, rc::Rc, time::Duration};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{pool::Sender, upstream_io::UpstreamIo, worker::Worker};
use crate::table::Instance;

/// The head of an answer may be this large.
const LARGEST_HEAD: usize = 64 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error("cannot connect")]
    Refused(#[source] io::Error),
    /// Nobody answered in time.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// The HTTP library would not begin.
    #[error("the connection could not be prepared")]
    Handshake(#[source] hyper::Error),
}

/// Connects to the instance, at the first of its addresses that answers. The addresses were
/// resolved and looked at beforehand.
pub async fn connect(worker: &Rc<Worker>, instance: &Instance) -> Result<Sender, ConnectError> {
    let within = worker.shared.times.connect;
    let attempt = tokio::time::timeout(within, first_that_answers(instance)).await;
    let stream = attempt
        .map_err(|_| ConnectError::TimedOut(within))?
        .map_err(ConnectError::Refused)?;
    // Messages are written whole; without it the kernel might wait for more. If it cannot be set
    // the connection is slower and otherwise fine.
    let _ = stream.set_nodelay(true);
    let stream = UpstreamIo::new(stream);
    let refused = stream.refused();
    let (requests, connection) = http1::Builder::new()
        .max_header_size(LARGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(ConnectError::Handshake)?;
    let open = worker.shared.metrics.gateway().upstream_connections.clone();
    open.inc();
    tokio::task::spawn_local(async move {
        // Errors reach the request that the connection was for.
        let _ = connection.with_upgrades().await;
        open.dec();
    });
    Ok(Sender::new(requests, refused))
}

async fn first_that_answers(instance: &Instance) -> io::Result<TcpStream> {
    let mut last = None;
    for address in &instance.addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no address")))
}
