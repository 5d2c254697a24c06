//! What travels on the two streams: routes and instances from the registry, trust from core.
//!
//! Readers ignore fields they do not know, so that a newer sender can be followed by an older
//! reader during a rolling upgrade. That is the opposite of the rule for people's requests, and on
//! purpose.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saas_domain::{InstanceId, RouteId, ServiceName, SessionId, TenantId, UserId};
use serde::{Deserialize, Serialize};

pub use saas_domain::EventId;
pub use saas_security::{KeySet, PublicKey};

/// How an instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceStatus {
    /// Its lease is held and its check, if it has one, passes: it gets requests.
    Up,
    /// Its check fails, or has not passed yet. It keeps its lease and gets no requests.
    Down,
    /// It asked to leave: no new requests, those in flight end.
    Draining,
}

/// How the gateway speaks to an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain HTTP/1.1.
    #[default]
    Http,
}

/// One running copy of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Unique within its service.
    pub id: InstanceId,
    /// A host name or an IP address.
    pub address: String,
    /// 1 to 65535.
    pub port: u16,
    /// How to speak to it.
    #[serde(default)]
    pub scheme: Scheme,
    /// The version it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its share of requests beside its peers: 0 (none) to 1000, usually 100.
    pub weight: u16,
    /// How it is doing.
    pub status: InstanceStatus,
}

/// What a registration told the gateway about its service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayHints {
    /// Paths, as the service sees them, that need no token: exact, or a prefix ending in `/*`.
    #[serde(default)]
    pub public_paths: Vec<String>,
}

/// A service with its instances, whole: the unit in which the table is swapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// False: an operator took it out, and the gateway answers 503 for it.
    pub is_active: bool,
    /// What its registrations declare for the gateway, joined.
    #[serde(default)]
    pub gateway: GatewayHints,
    /// All registered instances, whatever their status.
    pub instances: Vec<Instance>,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Anybody, without a token.
    Public,
    /// Anybody with a valid token of a tenant.
    #[default]
    Authenticated,
}

/// A route that people defined. It comes before the convention `/api/{service}/{rest}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent switches of a route, each a field of the public API"
)]
pub struct Route {
    /// Its identifier.
    pub id: RouteId,
    /// Host names it answers to, lower case, without port; empty: any.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The path's beginning, on segment borders: `/shop` matches `/shop` and `/shop/1`, not `/shops`.
    pub path: String,
    /// Methods it answers to, upper case; empty: any.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Where it leads.
    pub service: ServiceName,
    /// Whether the path's beginning is taken away before forwarding.
    #[serde(default)]
    pub strip_path: bool,
    /// Who may use it.
    #[serde(default)]
    pub access: Access,
    /// A permission, in text form, that the token must grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_permission: Option<String>,
    /// Whether stale trust (no word from core for a second) closes it.
    #[serde(default)]
    pub strict: bool,
    /// Whether the client's token is passed on.
    #[serde(default)]
    pub forward_token: bool,
    /// False: as if it were not there.
    pub is_enabled: bool,
}

/// Everything the gateway needs to know of services and routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingSnapshot {
    /// Services by name.
    pub services: Vec<Service>,
    /// All routes, also disabled ones.
    pub routes: Vec<Route>,
}

/// One change on the registry's stream. The event's name is the variant in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum RoutingEvent {
    /// Everything, replacing what was known.
    Snapshot(RoutingSnapshot),
    /// One service as it is now.
    Service(Service),
    /// A service that is no more.
    ServiceRemoved(ServiceRemoved),
    /// One route as it is now.
    Route(Route),
    /// A route that is no more.
    RouteRemoved(RouteRemoved),
}

/// Names the service that went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRemoved {
    /// Its name.
    pub name: ServiceName,
}

/// Names the route that went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRemoved {
    /// Its identifier.
    pub id: RouteId,
}

/// A session that was ended before its tokens expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedSession {
    /// The session.
    pub session: SessionId,
    /// When the last of its tokens has expired, and the entry may be forgotten.
    pub until: DateTime<Utc>,
}

