//! The answer to a request that the HTTP library could not even read.

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderValue, StatusCode, header};
use saas_web::REQUEST_ID;

use super::{client_io::Refuser, serve::new_request_id};
use crate::{
    phases::{FramingFault, Refusal},
    shared::Shared,
};

/// Words, counts and logs refusals of what came from `peer`.
pub fn refuser(shared: &Arc<Shared>, peer: IpAddr) -> Refuser {
    let shared = Arc::clone(shared);
    Arc::new(move |status, fault| answer(&shared, peer, status, fault))
}

/// A whole message, after which the connection is closed.
fn answer(
    shared: &Shared,
    peer: IpAddr,
    status: StatusCode,
    fault: Option<FramingFault>,
) -> Vec<u8> {
    let refusal = refusal(status, fault);
    let status = refusal.status();
    let request_id = new_request_id(&shared.clock, &shared.random);
    let told = request_id.to_str().unwrap_or_default();
    let counts = shared.metrics.http();
    let endpoint = counts.endpoint("OTHER", &shared.fixed.unmatched.endpoint);
    endpoint.record(status.as_u16(), Duration::ZERO);
    shared.no_service.record(status.as_u16(), Duration::ZERO);
    tracing::event!(
        target: "saas_gateway::access",
        tracing::Level::INFO,
        http.response.status_code = status.as_u16(),
        client.ip = display(peer),
        request_id = told,
        code = refusal.code(),
        "unreadable request"
    );
    let mut response = refusal.to_problem().to_http(Some(told), None);
    let length = response.body().len();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let date = shared.clock.now().format("%a, %d %b %Y %H:%M:%S GMT");
    if let Ok(date) = HeaderValue::from_str(&date.to_string()) {
        headers.insert(header::DATE, date);
    }
    headers.insert(REQUEST_ID, request_id);
    let mut message = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in response.headers() {
        message.extend_from_slice(name.as_str().as_bytes());
        message.extend_from_slice(b": ");
        message.extend_from_slice(value.as_bytes());
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(response.body());
    message
}

fn refusal(status: StatusCode, fault: Option<FramingFault>) -> Refusal {
    match (status, fault) {
        (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, _) => Refusal::new(
            status,
            "head_too_large",
            "the request's head is larger than 64 KiB or has more than 128 headers; send less of it",
        ),
        (StatusCode::URI_TOO_LONG, _) => Refusal::uri_too_long(),
        (_, Some(fault)) => Refusal::malformed("malformed_request", fault.detail()),
        (_, None) => Refusal::malformed(
            "malformed_request",
            "the request cannot be read: its first line must be a method, a path and HTTP/1.1, and a \
             header's name may hold letters, digits and hyphens",
        ),
    }
}
