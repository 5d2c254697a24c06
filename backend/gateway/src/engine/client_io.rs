//! A client's connection: its bytes pass the scanner before the HTTP library sees them, and it is
//! given up when its client is too slow.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
};

use http::StatusCode;
use saas_web::Linger;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Socket;
use crate::{
    framing::{Place, Scanner},
    phases::FramingFault,
};

/// What is shared between a connection's socket, its requests and the thread's clock. The HTTP
/// library wants a socket that could move between threads, hence the lock; this one never does, so
/// the lock is never waited for.
#[derive(Clone, Debug, Default)]
pub struct ConnectionState(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    inner: Mutex<Inner>,
    /// Odd while a request is being answered; never the same twice.
    exchange: AtomicU32,
}

/// What a connection has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It has brought no request yet.
    #[default]
    New,
    /// A request is being answered: its own limits hold.
    Busy,
    /// Its requests were answered.
    Used,
    /// Another protocol is spoken.
    Upgraded,
}

#[derive(Debug, Default)]
struct Inner {
    scanner: Scanner,
    /// What the scanner said of heads that no request was made of yet.
    heads: VecDeque<Option<FramingFault>>,
    stage: Stage,
    /// When the present silence, slow head or stalled write is over at the latest; 0: not yet
    /// looked at.
    read_until: u32,
    write_until: u32,
    last_place: Option<Place>,
    is_given_up: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Seconds after which a connection is given up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Without a request.
    pub idle: u32,
    /// For one head.
    pub head: u32,
    /// With a client that does not read.
    pub write: u32,
}

impl ConnectionState {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self) -> u32 {
        self.0.exchange.load(Ordering::Relaxed)
    }

    /// What the scanner said of the request that was just read. A request it did not see coming is
    /// one whose borders are in doubt.
    pub fn begin_request(&self) -> Option<FramingFault> {
        let number = self.exchange().wrapping_add(2) | 1;
        self.0.exchange.store(number, Ordering::Relaxed);
        let mut inner = self.lock();
        inner.stage = Stage::Busy;
        inner
            .heads
            .pop_front()
            .unwrap_or(Some(FramingFault::TransferEncoding))
    }

    /// The request was answered.
    pub fn end_request(&self) {
        let mut inner = self.lock();
        if inner.stage == Stage::Busy {
            inner.stage = Stage::Used;
            let number = self.exchange() & !1;
            self.0.exchange.store(number, Ordering::Relaxed);
        }
        inner.read_until = 0;
    }

    /// Another protocol is spoken from here on.
    pub fn upgrade(&self) {
        let mut inner = self.lock();
        inner.scanner.stop();
        inner.stage = Stage::Upgraded;
    }

    /// The HTTP library refuses what it read: what the scanner said of it. Whatever follows is no
    /// request.
    fn refuse(&self) -> Option<FramingFault> {
        let mut inner = self.lock();
        let fault = inner.heads.pop_front();
        let fault = fault.unwrap_or_else(|| inner.scanner.fault());
        inner.scanner.stop();
        fault
    }

    /// Whether it has brought a request.
    pub fn was_used(&self) -> bool {
        self.lock().stage != Stage::New
    }

    /// Whether the client has not sent all of a request, as far as that is known.
    fn is_amid_a_body(&self) -> bool {
        let inner = self.lock();
        inner.stage != Stage::Upgraded && inner.scanner.place() == Place::Elsewhere
    }

    /// Wakes the connection's task.
    pub fn wake(&self) {
        let mut inner = self.lock();
        let wakers = [inner.reader.take(), inner.writer.take()];
        drop(inner);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Gives the connection up if its client is too slow. Called once a second.
    pub fn look(&self, now: u32, patience: Patience) {
        let mut inner = self.lock();
        let place = inner.scanner.place();
        if inner.last_place != Some(place) {
            inner.last_place = Some(place);
            inner.read_until = 0;
        }
        let limit = match place {
            _ if matches!(inner.stage, Stage::Busy | Stage::Upgraded) => None,
            Place::Between => Some(patience.idle),
            Place::InHead | Place::Elsewhere => Some(patience.head),
        };
        match limit {
            None => inner.read_until = 0,
            Some(seconds) if inner.read_until == 0 => inner.read_until = now + seconds,
            Some(_) => {}
        }
        if inner.writer.is_none() {
            inner.write_until = 0;
        } else if inner.write_until == 0 {
            inner.write_until = now + patience.write;
        }
        let is_over = |until: u32| until != 0 && until < now;
        if is_over(inner.read_until) || is_over(inner.write_until) {
            inner.is_given_up = true;
            drop(inner);
            self.wake();
        }
    }
}

