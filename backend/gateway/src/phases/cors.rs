//! Which web pages of other origins may read answers.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{Refusal, RequestView};

/// How long a browser may keep the answer to a preflight, in seconds.
const MAX_AGE: &str = "600";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// What a page may read beyond the headers that every page may.
const EXPOSED: &str = "x-request-id, traceparent, retry-after, ratelimit, ratelimit-policy, etag, location, link, content-disposition";
/// Longer lists of wished headers are refused.
const LONGEST_LIST: usize = 1024;

/// The origins that were set.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// `*` in `CORS_ORIGINS`: any origin, without credentials.
    any: bool,
    origins: Vec<HeaderValue>,
    /// The console's origin: the only one that may send cookies.
    console: Option<HeaderValue>,
}

impl Cors {
    /// From `CORS_ORIGINS` and the origin of `CONSOLE_URL`. An origin that cannot stand in a header
    /// can be sent by no browser and is left out.
    pub fn new<T: AsRef<str>>(origins: &[T], console: Option<&str>) -> Self {
        let value = |origin: &str| HeaderValue::from_str(origin).ok();
        Self {
            any: origins.iter().any(|origin| origin.as_ref() == "*"),
            origins: origins.iter().filter_map(|o| value(o.as_ref())).collect(),
            console: console.and_then(value),
        }
    }

    /// Whether an answer may depend on the origin.
    const fn is_selective(&self) -> bool {
        !self.any && (!self.origins.is_empty() || self.console.is_some())
    }

    fn grant(&self, origin: &[u8]) -> Option<Grant> {
        let is = |candidate: &&HeaderValue| candidate.as_bytes() == origin;
        if let Some(console) = self.console.as_ref().filter(is) {
            return Some(Grant {
                origin: console.clone(),
                with_credentials: true,
            });
        }
        if let Some(known) = self.origins.iter().find(is) {
            return Some(Grant {
                origin: known.clone(),
                with_credentials: false,
            });
        }
        self.any.then(|| Grant {
            origin: HeaderValue::from_static("*"),
            with_credentials: false,
        })
    }
}

/// What an origin was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The value of `Access-Control-Allow-Origin`.
    pub origin: HeaderValue,
    /// Whether cookies may be sent along.
    pub with_credentials: bool,
}

/// What the answer tells browsers.
#[derive(Clone, Debug, Default)]
pub struct CorsAnswer {
    grant: Option<Grant>,
    /// The headers that a preflight asked for.
    wished_headers: Option<HeaderValue>,
    is_preflight: bool,
    /// Whether the answer depends on the origin, which caches must know.
    varies: bool,
}

impl CorsAnswer {
    /// Writes the headers into an answer, after taking out what a service wrote on its own: who may
    /// read answers is set in one place.
    pub fn write(&self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(grant) = &self.grant else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, grant.origin.clone());
        if grant.with_credentials {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        let mut set =
            |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
        if self.is_preflight {
            set(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            set(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            if let Some(wished) = &self.wished_headers {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wished.clone());
            }
        } else {
            set(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// What the request's origin was granted.
    pub fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }
}

/// Looks the origin up. An answer to an origin without a grant carries nothing: the browser then
/// keeps it from the page.
pub(super) fn answer<V: RequestView>(view: &V, cors: &Cors) -> CorsAnswer {
    let origin = view.header(&header::ORIGIN);
    CorsAnswer {
        grant: origin.and_then(|origin| cors.grant(origin)),
        varies: cors.is_selective(),
        ..CorsAnswer::default()
    }
}

/// Whether the request is a preflight, which the gateway answers itself for every service.
pub(super) fn preflight<V: RequestView>(
    view: &V,
    answer: &mut CorsAnswer,
) -> Result<bool, Refusal> {
    let wished_method = view.header(&header::ACCESS_CONTROL_REQUEST_METHOD);
    if *view.method() != Method::OPTIONS
        || wished_method.is_none()
        || view.header(&header::ORIGIN).is_none()
    {
        return Ok(false);
    }
    if answer.grant.is_none() {
        return Err(Refusal::forbidden(
            "origin_refused",
            "this origin may not call the API from a browser; add it to CORS_ORIGINS",
        ));
    }
    let wished_headers = view.header(&header::ACCESS_CONTROL_REQUEST_HEADERS);
    answer.wished_headers = wished_headers.and_then(header_list);
    answer.is_preflight = true;
    Ok(true)
}

/// The list as it came, if it is one of header names.
fn header_list(list: &[u8]) -> Option<HeaderValue> {
    let is_sound = list.len() <= LONGEST_LIST
        && list.iter().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b',' | b' ' | b'\t')
        });
    is_sound
        .then(|| HeaderValue::from_bytes(list).ok())
        .flatten()
}
