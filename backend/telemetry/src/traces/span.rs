//! One span.

use std::{borrow::Cow, time::Instant};

use chrono::{DateTime, Utc};

/// Identifies a trace.
pub type TraceId = [u8; 16];
/// Identifies a span within its trace.
pub type SpanId = [u8; 8];

/// What a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Something of our own.
    Internal = 1,
    /// A request that is answered.
    Server = 2,
    /// A request that is made, to another service or to the database.
    Client = 3,
}

/// The span above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its identifier.
    pub id: SpanId,
    /// Whether it is another process's.
    pub is_remote: bool,
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

/// A span under way; [`super::Tracer::end`] ends it. What is put into it leaves the machine: names and
/// attributes are our own words, templates and numbers, never what a client wrote.
#[derive(Clone, Debug)]
pub struct Span {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<Parent>,
    pub(super) name: Cow<'static, str>,
    pub(super) kind: SpanKind,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) is_error: bool,
    /// Nanoseconds since 1970, once it has ended.
    pub(super) began: u64,
    pub(super) ended: u64,
    started: Instant,
}

impl Span {
    /// A span that began at `started`.
    pub fn new(
        (trace, id): (TraceId, SpanId),
        parent: Option<Parent>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        started: Instant,
    ) -> Self {
        Self {
            trace,
            id,
            parent,
            name: name.into(),
            kind,
            attributes: Vec::with_capacity(8),
            is_error: false,
            began: 0,
            ended: 0,
            started,
        }
    }

    /// With one attribute more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds an attribute. Names come from OpenTelemetry's semantic conventions where those have one.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, value.into()));
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        self.name = name.into();
    }

    /// What it stands for went wrong.
    pub fn failed(&mut self, error: impl Into<Value>) {
        self.is_error = true;
        self.set("error.type", error);
    }

    /// A request that was answered with this status. What the client did wrong is no error of who
    /// served it, but it is one of who asked.
    pub fn answered(&mut self, status: u16) {
        self.set("http.response.status_code", status);
        let least = if self.kind == SpanKind::Client {
            400
        } else {
            500
        };
        if status >= least {
            self.failed(status.to_string());
        }
    }

    /// Its length is measured by a clock that nobody moves; only its end is told by the other one.
    pub(super) fn ends_at(&mut self, now: DateTime<Utc>) {
        let now = now.timestamp_nanos_opt().unwrap_or(0);
        self.ended = u64::try_from(now).unwrap_or(0);
        let took = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.began = self.ended.saturating_sub(took);
    }
}
