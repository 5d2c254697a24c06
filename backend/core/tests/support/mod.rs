//! Core as it runs in production, on a real listener, over either database.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

pub mod api;

use std::{path::PathBuf, time::Duration};

use saas_cache::Cache;
use saas_config::{Environment, Settings, Signup};
use saas_core::{CoreDeps, FirstRun};
use saas_domain::{Clock, Random};
use saas_security::{InternalRole, InternalSigner, RootSecret};
use saas_storage::{Database, DatabaseSettings};
use saas_telemetry::{Metrics, Tracer};
use saas_testkit::{TestDatabase, servers};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use api::{Answer, Api};

pub const ADMIN: &str = "admin@localhost";
pub const CONSOLE: &str = "http://127.0.0.1:8000";
pub const PASSWORD: &str = "correct horse battery";

/// Where a platform's database and cache are.
pub enum Home {
    /// SQLite in a directory, cache in the process.
    Embedded(Directory),
    /// PostgreSQL and Redis.
    Servers {
        database: TestDatabase,
        redis_url: String,
    },
    /// A database that the test looks after itself, cache in the process.
    Address(String),
}

/// Removed with everything in it.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        let name: [u8; 8] = Random::os().bytes();
        let path = std::env::temp_dir().join(format!("saas-core-{:x}", u64::from_le_bytes(name)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Home {
    pub async fn embedded() -> Self {
        let home = Self::Embedded(Directory::new());
        saas_migration::up(&home.url()).await.unwrap();
        home
    }

    pub async fn servers() -> Self {
        let migrate = |url: String| async move { saas_migration::up(&url).await.map(drop) };
        let database = TestDatabase::create(migrate).await.unwrap();
        let redis_url =
            tokio::task::spawn_blocking(|| servers::shared().unwrap().fresh_redis_url().unwrap());
        Self::Servers {
            database,
            redis_url: redis_url.await.unwrap(),
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Embedded(directory) => format!("sqlite://{}/saas.db", directory.0.display()),
            Self::Servers { database, .. } => database.url().to_owned(),
            Self::Address(url) => url.clone(),
        }
    }

    fn cache(&self) -> Cache {
        match self {
            Self::Embedded(_) | Self::Address(_) => Cache::memory(),
            Self::Servers { redis_url, .. } => Cache::redis(redis_url, None).unwrap(),
        }
    }
}

/// What a test wants otherwise than usual.
#[derive(Clone, Copy, Default)]
pub struct Wishes {
    pub production: bool,
    pub signup_closed: bool,
}

/// One running core.
pub struct Core {
    pub api: Api,
    pub db: Database,
    pub first_run: Option<FirstRun>,
    shutdown: CancellationToken,
}

impl Drop for Core {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A core, and the means to start more of them over the same database.
pub struct Platform {
    pub core: Core,
    pub home: Home,
    pub clock: Clock,
    pub root: RootSecret,
    wishes: Wishes,
}

impl std::ops::Deref for Platform {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.core.api
    }
}

impl Platform {
    pub async fn start(home: Home) -> Self {
        Self::start_as(home, Wishes::default()).await
    }

    pub async fn start_as(home: Home, wishes: Wishes) -> Self {
        let (clock, root) = (noon(), root());
        let core = run(&home, &clock, &root, wishes).await;
        Self {
            core,
            home,
            clock,
            root,
            wishes,
        }
    }

    /// Another core over the same database.
    pub async fn another(&self) -> Core {
        run(&self.home, &self.clock, &self.root, self.wishes).await
    }

    /// A token of one of our own processes.
    pub fn internal(&self, role: InternalRole) -> String {
        InternalSigner::new(&self.root, role)
            .token(self.clock.now())
            .unwrap()
    }

    /// The administrator with a password of their own: an access token.
    pub async fn operator(&self) -> String {
        let once = self.core.first_run.as_ref().unwrap();
        let once = once.one_time_password.clone().unwrap();
        let login = self.login(ADMIN, &once).await.expect(200);
        let body = json!({"current_password": once, "new_password": PASSWORD});
        let changed = self
            .post("/v1/me/password", login.text("access_token"), body)
            .await;
        changed.expect(200).text("access_token").to_owned()
    }

    /// A person who signed up: the answer to their sign-in.
    pub async fn owner(&self, name: &str) -> Answer {
        let email = format!("{name}@example.com");
        let body = json!({
            "email": email, "password": PASSWORD, "name": name, "tenant_name": format!("{name} Ltd"),
        });
        self.post("/v1/auth/signup", "", body).await.expect(201);
        self.login(&email, PASSWORD).await.expect(200)
    }

    /// Somebody added to the tenant of `by` with the role: their membership and their sign-in, the
    /// password changed already.
    pub async fn member(&self, by: &Answer, name: &str, role: &str) -> (Value, Answer) {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "role": role});
        let added = self
            .post("/v1/members", by.text("access_token"), body)
            .await;
        let added = added.expect(201);
        let once = added.text("one_time_password").to_owned();
        let login = self.login(&email, &once).await.expect(200);
        let body = json!({"current_password": once, "new_password": PASSWORD});
        let changed = self
            .post("/v1/me/password", login.text("access_token"), body)
            .await;
        (added.body["member"].clone(), changed.expect(200))
    }

    /// Invites somebody with an account into the tenant of `by`: the answer with the code.
    pub async fn invite(&self, by: &Answer, email: &str, role: &str) -> Answer {
        let body = json!({"email": email, "role": role});
        let invited = self.post("/v1/members", by.token(), body).await.expect(201);
        assert!(invited.body["member"].is_null(), "{}", invited.body);
        invited
    }

    /// What comes of trying an invitation's code.
    pub async fn accept(&self, person: &Answer, code: &str) -> Answer {
        let path = "/v1/me/invitations/accept";
        self.post(path, person.token(), json!({"code": code})).await
    }
}

