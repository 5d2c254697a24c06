//! What is written down of a request, whatever became of it.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderValue, Method, Uri};
use saas_telemetry::Service;
use tracing::field::display;

use super::{
    answer::AnswerFault,
    client_io::ConnectionState,
    spans::{Attempt, Place, Told},
    worker::Worker,
};
use crate::{
    phases::Trail,
    table::{Instance, Rule, ServiceEntry},
};

/// The status noted when the client was gone before there was an answer: nobody sees it but the
/// operator.
const CLIENT_GONE: u16 = 499;

/// One request. It is counted when its answer's head is there, and logged when it is dropped: after
/// the last byte of the answer, or whenever it was given up.
pub struct Record {
    /// The thread it belongs to.
    pub worker: Rc<Worker>,
    /// What the phases learnt.
    pub trail: Trail,
    /// Which instance answered.
    pub instance: Option<Arc<Instance>>,
    /// Its identifier.
    pub request_id: HeaderValue,
    /// Its place in its trace.
    pub place: Place,
    /// The same, as a header's value.
    pub traceparent: HeaderValue,
    connection: ConnectionState,
    started: Instant,
    method: Method,
    uri: Uri,
    /// Known once the answer's head is there.
    status: Option<u16>,
    /// Whether it asks the gateway about itself: that is no traffic, and told at `debug` only.
    is_own: bool,
    code: Option<&'static str>,
    sent: u64,
    fault: Option<String>,
}

/// What a record begins with.
pub struct Beginning<'a> {
    /// The thread.
    pub worker: &'a Rc<Worker>,
    /// When the head was read.
    pub started: Instant,
    /// The request's connection.
    pub connection: &'a ConnectionState,
    /// Its method.
    pub method: &'a Method,
    /// Its target.
    pub uri: &'a Uri,
    /// Its identifier.
    pub request_id: HeaderValue,
    /// Its place in its trace.
    pub place: Place,
}

impl Record {
    /// Begins the record of a request.
    pub fn begin(from: Beginning<'_>) -> Box<Self> {
        from.worker.note_begun();
        Box::new(Self {
            worker: Rc::clone(from.worker),
            trail: Trail::default(),
            instance: None,
            request_id: from.request_id,
            traceparent: from.place.own.to_header(),
            place: from.place,
            connection: from.connection.clone(),
            started: from.started,
            method: from.method.clone(),
            uri: from.uri.clone(),
            status: None,
            is_own: false,
            code: None,
            sent: 0,
            fault: None,
        })
    }

    /// The code of a refusal or failure of the gateway's own.
    pub fn refused(&mut self, code: &'static str) {
        self.code = Some(code);
    }

    /// It is one of the gateway's own end points that is asked for.
    pub fn own(&mut self) {
        self.is_own = true;
    }

    /// The answer's head is there.
    pub fn answered(&mut self, status: u16) {
        self.status = Some(status);
        let took = self.started.elapsed();
        let shared = &self.worker.shared;
        let rule: &Rule = self
            .trail
            .rule
            .as_deref()
            .unwrap_or(&shared.fixed.unmatched);
        rule.counts(&self.method, shared.metrics.http())
            .record(status, took);
        let Some(service) = &self.trail.service else {
            if !self.is_own {
                shared.no_service.record(status, took);
            }
            return;
        };
        service.record.traffic.record(status, took);
        if status >= 500 {
            let service = service.name.as_str().to_owned();
            let errors = &shared.metrics.gateway().service_errors;
            errors.get_or_create_owned(&Service { service }).inc();
        }
    }

    /// A piece of the body goes out.
    pub fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// The body broke off.
    pub fn broken_off(&mut self, fault: &AnswerFault) {
        let mut text = fault.to_string();
        let mut cause = std::error::Error::source(fault);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.fault = Some(text);
    }

    /// An attempt to have it answered begins, which is told to the collector if the request is
    /// recorded.
    pub fn attempt(&self, service: &ServiceEntry, instance: &Instance) -> Option<Box<Attempt>> {
        let recording = self.place.recording.as_ref()?;
        let place = self.place.own;
        Some(recording.attempt(&self.worker, place, &self.method, service, instance))
    }

    /// Its span ends, if it is recorded. What asks the gateway about itself is no story.
    fn end_span(&self) {
        let Some(recording) = self.place.recording.as_ref().filter(|_| !self.is_own) else {
            return;
        };
        let trail = &self.trail;
        recording.end(
            self.place.own,
            &Told {
                started: self.started,
                method: &self.method,
                route: trail.rule.as_deref().map(|rule| &*rule.endpoint),
                is_secure: trail.client.is_some_and(|client| client.is_secure),
                status: self.status.filter(|status| *status != CLIENT_GONE),
                code: self.code,
                is_broken: self.fault.is_some(),
                service: trail
                    .service
                    .as_deref()
                    .map(|service| service.name.as_str()),
            },
        );
    }

    /// One line for the request. The query is left out: people put tokens into it.
    fn log(&self, status: u16) {
        let trail = &self.trail;
        let claims = trail
            .principal
            .as_deref()
            .map(|principal| &principal.claims);
        let client = trail.client.map(|client| display(client.address));
        let service = trail
            .service
            .as_deref()
            .map(|service| service.name.as_str());
        let instance = self.instance.as_deref();
        let tenant = claims.and_then(|claims| claims.tid).map(display);
        // `00-<trace>-<span>-<flags>`: written once already.
        let place = self.traceparent.to_str().unwrap_or_default();
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    target: "saas_gateway::access",
                    $level,
                    http.request.method = self.method.as_str(),
                    url.path = self.uri.path(),
                    http.response.status_code = status,
                    http.response.body.bytes = self.sent,
                    event.duration = nanoseconds(self.started.elapsed()),
                    client.ip = client,
                    request_id = self.request_id.to_str().unwrap_or_default(),
                    trace.id = place.get(3..35),
                    span.id = place.get(36..52),
                    route = trail.rule.as_deref().map(|rule| &*rule.endpoint),
                    upstream.service = service,
                    upstream.instance = instance.map(|instance| instance.id.as_str()),
                    tenant.id = tenant,
                    user.id = claims.map(|claims| display(claims.sub)),
                    code = self.code,
                    error.message = self.fault.as_deref(),
                    "request"
                )
            };
        }
        if self.is_own {
            line!(tracing::Level::DEBUG);
        } else if status >= 500 || self.fault.is_some() {
            line!(tracing::Level::WARN);
        } else {
            line!(tracing::Level::INFO);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.answered(CLIENT_GONE);
        }
        let status = self.status.unwrap_or(CLIENT_GONE);
        if tracing::enabled!(target: "saas_gateway::access", tracing::Level::WARN) {
            self.log(status);
        }
        self.end_span();
        self.connection.end_request();
        self.worker.note_ended();
    }
}
