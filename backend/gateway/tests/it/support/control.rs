//! A stand-in for registry and core: both streams as they are on the wire, and what the gateway
//! tells them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use saas_registry_client::wire::{
    GatewayReport, GatewayShares, RoutingEvent, RoutingSnapshot, Service, TrafficReport,
    TrustEvent, TrustSnapshot,
};
use saas_web::axum::{
    Json, Router,
    body::Body,
    extract::State,
    response::Response,
    routing::{delete, get, post},
};
use serde_json::Value;
use tokio::sync::broadcast;

use super::{
    Process,
    upstream::{instance, service},
};

/// Serves the streams until it is dropped.
pub struct StandIn {
    /// Where it listens, as registry and as core.
    pub address: SocketAddr,
    state: Arc<Inner>,
    process: Option<Process>,
}

struct Inner {
    routing: Mutex<RoutingSnapshot>,
    trust: Mutex<TrustSnapshot>,
    number: AtomicI64,
    is_beating: AtomicBool,
    frames: broadcast::Sender<(Stream, String)>,
    reports: Mutex<Vec<GatewayReport>>,
    shares: Mutex<GatewayShares>,
    traffic: Mutex<Vec<TrafficReport>>,
    left: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Routing,
    Trust,
}

fn frame(number: i64, event: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(event).unwrap();
    let name = value["event"].as_str().unwrap();
    format!("event: {name}\nid: 1-{number}\ndata: {}\n\n", value["data"])
}

impl StandIn {
    /// Starts it. Core is itself; the services are added.
    pub async fn start(trust: TrustSnapshot, services: Vec<Service>) -> Self {
        let process = Process::default();
        let state = Arc::new(Inner {
            routing: Mutex::default(),
            trust: Mutex::new(trust),
            number: AtomicI64::new(1),
            is_beating: AtomicBool::new(true),
            frames: broadcast::Sender::new(64),
            reports: Mutex::default(),
            shares: Mutex::default(),
            traffic: Mutex::default(),
            left: AtomicBool::new(false),
        });
        let router = Router::new()
            .route("/v1/stream", get(routing_stream))
            .route("/internal/v1/stream", get(trust_stream))
            .route("/internal/v1/gateways/{id}/report", post(take_report))
            .route("/internal/v1/gateways/{id}", delete(take_leave))
            .route("/internal/v1/traffic", post(take_traffic))
            .fallback(super::upstream::echo_from_core)
            .with_state(Arc::clone(&state));
        let serve = |listener| async move {
            saas_web::axum::serve(listener, router).await.unwrap();
        };
        let address = process.listen(serve).await;
        let mut all = vec![
            service("core", vec![instance("core-1", address)]),
            service("registry", vec![instance("registry-1", address)]),
        ];
        all[0].gateway.public_paths = vec!["/v1/auth/login".into()];
        all.extend(services);
        state.routing.lock().unwrap().services = all;
        Self {
            address,
            state,
            process: Some(process),
        }
    }

    /// Ends it and every stream, at once.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Changes the services.
    pub fn change_service(&self, changed: Service) {
        let mut routing = self.state.routing.lock().unwrap();
        routing.services.retain(|known| known.name != changed.name);
        routing.services.push(changed.clone());
        self.send(Stream::Routing, &RoutingEvent::Service(changed));
    }

    /// Adds a route.
    pub fn add_route(&self, route: saas_registry_client::wire::Route) {
        let mut routing = self.state.routing.lock().unwrap();
        routing.routes.push(route.clone());
        self.send(Stream::Routing, &RoutingEvent::Route(route));
    }

    /// Tells a change of trust.
    pub fn tell_trust(&self, event: &TrustEvent) {
        self.send(Stream::Trust, event);
    }

    fn send(&self, stream: Stream, event: &impl serde::Serialize) {
        let number = self.state.number.fetch_add(1, Ordering::SeqCst) + 1;
        let _ = self.state.frames.send((stream, frame(number, event)));
    }

    /// Falls silent, or beats again.
    pub fn beat(&self, is_beating: bool) {
        self.state.is_beating.store(is_beating, Ordering::SeqCst);
    }

    /// The number of the last event sent.
    pub fn number(&self) -> i64 {
        self.state.number.load(Ordering::SeqCst)
    }

    /// The gateway's last report.
    pub fn last_report(&self) -> Option<GatewayReport> {
        self.state.reports.lock().unwrap().last().cloned()
    }

    /// What the gateway is told of its shares from now on.
    pub fn share(&self, shares: GatewayShares) {
        *self.state.shares.lock().unwrap() = shares;
    }

    /// What traffic was told so far.
    pub fn traffic(&self) -> Vec<TrafficReport> {
        self.state.traffic.lock().unwrap().clone()
    }

    /// Whether the gateway took its leave.
    pub fn was_left(&self) -> bool {
        self.state.left.load(Ordering::SeqCst)
    }
}

async fn routing_stream(State(state): State<Arc<Inner>>) -> Response {
    let snapshot = state.routing.lock().unwrap().clone();
    stream(&state, Stream::Routing, &RoutingEvent::Snapshot(snapshot))
}

async fn trust_stream(State(state): State<Arc<Inner>>) -> Response {
    let snapshot = state.trust.lock().unwrap().clone();
    stream(&state, Stream::Trust, &TrustEvent::Snapshot(snapshot))
}

fn stream(state: &Arc<Inner>, stream: Stream, first: &impl serde::Serialize) -> Response {
    let frames = state.frames.subscribe();
    // Silent from its first word on: a snapshot would be a sign of life.
    let is_beating = state.is_beating.load(Ordering::SeqCst);
    let first = is_beating.then(|| frame(state.number.load(Ordering::SeqCst), first));
    let beats = tokio::time::interval(Duration::from_millis(100));
    let start = (first, frames, beats, Arc::clone(state));
    let pieces = futures_util::stream::unfold(
        start,
        move |(first, mut frames, mut beats, state)| async move {
            if let Some(first) = first {
                return Some((Ok::<_, Infallible>(first), (None, frames, beats, state)));
            }
            loop {
                tokio::select! {
                    next = frames.recv() => match next {
                        Ok((of, text)) if of == stream => {
                            return Some((Ok(text), (None, frames, beats, state)));
                        }
                        Ok(_) => {}
                        Err(_) => return None,
                    },
                    _ = beats.tick() => if state.is_beating.load(Ordering::SeqCst) {
                        let beat = "event: beat\ndata: {}\n\n".to_owned();
                        return Some((Ok(beat), (None, frames, beats, state)));
                    },
                }
            }
        },
    );
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(pieces))
        .unwrap()
}

async fn take_report(
    State(state): State<Arc<Inner>>,
    Json(report): Json<GatewayReport>,
) -> Json<GatewayShares> {
    state.reports.lock().unwrap().push(report);
    Json(state.shares.lock().unwrap().clone())
}

async fn take_leave(State(state): State<Arc<Inner>>) -> Json<Value> {
    state.left.store(true, Ordering::SeqCst);
    Json(Value::Null)
}

async fn take_traffic(State(state): State<Arc<Inner>>, Json(report): Json<TrafficReport>) {
    state.traffic.lock().unwrap().push(report);
}
