//! The spans of a request that is recorded: the gateway's own, and one for each attempt to have it
//! answered. A request that is not recorded costs one look at an empty pointer.

use std::{cell::Cell, time::Instant};

use http::{HeaderMap, HeaderValue, Method};
use saas_telemetry::{Parent, Span, SpanKind, Tracer};
use saas_web::{TRACEPARENT, TraceContext, known_method};

use super::worker::Worker;
use crate::table::{Instance, ServiceEntry};

/// A request's place in its trace.
pub struct Place {
    /// The gateway's span.
    pub own: TraceContext,
    /// Whether the trace came with the request; `tracestate` belongs to such a one alone.
    pub is_continued: bool,
    /// What is needed to record it, if that is wanted.
    pub recording: Option<Box<Recording>>,
}

/// A request that is recorded.
pub struct Recording {
    tracer: Tracer,
    parent: Option<Parent>,
    attempts: Cell<u32>,
}

impl Place {
    /// Below the span that came with the request, or the first of a new trace. Without a collector,
    /// what the sender decided is passed on, and a new trace is said to be recorded, for those behind
    /// who record it by means of their own.
    pub fn of(worker: &Worker, headers: &HeaderMap) -> Self {
        let parent = headers
            .get(&TRACEPARENT)
            .and_then(|value| TraceContext::parse(value.as_bytes()));
        let own = match parent {
            Some(parent) => parent.child(&worker.random),
            None => TraceContext::generate(&worker.random),
        };
        let mut place = Self {
            own,
            is_continued: parent.is_some(),
            recording: None,
        };
        let tracer = &worker.shared.tracer;
        if tracer.is_on() {
            let sampler = &worker.shared.sampler;
            let is_sampled = parent.map(|parent| parent.is_sampled());
            let is_taken = sampler.takes(own.ids().0, is_sampled, &worker.random);
            place.own = own.sampled(is_taken);
            place.recording = is_taken.then(|| {
                Box::new(Recording {
                    tracer: tracer.clone(),
                    parent: parent.map(|parent| Parent {
                        id: parent.ids().1,
                        is_remote: true,
                    }),
                    attempts: Cell::new(0),
                })
            });
        }
        place
    }
}

/// What is told of an answered request.
pub struct Told<'a> {
    /// When its head was read.
    pub started: Instant,
    /// Its method.
    pub method: &'a Method,
    /// Its route's template, if it found one.
    pub route: Option<&'a str>,
    /// Whether it came by https.
    pub is_secure: bool,
    /// The status; `None`: the client was gone.
    pub status: Option<u16>,
    /// The code of a refusal or failure of the gateway's own.
    pub code: Option<&'static str>,
    /// Whether the answer broke off.
    pub is_broken: bool,
    /// The service it was for.
    pub service: Option<&'a str>,
}

impl Recording {
    /// The gateway's span ends.
    pub fn end(&self, own: TraceContext, told: &Told<'_>) {
        let method = known_method(told.method);
        let name = match told.route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        };
        let mut span = Span::new(own.ids(), self.parent, SpanKind::Server, name, told.started)
            .with("http.request.method", method)
            .with("url.scheme", if told.is_secure { "https" } else { "http" });
        if let Some(route) = told.route {
            span.set("http.route", route.to_owned());
        }
        if let Some(service) = told.service {
            span.set("upstream.service", service.to_owned());
        }
        match (told.status, told.code) {
            (None, _) => span.set("error.type", "client_gone"),
            (Some(status), Some(code)) => {
                span.set("http.response.status_code", status);
                if status >= 500 {
                    span.failed(code);
                } else {
                    span.set("error.type", code);
                }
            }
            (Some(status), None) if told.is_broken => {
                span.set("http.response.status_code", status);
                span.failed("broken_off");
            }
            (Some(status), None) => span.answered(status),
        }
        self.tracer.end(span);
    }

    /// An attempt to have the request answered begins.
    pub fn attempt(
        &self,
        worker: &Worker,
        own: TraceContext,
        method: &Method,
        service: &ServiceEntry,
        instance: &Instance,
    ) -> Box<Attempt> {
        let place = own.child(&worker.random);
        let number = self.attempts.replace(self.attempts.get() + 1);
        let parent = Parent {
            id: own.ids().1,
            is_remote: false,
        };
        let (host, port) = split(&instance.authority);
        let method = known_method(method);
        let mut span = Span::new(
            place.ids(),
            Some(parent),
            SpanKind::Client,
            method,
            Instant::now(),
        )
        .with("http.request.method", method)
        .with("url.scheme", "http")
        .with("server.address", host)
        .with("peer.service", service.name.as_str().to_owned())
        .with("upstream.instance", instance.id.as_str().to_owned());
        if let Some(port) = port {
            span.set("server.port", port);
        }
        if number > 0 {
            span.set("http.request.resend_count", number);
        }
        Box::new(Attempt {
            tracer: self.tracer.clone(),
            traceparent: place.to_header(),
            span: Some(span),
        })
    }
}

/// Host and port of an instance.
fn split(authority: &HeaderValue) -> (String, Option<u16>) {
    let text = authority.to_str().unwrap_or_default();
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host.to_owned(), port.parse().ok()),
        _ => (text.to_owned(), None),
    }
}

/// One attempt. Dropped without an outcome, it was given up, since the client was gone.
pub struct Attempt {
    tracer: Tracer,
    span: Option<Span>,
    /// What the instance is told: its own spans belong below this attempt.
    pub traceparent: HeaderValue,
}

impl Attempt {
    /// The answer's head is there.
    pub fn answered(mut self, status: u16) {
        if let Some(mut span) = self.span.take() {
            span.answered(status);
            self.tracer.end(span);
        }
    }

    /// There is none.
    pub fn failed(mut self, error: &'static str) {
        if let Some(mut span) = self.span.take() {
            span.failed(error);
            self.tracer.end(span);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.set("error.type", "client_gone");
            self.tracer.end(span);
        }
    }
}
