//! From the choice of an instance to the head of its answer.

use std::{rc::Rc, sync::Arc, time::Instant};

use http::{Method, Response, StatusCode, header};
use hyper::body::Incoming;
use saas_telemetry::Kind;

use super::{
    answer::{Answer, Upstream},
    connect::{ConnectError, connect},
    faults::{broken, two_lengths, unexpected_upgrade, upload_refusal},
    incoming::{self, clean, confirm_upgrade},
    outgoing::Outgoing,
    pool::Sender,
    search::Search,
    spans::Attempt,
    upgrade,
    upload::{Upload, UploadLimits, UploadState},
    watch::{Ended, Guard},
    worker::Worker,
};
use crate::{
    phases::Refusal,
    table::{InFlight, Instance},
};

/// How often a request is sent again after it may have reached an instance.
const MOST_RESENDS: u32 = 2;

/// A request on its way, and what was learnt while sending it.
pub struct Forwarding<'a> {
    /// The thread.
    pub worker: &'a Rc<Worker>,
    /// How the request looks to an instance.
    pub outgoing: Outgoing<'a>,
    /// The client's half of an upgraded connection, if it asks for one.
    pub upgrade: Option<upgrade::Client>,
}

/// What came back, and from whom.
pub struct Forwarded {
    /// The answer.
    pub response: Response<Answer>,
    /// Who gave it.
    pub instance: Arc<Instance>,
}

/// An instance and a connection to it.
struct Reached {
    instance: Arc<Instance>,
    in_flight: InFlight,
    sender: Sender,
    is_reused: bool,
    span: Option<Box<Attempt>>,
}

/// One attempt's way of failing.
enum Failure {
    /// Nothing was sent: the body is whole, and any other instance will do.
    NotSent(Upload),
    /// It may have been sent, and no byte of an answer came.
    NoAnswer(hyper::Error),
    /// The limit of time or trust was reached.
    Ended(Ended),
}

