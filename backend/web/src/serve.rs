//! Serving a router until it is told to stop, without losing a request.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use http_body::{Body as _, Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::Linger;

/// How long a client may take to send the head of a request. Also how long an idle connection is
/// kept: a client that pools connections gives them up earlier, after 5 s say.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How large the head of a request may be, in bytes.
pub const LARGEST_HEAD: usize = 64 * 1024;

/// After the signal to stop, for how long an idle connection may still bring a request, which is
/// answered with `Connection: close`. Without it, a request that is on its way while its connection
/// is idle would meet a closed socket.
const LINGER: Duration = Duration::from_millis(200);

/// How the server stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Connections that were cut off because the grace time had passed.
    pub cut_off: usize,
}

/// Serves `router` on the listener until `shutdown` is cancelled, then stops cleanly: connections
/// that wait to be accepted are accepted, requests under way are finished, idle connections are
/// closed, and after `grace` whatever is left is cut off.
///
/// The peer's address is in the request's extensions as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    grace: Duration,
) -> Served {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_header_size(LARGEST_HEAD);
    let mut server = Server {
        http: Arc::new(http),
        router,
        shutdown,
        closing: CancellationToken::new(),
        connections: JoinSet::new(),
    };
    server.accept_until_told(&listener).await;
    let deadline = Instant::now() + grace;
    if let Err(error) = server.accept_the_rest(listener) {
        tracing::warn!("connections that waited to be accepted may be lost: {error}");
    }
    server.finish(deadline).await
}

struct Server {
    http: Arc<http1::Builder>,
    router: Router,
    /// From now on every answer ends its connection.
    shutdown: CancellationToken,
    /// From now on idle connections are closed.
    closing: CancellationToken,
    connections: JoinSet<()>,
}

impl Server {
    async fn accept_until_told(&mut self, listener: &TcpListener) {
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                Some(_) = self.connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.connect(stream, peer),
                    Err(error) => pause_after(&error).await,
                },
            }
        }
    }

    /// Closing a listener resets the connections in its queue, so the queue is emptied first: by the
    /// system call itself, since the runtime may not have heard of the last ones yet.
    fn accept_the_rest(&mut self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        loop {
            match listener.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true)?;
                    self.connect(TcpStream::from_std(stream)?, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn finish(mut self, deadline: Instant) -> Served {
        self.join_until(deadline.min(Instant::now() + LINGER)).await;
        self.closing.cancel();
        self.join_until(deadline).await;
        let cut_off = self.connections.len();
        if cut_off > 0 {
            tracing::warn!(
                connections = cut_off,
                "the grace time is over; connections are cut off"
            );
            self.connections.shutdown().await;
        }
        Served { cut_off }
    }

    async fn join_until(&mut self, deadline: Instant) {
        while let Ok(Some(_)) = timeout_at(deadline, self.connections.join_next()).await {}
    }

    fn connect(&mut self, stream: TcpStream, peer: SocketAddr) {
        // Answers are written whole; waiting for more would only delay them. If it cannot be set,
        // the connection is slower and otherwise fine.
        let _ = stream.set_nodelay(true);
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        let unread = Unread::default();
        let socket = Socket {
            stream,
            unread: unread.clone(),
            linger: Linger::default(),
        };
        let service = service_fn(move |request: Request<Incoming>| {
            let request = request.map(|body| RequestBody {
                body,
                is_over: false,
                unread: unread.clone(),
            });
            answer(router.clone(), shutdown.clone(), request, peer)
        });
        let connection = self.http.serve_connection(TokioIo::new(socket), service);
        let closing = self.closing.clone();
        self.connections.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, "a connection ended early: {error}");
            }
        });
    }
}

async fn answer(
    router: Router,
    shutdown: CancellationToken,
    request: Request<RequestBody>,
    peer: SocketAddr,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = router.oneshot(request).await?;
    if shutdown.is_cancelled() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response)
}

/// Whether the last request's body was left before its end.
#[derive(Clone, Debug, Default)]
struct Unread(Arc<AtomicBool>);

impl Unread {
    fn set(&self, is_unread: bool) {
        self.0.store(is_unread, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request's body, which notes whether it was read to its end.
struct RequestBody {
    body: Incoming,
    is_over: bool,
    unread: Unread,
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.is_over |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.unread.set(!self.is_over && !self.body.is_end_stream());
    }
}

/// A client's socket, which is closed with patience when a body was not read to its end.
struct Socket {
    stream: TcpStream,
    unread: Unread,
    linger: Linger,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let unread = &this.unread;
        this.linger
            .poll_close(&mut this.stream, context, || unread.get())
    }
}

/// A connection that was gone before it was accepted is no reason to wait. Anything else is most
/// likely a lack of file descriptors, which only other connections' ends can mend.
async fn pause_after(error: &io::Error) {
    if !is_gone(error) {
        tracing::error!("cannot accept connections for the moment: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
