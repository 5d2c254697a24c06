//! Where spans go: to the collector that the settings name, by the platform's own HTTP client.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use saas_config::Settings;
use saas_domain::{Clock, Random};
use saas_registry_client::HttpClient;
use saas_telemetry::{Answer, Limits, Metrics, Resource, Tracer, Traces, Transport};

use crate::Failure;

/// The export, if there is a collector, and what tells this process from others.
#[derive(Debug)]
pub(crate) struct Tracing {
    traces: Option<Traces>,
    instance: String,
}

impl Tracing {
    /// Begins to export where the settings ask for it.
    pub(crate) fn start(
        settings: &Settings,
        clock: &Clock,
        random: &Random,
    ) -> Result<Self, Failure> {
        let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
        let instance = uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes());
        let traces = match &settings.traces.endpoint {
            None => None,
            Some(endpoint) => {
                let collector = Collector::new(endpoint, settings)?;
                tracing::info!(endpoint, "traces are sent to a collector");
                let (clock, random) = (clock.clone(), random.clone());
                Some(Traces::start(collector, Limits::default(), clock, random))
            }
        };
        Ok(Self {
            traces,
            instance: instance.into_uuid().to_string(),
        })
    }

    /// For the spans of one service.
    pub(crate) fn tracer(&self, settings: &Settings, metrics: &Metrics) -> Tracer {
        let Some(traces) = &self.traces else {
            return Tracer::off();
        };
        let named = settings.traces.service_name.clone();
        let resource = Resource {
            service: named.unwrap_or_else(|| metrics.service().to_owned()),
            instance: self.instance.clone(),
            environment: if settings.environment.is_production() {
                "production"
            } else {
                "development"
            },
        };
        traces.tracer(&resource, metrics)
    }

    /// Sends what is left.
    pub(crate) async fn stop(self, within: Duration) {
        if let Some(traces) = self.traces {
            traces.stop(within).await;
        }
    }
}

struct Collector {
    client: HttpClient,
    url: Uri,
    headers: HeaderMap,
    within: Duration,
}

impl Collector {
    fn new(endpoint: &str, settings: &Settings) -> Result<Self, Failure> {
        let unusable =
            || Failure::correctable("OTEL_EXPORTER_OTLP_ENDPOINT or its headers cannot be used");
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.traces.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(value.expose());
            let name = name.map_err(|error| unusable().because(error))?;
            let mut value = value.map_err(|error| unusable().because(error))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        let url = format!("{endpoint}/v1/traces");
        let url: Uri = url.parse().map_err(|error| unusable().because(error))?;
        let client = if url.scheme_str() == Some("https") {
            let authorities = settings.tls.ca_file.as_deref();
            HttpClient::secure(&saas_tls::client_config(authorities)?)
        } else {
            HttpClient::new()
        };
        Ok(Self {
            client,
            url,
            headers,
            within: Limits::default().answer,
        })
    }
}

impl Transport for Collector {
    async fn post(&self, body: Bytes) -> Result<Answer, String> {
        let mut request = Request::new(body.into());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let sent = self.client.send(request, self.within).await;
        let answer = sent.map_err(|error| {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text.push_str(": ");
                text.push_str(&error.to_string());
                cause = error.source();
            }
            text
        })?;
        Ok(Answer {
            status: answer.status().as_u16(),
            retry_after: retry_after(answer.headers()),
        })
    }
}

/// In seconds; the form with a date is not worth a parser.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// How long the export may take at the end, when the grace time has so much left. A second is always
/// given, since nothing else is then under way.
pub(crate) fn time_to_flush(grace: Duration, spent: Duration) -> Duration {
    grace
        .saturating_sub(spent)
        .clamp(Duration::from_secs(1), Duration::from_secs(5))
}
