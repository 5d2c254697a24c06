//! Core on what was restored, and somebody who signs in there.

use std::{net::Ipv4Addr, time::Duration};

use http::Method;
use saas_cache::Cache;
use saas_config::Settings;
use saas_core::CoreDeps;
use saas_domain::{Clock, EmailAddress, Random, UserId};
use saas_recovery::Scratch;
use saas_registry_client::HttpClient;
use saas_security::{hash_password, one_time_password};
use saas_storage::{
    Database, DatabaseSettings,
    core::users::{self, User, UserStatus},
};
use saas_telemetry::{Metrics, Tracer};
use saas_web::{Served, serve};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{Failure, commands::root_secret};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long core may take to end.
const GRACE: Duration = Duration::from_secs(5);
/// No mail is ever sent there (RFC 2606, section 2).
const DOMAIN: &str = "drill.invalid";

/// Core, running on a database that is thrown away.
pub(super) struct Running {
    url: String,
    /// The signing keys that the backup had.
    pub(super) keys: Vec<String>,
    /// People who were not in the backup: the one who signs in, and the first administrator if it had
    /// none.
    pub(super) added: u64,
    person: Person,
    client: HttpClient,
    database: Database,
    stopping: CancellationToken,
    server: JoinHandle<Served>,
    tasks: JoinSet<()>,
}

/// Who signs in. Made for the drill, in the database that is thrown away, as core makes people:
/// nobody's password is known.
struct Person {
    email: EmailAddress,
    password: String,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

#[derive(Deserialize)]
struct Me {
    user: Named,
}

#[derive(Deserialize)]
struct Named {
    email: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
}

impl Running {
    pub(super) async fn start(
        settings: &Settings,
        scratch: &Scratch,
        clock: &Clock,
        random: &Random,
    ) -> Result<Self, Failure> {
        let pool = DatabaseSettings {
            url: scratch.url(),
            min_connections: 0,
            max_connections: 8,
        };
        let database = Database::open(pool, clock.clone(), random.clone()).await?;
        let begun = Self::on(settings, &database, clock, random).await;
        if begun.is_err() {
            database.close().await;
        }
        begun
    }

    async fn on(
        settings: &Settings,
        database: &Database,
        clock: &Clock,
        random: &Random,
    ) -> Result<Self, Failure> {
        let root = root_secret(settings)?;
        let cannot = |what: &str| Failure::failed(what.to_owned());
        // First: core makes a new one where there is none, and nobody would miss the old ones.
        let keys = saas_core::check_signing_keys(database, &root).await;
        let keys = keys.map_err(|error| {
            cannot("the signing keys in the backup cannot be used").because(error)
        })?;
        let person = add_person(database, clock, random).await?;

        let listener = saas_web::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}");
        let stopping = CancellationToken::new();
        let service = saas_core::start(CoreDeps {
            settings: settings.clone(),
            db: database.clone(),
            // Neither read nor filled: what others keep is of the live database.
            cache: Cache::memory(),
            clock: clock.clone(),
            random: random.clone(),
            root,
            metrics: Metrics::new("core"),
            tracer: Tracer::off(),
            public_url: settings.public_url(Some(address)),
            console_url: settings.console_url(Some(address)),
            docs: None,
            shutdown: stopping.clone(),
        })
        .await
        .map_err(|error| cannot("core does not start on what was restored").because(error))?;
        let server = tokio::spawn(serve(listener, service.router, stopping.clone(), GRACE));
        Ok(Self {
            url,
            keys,
            added: 1 + u64::from(service.first_run.is_some()),
            person,
            client: HttpClient::new(),
            database: database.clone(),
            stopping,
            server,
            tasks: service.tasks,
        })
    }

    /// Signs in over HTTP and asks who that is; returns the access token.
    pub(super) async fn sign_in(&self) -> Result<String, Failure> {
        let Person { email, password } = &self.person;
        let body = json!({ "email": email, "password": password });
        let tokens: Tokens = self
            .ask(Method::POST, "/v1/auth/login", None, Some(&body))
            .await?;
        let token = tokens.access_token;
        let me: Me = self.ask(Method::GET, "/v1/me", Some(&token), None).await?;
        if me.user.email == email.as_str() {
            return Ok(token);
        }
        Err(Failure::failed(
            "core on the restored database took who signed in for somebody else",
        ))
    }

    /// Whether tokens are verified with keys of the backup, and no others.
    pub(super) async fn check_keys(&self) -> Result<(), Failure> {
        let path = "/.well-known/jwks.json";
        let published: Keys = self.ask(Method::GET, path, None, None).await?;
        let is_known = |key: &Key| self.keys.contains(&key.kid);
        if !published.keys.is_empty() && published.keys.iter().all(is_known) {
            return Ok(());
        }
        Err(Failure::failed(
            "core on the restored database signs with other keys than the backup has",
        ))
    }

    /// How many items the list has.
    pub(super) async fn count(&self, token: &str, list: &str) -> Result<u64, Failure> {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let path = format!("/v1/{list}?limit=200{cursor}");
            let page: Page = self.ask(Method::GET, &path, Some(token), None).await?;
            count += page.items.len() as u64;
            match page.next_cursor {
                None => return Ok(count),
                Some(next) => cursor = format!("&cursor={next}"),
            }
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let url = format!("{}{path}", self.url);
        let answer = self.client.json(method, &url, token, body, PATIENCE).await;
        answer.map_err(|error| {
            Failure::failed("core on the restored database did not answer as it should")
                .because(error)
        })
    }

    pub(super) async fn stop(mut self) {
        self.stopping.cancel();
        let _cut_off = tokio::time::timeout(GRACE, self.server).await;
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _late = tokio::time::timeout(GRACE, all).await;
        self.database.close().await;
    }
}

async fn add_person(
    database: &Database,
    clock: &Clock,
    random: &Random,
) -> Result<Person, Failure> {
    let id = UserId::generate(clock, random);
    let email: EmailAddress = format!("{id}@{DOMAIN}")
        .parse()
        .map_err(|error| Failure::failed("nobody can be made to sign in").because(error))?;
    let password = one_time_password(random);
    let hash = hash_password(&password, random)
        .map_err(|error| Failure::failed("nobody can be made to sign in").because(error))?;
    let now = clock.now();
    let user = User {
        id,
        email: email.clone(),
        name: "Drill".to_owned(),
        password_hash: hash,
        status: UserStatus::Active,
        is_operator: true,
        must_change_password: false,
        last_login_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let tx = database.system("drill.add_person").await?;
    users::insert(&tx, &user).await?;
    tx.commit().await?;
    Ok(Person { email, password })
}
