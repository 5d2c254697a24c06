//! What is looked at, and how it is asked.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use saas_config::{Origin, Role, Secret, Settings};
use saas_domain::Clock;
use saas_registry_client::{ClientError, HttpClient};
use saas_security::RootSecret;
use saas_tls::Peer;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{net::lookup_host, sync::OnceCell};

use crate::{
    Failure,
    cli::Doctor,
    commands::{operator_token, root_secret},
    platform::run_file::{self, RunFile},
    settings,
};

/// Answers are small; metrics of many routes are the largest.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Items of a list that are read; what goes on after them is no registry of this platform.
const MOST_ITEMS: usize = 100_000;

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A service, as the registry shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) is_active: bool,
    pub(super) instances: Counts,
}

/// Its instances.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Counts {
    pub(super) up: u32,
    pub(super) down: u32,
    pub(super) draining: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct Instance {
    address: String,
    port: u16,
}

/// A gateway, as the registry shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Gateway {
    pub(super) id: String,
    pub(super) address: Option<String>,
    pub(super) is_live: bool,
}

/// A route that people defined.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Route {
    pub(super) path: String,
    pub(super) service: String,
    pub(super) is_enabled: bool,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// One of the platform's own processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// `registry`, `core` or `gateway`.
    pub(super) service: &'static str,
    /// Its base URL.
    pub(super) url: String,
}

impl Member {
    /// What to call it.
    pub(super) fn subject(&self) -> String {
        let Self { service, url } = self;
        format!("{service} {}", url.trim_start_matches("http://"))
    }
}

/// Why a list could not be read.
#[derive(Clone, Debug)]
pub(super) struct Unlisted {
    /// One sentence.
    pub(super) why: String,
    /// What was answered, if anything was.
    status: Option<StatusCode>,
    /// Whether somebody was there who took too long.
    is_late: bool,
}

impl Unlisted {
    fn unasked(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            status: None,
            is_late: false,
        }
    }

    /// What to do.
    pub(super) fn advice(&self) -> &'static str {
        if self.is_late || self.status.is_some_and(|status| status.is_server_error()) {
            "it cannot list what it knows: see what it says of itself among the services, above all of its database, and look into its log"
        } else {
            "without the registry core and gateways are not found: check REGISTRY_URL and that it runs, and that SECRET_KEY is the platform's"
        }
    }
}

/// What the registry knows.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    pub(super) services: Vec<Service>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) routes: Vec<Route>,
    members: Vec<Member>,
    /// The platform's services whose processes it could not list, and why.
    unlisted: Vec<(&'static str, String)>,
}

impl Catalogue {
    /// Why the registry could not list the processes of one of the platform's services.
    pub(super) fn why_unlisted(&self, service: &str) -> Option<&str> {
        let found = self.unlisted.iter().find(|(named, _)| *named == service);
        found.map(|(_, why)| why.as_str())
    }
}

/// The platform to look at.
pub(super) struct Patient {
    pub(super) settings: Settings,
    /// What runs on this data directory, if anything does.
    pub(super) run: RunFile,
    pub(super) within: Duration,
    pub(super) clock: Clock,
    client: HttpClient,
    operator: Result<String, String>,
    catalogue: OnceCell<Result<Catalogue, Unlisted>>,
}

impl Patient {
    pub(super) fn new(command: &Doctor) -> Result<Self, Failure> {
        let mut settings = settings::load(Role::Tool)?;
        // Without it the registry cannot be asked, and everything else can.
        let secret = settings.read_development_secret();
        let operator = secret
            .map_err(Failure::from)
            .and_then(|()| operator_token(&settings));
        settings.registry_urls = registry_urls(&settings);
        let authorities = saas_tls::client_config(settings.tls.ca_file.as_deref())?;
        Ok(Self {
            run: run_file::read(&settings.data_dir).unwrap_or_default(),
            within: Duration::from_secs(u64::from(command.timeout)),
            clock: Clock::system(),
            client: HttpClient::secure(&authorities),
            operator: operator.map_err(|failure| failure.to_string()),
            catalogue: OnceCell::new(),
            settings,
        })
    }

    /// Where the registry is asked: the one that runs here, or those that are set.
    pub(super) fn registries(&self) -> Vec<&str> {
        match &self.run.registry {
            Some(here) => vec![here],
            None => self
                .settings
                .registry_urls
                .iter()
                .map(String::as_str)
                .collect(),
        }
    }

