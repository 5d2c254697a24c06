//! The production wiring on free ports, with a clock that the test moves.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use saas_config::{Secret, Settings};
use saas_domain::{Clock, Random};
use saas_platform::platform::{Form, Platform};
use saas_registry_client::HttpClient;
use saas_testkit::{TestDatabase, servers};
use serde_json::Value;

/// How long one exchange may take; a test that gets no answer then fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a platform keeps things.
pub enum Home {
    /// SQLite, cache in the process.
    Embedded,
    /// PostgreSQL and Redis.
    Servers(TestDatabase),
}

impl Home {
    pub async fn servers() -> Self {
        let migrate = |url: String| async move { saas_migration::up(&url).await.map(drop) };
        Self::Servers(TestDatabase::create(migrate).await.unwrap())
    }
}

/// Registry, core and gateway in this process, wired as `saas up` wires them.
pub struct TestPlatform {
    pub gateway: String,
    pub core: String,
    pub registry: String,
    pub clock: Clock,
    platform: Platform,
    client: HttpClient,
    directory: PathBuf,
    _home: Home,
}

impl TestPlatform {
    pub async fn start(home: Home) -> Self {
        let directory = std::env::temp_dir().join(format!("saas-platform-{}", fresh_name()));
        std::fs::create_dir(&directory).unwrap();
        let mut settings = Settings::for_tests(&directory).unwrap();
        if let Home::Servers(database) = &home {
            settings.database_url = Secret::new(database.url());
            let redis = tokio::task::spawn_blocking(|| {
                servers::shared().unwrap().fresh_redis_url().unwrap()
            });
            settings.redis_url = Some(Secret::new(redis.await.unwrap()));
        }
        let clock = Clock::manual(chrono::DateTime::UNIX_EPOCH + chrono::Duration::days(20_000));
        let platform = Platform::start(Form::Up, settings, clock.clone(), Random::seeded(1));
        let platform = platform.await.unwrap();
        let run = platform.run().clone();
        Self {
            gateway: run.gateway.unwrap(),
            core: run.core.unwrap(),
            registry: run.registry.unwrap(),
            clock,
            platform,
            client: HttpClient::new(),
            directory,
            _home: home,
        }
    }

    /// Stops as SIGTERM does.
    pub async fn stop(self) {
        self.platform.stop().await;
        let _ = std::fs::remove_dir_all(&self.directory);
    }

    pub async fn get(&self, url: &str, token: &str) -> Answer {
        self.call(Method::GET, url, token, &Value::Null).await
    }

    pub async fn post(&self, url: &str, token: &str, body: &Value) -> Answer {
        self.call(Method::POST, url, token, body).await
    }

    async fn call(&self, method: Method, url: &str, token: &str, body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(url);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            body.to_string().into_bytes()
        };
        let request = request.body(Full::new(Bytes::from(bytes))).unwrap();
        let (parts, body) = self
            .client
            .send(request, PATIENCE)
            .await
            .unwrap()
            .into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    #[track_caller]
    pub fn problem(self, status: u16, code: &str) {
        let answer = self.expect(status);
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(answer.body["code"], code, "{}", answer.body);
    }

    #[track_caller]
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap()
    }
}

fn fresh_name() -> String {
    let name: [u8; 8] = Random::os().bytes();
    format!("{:x}", u64::from_le_bytes(name))
}

/// Each test once per home.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::support::Home::Embedded).await; })+
        }
        mod servers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::support::Home::servers().await).await; })+
        }
    };
}
