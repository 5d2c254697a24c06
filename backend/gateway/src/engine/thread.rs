//! One thread's life: accept, serve, and at the end leave nothing half done.

use std::{
    future::poll_fn,
    io,
    net::{self, SocketAddr},
    pin::pin,
    rc::Rc,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use http::HeaderValue;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::{SockFilter, SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, LocalOptions, LocalRuntime},
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    client_io::{ClientIo, ConnectionState},
    handshake::shake_hands,
    misread::refuser,
    serve::{Connection, answer},
    socket::Socket,
    worker::{Closing, Worker},
};
use crate::shared::Shared;

/// A request's head may be this large; more is refused with 431.
const LARGEST_HEAD: usize = 64 * 1024;
/// Headers a request may have; more are refused with 431.
const MOST_HEADERS: usize = 128;
/// Clients' connections per thread. One more is closed at once, so that those that are there keep
/// working.
const MOST_CONNECTIONS: usize = 20_000;
/// A silent peer is asked after so long whether it is still there.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// After the signal to stop, event streams and upgraded connections go on for so long at most: their
/// clients connect again, elsewhere.
const ENDLESS: Duration = Duration::from_secs(5);
/// A packet filter of one instruction, `ret #0`: nothing passes.
const DROP_ALL: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];
/// How often the end looks whether everything is closed.
const LOOK: Duration = Duration::from_millis(5);

/// A running thread.
#[derive(Debug)]
pub struct Thread(thread::JoinHandle<usize>);

impl Thread {
    /// Waits for the thread to end: how many connections it had to cut off.
    pub fn join(self) -> usize {
        // A panic of a whole thread is told by the panic's own message.
        self.0.join().unwrap_or(0)
    }
}

/// Where clients come in: listeners of one thread's own.
#[derive(Debug)]
pub struct Doors<L> {
    /// For plain HTTP.
    pub plain: L,
    /// For https, if that is served.
    pub https: Option<L>,
}

impl<L> Doors<L> {
    fn try_map<M, E>(self, mut change: impl FnMut(L) -> Result<M, E>) -> Result<Doors<M>, E> {
        Ok(Doors {
            plain: change(self.plain)?,
            https: self.https.map(change).transpose()?,
        })
    }
}

/// Who came in, and whether by https.
type Came = (TcpStream, SocketAddr, bool);

impl Doors<TcpListener> {
    async fn accept(&self) -> io::Result<Came> {
        let plain = self.plain.accept();
        let Some(https) = &self.https else {
            return plain.await.map(|(stream, peer)| (stream, peer, false));
        };
        tokio::select! {
            accepted = plain => accepted.map(|(stream, peer)| (stream, peer, false)),
            accepted = https.accept() => accepted.map(|(stream, peer)| (stream, peer, true)),
        }
    }
}

/// Starts a thread on listeners of its own.
pub fn spawn(
    shared: Arc<Shared>,
    doors: Doors<net::TcpListener>,
    number: usize,
) -> io::Result<Thread> {
    let doors = doors.try_map(prepare)?;
    let (began, beginning) = mpsc::sync_channel(1);
    let handle = thread::Builder::new()
        .name(format!("gateway-{number}"))
        .spawn(move || match runtime(doors) {
            Ok((runtime, doors)) => {
                let _ = began.send(Ok(()));
                runtime.block_on(run(shared, doors))
            }
            Err(error) => {
                let _ = began.send(Err(error));
                0
            }
        })?;
    let began = beginning.recv().map_err(io::Error::other)?;
    began.map(|()| Thread(handle))
}

fn prepare(listener: net::TcpListener) -> io::Result<net::TcpListener> {
    // Connections inherit both on Linux, which saves two system calls for each. Answers are written
    // whole, so nothing is won by holding them back; peers that vanished are found out.
    let socket = SockRef::from(&listener);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    Ok(listener)
}

/// The thread's own runtime: it never leaves the thread, so its tasks need no locks.
fn runtime(doors: Doors<net::TcpListener>) -> io::Result<(LocalRuntime, Doors<TcpListener>)> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(LocalOptions::default())?;
    let entered = runtime.enter();
    let doors = doors.try_map(TcpListener::from_std)?;
    drop(entered);
    Ok((runtime, doors))
}

async fn run(shared: Arc<Shared>, doors: Doors<TcpListener>) -> usize {
    let stopping = shared.stopping.clone();
    let times = shared.times;
    let worker = Worker::new(shared);
    tokio::task::spawn_local(tick(Rc::clone(&worker)));
    tokio::task::spawn_local(follow_trust(Rc::clone(&worker)));
    let http = Rc::new(http());
    accept_until(&worker, &http, &doors, stopping.cancelled()).await;
    let deadline = Instant::now() + times.grace;
    // A request that is on its way on an idle connection is still answered, and so is who connects
    // before the others have noticed that this gateway leaves.
    let linger = sleep(times.linger.min(times.grace));
    accept_until(&worker, &http, &doors, linger).await;
    let Doors { plain, https } = doors;
    empty(&worker, &http, plain, false);
    if let Some(https) = https {
        empty(&worker, &http, https, true);
    }
    worker.close(Closing::Used);
    wait_until(&worker, deadline.min(Instant::now() + times.linger)).await;
    worker.close(Closing::All);
    wait_until(&worker, deadline.min(Instant::now() + ENDLESS)).await;
    worker.watch.end_endless();
    wait_until(&worker, deadline).await;
    worker.count_open()
}

