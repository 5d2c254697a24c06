//! From an accepted socket to one with TLS. It happens before there is a request, so that no
//! request's time has any of it; and it is bounded, in time for each and in number for all.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    rc::Rc,
    time::Duration,
};

use saas_telemetry::Kind;
use saas_tls::{
    ServingTls,
    rustls::{HandshakeKind, server::Acceptor},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::worker::Worker;

/// A client that is slower has gone, or means harm.
const LONGEST: Duration = Duration::from_secs(10);
/// Handshakes under way on one thread. One more takes the oldest one's place: clients that mean it
/// are done in two round trips, so whoever has been at it for longest most likely never will be.
const MOST: usize = 1_000;
/// Who speaks plain HTTP to this port gets so long to take the answer.
const GOODBYE: Duration = Duration::from_secs(1);

const PLAIN_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: application/problem+json\r\nContent-Length: 146\r\nConnection: close\r\n\r\n";
const PLAIN_PROBLEM: &str = "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\
    \"code\":\"https_expected\",\"detail\":\"this port speaks https; write https:// in the address\"}";

/// Those under way on one thread, the oldest first.
#[derive(Debug, Default)]
pub struct Handshakes {
    last: Cell<u64>,
    under_way: RefCell<BTreeMap<u64, Rc<Notify>>>,
}

impl Handshakes {
    fn begin(&self) -> (u64, Rc<Notify>) {
        let number = self.last.get() + 1;
        self.last.set(number);
        let displaced = Rc::new(Notify::new());
        let mut under_way = self.under_way.borrow_mut();
        if under_way.len() >= MOST
            && let Some((_, oldest)) = under_way.pop_first()
        {
            oldest.notify_one();
        }
        under_way.insert(number, Rc::clone(&displaced));
        (number, displaced)
    }

    /// Gives all of them up.
    pub fn end(&self) {
        for displaced in std::mem::take(&mut *self.under_way.borrow_mut()).into_values() {
            displaced.notify_one();
        }
    }
}

/// What came of one.
enum Outcome {
    Done(Box<TlsStream<TcpStream>>),
    /// An authority has seen its proof.
    Proved,
    /// It was plain HTTP.
    Plain,
    /// There is no certificate to show yet.
    NotYet,
}

/// Makes the connection one with TLS. `None`: it did not come to that, and nothing is left to do.
pub async fn shake_hands(
    worker: &Worker,
    tls: &ServingTls,
    stream: TcpStream,
) -> Option<Box<TlsStream<TcpStream>>> {
    let (number, displaced) = worker.handshakes.begin();
    let deadline = Instant::now() + LONGEST;
    let outcome = tokio::select! {
        outcome = run(tls, stream) => Some(outcome),
        () = sleep_until(deadline) => None,
        () = displaced.notified() => Some(Err(io::ErrorKind::ConnectionAborted.into())),
    };
    let was_there = worker.handshakes.under_way.borrow_mut().remove(&number);
    let kind = match &outcome {
        Some(Ok(Outcome::Done(stream))) => match stream.get_ref().1.handshake_kind() {
            Some(HandshakeKind::Resumed) => "resumed",
            _ => "full",
        },
        Some(Ok(Outcome::Proved)) => "proof",
        Some(Ok(Outcome::Plain)) => "plain",
        Some(Ok(Outcome::NotYet)) => "no_certificate",
        Some(Err(_)) if was_there.is_none() => "displaced",
        Some(Err(_)) => "failed",
        None => "timeout",
    };
    let counts = &worker.shared.metrics.gateway().tls_handshakes;
    counts.get_or_create_owned(&Kind { kind }).inc();
    match outcome? {
        Ok(Outcome::Done(stream)) => Some(stream),
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(%error, kind, "a handshake came to nothing");
            None
        }
    }
}

async fn run(tls: &ServingTls, stream: TcpStream) -> io::Result<Outcome> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // TLS begins with 22; every method of HTTP with a letter.
    if first[0].is_ascii_uppercase() {
        let _ = timeout(GOODBYE, answer_plainly(stream)).await;
        return Ok(Outcome::Plain);
    }
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let Some((config, is_proof)) = tls.config_for(&begun.client_hello()) else {
        return Ok(Outcome::NotYet);
    };
    let mut stream = Box::pin(begun.into_stream(config)).await?;
    if is_proof {
        stream.shutdown().await?;
        return Ok(Outcome::Proved);
    }
    Ok(Outcome::Done(Box::new(stream)))
}

/// In words, and with the rest of the request read, so that the answer is not lost to a reset.
async fn answer_plainly(mut stream: TcpStream) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    writer.write_all(PLAIN_ANSWER.as_bytes()).await?;
    writer.write_all(PLAIN_PROBLEM.as_bytes()).await?;
    writer.shutdown().await?;
    tokio::io::copy(&mut reader, &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_plain_answer_says_its_length() {
        let length = format!("Content-Length: {}\r\n", PLAIN_PROBLEM.len());
        assert!(PLAIN_ANSWER.contains(&length), "{length}");
    }

    #[test]
    fn one_too_many_takes_the_oldest_ones_place() {
        let handshakes = Handshakes::default();
        let all: Vec<_> = (0..=MOST).map(|_| handshakes.begin().1).collect();
        assert!(all[0].notified().now_or_never().is_some());
        assert!(all[1].notified().now_or_never().is_none());
        assert!(all[MOST].notified().now_or_never().is_none());
        handshakes.end();
        assert!(all[MOST].notified().now_or_never().is_some());
    }
}
