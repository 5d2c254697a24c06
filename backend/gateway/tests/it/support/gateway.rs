//! A gateway of the test's own, with its stand-in.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use http::Method;
use saas_cache::SharedBuckets;
use saas_config::Settings;
use saas_domain::{ACCESS_AUDIENCE, AccessClaims, Clock, Random, SessionId, TenantId, UserId};
use saas_gateway::{GatewayDeps, GatewayHandle, Https, serving_tls};
use saas_registry_client::wire::{KeySet, Service, TrustSnapshot};
use saas_security::{RootSecret, SigningKey, sign_access};
use saas_telemetry::{Metrics, Tracer};
use saas_tls::TlsError;
use saas_web::bind_shared;

use super::{Client, StandIn, eventually};

const ISSUER: &str = "http://test";

/// A gateway, what it follows, and the key of its tokens.
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it serves https, if it does.
    pub https: Option<SocketAddr>,
    /// Where it tells everybody to come by https, if it does.
    pub redirect: Option<SocketAddr>,
    /// What stands for registry and core.
    pub control: StandIn,
    handle: Option<GatewayHandle>,
    key: SigningKey,
    dir: PathBuf,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Claims of a member, good for half an hour.
pub fn claims() -> AccessClaims {
    let (clock, random) = (Clock::system(), Random::os());
    let now = clock.now();
    AccessClaims {
        iss: ISSUER.into(),
        aud: ACCESS_AUDIENCE.into(),
        sub: UserId::generate(&clock, &random),
        sid: SessionId::generate(&clock, &random),
        tid: Some(TenantId::generate(&clock, &random)),
        roles: vec!["owner".into(), "member".into()],
        permissions: vec!["member:read".into()],
        plan: Some("basic".into()),
        iat: now.timestamp(),
        iat_ms: now.timestamp_millis(),
        exp: now.timestamp() + 1800,
        jti: "j".into(),
        restricted: false,
    }
}

impl Gateway {
    /// A gateway that knows these services, once it is ready.
    pub async fn start(services: Vec<Service>) -> Self {
        Self::with(services, |_| {}).await
    }

    /// The same, with changed settings.
    pub async fn with(services: Vec<Service>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::counting(services, None, change).await
    }

    /// The same, which counts limits together with others.
    pub async fn counting(
        services: Vec<Service>,
        buckets: Option<SharedBuckets>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let random = Random::os();
        let name = format!(
            "saas-gateway-test-{:032x}",
            u128::from_le_bytes(random.bytes())
        );
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let key = SigningKey::generate(&random).unwrap();
        let trust = TrustSnapshot {
            issuer: ISSUER.into(),
            keys: KeySet {
                keys: vec![key.public().clone()],
            },
            ..TrustSnapshot::default()
        };
        let control = StandIn::start(trust, services).await;
        let mut settings = settings(&dir);
        change(&mut settings);
        let https = https(&settings);
        let address = |listener: Option<&TcpListener>| listener?.local_addr().ok();
        let (secure, redirect) = match &https {
            Some(https) => (
                address(https.listeners.first()),
                address(https.redirect.as_ref()),
            ),
            None => (None, None),
        };
        let registry = vec![format!("http://{}", control.address)];
        let handle = launch(settings, https, registry, buckets);
        let gateway = Self {
            address: handle.address(),
            https: secure,
            redirect,
            control,
            handle: Some(handle),
            key,
            dir,
        };
        gateway.until_ready().await;
        gateway
    }

    /// Returns when it is ready and has heard from core.
    pub async fn until_ready(&self) {
        eventually("readiness", || async {
            let ready = self.get("/health/ready").send().await.status == 200;
            // An authenticated answer of core needs fresh trust.
            ready
                && self
                    .get("/api/core/v1/me")
                    .bearer(&self.token())
                    .send()
                    .await
                    .status
                    == 200
        })
        .await;
    }

    /// A token of somebody new.
    pub fn token(&self) -> String {
        self.token_of(&claims())
    }

    /// A token with these claims.
    pub fn token_of(&self, claims: &AccessClaims) -> String {
        sign_access(claims, &self.key).unwrap()
    }

    /// A GET, not sent yet.
    pub fn get(&self, path: &str) -> Client {
        Client::new(self.address, &Method::GET, path)
    }

    /// Any request, not sent yet.
    pub fn request(&self, method: &Method, path: &str) -> Client {
        Client::new(self.address, method, path)
    }

    /// Stops it cleanly: how many connections were cut off.
    pub async fn stop(&mut self) -> usize {
        self.handle.take().unwrap().stop().await
    }

    /// Stops it and starts another on the same directory, with nobody to follow.
    pub async fn restart_alone(&mut self) {
        self.restart_alone_at(None).await;
    }

    /// The same, where people reach it at `public_url`.
    pub async fn restart_alone_at(&mut self, public_url: Option<&str>) {
        self.stop().await;
        self.control.kill();
        let mut settings = settings(&self.dir);
        settings.public_url = public_url.map(str::to_owned);
        let handle = launch(settings, None, vec!["http://127.0.0.1:1".into()], None);
        self.address = handle.address();
        self.handle = Some(handle);
    }

    /// Where its last good copies lie.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads the certificates again.
    pub fn reload_tls(&self) -> Result<(), TlsError> {
        self.handle.as_ref().unwrap().reload_tls()
    }

    /// Gives the handle away, to stop it beside other things.
    pub fn take_handle(&mut self) -> GatewayHandle {
        self.handle.take().unwrap()
    }
}

fn settings(dir: &Path) -> Settings {
    let mut settings = Settings::for_tests(dir).unwrap();
    settings.rate_limit_per_address = None;
    settings.rate_limit_per_tenant = None;
    settings
}

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn https(settings: &Settings) -> Option<Https> {
    let redirect = settings.tls.redirect_port;
    Some(Https {
        tls: serving_tls(settings).unwrap()?,
        listeners: bind_shared(LOOPBACK, settings.gateway_threads).unwrap(),
        redirect: redirect.map(|_| bind_shared(LOOPBACK, 1).unwrap().remove(0)),
    })
}

fn launch(
    settings: Settings,
    https: Option<Https>,
    registry_urls: Vec<String>,
    buckets: Option<SharedBuckets>,
) -> GatewayHandle {
    let public_url = settings.public_url.clone();
    saas_gateway::start(GatewayDeps {
        listeners: bind_shared(LOOPBACK, settings.gateway_threads).unwrap(),
        settings: Arc::new(settings),
        root: RootSecret::new(&[7; 32], None),
        address: "http://127.0.0.1:8000".to_owned(),
        https,
        registry_urls,
        public_url: public_url.unwrap_or_else(|| "http://api.test".to_owned()),
        console_url: "http://console.test".into(),
        buckets,
        console: None,
        metrics: Metrics::new("gateway"),
        tracer: Tracer::off(),
        clock: Clock::system(),
        random: Random::os(),
    })
    .unwrap()
}