/// A clock that stands still at a time of its own.
pub fn noon() -> Clock {
    Clock::manual(chrono::DateTime::UNIX_EPOCH + chrono::Duration::days(20_000))
}

pub fn root() -> RootSecret {
    RootSecret::new(&[7; 32], None)
}

/// Starts a core.
pub async fn run(home: &Home, clock: &Clock, root: &RootSecret, wishes: Wishes) -> Core {
    run_with(home, clock, root, wishes, CONSOLE).await
}

/// Starts a core over the same database that believes to be reached elsewhere.
pub async fn run_as(public_url: &str, platform: &Platform) -> Core {
    let Platform {
        home,
        clock,
        root,
        wishes,
        ..
    } = platform;
    run_with(home, clock, root, *wishes, public_url).await
}

async fn run_with(
    home: &Home,
    clock: &Clock,
    root: &RootSecret,
    wishes: Wishes,
    public_url: &str,
) -> Core {
    let random = Random::os();
    let db = DatabaseSettings {
        url: home.url(),
        min_connections: 0,
        max_connections: 10,
    };
    let db = Database::open(db, clock.clone(), random.clone())
        .await
        .unwrap();
    let mut settings = Settings::for_tests(&std::env::temp_dir()).unwrap();
    if wishes.production {
        settings.environment = Environment::Production;
    }
    if wishes.signup_closed {
        settings.signup = Signup::Closed;
    }
    let shutdown = CancellationToken::new();
    let service = saas_core::start(CoreDeps {
        settings,
        db: db.clone(),
        cache: home.cache(),
        clock: clock.clone(),
        random,
        root: root.clone(),
        metrics: Metrics::new("core"),
        tracer: Tracer::off(),
        public_url: public_url.to_owned(),
        console_url: CONSOLE.to_owned(),
        docs: None,
        shutdown: shutdown.clone(),
    });
    let service = service.await.unwrap();
    let listener = saas_web::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let api = Api::new(listener.local_addr().unwrap());
    let (router, mut tasks) = (service.router, service.tasks);
    let stop = shutdown.clone();
    tokio::spawn(async move {
        saas_web::serve(listener, router, stop, Duration::from_secs(1)).await;
        tasks.shutdown().await;
    });
    Core {
        api,
        db,
        first_run: service.first_run,
        shutdown,
    }
}

/// Makes a test of each kind of database from one function over a [`Home`].
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::support::Home::embedded().await).await; })+
        }
        mod servers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::support::Home::servers().await).await; })+
        }
    };
}
