//! What the registry needs of core: a key set, a trust stream, and tokens signed with the key.

use std::net::SocketAddr;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use axum::routing::get;
use saas_domain::{
    ACCESS_AUDIENCE, AccessClaims, Clock, Permission, Random, SessionId, TenantId, UserId,
};
use saas_registry_client::wire::{KeySet, RevokedSession, TenantTrust, TrustSnapshot};
use saas_security::{SigningKey, sign_access};
use saas_web::{Frame, StreamHub};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const ISSUER: &str = "https://saas.example";

pub struct FakeCore {
    address: SocketAddr,
    clock: Clock,
    key: SigningKey,
    hub: StreamHub,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    is_silent: Arc<AtomicBool>,
}

impl FakeCore {
    pub async fn start(clock: Clock) -> Self {
        let key = SigningKey::generate(&Random::os()).unwrap();
        let shutdown = CancellationToken::new();
        let hub = StreamHub::confirmed_for(1, shutdown.clone(), Duration::from_millis(300));
        let is_silent = Arc::new(AtomicBool::new(false));
        let (confirming, silent) = (hub.clone(), Arc::clone(&is_silent));
        let snapshot = TrustSnapshot {
            issuer: ISSUER.to_owned(),
            keys: KeySet {
                keys: vec![key.public().clone()],
            },
            ..TrustSnapshot::default()
        };
        let stream = hub.clone();
        let answer = move || {
            let subscription = stream.subscribe();
            let frame = Frame::encode("snapshot", stream.id(0), &snapshot).unwrap();
            async move { subscription.respond(vec![frame], 0) }
        };
        let router = axum::Router::new().route("/internal/v1/stream", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            clock,
            key,
            hub,
            shutdown,
            serving: tokio::spawn(async move {
                let confirm = async {
                    loop {
                        if !silent.load(Ordering::Relaxed) {
                            confirming.confirm();
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                };
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    () = confirm => {}
                }
            }),
            is_silent,
        }
    }

    /// Its streams do not beat, as those of a core that does not see the database any more; or do again.
    pub fn fall_silent(&self, silent: bool) {
        self.is_silent.store(silent, Ordering::Relaxed);
    }

    pub fn registration(&self) -> Value {
        json!({"id": "core-1", "address": "127.0.0.1", "port": self.address.port()})
    }

    pub fn claims(&self, permissions: &[Permission]) -> AccessClaims {
        let (clock, random) = (&self.clock, Random::os());
        let now = clock.now();
        AccessClaims {
            iss: ISSUER.to_owned(),
            aud: ACCESS_AUDIENCE.to_owned(),
            sub: UserId::generate(clock, &random),
            sid: SessionId::generate(clock, &random),
            tid: Some(TenantId::generate(clock, &random)),
            roles: vec!["member".to_owned()],
            permissions: permissions.iter().map(ToString::to_string).collect(),
            plan: None,
            iat: now.timestamp(),
            iat_ms: now.timestamp_millis(),
            exp: now.timestamp() + 1800,
            jti: "t".to_owned(),
            restricted: false,
        }
    }

    pub fn sign(&self, claims: &AccessClaims) -> String {
        sign_access(claims, &self.key).unwrap()
    }

    pub fn token(&self, permissions: &[Permission]) -> String {
        self.sign(&self.claims(permissions))
    }

    pub fn suspend(&self, tenant: TenantId) {
        let suspended = TenantTrust {
            tenant,
            is_suspended: true,
            rate_limit: None,
        };
        let frame = Frame::encode("tenant", self.hub.id(1), &suspended).unwrap();
        self.hub.publish(&[frame]);
    }

    pub fn revoke(&self, session: SessionId) {
        let revoked = RevokedSession {
            session,
            until: self.clock.now() + chrono::Duration::hours(1),
        };
        let frame = Frame::encode("session_revoked", self.hub.id(1), &revoked).unwrap();
        self.hub.publish(&[frame]);
    }
}

impl Drop for FakeCore {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.serving.abort();
    }
}
