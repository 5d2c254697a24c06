//! The registry as it runs in production, on a real listener, over either database.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod core;
pub mod http;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use saas_config::{Environment, Settings};
use saas_domain::{Clock, Permission, Random, ServiceName};
use saas_registry::RegistryDeps;
use saas_security::{InternalRole, InternalSigner, RegistrationTokens, RootSecret};
use saas_storage::{Database, DatabaseSettings};
use saas_telemetry::{Metrics, Tracer};
use saas_testkit::TestDatabase;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use core::FakeCore;
pub use http::{Answer, call};
pub use stream::EventStream;

/// One replica.
pub struct Registry {
    pub address: SocketAddr,
    pub clock: Clock,
    pub database: Database,
    root: RootSecret,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    serving: JoinHandle<()>,
}

/// Where the database is; goes with the value.
pub enum Home {
    Directory(tempfile::TempDir),
    Server(TestDatabase),
    Address(String),
}

impl Home {
    pub async fn sqlite() -> Self {
        let home = Self::Directory(tempfile::tempdir().unwrap());
        saas_migration::up(&home.url()).await.unwrap();
        home
    }

    pub async fn postgres() -> Self {
        let migrate = |url: String| async move { saas_migration::up(&url).await.map(drop) };
        Self::Server(TestDatabase::create(migrate).await.unwrap())
    }

    pub fn url(&self) -> String {
        match self {
            Self::Directory(directory) => {
                format!("sqlite://{}/saas.db", directory.path().display())
            }
            Self::Server(database) => database.url().to_owned(),
            Self::Address(url) => url.clone(),
        }
    }
}

/// A clock that only the test moves.
pub fn noon() -> Clock {
    Clock::manual(chrono::DateTime::UNIX_EPOCH + chrono::Duration::days(20_000))
}

impl Registry {
    pub async fn start(home: &Home, clock: Clock) -> Self {
        Self::start_with(home, clock, |_| {}).await
    }

    pub async fn start_with(home: &Home, clock: Clock, change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::for_tests(directory.path()).unwrap();
        change(&mut settings);
        let root = RootSecret::new(settings.secret_key().unwrap().as_bytes(), None);
        let database = Database::open(
            DatabaseSettings {
                url: home.url(),
                min_connections: 0,
                max_connections: 6,
            },
            clock.clone(),
            Random::os(),
        )
        .await
        .unwrap();
        let shutdown = CancellationToken::new();
        let service = saas_registry::start(RegistryDeps {
            settings: Arc::new(settings),
            database: database.clone(),
            metrics: Metrics::new("registry"),
            tracer: Tracer::off(),
            docs: None,
            shutdown: shutdown.clone(),
        })
        .await
        .unwrap();
        let listener = saas_web::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let grace = Duration::from_secs(5);
        let serve = saas_web::serve(listener, service.router, shutdown.clone(), grace);
        Self {
            address,
            clock,
            database,
            root,
            shutdown,
            tasks: service.tasks,
            serving: tokio::spawn(async move {
                serve.await;
            }),
        }
    }

    pub async fn production(home: &Home, metrics_token: &str) -> Self {
        let token = metrics_token.to_owned();
        Self::start_with(home, Clock::system(), |settings| {
            settings.environment = Environment::Production;
            settings.metrics_token = Some(saas_config::Secret::new(token));
        })
        .await
    }

    /// Stops as SIGTERM does.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        (&mut self.serving).await.unwrap();
        self.tasks.wait().await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn internal(&self, role: InternalRole) -> String {
        let signer = InternalSigner::new(&self.root, role);
        signer.token(self.clock.now()).unwrap()
    }

    pub fn operator(&self) -> String {
        self.internal(InternalRole::Operator)
    }

    pub fn registration(&self, service: &str, may_declare_public: bool) -> String {
        let tokens = RegistrationTokens::new(&self.root);
        let service: ServiceName = service.parse().unwrap();
        let valid = chrono::Duration::days(30);
        tokens
            .issue(&service, may_declare_public, valid, self.clock.now())
            .unwrap()
    }

    /// Starts a core and registers it, so that people's tokens are known here.
    pub async fn with_core(&self) -> FakeCore {
        let core = FakeCore::start(self.clock.clone()).await;
        let token = self.internal(InternalRole::Core);
        self.call(
            "POST",
            "/v1/services/core/instances",
            &token,
            &core.registration(),
        )
        .await
        .expect(201);
        // The follower connects in its own time; until then the answer is 503.
        let person = core.token(&[Permission::RegistryRead]);
        loop {
            let answer = self
                .call("GET", "/v1/services", &person, &Value::Null)
                .await;
            if answer.status == 200 {
                return core;
            }
            answer.problem(503, "trust_stale");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        call(method, &self.url(path), token, body, &[]).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "", &Value::Null).await
    }

    /// The value of a sample, named with its labels as the exposition writes them.
    pub async fn sample(&self, name: &str) -> Option<f64> {
        let answer = self.get("/metrics").await.expect(200);
        let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.find_map(|rest| rest.strip_prefix(' ')?.parse().ok())
    }

    /// Registers an instance that no check watches.
    pub async fn register(&self, service: &str, id: &str, lease_seconds: u32) -> Answer {
        let body = json!({
            "id": id, "address": "127.0.0.1", "port": 9, "lease_seconds": lease_seconds,
        });
        let path = format!("/v1/services/{service}/instances");
        self.call("POST", &path, &self.operator(), &body).await
    }

    pub async fn heartbeat(&self, service: &str, id: &str) -> Answer {
        let path = format!("/v1/services/{service}/instances/{id}/heartbeat");
        self.call("PUT", &path, &self.operator(), &Value::Null)
            .await
    }

    /// The identifiers of a service's instances, as this replica shows them.
    pub async fn instances(&self, service: &str) -> Vec<String> {
        let path = format!("/v1/services/{service}/instances?limit=200");
        let answer = self
            .call("GET", &path, &self.operator(), &Value::Null)
            .await;
        let items = answer.expect(200).body["items"].clone();
        let ids = items.as_array().unwrap().iter();
        ids.map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }

    pub async fn stream(&self, last_event_id: Option<&str>) -> EventStream {
        EventStream::open(&self.url("/v1/stream"), &self.operator(), last_event_id).await
    }

    pub async fn report(&self, gateway: uuid::Uuid, seen: Option<&str>, in_flight: &Value) {
        let path = format!("/internal/v1/gateways/{gateway}/report");
        let token = self.internal(InternalRole::Gateway);
        let body = json!({"seen": seen, "in_flight": in_flight});
        self.call("POST", &path, &token, &body).await.expect(200);
    }

    /// A gateway tells who asks for how much, and hears its shares.
    pub async fn demand(&self, gateway: uuid::Uuid, demand: &Value) -> Value {
        let path = format!("/internal/v1/gateways/{gateway}/report");
        let token = self.internal(InternalRole::Gateway);
        let body = json!({"seen": null, "demand": demand});
        self.call("POST", &path, &token, &body)
            .await
            .expect(200)
            .body
    }
}

/// A replica on a runtime of its own, which can be killed.
pub struct Apart {
    pub registry: Registry,
    runtime: tokio::runtime::Runtime,
}

impl Apart {
    pub async fn start(home: &Home) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let home = Home::Address(home.url());
        let start = runtime.spawn(async move { Registry::start(&home, Clock::system()).await });
        Self {
            registry: start.await.unwrap(),
            runtime,
        }
    }

    /// Ends it as SIGKILL does: nothing is finished, nothing is given back.
    pub fn kill(self) {
        self.runtime.shutdown_background();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.serving.abort();
    }
}
