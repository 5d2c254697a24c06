//! One request, from its head to its answer.

use std::{convert::Infallible, net::IpAddr, rc::Rc, time::Instant};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
    request::Parts,
};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use saas_domain::{Clock, Random};
use saas_telemetry::Kind;
use saas_web::{
    REQUEST_ID, RequestId, TRACEPARENT,
    axum::{self, body::Body},
};
use tower::ServiceExt as _;

use super::{
    admission,
    answer::Answer,
    client_io::ConnectionState,
    faults::too_large,
    forward::Forwarding,
    incoming::isolate,
    outgoing::Outgoing,
    record::{Beginning, Record},
    spans::Place,
    upgrade,
    view::View,
    worker::Worker,
};
use crate::phases::{Admission, Refusal};

const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// A client's connection, as its requests see it.
pub struct Connection {
    /// The thread.
    pub worker: Rc<Worker>,
    /// The other end.
    pub peer: IpAddr,
    /// The same, as a header's value.
    pub peer_value: HeaderValue,
    /// Whether it is by TLS.
    pub is_secure: bool,
    /// What its socket and its requests share.
    pub state: ConnectionState,
}

/// Answers a request. It never fails: whatever goes wrong is an answer.
pub async fn answer(
    connection: Rc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let started = Instant::now();
    let framing_fault = connection.state.begin_request();
    let upgrade = upgrade::Client::of(&mut request, &connection.state);
    let (parts, body) = request.into_parts();
    let worker = &connection.worker;
    let mut record = Record::begin(Beginning {
        worker,
        started,
        connection: &connection.state,
        method: &parts.method,
        uri: &parts.uri,
        request_id: request_id(worker, &parts.headers),
        place: Place::of(worker, &parts.headers),
    });
    let view = View {
        parts: &parts,
        peer: connection.peer,
        is_secure: connection.is_secure,
        framing_fault,
    };
    let mut admission = admission::pass(worker, &view, &mut record, started);
    if admission::has_to_wait(&admission) {
        // Boxed, because it is rare and every request's future would carry its room.
        admission = Box::pin(admission::wait(worker, &view, &mut record, admission)).await;
    }
    let outcome = match admission {
        Err(refusal) => Err(refusal),
        // Boxed, because every request's future has room for the largest branch.
        Ok(Admission::Own) => {
            record.own();
            Ok(Box::pin(own(worker, &parts)).await)
        }
        Ok(Admission::Console) => console(worker, &parts),
        Ok(Admission::Preflight) => Ok(preflight()),
        // It waited, and no question was left.
        Ok(Admission::Ask(_)) => Err(Refusal::not_found("no route leads there")),
        Ok(Admission::Forward { path_start }) => {
            forward(&connection, &parts, body, path_start, upgrade, &mut record).await
        }
    };
    let mut response = outcome.unwrap_or_else(|refusal| refuse(&refusal, &parts, &mut record));
    finish(&mut response, &connection, &record);
    record.answered(response.status().as_u16());
    Ok(response.map(|answer| answer.recorded_by(record)))
}

/// The identifier that came with the request, if it is a sound one, or a new one.
fn request_id(worker: &Worker, headers: &HeaderMap) -> HeaderValue {
    match headers.get(&REQUEST_ID) {
        Some(value) if RequestId::is_sound(value.as_bytes()) => value.clone(),
        _ => new_request_id(&worker.shared.clock, &worker.random),
    }
}

/// A UUIDv7, written where it is needed.
pub fn new_request_id(clock: &Clock, random: &Random) -> HeaderValue {
    let millis = clock.now().timestamp_millis();
    let millis = u64::try_from(millis).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes());
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = uuid.into_uuid().hyphenated().encode_lower(&mut text);
    // Digits and hyphens are always a sound value.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
}

async fn own(worker: &Worker, parts: &Parts) -> Response<Answer> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    for name in [header::ACCEPT, header::AUTHORIZATION] {
        if let Some(value) = parts.headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    let router: axum::Router = worker.shared.own.clone();
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await;
    let bytes = whole.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let set = |headers: &mut HeaderMap, name: HeaderName, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(&mut parts.headers, header::CACHE_CONTROL, "no-store");
    set(
        &mut parts.headers,
        header::X_CONTENT_TYPE_OPTIONS,
        "nosniff",
    );
    Response::from_parts(parts, Answer::whole(bytes))
}

fn console(worker: &Worker, parts: &Parts) -> Result<Response<Answer>, Refusal> {
    let Some(files) = &worker.shared.console else {
        return Err(Refusal::not_found("no console is served here"));
    };
    let path = parts.uri.path();
    let found = files.answer(path, &parts.method, &parts.headers)?;
    Ok(found.map(Answer::whole))
}

fn preflight() -> Response<Answer> {
    let mut response = Response::new(Answer::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

async fn forward(
    connection: &Connection,
    parts: &Parts,
    body: Incoming,
    path_start: Option<usize>,
    upgrade: Option<upgrade::Client>,
    record: &mut Record,
) -> Result<Response<Answer>, Refusal> {
    let worker = &connection.worker;
    let trail = &record.trail;
    // All three are set by the time a request is admitted for forwarding.
    let (Some(rule), Some(service), Some(client)) =
        (trail.rule.clone(), trail.service.clone(), trail.client)
    else {
        return Err(Refusal::not_found("no route leads there"));
    };
    if let Some(largest) = worker.shared.policy.load().largest_upload
        && body.size_hint().lower() > largest
    {
        return Err(too_large());
    }
    let forwarding = Forwarding {
        worker,
        outgoing: Outgoing {
            parts,
            path_start,
            record,
            rule: &rule,
            service: &service,
            client,
            peer: &connection.peer_value,
            is_upgrade: upgrade.is_some(),
        },
        upgrade,
    };
    let mut forwarded = forwarding.run(body).await?;
    record.instance = Some(forwarded.instance);
    if record.trail.is_at_console && !service.kind.is_platform() {
        isolate(forwarded.response.headers_mut());
    }
    Ok(forwarded.response)
}

fn refuse(refusal: &Refusal, parts: &Parts, record: &mut Record) -> Response<Answer> {
    record.refused(refusal.code());
    let shared = &record.worker.shared;
    let metrics = shared.metrics.gateway();
    if matches!(
        refusal.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    ) {
        let kind = refusal.code();
        metrics.refused.get_or_create_owned(&Kind { kind }).inc();
    }
    let request_id = record.request_id.to_str().ok();
    let problem = refusal.to_problem();
    let mut response = problem.to_http(request_id, Some(parts.uri.path()));
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if refusal.closes() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if parts.method == Method::HEAD {
        let length = HeaderValue::from(response.body().len());
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
        *response.body_mut() = Bytes::new();
    }
    response.map(Answer::whole)
}

/// What every answer carries.
fn finish(response: &mut Response<Answer>, connection: &Connection, record: &Record) {
    let worker = &connection.worker;
    let is_upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, record.request_id.clone());
    headers.insert(TRACEPARENT, record.traceparent.clone());
    record.trail.cors.write(headers);
    if let Some(quota) = &record.trail.quota {
        quota.write(headers);
    }
    // Browsers that came by TLS once are to come by nothing else. Nothing of the kind in development,
    // where the host is `localhost` for everything.
    if connection.is_secure && worker.shared.policy.load().is_production {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONE_YEAR);
    }
    if worker.shared.stopping.is_cancelled() && !is_upgraded {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
