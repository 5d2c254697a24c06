//! Real servers behind the gateway.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderMap, Method, Uri};
use saas_domain::{Clock, Random, RouteId};
use saas_registry_client::wire::{
    Access, GatewayHints, Instance, InstanceStatus, Route, Scheme, Service,
};
use saas_web::axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::Process;

/// A service of this name with these instances.
pub fn service(name: &str, instances: Vec<Instance>) -> Service {
    Service {
        name: name.parse().unwrap(),
        is_active: true,
        gateway: GatewayHints {
            public_paths: vec!["/public/*".into()],
        },
        instances,
    }
}

/// An instance that is up.
pub fn instance(id: &str, address: SocketAddr) -> Instance {
    Instance {
        id: id.parse().unwrap(),
        address: address.ip().to_string(),
        port: address.port(),
        scheme: Scheme::Http,
        version: None,
        zone: None,
        weight: 100,
        status: InstanceStatus::Up,
    }
}

/// A route to `orders` that asks for nothing.
pub fn route(path: &str) -> Route {
    Route {
        id: RouteId::generate(&Clock::system(), &Random::os()),
        hosts: Vec::new(),
        path: path.into(),
        methods: Vec::new(),
        service: "orders".parse().unwrap(),
        strip_path: false,
        access: Access::Public,
        required_permission: None,
        strict: false,
        forward_token: false,
        is_enabled: true,
    }
}

/// A server that runs until it is dropped or killed.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    hits: Arc<AtomicUsize>,
    process: Process,
}

impl Upstream {
    /// Tells of each request what it saw.
    pub async fn echo(name: &'static str) -> Self {
        let hits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&hits);
        let echo = move |ConnectInfo(peer): ConnectInfo<SocketAddr>,
                         method: Method,
                         uri: Uri,
                         headers: HeaderMap,
                         body: Bytes| {
            count.fetch_add(1, Ordering::SeqCst);
            async move { seen(name, peer, &method, &uri, &headers, &body) }
        };
        Self::of(Router::new().fallback(echo), hits).await
    }

    /// Serves a router.
    pub async fn router(router: Router) -> Self {
        Self::of(router, Arc::default()).await
    }

    async fn of(router: Router, hits: Arc<AtomicUsize>) -> Self {
        let process = Process::default();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serve = |listener| async move {
            saas_web::axum::serve(listener, service).await.unwrap();
        };
        let address = process.listen(serve).await;
        Self {
            address,
            hits,
            process,
        }
    }

    /// Hands each connection to `serve`, byte by byte.
    pub async fn bytes<F>(serve: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let process = Process::default();
        let hits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&hits);
        let accept = |listener: TcpListener| async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, number));
            }
        };
        let address = process.listen(accept).await;
        Self {
            address,
            hits,
            process,
        }
    }

    /// Requests seen, or connections for one that speaks bytes.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// Ends it and everything it has open, at once.
    pub fn kill(self) {
        drop(self.process);
    }
}

fn seen(
    name: &str,
    peer: SocketAddr,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Json<Value> {
    let headers: serde_json::Map<String, Value> = headers
        .keys()
        .map(|key| {
            let values = headers.get_all(key).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            (key.as_str().to_owned(), values.join(" | ").into())
        })
        .collect();
    Json(json!({
        "name": name,
        "peer": peer.to_string(),
        "method": method.as_str(),
        "uri": uri.to_string(),
        "headers": headers,
        "length": body.len(),
    }))
}

/// What core would see.
pub async fn echo_from_core(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Json<Value> {
    drop(body);
    let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
    seen("core", nobody, &method, &uri, &headers, &Bytes::new())
}
