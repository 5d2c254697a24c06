//! One JSON object a line, with the field names of the Elastic Common Schema.
//!
//! A name with a dot is the schema's, or one of ours beside it, and is written as it is. A name without
//! one is a word for this event only and goes below `labels`, where the schema wants such words: a field
//! `service`, say, would be a text where every other line has an object with `service.name`, and a
//! store of logs refuses the line. What a library says goes there as well, whatever it calls it.
//! `tests/operations/log-line.schema.json` lists what there is.

use std::{error::Error, fmt, ops::Range};

use chrono::SecondsFormat;
use saas_domain::Clock;
use serde::Serialize;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::{LookupSpan, Scope},
};

use super::sink::Sink;

/// How long a value may be, in characters; the rest is cut off.
const LONGEST_VALUE: usize = 8 * 1024;

/// A value under such a name is not written, whatever it is.
const SECRET_NAMES: [&str; 6] = [
    "password",
    "secret",
    "token",
    "authorization",
    "cookie",
    "api_key",
];

/// The schema's names for words that events use.
fn schema_name(name: &'static str) -> &'static str {
    match name {
        "error" | "cause" => "error.message",
        "code" => "error.code",
        "route" => "http.route",
        other => other,
    }
}

/// Whether a field is a word of one event, and belongs below `labels`.
fn is_label(name: &str, is_foreign: bool) -> bool {
    let is_schemas = name.contains('.') && (!is_foreign || name.starts_with("error."));
    !is_schemas && !matches!(name, "@timestamp" | "message" | "request_id")
}

/// Whether an event or a span is a library's, which knows nothing of the names used here.
fn is_foreign(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    !target.starts_with("saas") && target != "access"
}

/// The layer. Each line has the fields of the event and of the spans around it; the inner ones win.
pub(super) struct JsonLines {
    service: String,
    clock: Clock,
    sink: Sink,
}

impl JsonLines {
    pub(super) fn new(service: String, clock: Clock, sink: Sink) -> Self {
        Self {
            service,
            clock,
            sink,
        }
    }
}

/// Fields of an event or a span, each value as JSON already. A map would cost an allocation for each
/// name and each value, and a gateway writes a line for each request.
#[derive(Default)]
struct Fields {
    names: Vec<Named>,
    json: Vec<u8>,
    /// Whether what is recorded now is a library's.
    is_foreign: bool,
}

/// A field's name.
#[derive(Clone)]
struct Named {
    name: &'static str,
    is_foreign: bool,
    /// Where in `json` its value begins and ends.
    place: Range<usize>,
}

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields {
                is_foreign: is_foreign(attributes.metadata()),
                ..Fields::default()
            };
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields {
            names: Vec::with_capacity(32),
            json: Vec::with_capacity(1024),
            is_foreign: false,
        };
        let now = self
            .clock
            .now()
            .to_rfc3339_opts(SecondsFormat::Micros, true);
        fields.put("@timestamp", &now);
        fields.put("log.level", level_name(*event.metadata().level()));
        fields.put("message", "");
        fields.put("ecs.version", "8.11.0");
        fields.put("service.name", &self.service);
        fields.put("log.logger", event.metadata().target());
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span);
            }
        }
        fields.is_foreign = is_foreign(event.metadata());
        event.record(&mut fields);
        self.sink.line(fields.to_line());
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

