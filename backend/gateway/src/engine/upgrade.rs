//! Connections that became a WebSocket: bytes in both directions until one side ends.

use std::rc::Rc;

use http::{Method, Request, Response, Version, header};
use hyper::{
    body::Incoming,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::{client_io::ConnectionState, watch::Guard, worker::Worker};
use crate::table::InFlight;

/// The client's half.
pub struct Client {
    upgrade: OnUpgrade,
    connection: ConnectionState,
}

impl Client {
    /// The client's half, if the request asks for a WebSocket (RFC 6455, section 4.1). Other
    /// protocols are not passed on: `h2c` would carry requests past the phases.
    pub fn of(request: &mut Request<Incoming>, connection: &ConnectionState) -> Option<Self> {
        let headers = request.headers();
        let protocol = headers.get(header::UPGRADE)?;
        let is_asked = headers
            .get_all(header::CONNECTION)
            .iter()
            .any(|value| crate::phases::is_from_connection(value.as_bytes(), "upgrade"));
        let is_websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
        let is_sound = request.method() == Method::GET && request.version() == Version::HTTP_11;
        (is_asked && is_websocket && is_sound).then(|| Self {
            upgrade: hyper::upgrade::on(request),
            connection: connection.clone(),
        })
    }

    /// Joins it with the instance's half, in the background, until one ends or the guard says so.
    pub fn join(
        self,
        worker: &Rc<Worker>,
        response: &mut Response<Incoming>,
        guard: Rc<Guard>,
        in_flight: InFlight,
    ) {
        let open = worker.open();
        let instance = hyper::upgrade::on(response);
        guard.make_endless();
        self.connection.upgrade();
        tokio::task::spawn_local(async move {
            let pass = async {
                let (client, instance) = match tokio::try_join!(self.upgrade, instance) {
                    Ok(both) => both,
                    Err(error) => {
                        tracing::debug!(%error, "an upgrade was not completed");
                        return;
                    }
                };
                pass(client, instance).await;
            };
            if let Err(ended) = guard.bound(pass).await {
                tracing::debug!(?ended, "an upgraded connection was closed");
            }
            drop((in_flight, open));
        });
    }
}

async fn pass(client: Upgraded, instance: Upgraded) {
    let (mut client, mut instance) = (TokioIo::new(client), TokioIo::new(instance));
    // Either side may just be gone; there is nobody left to tell.
    if let Err(error) = copy_bidirectional(&mut client, &mut instance).await {
        tracing::debug!(%error, "an upgraded connection broke");
    }
}
