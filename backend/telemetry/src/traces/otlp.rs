//! Spans as OTLP has them: the protocol buffers of `opentelemetry/proto/collector/trace/v1`, written by
//! hand, because six messages are less than a library for all of them. The numbers below are those of
//! the fields.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Span, Value,
    queue::{Ended, Source},
};

const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bits of a span's flags beside those of `traceparent`: it is known whether the parent is remote, and
/// it is.
const IS_REMOTE_KNOWN: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const SAMPLED: u32 = 1;

/// Whose spans they are, in the words of the semantic conventions.
#[derive(Clone, Debug)]
pub struct Resource {
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`.
    pub instance: String,
    /// `deployment.environment.name`.
    pub environment: &'static str,
}

impl Resource {
    pub(super) fn encode(&self) -> Bytes {
        let mut message = Message::default();
        for (name, value) in [
            ("service.name", self.service.as_str()),
            ("service.version", VERSION),
            ("service.instance.id", &self.instance),
            ("deployment.environment.name", self.environment),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.name", "saas"),
            ("telemetry.sdk.version", VERSION),
        ] {
            message.message(1, &pair(name, &Value::from(value.to_owned())));
        }
        message.0.into()
    }
}

/// An `ExportTraceServiceRequest`: spans of one source stand together.
pub(super) fn request(spans: &[Ended]) -> Bytes {
    let mut sources: Vec<(&Arc<Source>, Message)> = Vec::new();
    for ended in spans {
        let known = sources
            .iter_mut()
            .find(|(source, _)| Arc::ptr_eq(source, &ended.source));
        let encoded = span(&ended.span);
        if let Some((_, scope)) = known {
            scope.message(2, &encoded);
        } else {
            let mut scope = scope();
            scope.message(2, &encoded);
            sources.push((&ended.source, scope));
        }
    }
    let mut request = Message::default();
    for (source, scope) in sources {
        let mut of_resource = Message::default();
        of_resource.bytes(1, &source.resource);
        of_resource.message(2, &scope);
        of_resource.bytes(3, SCHEMA.as_bytes());
        request.message(1, &of_resource);
    }
    request.0.into()
}

fn scope() -> Message {
    let mut scope = Message::default();
    scope.bytes(1, b"saas");
    scope.bytes(2, VERSION.as_bytes());
    let mut spans = Message::default();
    spans.message(1, &scope);
    spans
}

fn span(span: &Span) -> Message {
    let mut message = Message::default();
    message.bytes(1, &span.trace);
    message.bytes(2, &span.id);
    let mut flags = SAMPLED | IS_REMOTE_KNOWN;
    if let Some(parent) = span.parent {
        message.bytes(4, &parent.id);
        flags |= if parent.is_remote { IS_REMOTE } else { 0 };
    }
    message.bytes(5, span.name.as_bytes());
    message.number(6, span.kind as u64);
    message.fixed64(7, span.began);
    message.fixed64(8, span.ended);
    for (name, value) in &span.attributes {
        message.message(9, &pair(name, value));
    }
    if span.is_error {
        let mut status = Message::default();
        status.number(3, 2);
        message.message(15, &status);
    }
    message.fixed32(16, flags);
    message
}

/// A `KeyValue`.
fn pair(name: &str, value: &Value) -> Message {
    let mut any = Message::default();
    match value {
        Value::Text(text) => any.bytes(1, text.as_bytes()),
        Value::Number(number) => any.number(3, number.cast_unsigned()),
    }
    let mut pair = Message::default();
    pair.bytes(1, name.as_bytes());
    pair.message(2, &any);
    pair
}

/// Fields of a message, one after the other.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn fixed64(&mut self, field: u64, number: u64) {
        self.varint(field << 3 | 1);
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn fixed32(&mut self, field: u64, number: u32) {
        self.varint(field << 3 | 5);
        self.0.extend(number.to_le_bytes());
    }

    /// Seven bits a byte, the lowest first; all bytes but the last have the eighth set.
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }
}