impl Fields {
    fn put<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        let start = self.json.len();
        // Text and numbers can always be written, and memory takes them.
        if serde_json::to_writer(&mut self.json, value).is_ok() {
            self.names.push(Named {
                name,
                is_foreign: self.is_foreign,
                place: start..self.json.len(),
            });
        } else {
            self.json.truncate(start);
        }
    }

    fn extend(&mut self, others: &Self) {
        for named in &others.names {
            let start = self.json.len();
            let value = others.json.get(named.place.clone()).unwrap_or_default();
            self.json.extend_from_slice(value);
            self.names.push(Named {
                place: start..self.json.len(),
                ..named.clone()
            });
        }
    }

    /// One object, of which each name is in once, with its last value.
    fn to_line(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.json.len() + 32 * self.names.len());
        for (index, named) in self.names.iter().enumerate() {
            let later = self.names.get(index + 1..).unwrap_or_default();
            if later.iter().any(|other| other.name == named.name) {
                continue;
            }
            line.extend_from_slice(if line.is_empty() { b"{\"" } else { b",\"" });
            // Field names are identifiers with dots: nothing in them needs an escape.
            if is_label(named.name, named.is_foreign) {
                line.extend_from_slice(b"labels.");
                // Labels have no objects below them. Only a library's name has a dot here.
                let bytes = named.name.bytes();
                line.extend(bytes.map(|byte| if byte == b'.' { b'_' } else { byte }));
            } else {
                line.extend_from_slice(named.name.as_bytes());
            }
            line.extend_from_slice(b"\":");
            line.extend_from_slice(self.json.get(named.place.clone()).unwrap_or_default());
        }
        line.extend_from_slice(b"}\n");
        line
    }

    fn record_text(&mut self, field: &Field, text: &str) {
        let name = schema_name(field.name());
        if SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
            self.put(name, "[secret]");
            return;
        }
        // Bytes first: they are counted already, and are never fewer than characters.
        let end = (text.len() > LONGEST_VALUE)
            .then(|| text.char_indices().nth(LONGEST_VALUE))
            .flatten();
        match end {
            Some((end, _)) => self.put(name, &format!("{}…", &text[..end])),
            None => self.put(name, text),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(schema_name(field.name()), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(schema_name(field.name()), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(schema_name(field.name()), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(schema_name(field.name()), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.record_text(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_text(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use chrono::DateTime;
    use serde_json::Value;
    use tracing_subscriber::{Registry, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let output = Output::default();
        let sink = Sink::new(output.clone());
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let layer = JsonLines::new("core".to_owned(), clock, sink.clone());
        tracing::subscriber::with_default(Registry::default().with(layer), log);
        sink.flush();
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_has_the_schemas_names_and_the_fields_of_its_spans() {
        let lines = lines(|| {
            let request = tracing::info_span!(
                "request",
                trace.id = "4bf9",
                request_id = "r-1",
                user = tracing::field::Empty
            );
            let _entered = request.enter();
            request.record("user", 7);
            tracing::warn!(http.response.status_code = 503, "the database\nis away");
        });
        let [line] = lines.as_slice() else {
            panic!("one event, one line: {lines:?}");
        };
        assert_eq!(line["@timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(line["log.level"], "warn");
        assert_eq!(line["message"], "the database\nis away");
        assert_eq!(line["service.name"], "core");
        assert_eq!(line["trace.id"], "4bf9");
        assert_eq!(line["request_id"], "r-1");
        assert_eq!(line["labels.user"], 7);
        assert_eq!(line["http.response.status_code"], 503);
    }

    #[test]
    fn secrets_and_floods_are_not_written() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        let lines =
            lines(|| tracing::info!(refresh_token = "rt_1", body = long.as_str(), "signed in"));
        assert_eq!(lines[0]["labels.refresh_token"], "[secret]");
        assert_eq!(
            lines[0]["labels.body"].as_str().unwrap().chars().count(),
            LONGEST_VALUE + 1
        );
        assert!(lines[0]["labels.body"].as_str().unwrap().ends_with('…'));
    }

    #[test]
    fn a_word_of_the_event_does_not_meet_the_schemas_objects() {
        let error = io::Error::other("away");
        let lines = lines(|| {
            tracing::warn!(service = "orders", %error, code = "no_instance", event = "gone", "failed");
        });
        let names: Vec<_> = lines[0].as_object().unwrap().keys().collect();
        for name in &names {
            let object = format!("{name}.");
            assert!(
                !names.iter().any(|other| other.starts_with(&object)),
                "{name} is a value and an object: {names:?}"
            );
        }
        assert_eq!(lines[0]["service.name"], "core");
        assert_eq!(lines[0]["labels.service"], "orders");
        assert_eq!(lines[0]["labels.event"], "gone");
        assert_eq!(lines[0]["error.message"], "away");
        assert_eq!(lines[0]["error.code"], "no_instance");
    }

    #[test]
    fn what_a_library_says_stays_below_labels() {
        let lines = lines(|| {
            let span = tracing::info_span!(target: "sqlx::query", "query", db.statement = "SELECT");
            let _entered = span.enter();
            tracing::info!(target: "sqlx::query", { http.route = 7, error = "locked" }, "slow");
        });
        assert_eq!(lines[0]["labels.db_statement"], "SELECT");
        assert_eq!(lines[0]["labels.http_route"], 7);
        assert_eq!(lines[0]["error.message"], "locked");
        assert_eq!(lines[0]["message"], "slow");
    }

    #[test]
    fn an_error_is_written_with_its_causes() {
        let error = io::Error::other(fmt::Error);
        let lines = lines(|| tracing::error!(error.message = &error as &dyn Error, "failed"));
        assert!(
            lines[0]["error.message"]
                .as_str()
                .unwrap()
                .contains("formatting")
        );
    }
}
