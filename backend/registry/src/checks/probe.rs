//! One check: connect, ask, look at the status. Nothing of the answer goes any further.

use std::io;
use std::pin::pin;

use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use saas_config::Networks;
use saas_storage::registry::InstanceRecord;
use tokio::net::TcpStream;

use super::{CheckKind, HealthCheck};
use crate::catalog::authority;
use crate::upstream;

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("the address cannot be used")]
    Resolve(#[source] io::Error),
    #[error("it does not accept connections")]
    Connect(#[source] io::Error),
    #[error("it did not answer in time")]
    TimedOut,
    #[error("it broke off")]
    Exchange(#[from] hyper::Error),
    #[error("the request could not be made")]
    Request(#[from] http::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
}

/// Checks once, within the check's time.
pub(super) async fn probe(
    networks: &Networks,
    instance: &InstanceRecord,
    check: &HealthCheck,
) -> Result<(), CheckError> {
    let probe = async {
        let addresses = upstream::resolve(networks, &instance.address, instance.port)
            .await
            .map_err(CheckError::Resolve)?;
        let stream = TcpStream::connect(addresses.as_slice())
            .await
            .map_err(CheckError::Connect)?;
        match check.kind {
            CheckKind::Tcp => Ok(()),
            CheckKind::Http => ask(stream, instance, check.path()).await,
        }
    };
    tokio::time::timeout(check.timeout(), probe)
        .await
        .unwrap_or(Err(CheckError::TimedOut))
}

async fn ask(stream: TcpStream, instance: &InstanceRecord, path: &str) -> Result<(), CheckError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, authority(instance))
        .header(header::USER_AGENT, "saas-registry-check")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        let response = sender.send_request(request).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(CheckError::Status(status)),
        }
    };
    let mut answer = pin!(answer);
    // The connection is polled here and dropped with this function: the body is never read. It may
    // end in the same moment as the answer arrives, so the answer is asked for once more.
    tokio::select! {
        answer = &mut answer => answer,
        _ended = connection => answer.await,
    }
}
