//! The phases against a request that lies in memory.

mod hostile;
mod identity;
mod limits;
mod routing;

use std::{cell::Cell, net::SocketAddr, path::Path};

use chrono::Duration;
use http::HeaderMap;
use saas_config::Settings;
use saas_domain::{
    ACCESS_AUDIENCE, AccessClaims, Clock, Random, RouteId, SessionId, TenantId, UserId,
};
use saas_registry_client::{
    RoutingTable, Table as _,
    wire::{
        Access, GatewayHints, Instance, InstanceStatus, KeySet, Route, RoutingEvent,
        RoutingSnapshot, Scheme, Service, TrustEvent, TrustSnapshot,
    },
};
use saas_security::{SigningKey, sign_access};
use saas_telemetry::Metrics;

use super::*;
use crate::settings::Site;
use crate::table::{StateBook, TableInput, build};

pub(super) const ISSUER: &str = "http://test";

/// Claims of a member of some tenant, good for half an hour.
pub(crate) fn claims() -> AccessClaims {
    let (clock, random) = (Clock::system(), Random::os());
    let now = clock.now();
    AccessClaims {
        iss: ISSUER.into(),
        aud: ACCESS_AUDIENCE.into(),
        sub: UserId::generate(&clock, &random),
        sid: SessionId::generate(&clock, &random),
        tid: Some(TenantId::generate(&clock, &random)),
        roles: vec!["member".into()],
        permissions: vec!["member:read".into()],
        plan: Some("basic".into()),
        iat: now.timestamp(),
        iat_ms: now.timestamp_millis(),
        exp: now.timestamp() + 1800,
        jti: "j".into(),
        restricted: false,
    }
}

/// A request that lies in memory.
pub(super) struct FakeRequest {
    method: Method,
    path: String,
    authority: Option<String>,
    http10: bool,
    headers: HeaderMap,
    fault: Option<FramingFault>,
    peer: IpAddr,
    is_secure: bool,
}

impl FakeRequest {
    pub(super) fn new(method: &str, path: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("host", "gateway.test:8000".parse().unwrap());
        Self {
            method: method.parse().unwrap(),
            path: path.into(),
            authority: None,
            http10: false,
            headers,
            fault: None,
            peer: "127.0.0.1".parse().unwrap(),
            is_secure: false,
        }
    }

    pub(super) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// Adds a header, beside others of the name.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.append(name, value);
        self
    }

    pub(super) fn host(mut self, host: &str) -> Self {
        self.headers.remove("host");
        self.with("host", host)
    }

    pub(super) fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    /// As if it came to the gateway by TLS.
    pub(super) fn by_tls(mut self) -> Self {
        self.is_secure = true;
        self
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }
}

impl RequestView for FakeRequest {
    fn method(&self) -> &Method {
        &self.method
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    fn is_http10(&self) -> bool {
        self.http10
    }

    fn header(&self, name: &HeaderName) -> Option<&[u8]> {
        self.headers.get(name).map(http::HeaderValue::as_bytes)
    }

    fn each_value<'a>(&'a self, name: &HeaderName, each: &mut dyn FnMut(&'a [u8])) {
        self.headers
            .get_all(name)
            .iter()
            .for_each(|v| each(v.as_bytes()));
    }

    fn framing_fault(&self) -> Option<FramingFault> {
        self.fault
    }

    fn peer(&self) -> IpAddr {
        self.peer
    }

    fn is_secure(&self) -> bool {
        self.is_secure
    }
}

/// A gateway's knowledge, without a gateway.
pub(super) struct Bench {
    pub(super) policy: Policy,
    pub(super) table: GatewayTable,
    pub(super) trust: Option<TrustTable>,
    pub(super) trust_version: u64,
    pub(super) is_fresh: Cell<bool>,
    pub(super) clock: Clock,
    pub(super) key: SigningKey,
    tokens: TokenCache,
    pub(super) limiter: Limiter,
    addresses: AddressCache,
    pub(super) ticks: u64,
}

/// Where a request was sent, or why not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Own,
    Console,
    Preflight,
    /// A limit has to be asked for.
    Ask,
    /// Service and path.
    To(String, String),
    /// Status and code.
    Refused(u16, &'static str),
}

impl Outcome {
    pub(super) fn to(service: &str, path: &str) -> Self {
        Self::To(service.into(), path.into())
    }
}

pub(super) fn service(name: &str, public: &[&str]) -> Service {
    Service {
        name: name.parse().unwrap(),
        is_active: name != "inactive",
        gateway: GatewayHints {
            public_paths: public.iter().map(ToString::to_string).collect(),
        },
        instances: vec![Instance {
            id: "1".parse().unwrap(),
            address: "127.0.0.1".into(),
            port: 1,
            scheme: Scheme::Http,
            version: None,
            zone: None,
            weight: 100,
            status: InstanceStatus::Up,
        }],
    }
}

pub(super) fn route(path: &str, service: &str) -> Route {
    Route {
        id: RouteId::generate(&Clock::system(), &Random::os()),
        hosts: Vec::new(),
        path: path.into(),
        methods: Vec::new(),
        service: service.parse().unwrap(),
        strip_path: false,
        access: Access::Authenticated,
        required_permission: None,
        strict: false,
        forward_token: false,
        is_enabled: true,
    }
}

impl Bench {
    /// With core, registry, gateway, `orders`, `inactive`, and the given routes.
    pub(super) fn new(routes: Vec<Route>) -> Self {
        let settings = Settings::for_tests(Path::new("/nowhere")).unwrap();
        let site = Site {
            public_url: "http://gateway.test:8000",
            console_url: "http://console.test",
            serves_console: true,
            mark: "0a",
        };
        let mut policy = Policy::new(&settings, site, &Metrics::new("test"));
        policy.cors = Cors::new(&["https://app.test"], Some("http://console.test"));
        policy.rate_per_address = 0;
        policy.rate_per_tenant = 0;
        let clock = Clock::manual(Clock::system().now());
        let key = SigningKey::generate(&Random::os()).unwrap();
        let mut bench = Self {
            policy,
            table: GatewayTable::empty(Arc::default()),
            trust: Some(TrustTable::default()),
            trust_version: 1,
            is_fresh: Cell::new(true),
            clock,
            key,
            tokens: TokenCache::default(),
            limiter: Limiter::default(),
            addresses: AddressCache::default(),
            ticks: 0,
        };
        let keys = KeySet {
            keys: vec![bench.key.public().clone()],
        };
        bench.trust(TrustEvent::Snapshot(TrustSnapshot {
            issuer: ISSUER.into(),
            keys,
            ..TrustSnapshot::default()
        }));
        bench.route(routes);
        bench
    }