/// Closing a listener resets the connections in its queue, so the queue is emptied first. It is closed
/// for newcomers before that, or one would come in between: their first packets are dropped, they ask
/// again after a second, and by then are refused and go elsewhere. The kernel is asked what is in the
/// queue, not the runtime: that one only knows what it was told when it last waited.
fn empty(worker: &Rc<Worker>, http: &Rc<http1::Builder>, listener: TcpListener, is_https: bool) {
    let Ok(listener) = listener.into_std() else {
        return;
    };
    // Where the kernel knows no filters, a newcomer may still be reset.
    let _ = SockRef::from(&listener).attach_filter(&DROP_ALL);
    while let Ok((stream, peer)) = listener.accept() {
        let stream = stream.set_nonblocking(true).map(|()| stream);
        if let Ok(stream) = stream.and_then(TcpStream::from_std) {
            welcome(worker, http, (stream, peer, is_https));
        }
    }
}

/// Waits until everything is closed, or until the time.
async fn wait_until(worker: &Worker, time: Instant) {
    while worker.count_open() > 0 && Instant::now() < time {
        sleep(LOOK).await;
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    // Slow clients are this crate's own concern: see `client_io`.
    http.header_read_timeout(None)
        .max_header_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    http
}

async fn accept_until(
    worker: &Rc<Worker>,
    http: &Rc<http1::Builder>,
    doors: &Doors<TcpListener>,
    end: impl Future<Output = ()>,
) {
    let mut end = pin!(end);
    loop {
        tokio::select! {
            biased;
            () = end.as_mut() => return,
            accepted = doors.accept() => match accepted {
                Ok(came) => welcome(worker, http, came),
                Err(error) => pause_after(&error).await,
            },
        }
    }
}

/// A connection that was gone before it was accepted is no reason to wait. Anything else is most
/// likely a lack of file descriptors, which only other connections' ends can mend.
async fn pause_after(error: &io::Error) {
    let is_gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    );
    if !is_gone {
        tracing::error!(%error, "cannot accept connections for the moment");
        sleep(Duration::from_millis(100)).await;
    }
}

fn welcome(worker: &Rc<Worker>, http: &Rc<http1::Builder>, (stream, peer, is_https): Came) {
    if worker.count_open() >= MOST_CONNECTIONS {
        tracing::warn!("too many connections; one is closed");
        return;
    }
    if !is_https {
        return connect(worker, http, Socket::Plain(stream), peer);
    }
    let Some(tls) = worker.shared.tls.clone() else {
        return;
    };
    let (worker, http, open) = (Rc::clone(worker), Rc::clone(http), worker.open());
    tokio::task::spawn_local(async move {
        if let Some(stream) = shake_hands(&worker, &tls, stream).await {
            connect(&worker, &http, Socket::Tls(stream), peer);
        }
        drop(open);
    });
}

fn connect(worker: &Rc<Worker>, http: &Rc<http1::Builder>, socket: Socket, peer: SocketAddr) {
    let state = ConnectionState::default();
    let watched = worker.watch_connection(state.clone());
    let peer = peer.ip().to_canonical();
    let peer_value = HeaderValue::from_str(&peer.to_string());
    let connection = Rc::new(Connection {
        worker: Rc::clone(worker),
        peer,
        peer_value: peer_value.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
        is_secure: matches!(socket, Socket::Tls(_)),
        state: state.clone(),
    });
    let refuser = refuser(&worker.shared, peer);
    let io = TokioIo::new(ClientIo::new(socket, state.clone(), refuser));
    let service = service_fn(move |request| answer(Rc::clone(&connection), request));
    let served = http.serve_connection(io, service).with_upgrades();
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        let mut served = pin!(served);
        let mut is_told = false;
        let ended = poll_fn(|context| {
            if !is_told && worker.is_closing(&state) {
                is_told = true;
                served.as_mut().graceful_shutdown();
            }
            served.as_mut().poll(context)
        })
        .await;
        if let Err(error) = ended {
            tracing::debug!(%peer, "a connection ended early: {error}");
        }
        drop(watched);
    });
}

/// Once a second, as long as the thread lives.
async fn tick(worker: Rc<Worker>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    seconds.tick().await;
    loop {
        seconds.tick().await;
        worker.tick();
    }
}

/// Ends what was revoked, as soon as that is known.
async fn follow_trust(worker: Rc<Worker>) {
    let mut versions = worker.shared.trust.versions();
    while versions.changed().await.is_ok() {
        worker.end_revoked();
    }
}