/// Rights of a person changed: tokens issued earlier tell an old story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleTokens {
    /// The person.
    pub user: UserId,
    /// Only tokens of this tenant; `None`: of any and of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Tokens whose `iat_ms` is below this are refused.
    pub issued_before_ms: i64,
    /// When the last of those tokens has expired, and the entry may be forgotten.
    pub until: DateTime<Utc>,
}

/// What is known of a tenant beyond the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantTrust {
    /// The tenant.
    pub tenant: TenantId,
    /// True: its requests are refused.
    pub is_suspended: bool,
    /// Requests a second, if other than the default; 0: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
}

/// Everything the gateway needs to know to trust or refuse a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustSnapshot {
    /// The `iss` that tokens must carry.
    pub issuer: String,
    /// The keys that verify access tokens.
    pub keys: KeySet,
    /// Sessions ended while their tokens still live.
    pub revoked_sessions: Vec<RevokedSession>,
    /// Tokens made stale by a change of rights.
    pub stale_tokens: Vec<StaleTokens>,
    /// Tenants that differ from the defaults.
    pub tenants: Vec<TenantTrust>,
}

/// One change on core's stream. The event's name is the variant in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum TrustEvent {
    /// Everything, replacing what was known.
    Snapshot(TrustSnapshot),
    /// The key set as it is now. A key that is gone flushes verified tokens.
    Keys(KeySet),
    /// A session ended.
    SessionRevoked(RevokedSession),
    /// Rights of a person changed.
    TokensStale(StaleTokens),
    /// A tenant as it is now.
    Tenant(TenantTrust),
}

/// What an instance tells when it registers (`POST /v1/services/{service}/instances`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// Chosen by the registry if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<InstanceId>,
    /// A host name or an IP address.
    pub address: String,
    /// 1 to 65535.
    pub port: u16,
    /// The version it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Seconds without a heartbeat after which it is forgotten; 5 at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// For the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayHints>,
}

/// The registry's answer to a registration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Registered {
    /// The instance's identifier.
    pub id: InstanceId,
    /// When the lease ends unless it is renewed.
    pub lease_expires_at: DateTime<Utc>,
    /// How often to send a heartbeat.
    pub heartbeat_seconds: u32,
}

/// What a gateway tells the registry each second (`POST /internal/v1/gateways/{id}/report`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayReport {
    /// The newest routing event it has applied; `None` while it runs on its last good copy.
    pub seen: Option<EventId>,
    /// Requests in flight, by `service/instance`; zeros may be left out.
    #[serde(default)]
    pub in_flight: BTreeMap<String, u32>,
    /// Requests asked for in the last second, by whose limit they count against: the busiest ones,
    /// at most [`MOST_DEMAND`]. Empty while there is no other gateway to share with.
    #[serde(default)]
    pub demand: BTreeMap<String, u32>,
    /// Base URL at which the platform's own network reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Limits that one report may name.
pub const MOST_DEMAND: usize = 256;

/// What the registry answers to a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GatewayShares {
    /// How many gateways there are, this one included.
    pub gateways: u32,
    /// Which part of a limit is this gateway's, above 0 and below 1. What is not named is whole:
    /// nobody asks for it elsewhere.
    #[serde(default)]
    pub shares: BTreeMap<String, f64>,
}

/// What a gateway tells core every ten seconds (`POST /internal/v1/traffic`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficReport {
    /// One for the life of the gateway's process.
    pub incarnation: uuid::Uuid,
    /// Counts up from 1; a number that core has seen is not counted again.
    pub number: i64,
    /// The windows since the last report.
    pub windows: Vec<TrafficWindow>,
}

/// What happened to one service in ten seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficWindow {
    /// When the window began; a multiple of ten seconds.
    pub at: DateTime<Utc>,
    /// The service; requests that reached none count under `-`.
    pub service: String,
    /// Requests answered.
    pub requests: u64,
    /// Of these, answered with a status of 500 or more.
    pub errors: u64,
    /// Requests by duration: bucket `i` counts those up to `TRAFFIC_BUCKETS_MS[i]`, the last the rest.
    pub durations: Vec<u64>,
}

/// Upper bounds, in milliseconds, of the buckets of [`TrafficWindow::durations`].
pub const TRAFFIC_BUCKETS_MS: [u32; 14] = [
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 5000, 10_000,
];