impl Forwarding<'_> {
    /// Sends the request and returns when the answer's head is there.
    pub async fn run(mut self, body: Incoming) -> Result<Forwarded, Refusal> {
        let times = &self.worker.shared.times;
        let principal = self.outgoing.record.trail.principal.clone();
        let guard = Rc::new(
            self.worker
                .watch
                .begin(times.answer_head, principal.clone()),
        );
        let limits = UploadLimits {
            largest: self.worker.shared.policy.load().largest_upload,
            idle_seconds: times.idle_body,
            answer_seconds: times.answer_head,
        };
        let upload_guard = || self.worker.watch.begin(times.idle_body, principal);
        let (mut upload, state) = Upload::new(body, &limits, upload_guard, &guard);
        let is_bodiless = upload.is_empty();
        let is_repeatable = is_bodiless && is_idempotent(&self.outgoing.parts.method);
        let mut resends = 0;
        let mut search = Search::default();
        self.worker.note_request();
        loop {
            let reached = self.reach(&mut search, is_repeatable).await?;
            let Reached {
                instance,
                in_flight,
                sender,
                is_reused,
                span,
            } = reached;
            let attempt = self
                .attempt(&instance, sender, upload, &guard, span.as_deref())
                .await;
            tell(span, &attempt);
            let failure = match attempt {
                Ok((response, sender)) => {
                    let response =
                        self.answer(response, &instance, sender, in_flight, guard, state)?;
                    return Ok(Forwarded { response, instance });
                }
                Err(failure) => failure,
            };
            // One connection of the instance ended; the others in the pool most likely did, too.
            self.worker.pool.discard(instance.state.key);
            match failure {
                Failure::NotSent(whole) => {
                    upload = whole;
                    if !is_reused {
                        search.pass_over(instance.state.key);
                    }
                }
                Failure::NoAnswer(error) => {
                    if let Some(fault) = state.fault() {
                        return Err(upload_refusal(fault));
                    }
                    self.count("reset");
                    let may_resend =
                        is_repeatable && resends < MOST_RESENDS && self.worker.take_retry();
                    if !may_resend {
                        return Err(broken(&error, self.outgoing.service));
                    }
                    resends += 1;
                    upload = Upload::Empty;
                    search.prefer_others(instance.state.key);
                }
                Failure::Ended(ended) => {
                    if let Some(fault) = state.fault() {
                        return Err(upload_refusal(fault));
                    }
                    return Err(self.ended(ended));
                }
            }
            self.worker.shared.metrics.gateway().retries.inc();
        }
    }

    /// An instance and a connection to it.
    async fn reach(&self, search: &mut Search, is_repeatable: bool) -> Result<Reached, Refusal> {
        loop {
            let instance = search.next(self.worker, self.outgoing.service).await?;
            // From here on a drain waits for this request.
            let in_flight = instance.state.enter();
            let key = instance.state.key;
            let span = self
                .outgoing
                .record
                .attempt(self.outgoing.service, &instance);
            if let Some(sender) = self.worker.pool.take(key, is_repeatable, Instant::now()) {
                return Ok(Reached {
                    instance,
                    in_flight,
                    sender,
                    is_reused: true,
                    span,
                });
            }
            // Boxed, because it is rare and every request's future would carry its room.
            match Box::pin(connect(self.worker, &instance)).await {
                Ok(sender) => {
                    instance.state.note_connected();
                    return Ok(Reached {
                        instance,
                        in_flight,
                        sender,
                        is_reused: false,
                        span,
                    });
                }
                Err(error) => {
                    let now = self.worker.shared.life_ms();
                    instance.state.note_connect_failure(now);
                    let kind = match error {
                        ConnectError::TimedOut(_) => "timeout",
                        ConnectError::Refused(_) | ConnectError::Handshake(_) => "connect",
                    };
                    self.count(kind);
                    if let Some(span) = span {
                        span.failed(kind);
                    }
                    let cause: &dyn std::error::Error = &error;
                    tracing::debug!(
                        service = %self.outgoing.service.name,
                        instance = %instance.id,
                        cause,
                        "an instance cannot be reached"
                    );
                    search.pass_over(key);
                }
            }
        }
    }

    async fn attempt(
        &self,
        instance: &Instance,
        mut sender: Sender,
        upload: Upload,
        guard: &Guard,
        span: Option<&Attempt>,
    ) -> Result<(Response<Incoming>, Sender), Failure> {
        // A connection from the pool may still be finishing its last exchange. One that closed in
        // the meantime fails here, before anything was sent.
        match guard.bound(sender.ready()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Failure::NotSent(upload)),
            Err(ended) => return Err(Failure::Ended(ended)),
        }
        let traceparent = span.map(|span| &span.traceparent);
        let request = self.outgoing.request(instance, upload, traceparent);
        match guard.bound(sender.send(request)).await {
            Ok(Ok(response)) => Ok((response, sender)),
            Ok(Err(mut error)) => Err(match error.take_message() {
                Some(request) => Failure::NotSent(request.into_body()),
                None => Failure::NoAnswer(error.into_error()),
            }),
            Err(ended) => Err(Failure::Ended(ended)),
        }
    }

    fn answer(
        &mut self,
        mut response: Response<Incoming>,
        instance: &Arc<Instance>,
        sender: Sender,
        in_flight: InFlight,
        guard: Rc<Guard>,
        upload: Rc<UploadState>,
    ) -> Result<Response<Answer>, Refusal> {
        let times = &self.worker.shared.times;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(client) = self.upgrade.take() else {
                return Err(unexpected_upgrade());
            };
            client.join(self.worker, &mut response, guard, in_flight);
            clean(response.headers_mut(), self.outgoing.service.kind);
            confirm_upgrade(response.headers_mut(), self.outgoing.parts);
            return Ok(response.map(|_| Answer::whole(bytes::Bytes::new())));
        }
        if incoming::has_two_lengths(response.headers()) {
            self.count("invalid");
            return Err(two_lengths(self.outgoing.service));
        }
        clean(response.headers_mut(), self.outgoing.service.kind);
        let is_stream = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let idle_seconds = (!is_stream).then_some(times.idle_body);
        match idle_seconds {
            Some(seconds) => guard.extend(seconds),
            None => guard.make_endless(),
        }
        Ok(response.map(|body| {
            Answer::upstream(Upstream {
                body,
                guard,
                upload,
                worker: Rc::clone(self.worker),
                instance: instance.state.key,
                sender: Some(sender),
                _in_flight: in_flight,
                idle_seconds,
                is_finished: false,
            })
        }))
    }

    fn ended(&self, ended: Ended) -> Refusal {
        match ended {
            Ended::Revoked => Refusal::invalid_token(
                "session_ended",
                "this session was ended while the request was under way; sign in again",
            ),
            Ended::TimedOut | Ended::Stopping => {
                self.count("timeout");
                Refusal::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "upstream_timeout",
                    format!(
                        "the service `{}` did not begin to answer in time; its logs may say why",
                        self.outgoing.service.name
                    ),
                )
            }
        }
    }

    fn count(&self, kind: &'static str) {
        let errors = &self.worker.shared.metrics.gateway().upstream_errors;
        errors.get_or_create_owned(&Kind { kind }).inc();
    }
}

/// Tells the collector how an attempt ended.
fn tell<T>(span: Option<Box<Attempt>>, attempt: &Result<(Response<Incoming>, T), Failure>) {
    let Some(span) = span else {
        return;
    };
    match attempt {
        Ok((response, _)) => span.answered(response.status().as_u16()),
        Err(Failure::NotSent(_)) => span.failed("closed"),
        Err(Failure::NoAnswer(_)) => span.failed("reset"),
        Err(Failure::Ended(Ended::Revoked)) => span.failed("session_ended"),
        Err(Failure::Ended(Ended::TimedOut | Ended::Stopping)) => span.failed("timeout"),
    }
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}
