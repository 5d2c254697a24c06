//! The console's files, for `saas up`: served where nothing else is.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use saas_web::{Embedded, Negotiated};

use crate::phases::Refusal;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Everything from this origin only; styles inline, because the component library writes them;
/// nobody may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// The page that the console's own addresses lead to.
const INDEX: &str = "index.html";
/// Where the build puts files whose names carry a digest of their content.
const HASHED: &str = "assets/";
const YEAR: &str = "public, max-age=31536000, immutable";

/// One file.
#[derive(Clone, Debug)]
pub struct ConsoleFile {
    /// Its content.
    pub content: &'static Embedded,
    /// Its strong validator without quotes, such as a digest; `None`: none is sent.
    pub etag: Option<Box<str>>,
}

type Find = dyn Fn(&str) -> Option<ConsoleFile> + Send + Sync;

/// Finds files by their path without the first slash, such as `assets/app-3f2a.js`.
#[derive(Clone)]
pub struct ConsoleFiles(Arc<Find>);

impl ConsoleFiles {
    /// Files as the function finds them.
    pub fn new(find: impl Fn(&str) -> Option<ConsoleFile> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// Answers a GET or HEAD for a checked path. A path without a dot in its last segment is an
    /// address within the console, which the one page answers.
    pub fn answer(
        &self,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response<Bytes>, Refusal> {
        let name = path.trim_start_matches('/');
        let is_address = !name.rsplit('/').next().unwrap_or_default().contains('.');
        let (name, file) = if is_address {
            (INDEX, (self.0)(INDEX))
        } else {
            (name, (self.0)(name))
        };
        let file = file.ok_or_else(|| Refusal::not_found("the console has no such file"))?;
        let sent = file.content.negotiate(headers).map_err(|error| {
            tracing::error!(%error, name, "a file in this binary is damaged; install it anew");
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "something went wrong here; it was logged",
            )
        })?;
        Ok(respond(name, sent, file.etag.as_deref(), method, headers))
    }
}

impl fmt::Debug for ConsoleFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleFiles")
    }
}

fn respond(
    name: &str,
    form: Negotiated,
    etag: Option<&str>,
    method: &Method,
    wished: &HeaderMap,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, media_type(name));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(
        PERMISSIONS_POLICY,
        "camera=(), microphone=(), geolocation=()",
    );
    let is_hashed = name.starts_with(HASHED);
    set(
        header::CACHE_CONTROL,
        if is_hashed { YEAR } else { "no-cache" },
    );
    headers.extend(form.headers());
    // Each form of the file needs a validator of its own (RFC 9110, section 8.8.3).
    let suffix = if form.is_gzip { "-gzip" } else { "" };
    let etag = etag.map(|etag| format!("\"{etag}{suffix}\""));
    if let Some(etag) = &etag
        && let Ok(value) = HeaderValue::from_str(etag)
    {
        headers.insert(header::ETAG, value);
        if is_known(wished, etag) {
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_ENCODING);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(form.body.len()));
    if *method != Method::HEAD {
        *response.body_mut() = form.body;
    }
    response
}

fn is_known(wished: &HeaderMap, etag: &str) -> bool {
    wished.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value
                .split(',')
                .map(str::trim)
                .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
        })
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"let a = 1;";
    const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x49\x2d\x51\x48\x54\xb0\x55\x30\xb4\x06\x00\x64\x95\x31\x96\x0a\x00\x00\x00";

    static INDEX_HTML: Embedded = Embedded::Plain(b"<!doctype html>");
    static SCRIPT: Embedded = Embedded::gzip(GZIP);

    fn console() -> ConsoleFiles {
        ConsoleFiles::new(|name| {
            let content = match name {
                "index.html" => &INDEX_HTML,
                "assets/app-1.js" => &SCRIPT,
                _ => return None,
            };
            Some(ConsoleFile {
                content,
                etag: Some("d1".into()),
            })
        })
    }

    fn get(path: &str, header: Option<(HeaderName, &'static str)>) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        console().answer(path, &Method::GET, &headers).unwrap()
    }

    #[test]
    fn addresses_lead_to_the_page_and_files_to_themselves() {
        for address in ["/", "/tenants", "/tenants/019a"] {
            let page = get(address, None);
            assert_eq!(page.body(), "<!doctype html>");
            assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
            let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str();
            assert!(policy.unwrap().contains("frame-ancestors 'none'"));
        }
        let script = get("/assets/app-1.js", None);
        assert_eq!(script.body(), PLAIN);
        assert_eq!(script.headers()[header::CACHE_CONTROL], YEAR);
        let missing = console().answer("/assets/none.js", &Method::GET, &HeaderMap::new());
        assert_eq!(missing.unwrap_err().status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_compressed_form_is_for_those_who_ask() {
        let path = "/assets/app-1.js";
        for (accept, body) in [
            ("gzip, br", GZIP),
            ("br;q=1.0, GZIP;q=0.5", GZIP),
            ("gzip;q=0", PLAIN),
            ("gzip;q=0.00", PLAIN),
            ("gzip;Q=0", PLAIN),
            ("br", PLAIN),
        ] {
            let answer = get(path, Some((header::ACCEPT_ENCODING, accept)));
            assert_eq!(answer.body(), body, "{accept}");
            assert_eq!(answer.headers()[header::VARY], "Accept-Encoding");
            let coding = answer.headers().get(header::CONTENT_ENCODING);
            assert_eq!(coding.is_some(), body == GZIP, "{accept}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let known = get("/", Some((header::IF_NONE_MATCH, "W/\"d1\"")));
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert!(known.body().is_empty());
        let other = get("/assets/app-1.js", Some((header::IF_NONE_MATCH, "\"d0\"")));
        assert_eq!(other.status(), StatusCode::OK);
        let head = console()
            .answer("/", &Method::HEAD, &HeaderMap::new())
            .unwrap();
        assert!(head.body().is_empty());
        assert_eq!(head.headers()[header::CONTENT_LENGTH], "15");
    }
}
