//! What somebody else shows who is asked for a certificate.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, ProtocolVersion, pki_types::ServerName,
};

use crate::{certificate::near_its_end, dates::validity};

/// What a server showed in a handshake that ended well: for the name asked for, of an authority
/// that is believed, and valid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// Since when its certificate holds.
    pub not_before: DateTime<Utc>,
    /// Until when its certificate holds.
    pub not_after: DateTime<Utc>,
}

impl Peer {
    /// Shakes hands with whoever answers at this address, waiting for each step no longer than
    /// `within`. Blocks: give it a thread of its own.
    ///
    /// # Errors
    /// When nobody answers, the handshake fails, or the certificate is not believed; the error says
    /// which.
    pub fn meet(
        host: &str,
        port: u16,
        config: &Arc<ClientConfig>,
        within: Duration,
    ) -> io::Result<Self> {
        let name = host.trim_matches(['[', ']']);
        let server = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let mut stream = connect(name, port, within)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        let mut session =
            ClientConnection::new(Arc::clone(config), server).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        let unreadable = || io::Error::other("it showed a certificate that cannot be read");
        let first = session.peer_certificates().and_then(<[_]>::first);
        let (not_before, not_after) = first
            .and_then(|first| validity(first))
            .ok_or_else(unreadable)?;
        Ok(Self {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "1.3",
                _ => "1.2",
            },
            not_before,
            not_after,
        })
    }

    /// When the certificate ran out for which [`meet`](Self::meet) failed, if that is why. Clients
    /// wrap the error in others of its kind.
    pub fn expired(error: &io::Error) -> Option<DateTime<Utc>> {
        let mut within = error.get_ref()?;
        while let Some(deeper) = within.downcast_ref::<io::Error>() {
            within = deeper.get_ref()?;
        }
        let told = within.downcast_ref::<rustls::Error>()?;
        let rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after, ..
        }) = told
        else {
            return None;
        };
        DateTime::from_timestamp(i64::try_from(not_after.as_secs()).ok()?, 0)
    }

    /// Whether the certificate ends so soon that somebody should look why it was not renewed.
    pub fn is_near_its_end(&self, now: DateTime<Utc>) -> bool {
        self.left(now) < near_its_end(self.not_before, self.not_after)
    }

    /// How long the certificate holds yet.
    pub fn left(&self, now: DateTime<Utc>) -> TimeDelta {
        self.not_after - now
    }
}

/// To the first of the host's addresses that answers.
fn connect(host: &str, port: u16, within: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, within) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
