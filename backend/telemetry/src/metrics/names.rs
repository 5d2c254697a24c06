//! The registry of names: what was registered can be told, whether it has samples yet or not.

use prometheus_client::{
    metrics::{MetricType, counter::Counter, family::Family, gauge::Gauge},
    registry::{Metric, Registry},
};

use super::{Kind, Latency};

/// One family, as the documents describe it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Described {
    /// The name of its samples; a counter's ends in `_total`, a histogram's has its suffixes left
    /// out.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// What it says.
    pub help: String,
}

impl Described {
    pub(super) fn new(name: &str, kind: MetricType, help: &str) -> Self {
        let (suffix, kind) = match kind {
            MetricType::Counter => ("_total", "counter"),
            MetricType::Gauge => ("", "gauge"),
            MetricType::Histogram => ("", "histogram"),
            MetricType::Info => ("_info", "info"),
            MetricType::Unknown => ("", "unknown"),
        };
        Self {
            name: format!("{name}{suffix}"),
            kind,
            help: help.trim_end_matches('.').to_owned(),
        }
    }
}

/// A registry that remembers what was registered.
#[derive(Default)]
pub(super) struct Names {
    pub(super) registry: Registry,
    pub(super) described: Vec<Described>,
}

impl Names {
    pub(super) fn register(&mut self, name: &str, help: &str, metric: impl Metric) {
        let described = Described::new(name, metric.metric_type(), help);
        self.described.push(described);
        self.registry.register(name, help, metric);
    }

    pub(super) fn counter(&mut self, name: &str, help: &str) -> Counter {
        let metric = Counter::default();
        self.register(name, help, metric.clone());
        metric
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        let metric = Gauge::default();
        self.register(name, help, metric.clone());
        metric
    }

    pub(super) fn kinds(&mut self, name: &str, help: &str) -> Family<Kind, Counter> {
        let metric = Family::default();
        self.register(name, help, metric.clone());
        metric
    }

    pub(super) fn latency(&mut self, name: &str, help: &str) -> Latency {
        let metric = Latency::default();
        self.register(name, help, metric.clone());
        metric
    }
}
