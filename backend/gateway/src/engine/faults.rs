//! What a client is told when forwarding fails.

use http::StatusCode;

use super::upload::UploadFault;
use crate::{phases::Refusal, table::ServiceEntry};

/// 502: a service may not switch protocols on its own.
pub fn unexpected_upgrade() -> Refusal {
    Refusal::new(
        StatusCode::BAD_GATEWAY,
        "upstream_failed",
        "the service switched to a protocol that nobody asked for",
    )
}

/// 503: there is nobody to send it to.
pub fn no_instance(service: &ServiceEntry) -> Refusal {
    Refusal::unavailable(
        "no_instance",
        1,
        format!(
            "no instance of the service `{}` can be reached; start one, or look at its health",
            service.name
        ),
    )
}

/// 502: it may have been sent, and nothing came back.
pub fn broken(error: &hyper::Error, service: &ServiceEntry) -> Refusal {
    tracing::debug!(service = %service.name, "no answer came: {error:?}");
    Refusal::new(
        StatusCode::BAD_GATEWAY,
        "upstream_failed",
        format!(
            "the service `{}` closed the connection without an answer; the request may have taken effect",
            service.name
        ),
    )
}

/// 502: the answer says two things about where it ends, which is how an answer is smuggled
/// (RFC 9112, section 6.3).
pub fn two_lengths(service: &ServiceEntry) -> Refusal {
    Refusal::new(
        StatusCode::BAD_GATEWAY,
        "upstream_failed",
        format!(
            "the service `{}` answered with both `Content-Length` and `Transfer-Encoding`; it has to send one of them",
            service.name
        ),
    )
}

/// What the client is told when its own body was the trouble.
pub fn upload_refusal(fault: UploadFault) -> Refusal {
    match fault {
        UploadFault::TooLarge => too_large(),
        UploadFault::TimedOut => Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the request's body stopped coming; send it again",
        )
        .closing(),
        UploadFault::BrokenOff => Refusal::malformed(
            "malformed_body",
            "the request's body broke off or was malformed; send it again",
        ),
        UploadFault::Revoked => Refusal::invalid_token(
            "session_ended",
            "this session was ended while the request was under way; sign in again",
        )
        .closing(),
    }
}

/// 413, after which the connection is closed: the rest of the body is not wanted.
pub fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "the request's body is larger than the gateway lets through; see MAX_UPLOAD_MIB",
    )
    .closing()
}