    /// The root secret, if it is known here.
    pub(super) fn root(&self) -> Option<RootSecret> {
        root_secret(&self.settings).ok()
    }

    pub(super) fn metrics_token(&self) -> Option<&str> {
        self.settings.metrics_token.as_ref().map(Secret::expose)
    }

    /// Every process of the platform that is known: by the registry, and what it does not know of
    /// (yet) by this data directory and the settings.
    pub(super) async fn members(&self) -> Vec<Member> {
        let known = self.catalogue().await.as_ref();
        let mut members = known.map_or_else(|_| Vec::new(), |known| known.members.clone());
        let registries = self.registries();
        let here = [
            ("registry", registries),
            ("core", self.run.core.iter().map(String::as_str).collect()),
            (
                "gateway",
                self.run.gateway.iter().map(String::as_str).collect(),
            ),
        ];
        for (service, urls) in here {
            if !members.iter().any(|member| member.service == service) {
                members.extend(urls.into_iter().map(|url| Member {
                    service,
                    url: url.to_owned(),
                }));
            }
        }
        members
    }

    /// What the registry knows; asked once.
    pub(super) async fn catalogue(&self) -> &Result<Catalogue, Unlisted> {
        self.catalogue.get_or_init(|| self.read_catalogue()).await
    }

    async fn read_catalogue(&self) -> Result<Catalogue, Unlisted> {
        let registries = self.registries();
        let mut last =
            Unlisted::unasked("neither REGISTRY_URL is set nor does a registry run here");
        for registry in registries {
            match self.catalogue_of(registry).await {
                Ok(catalogue) => return Ok(catalogue),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn catalogue_of(&self, registry: &str) -> Result<Catalogue, Unlisted> {
        let services = self
            .list::<Service>(&format!("{registry}/v1/services"))
            .await?;
        let mut unlisted = Vec::new();
        // A registry of the version before does not list gateways.
        let gateways = self
            .list_if_there::<Gateway>(&format!("{registry}/v1/gateways"))
            .await;
        let mut gateways = gateways.unwrap_or_else(|why| {
            unlisted.push(("gateway", why));
            Vec::new()
        });
        for gateway in &mut gateways {
            if let Some(address) = &gateway.address
                && !self.is_near(address).await
            {
                gateway.address = None;
            }
        }
        let routes = self.list::<Route>(&format!("{registry}/v1/routes")).await?;
        let mut members = Vec::new();
        for service in ["registry", "core"] {
            let url = format!("{registry}/v1/services/{service}/instances");
            // None registered is what another check tells.
            let instances = self.list_if_there::<Instance>(&url).await;
            let instances = instances.unwrap_or_else(|why| {
                unlisted.push((service, why));
                Vec::new()
            });
            members.extend(
                instances
                    .into_iter()
                    .map(|Instance { address, port }| Member {
                        service,
                        url: match address.parse() {
                            Ok(ip) => format!("http://{}", std::net::SocketAddr::new(ip, port)),
                            Err(_) => format!("http://{address}:{port}"),
                        },
                    }),
            );
        }
        let live = gateways.iter().filter(|gateway| gateway.is_live);
        members.extend(live.filter_map(|gateway| {
            Some(Member {
                service: "gateway",
                url: gateway.address.clone()?,
            })
        }));
        Ok(Catalogue {
            services,
            gateways,
            routes,
            members,
            unlisted,
        })
    }

    /// Whether what a gateway tells as its address is one that instances may have, whatever its name
    /// stands for: what is asked there carries the token of metrics. A name that is not known here
    /// leads nowhere.
    async fn is_near(&self, address: &str) -> bool {
        let uri: Option<Uri> = address.parse().ok();
        let Some(authority) = uri.as_ref().and_then(Uri::authority) else {
            return false;
        };
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(80);
        let looked_up = tokio::time::timeout(self.within, lookup_host((host, port))).await;
        let networks = &self.settings.upstream_networks;
        match looked_up {
            Ok(Ok(mut found)) => found.all(|found| networks.permit_upstream(found.ip())),
            Ok(Err(_)) | Err(_) => true,
        }
    }

    /// A list that there need not be; why it could not be read if there is one.
    async fn list_if_there<T: DeserializeOwned>(&self, url: &str) -> Result<Vec<T>, String> {
        match self.list(url).await {
            Err(unlisted) if unlisted.status != Some(StatusCode::NOT_FOUND) => Err(unlisted.why),
            found => Ok(found.unwrap_or_default()),
        }
    }

    /// All pages of a list, together within the time for one answer.
    async fn list<T: DeserializeOwned>(&self, url: &str) -> Result<Vec<T>, Unlisted> {
        let pages = tokio::time::timeout(self.within, self.pages(url));
        let late = |_| {
            let within = self.within.as_secs();
            Unlisted {
                is_late: true,
                ..Unlisted::unasked(format!("{url} was not read to its end within {within} s"))
            }
        };
        pages.await.map_err(late)?
    }

    async fn pages<T: DeserializeOwned>(&self, url: &str) -> Result<Vec<T>, Unlisted> {
        let token = self.operator.as_deref().map_err(Unlisted::unasked)?;
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = match &cursor {
                None => format!("{url}?limit=200"),
                Some(cursor) => format!("{url}?limit=200&cursor={cursor}"),
            };
            let answer = self.get(&page, Some(token)).await;
            let answer = answer.map_err(Unlisted::unasked)?;
            let status = answer.status;
            let Some(page) = answer
                .json::<Page<T>>()
                .filter(|_| status == StatusCode::OK)
            else {
                let why = match status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
                        "{url} answered {status}; SECRET_KEY has to be the same here as there"
                    ),
                    _ => format!("{url} answered {status}"),
                };
                return Err(Unlisted {
                    status: Some(status),
                    ..Unlisted::unasked(why)
                });
            };
            items.extend(page.items);
            match page.next_cursor {
                None => return Ok(items),
                Some(next) if items.len() >= MOST_ITEMS || cursor.as_ref() == Some(&next) => {
                    let why = format!("{url} has no end; look into the registry's log");
                    return Err(Unlisted::unasked(why));
                }
                next => cursor = next,
            }
        }
    }

