//! What belongs to one request: its identifier, its place in a trace, its time limit.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::extract::FromRequestParts;
use http::{HeaderName, HeaderValue, request::Parts};
use saas_domain::{Clock, Random};

/// `X-Request-Id`.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `traceparent` (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `tracestate` (W3C Trace Context).
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The identifier of one request, in the logs, in the answer and in calls to other services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    const LONGEST: usize = 128;

    /// A new one: a UUIDv7.
    pub fn generate(clock: &Clock, random: &Random) -> Self {
        let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        Self(Arc::from(&*uuid.hyphenated().encode_lower(&mut text)))
    }

    /// One that came with the request: 1 to 128 letters, digits and `-_.:+/=@`; `None` for anything
    /// else, so that nothing can be smuggled into a log.
    pub fn parse(value: &[u8]) -> Option<Self> {
        if !Self::is_sound(value) {
            return None;
        }
        std::str::from_utf8(value)
            .ok()
            .map(|text| Self(text.into()))
    }

    /// Whether [`RequestId::parse`] would take it.
    pub fn is_sound(value: &[u8]) -> bool {
        (1..=Self::LONGEST).contains(&value.len())
            && value
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier as a header's value.
    pub fn to_header(&self) -> HeaderValue {
        // Only printable ASCII gets in.
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request's place in a distributed trace (W3C Trace Context, level 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceContext {
    /// Starts a new trace, sampled.
    pub fn generate(random: &Random) -> Self {
        Self {
            trace_id: random.bytes(),
            span_id: random.bytes(),
            flags: 1,
        }
    }

    /// Reads a `traceparent` header: `None` unless it is valid. Later versions are read by the
    /// fields they share with version `00`, as the specification asks.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (head, rest) = value.split_at_checked(55)?;
        let [v1, v2, b'-', middle @ ..] = head else {
            return None;
        };
        let [version] = hex(&[*v1, *v2])?;
        if version == 0xff || (version == 0 && !rest.is_empty()) {
            return None;
        }
        if !rest.is_empty() && rest[0] != b'-' {
            return None;
        }
        if middle.get(32) != Some(&b'-') || middle.get(49) != Some(&b'-') {
            return None;
        }
        let context = Self {
            trace_id: hex(middle.get(..32)?)?,
            span_id: hex(middle.get(33..49)?)?,
            flags: hex::<1>(middle.get(50..)?)?[0] & 1,
        };
        (context.trace_id != [0; 16] && context.span_id != [0; 8]).then_some(context)
    }

    /// Trace and span as they are sent to a collector.
    pub const fn ids(&self) -> ([u8; 16], [u8; 8]) {
        (self.trace_id, self.span_id)
    }

    /// Whether it is recorded by whoever sent it, and shall be by those behind.
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The same, with the decision taken anew.
    #[must_use]
    pub const fn sampled(self, is_sampled: bool) -> Self {
        Self {
            flags: is_sampled as u8,
            ..self
        }
    }

    /// The same trace, one span further down.
    #[must_use]
    pub fn child(&self, random: &Random) -> Self {
        Self {
            span_id: random.bytes(),
            ..*self
        }
    }

    /// The trace's identifier, 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace_id))
    }

    /// The span's identifier, 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.span_id))
    }

    /// The context as a `traceparent` header's value.
    pub fn to_header(&self) -> HeaderValue {
        // Digits and hyphens are always a sound value.
        HeaderValue::from_bytes(&self.to_bytes())
            .unwrap_or_else(|_| HeaderValue::from_static("invalid"))
    }

    /// Version, trace, span and flags in hexadecimal digits. By hand, because the gateway writes one
    /// for every request and formatting would cost as much as routing it.
    fn to_bytes(self) -> [u8; 55] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = *b"00-................................-................-..";
        let (trace, span) = (self.trace_id.iter(), self.span_id.iter());
        let fields = trace.zip(3..).map(|(byte, index)| (byte, index * 2 - 3));
        let fields = fields.chain(span.zip(18..).map(|(byte, index)| (byte, index * 2)));
        for (byte, at) in fields.chain([(&self.flags, 53)]) {
            for (at, nibble) in [(at, byte >> 4), (at + 1, byte & 15)] {
                if let (Some(to), Some(digit)) = (text.get_mut(at), DIGITS.get(usize::from(nibble)))
                {
                    *to = *digit;
                }
            }
        }
        text
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            u128::from_be_bytes(self.trace_id),
            u64::from_be_bytes(self.span_id),
            self.flags
        )
    }
}

/// Lower-case hexadecimal digits, exactly two per byte.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

/// What [`crate::stack`] knows of the request; an extractor for handlers that call other services
/// or write an audit entry.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The request's identifier.
    pub request_id: RequestId,
    /// This service's span.
    pub trace: TraceContext,
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = crate::Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or_else(|| {
            crate::Problem::internal("the route is served outside the middleware stack")
        })
    }
}

/// How long the request may take. An extractor for the few handlers that wait on purpose: they
/// extend it before they begin.
#[derive(Clone, Debug)]
pub struct TimeLimit(Arc<AtomicU64>);

impl TimeLimit {
    pub(crate) fn new(limit: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(millis(limit))))
    }

    /// Lets the request take `limit` in all, counted from its beginning, if that is more than it
    /// has. Streams need nothing: the limit ends when the answer's head is there.
    pub fn extend_to(&self, limit: Duration) {
        self.0.fetch_max(millis(limit), Ordering::AcqRel);
    }

    pub(crate) fn current(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Acquire))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<S: Sync> FromRequestParts<S> for TimeLimit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get().cloned();
        Ok(known.unwrap_or_else(|| Self::new(Duration::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_traceparent_survives() {
        let context = TraceContext::parse(VALID.as_bytes()).unwrap();
        assert_eq!(context.to_string(), VALID);
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.to_header(), VALID);
        let child = context.child(&Random::seeded(1));
        assert_eq!(child.trace_id(), context.trace_id());
        assert_ne!(child.span_id(), context.span_id());
    }

    #[test]
    fn invalid_traceparents_are_refused() {
        for text in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        ] {
            assert_eq!(TraceContext::parse(text.as_bytes()), None, "{text}");
        }
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert!(TraceContext::parse(later.as_bytes()).is_some());
    }

    #[test]
    fn a_request_id_from_outside_is_short_and_plain() {
        assert_eq!(RequestId::parse(b"abc-1").unwrap().as_str(), "abc-1");
        for bad in [&b""[..], b"a b", b"a\"b", b"\xff", &[b'a'; 129]] {
            assert_eq!(RequestId::parse(bad), None);
        }
        let own = RequestId::generate(&Clock::system(), &Random::os());
        assert_eq!(RequestId::parse(own.as_str().as_bytes()), Some(own));
    }
}