    pub(super) fn route(&mut self, routes: Vec<Route>) {
        let services = vec![
            service("core", &["/v1/auth/login", "/docs/*"]),
            service("registry", &[]),
            service("gateway", &[]),
            service("orders", &["/open", "/files/*"]),
            service("inactive", &[]),
        ];
        let mut routing = RoutingTable::default();
        let snapshot = RoutingSnapshot { services, routes };
        routing.apply(RoutingEvent::Snapshot(snapshot), self.clock.now());
        let input = TableInput {
            routing: &routing,
            resolve: &|address, port| vec![SocketAddr::new(address.parse().unwrap(), port)],
            now_ms: 0,
        };
        self.table = build(&input, &mut StateBook::default(), &Arc::default());
    }

    pub(super) fn trust(&mut self, event: TrustEvent) {
        let now = self.clock.now();
        self.trust.get_or_insert_default().apply(event, now);
        self.trust_version += 1;
    }

    pub(super) fn token(&self, claims: &AccessClaims) -> String {
        sign_access(claims, &self.key).unwrap()
    }

    pub(super) fn later(&mut self, seconds: i64) {
        self.clock.advance(Duration::seconds(seconds));
        self.ticks += u64::try_from(seconds).unwrap() * 1_000_000_000;
    }

    pub(super) fn send(&self, request: &FakeRequest) -> Outcome {
        self.pass(request).0
    }

    pub(super) fn pass(&self, request: &FakeRequest) -> (Outcome, Trail) {
        let mut trail = Trail::default();
        let outcome = self.pass_again(request, &mut trail);
        (outcome, trail)
    }

    /// With what was learnt before.
    pub(super) fn pass_again(&self, request: &FakeRequest, trail: &mut Trail) -> Outcome {
        let desk = Desk {
            policy: &self.policy,
            table: &self.table,
            trust: self.trust.as_ref(),
            trust_version: self.trust_version,
            trust_is_fresh: &|| self.is_fresh.get(),
            tokens: &self.tokens,
            limiter: &self.limiter,
            addresses: &self.addresses,
            now: self.clock.now(),
            ticks: self.ticks,
        };
        match admit(request, &desk, trail) {
            Ok(Admission::Own) => Outcome::Own,
            Ok(Admission::Console) => Outcome::Console,
            Ok(Admission::Preflight) => Outcome::Preflight,
            Ok(Admission::Ask(_)) => Outcome::Ask,
            Ok(Admission::Forward { path_start }) => {
                let service = trail.service.as_ref().unwrap().name.as_str();
                let path = path_start.map_or("/", |start| &request.path[start..]);
                Outcome::to(service, path)
            }
            Err(refusal) => Outcome::Refused(refusal.status().as_u16(), refusal.code()),
        }
    }

    /// What becomes of a GET with a good token.
    pub(super) fn signed_in(&self, path: &str) -> Outcome {
        self.send(&FakeRequest::get(path).bearer(&self.token(&claims())))
    }
}
