//! What the tests stand on.

mod client;
mod control;
mod gateway;
mod upstream;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, runtime::Runtime};

pub use client::{Client, Reply, raw, read_head};
pub use control::StandIn;
pub use gateway::{Gateway, claims};
pub use upstream::{Upstream, instance, route, service};

/// Asks until the answer is yes. What it waits for happens by itself; the limit only ends a test
/// that would hang.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < limit, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A runtime of its own, which ends like a process that was killed: everything it has open is
/// closed, whatever was under way.
pub struct Process(Option<Runtime>);

impl Default for Process {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self(Some(runtime.unwrap()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Returns when everything is closed, as a kill does; a runtime may not be waited for
            // on the thread of another.
            let ended = std::thread::spawn(move || drop(runtime)).join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

impl Process {
    /// Listens on a free port, and serves there.
    pub async fn listen<F>(
        &self,
        serve: impl FnOnce(TcpListener) -> F + Send + 'static,
    ) -> SocketAddr
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tell, address) = tokio::sync::oneshot::channel();
        self.0.as_ref().unwrap().spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve(listener).await;
        });
        address.await.unwrap()
    }
}