    /// Asks, and reads the answer to its end.
    ///
    /// # Errors
    /// One sentence for why there is no answer.
    pub(super) async fn get(&self, url: &str, token: Option<&str>) -> Result<Answer, String> {
        let mut request = Request::get(url);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send(request).await
    }

    /// Like [`get`](Self::get), for a request with headers of its own.
    pub(super) async fn send(&self, request: http::request::Builder) -> Result<Answer, String> {
        let agent = concat!("saas-doctor/", env!("CARGO_PKG_VERSION"));
        let request = request.header(header::USER_AGENT, agent);
        let request = request.body(Full::new(Bytes::new()));
        let request = request.map_err(|error| error.to_string())?;
        let exchange = async {
            let response = self.client.send(request, self.within).await;
            let (head, body) = response.map_err(|error| told(&error))?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| format!("the answer broke off: {error}"))?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        let late = || format!("no answer within {} s", self.within.as_secs());
        let answer = tokio::time::timeout(self.within, exchange).await;
        answer.unwrap_or_else(|_| Err(late()))
    }
}

/// `REGISTRY_URL`; where it is not set, a registry of these settings would be on this machine.
fn registry_urls(settings: &Settings) -> Vec<String> {
    let shown = settings.show();
    let is_default = shown
        .iter()
        .any(|one| one.setting.name == "REGISTRY_URL" && one.origin == Origin::Default);
    match settings.registry_port {
        port if is_default && port != 0 => vec![format!("http://127.0.0.1:{port}")],
        _ => settings.registry_urls.clone(),
    }
}

/// A client's failure without the address, which the line names already.
fn told(error: &ClientError) -> String {
    match error {
        ClientError::Connect { source, .. } => Failure::failed("no connection")
            .because(Innermost::of(source))
            .to_string(),
        ClientError::TimedOut { after, .. } => format!("no answer within {} s", after.as_secs()),
        other => other.to_string(),
    }
}

/// The last cause, which is what the system or TLS said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Innermost(String);

impl Innermost {
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut at = error;
        while let Some(source) = at.source() {
            at = source;
        }
        // The library tells when it looked, in seconds.
        let expired = at.downcast_ref().and_then(Peer::expired);
        Self(expired.map_or_else(
            || at.to_string(),
            |end| format!("the certificate expired on {}", end.format("%Y-%m-%d")),
        ))
    }
}
