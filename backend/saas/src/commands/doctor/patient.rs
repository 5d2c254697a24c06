//! What is looked at, and how it is asked.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use saas_config::{Role, Secret, Settings};
use saas_domain::Clock;
use saas_registry_client::{ClientError, HttpClient};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{net::lookup_host, sync::OnceCell};

use crate::{
    Failure,
    cli::Doctor,
    commands::operator_token,
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

/// What the registry knows.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    pub(super) services: Vec<Service>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) routes: Vec<Route>,
    members: Vec<Member>,
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
    catalogue: OnceCell<Result<Catalogue, String>>,
}

impl Patient {
    pub(super) fn new(command: &Doctor) -> Result<Self, Failure> {
        let mut settings = settings::load(Role::Tool)?;
        // Without it the registry cannot be asked, and everything else can.
        let secret = settings.read_development_secret();
        let operator = secret
            .map_err(Failure::from)
            .and_then(|()| operator_token(&settings));
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
    pub(super) async fn catalogue(&self) -> &Result<Catalogue, String> {
        self.catalogue.get_or_init(|| self.read_catalogue()).await
    }

    async fn read_catalogue(&self) -> Result<Catalogue, String> {
        let registries = self.registries();
        let mut last = "neither REGISTRY_URL is set nor does a registry run here".to_owned();
        for registry in registries {
            match self.catalogue_of(registry).await {
                Ok(catalogue) => return Ok(catalogue),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn catalogue_of(&self, registry: &str) -> Result<Catalogue, String> {
        let services = self
            .list::<Service>(&format!("{registry}/v1/services"))
            .await?;
        // A registry of the version before does not list gateways.
        let gateways = self
            .list::<Gateway>(&format!("{registry}/v1/gateways"))
            .await;
        let mut gateways = gateways.unwrap_or_default();
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
            let instances = self.list::<Instance>(&url).await.unwrap_or_default();
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

    /// All pages of a list, together within the time for one answer.
    async fn list<T: DeserializeOwned>(&self, url: &str) -> Result<Vec<T>, String> {
        let pages = tokio::time::timeout(self.within, self.pages(url));
        let late = |_| {
            format!(
                "{url} was not read to its end within {} s",
                self.within.as_secs()
            )
        };
        pages.await.map_err(late)?
    }

    async fn pages<T: DeserializeOwned>(&self, url: &str) -> Result<Vec<T>, String> {
        let token = self.operator.as_deref().map_err(Clone::clone)?;
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = match &cursor {
                None => format!("{url}?limit=200"),
                Some(cursor) => format!("{url}?limit=200&cursor={cursor}"),
            };
            let answer = self.get(&page, Some(token)).await?;
            let status = answer.status;
            let Some(page) = answer
                .json::<Page<T>>()
                .filter(|_| status == StatusCode::OK)
            else {
                return Err(match status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
                        "{url} answered {status}; SECRET_KEY has to be the same here as there"
                    ),
                    _ => format!("{url} answered {status}"),
                });
            };
            items.extend(page.items);
            match page.next_cursor {
                None => return Ok(items),
                Some(next) if items.len() >= MOST_ITEMS || cursor.as_ref() == Some(&next) => {
                    return Err(format!("{url} has no end; look into the registry's log"));
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
        Self(at.to_string())
    }
}
