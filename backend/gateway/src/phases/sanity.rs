//! Requests that two parsers could read in two ways are refused before anything else.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::{CheckedPath, Refusal, RequestView};

/// What was wrong with how a message is framed (RFC 9112, sections 2.2, 5 and 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingFault {
    /// Both `Content-Length` and `Transfer-Encoding`.
    LengthAndChunked,
    /// More than one `Content-Length`, or one that is not a number.
    Length,
    /// A `Transfer-Encoding` other than exactly `chunked`, or more than one.
    TransferEncoding,
    /// A line that ends in a line feed alone, or a carriage return within a line.
    LineEnding,
    /// A header continued on the next line, or with white space around its name.
    HeaderSpacing,
    /// A line of the head that is no header.
    NoColon,
}

impl FramingFault {
    /// What is wrong and how it is right.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::LengthAndChunked => {
                "the request has both Content-Length and Transfer-Encoding; send one of them"
            }
            Self::Length => "the request needs exactly one Content-Length of decimal digits",
            Self::TransferEncoding => "the only Transfer-Encoding accepted is `chunked`, once",
            Self::LineEnding => "lines of the head must end in carriage return and line feed",
            Self::HeaderSpacing => {
                "a header must stand on one line, without white space before its colon"
            }
            Self::NoColon => "every line of the head must be a header's name, a colon and a value",
        }
    }
}

/// A request that passed.
#[derive(Debug)]
pub struct Sound<'a> {
    /// Its path.
    pub path: CheckedPath<'a>,
    /// The host it is for: lower case, without port and trailing dot. `None` for HTTP/1.0 without.
    pub host: Option<Cow<'a, str>>,
}

/// Headers of which a second one could be read by one server and the first by another.
const SINGLE: [HeaderName; 4] = [
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ORIGIN,
];

pub(super) fn check<V: RequestView>(view: &V) -> Result<Sound<'_>, Refusal> {
    if let Some(fault) = view.framing_fault() {
        return Err(Refusal::malformed("malformed_request", fault.detail()));
    }
    let has_length = view.header(&header::CONTENT_LENGTH).is_some();
    if has_length && view.header(&header::TRANSFER_ENCODING).is_some() {
        return Err(Refusal::malformed(
            "malformed_request",
            FramingFault::LengthAndChunked.detail(),
        ));
    }
    for name in &SINGLE {
        if view.count(name) > 1 {
            return Err(Refusal::malformed(
                "duplicate_header",
                format!("the header {name} may be sent once only"),
            ));
        }
    }
    if matches!(*view.method(), Method::CONNECT | Method::TRACE) {
        let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "CONNECT and TRACE are not served here",
        )
        .header(header::ALLOW, allow)
        .closing());
    }
    let host = host(view)?;
    let path = CheckedPath::check(view.path())?;
    Ok(Sound { path, host })
}

/// The host. A target in absolute form names it as well, and both must agree: RFC 9112, section
/// 3.2.2, lets the target win, but the next server might let the header win.
fn host<V: RequestView>(view: &V) -> Result<Option<Cow<'_, str>>, Refusal> {
    let header = match view.header(&header::HOST) {
        Some(bytes) => {
            let text = std::str::from_utf8(bytes).ok().filter(|text| is_host(text));
            Some(text.ok_or_else(|| {
                Refusal::malformed("bad_host", "the Host header is not a host name with port")
            })?)
        }
        None if view.is_http10() => None,
        None => {
            return Err(Refusal::malformed(
                "bad_host",
                "a request of HTTP/1.1 needs a Host header",
            ));
        }
    };
    if let Some(authority) = view.authority() {
        let agrees = header.is_none_or(|host| host.eq_ignore_ascii_case(authority));
        if !agrees || !is_host(authority) {
            return Err(Refusal::malformed(
                "bad_host",
                "the request's target names another host than its Host header",
            ));
        }
    }
    Ok(header.or(view.authority()).map(normalise))
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 260
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// Lower case, without port and trailing dot.
pub(super) fn normalise(host: &str) -> Cow<'_, str> {
    // The port follows the last colon, unless that one is within an IPv6 literal's brackets.
    let name = match host.rfind(':') {
        Some(colon) if !host.get(colon..).is_some_and(|rest| rest.contains(']')) => {
            host.get(..colon).unwrap_or(host)
        }
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
