//! The metrics of the export of traces.

use prometheus_client::metrics::{counter::Counter, family::Family};

use super::{Kind, names::Names};

/// What becomes of a service's spans.
#[derive(Clone, Debug)]
pub struct TraceMetrics {
    /// Spans that the collector took.
    pub exported: Counter,
    /// Spans that were given up, by reason: `full`, the collector does not keep up; `unsent`, it was
    /// away for too long; `refused`, it said no.
    pub dropped: Family<Kind, Counter>,
    /// Exports that failed, repeated ones included.
    pub failures: Counter,
}

impl TraceMetrics {
    pub(super) fn register(names: &mut Names) -> Self {
        Self {
            exported: names.counter("trace_spans_exported", "Spans that the collector took"),
            dropped: names.kinds(
                "trace_spans_dropped",
                "Spans given up by reason: full, unsent, refused",
            ),
            failures: names.counter(
                "trace_export_failures",
                "Exports of spans that failed, repeated ones included",
            ),
        }
    }
}
