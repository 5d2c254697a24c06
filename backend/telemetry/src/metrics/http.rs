//! `http_requests_total` and `http_request_duration_seconds`.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter},
};

use super::{Latency, names::Described};

const REQUESTS: (&str, &str) = (
    "http_requests",
    "Requests answered, by method, route template and status.",
);
const DURATIONS: (&str, &str) = (
    "http_request_duration_seconds",
    "How long requests took, from their head to the head of the answer.",
);

pub(super) fn described() -> [Described; 2] {
    [
        Described::new(REQUESTS.0, MetricType::Counter, REQUESTS.1),
        Described::new(DURATIONS.0, MetricType::Histogram, DURATIONS.1),
    ]
}

/// The statuses that get an atomic of their own; any other is counted under a lock.
const COMMON: [u16; 32] = [
    101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409,
    410, 412, 413, 415, 422, 428, 429, 431, 500, 501, 502, 503, 504,
];

/// At most this many (method, endpoint) pairs are kept apart; later ones are counted as `other`.
/// Templates bound the number already. This is the second line, should a template ever carry data.
const MOST_ENDPOINTS: usize = 5_000;

/// The requests a service has answered. Cloning shares the counts.
#[derive(Clone, Default)]
pub struct HttpMetrics(Arc<RwLock<HashMap<Endpoint, Arc<EndpointMetrics>>>>);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Endpoint {
    template: Box<str>,
    method: &'static str,
}

/// The counts of one method on one endpoint. Worth keeping: recording through it takes no lock.
pub struct EndpointMetrics {
    common: [AtomicU64; COMMON.len()],
    rare: Mutex<BTreeMap<u16, u64>>,
    latency: Latency,
}

impl EndpointMetrics {
    fn new() -> Self {
        Self {
            common: [const { AtomicU64::new(0) }; COMMON.len()],
            rare: Mutex::default(),
            latency: Latency::default(),
        }
    }

    /// Counts one answered request.
    pub fn record(&self, status: u16, took: Duration) {
        let common = COMMON.binary_search(&status).ok();
        if let Some(count) = common.and_then(|index| self.common.get(index)) {
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            let mut rare = self.rare.lock().unwrap_or_else(PoisonError::into_inner);
            *rare.entry(status).or_default() += 1;
        }
        self.latency.observe(took);
    }

    /// The statuses seen so far, with how often.
    pub fn statuses(&self) -> Vec<(u16, u64)> {
        let mut counts: Vec<(u16, u64)> = COMMON
            .into_iter()
            .zip(&self.common)
            .map(|(status, count)| (status, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let rare = self.rare.lock().unwrap_or_else(PoisonError::into_inner);
        counts.extend(rare.iter().map(|(status, count)| (*status, *count)));
        counts
    }
}

impl HttpMetrics {
    /// The counts of `method` on `template`: the route's template, never the raw path, so that the
    /// number of time series stays bounded. An unknown method is counted as `OTHER`.
    pub fn endpoint(&self, method: &str, template: &str) -> Arc<EndpointMetrics> {
        let method = known_method(method);
        let key = Endpoint {
            template: template.into(),
            method,
        };
        if let Some(found) = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Arc::clone(found);
        }
        let mut endpoints = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let key = if endpoints.len() < MOST_ENDPOINTS {
            key
        } else {
            Endpoint {
                template: "other".into(),
                method,
            }
        };
        let fresh = || Arc::new(EndpointMetrics::new());
        Arc::clone(endpoints.entry(key).or_insert_with(fresh))
    }

    /// Counts one answered request; a shorthand for callers that are not in a hurry.
    pub fn record(&self, method: &str, template: &str, status: u16, took: Duration) {
        self.endpoint(method, template).record(status, took);
    }
}

fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("OTHER")
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpMetrics")
    }
}

impl Collector for HttpMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut endpoints: Vec<(Endpoint, Arc<EndpointMetrics>)> = {
            let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let pairs = map.iter();
            pairs
                .map(|(key, counts)| (key.clone(), Arc::clone(counts)))
                .collect()
        };
        endpoints.sort_by(|left, right| left.0.cmp(&right.0));

        let mut requests =
            encoder.encode_descriptor(REQUESTS.0, REQUESTS.1, None, MetricType::Counter)?;
        for (endpoint, counts) in &endpoints {
            for (status, count) in counts.statuses() {
                let status = status.to_string();
                let labels = [
                    ("method", endpoint.method),
                    ("endpoint", &*endpoint.template),
                    ("status", status.as_str()),
                ];
                ConstCounter::new(count).encode(requests.encode_family(&labels)?)?;
            }
        }

        let mut durations =
            encoder.encode_descriptor(DURATIONS.0, DURATIONS.1, None, MetricType::Histogram)?;
        for (endpoint, counts) in &endpoints {
            let labels = [
                ("method", endpoint.method),
                ("endpoint", &*endpoint.template),
            ];
            counts.latency.encode(durations.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