/// Words the answer to a request that the HTTP library refused, from its status and from what the
/// scanner said.
pub type Refuser = Arc<dyn Fn(StatusCode, Option<FramingFault>) -> Vec<u8> + Send + Sync>;

/// A client's socket.
pub struct ClientIo {
    stream: Socket,
    state: ConnectionState,
    linger: Linger,
    refuser: Refuser,
    /// The exchange before which everything was written, if none was under way then.
    all_written: u32,
    /// What goes out in place of the HTTP library's own answer.
    refusal: Option<Vec<u8>>,
}

impl ClientIo {
    /// Wraps an accepted socket.
    pub fn new(stream: Socket, state: ConnectionState, refuser: Refuser) -> Self {
        Self {
            stream,
            state,
            linger: Linger::default(),
            refuser,
            all_written: 0,
            refusal: None,
        }
    }

    /// Whether the HTTP library writes an answer of its own, which is always the last: a bare status
    /// to a head that it cannot parse. That is certain, whatever the bytes: all earlier answers were
    /// written out, and no request was begun since.
    fn is_refusing(&mut self, bytes: &[u8]) -> bool {
        if self.refusal.is_some() {
            return true;
        }
        if self.all_written != self.state.exchange() {
            return false;
        }
        let Some(status) = status(bytes) else {
            return false;
        };
        let fault = self.state.refuse();
        self.refusal = Some((self.refuser)(status, fault));
        true
    }

    /// Writes what is left of a refusal.
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(refusal) = self.refusal.as_mut().filter(|refusal| !refusal.is_empty()) {
            let polled = Pin::new(&mut self.stream).poll_write(context, refusal);
            match polled {
                Poll::Ready(Ok(written)) => drop(refusal.drain(..written)),
                other => return self.written(other.map_ok(|_| ()), context),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The status of an answer that begins here and refuses.
fn status(bytes: &[u8]) -> Option<StatusCode> {
    let [
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        b'1',
        b'.',
        _,
        b' ',
        digits @ ..,
    ] = bytes
    else {
        return None;
    };
    let status = StatusCode::from_bytes(digits.get(..3)?).ok()?;
    status.is_client_error().then_some(status)
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client was too slow")
}

fn keep(slot: &mut Option<Waker>, context: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(context.waker()),
        None => *slot = Some(context.waker().clone()),
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        let mut inner = this.state.lock();
        match polled {
            Poll::Ready(Ok(())) => {
                let Inner { scanner, heads, .. } = &mut *inner;
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                scanner.feed(bytes, &mut |fault| heads.push_back(fault));
            }
            Poll::Pending if inner.is_given_up => return Poll::Ready(Err(too_slow())),
            Poll::Pending => keep(&mut inner.reader, context),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }
}

impl ClientIo {
    /// Remembers who waits for a write, so that the wait can be ended.
    fn written<T>(
        &self,
        polled: Poll<io::Result<T>>,
        context: &Context<'_>,
    ) -> Poll<io::Result<T>> {
        let mut inner = self.state.lock();
        if polled.is_pending() {
            if inner.is_given_up {
                return Poll::Ready(Err(too_slow()));
            }
            keep(&mut inner.writer, context);
        } else {
            inner.writer = None;
            inner.write_until = 0;
        }
        polled
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_refusing(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_refusing(slices.first().map_or(&[], |slice| slice)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called by the HTTP library when it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let exchange = self.state.exchange();
        if exchange.is_multiple_of(2) {
            self.all_written = exchange;
        }
        if self.refusal.is_some() {
            return self.poll_refusal(context);
        }
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        if self.stream.holds_back() {
            return self.written(polled, context);
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.poll_refusal(context)?.is_pending() {
            return Poll::Pending;
        }
        let state = &this.state;
        this.linger
            .poll_close(&mut this.stream, context, || state.is_amid_a_body())
    }
}
