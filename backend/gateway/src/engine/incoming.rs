//! The head of an answer as the client sees it.

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

use crate::{
    phases::{is_about_origin, is_from_connection, is_kept_from_client, sets_cores_cookie},
    table::ServiceKind,
};

/// A page under this policy has no origin: its scripts do not run, its forms are not sent, and it
/// reads nothing of the origin it came from.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");

/// Takes out what is about the instance's connection, and what only the gateway says, or core.
pub fn clean(headers: &mut HeaderMap, kind: ServiceKind) {
    let is_business = !kind.is_platform();
    let named = named_by_connection(headers);
    let is_dropped = |name: &HeaderName| {
        is_kept_from_client(name.as_str())
            || (is_business && is_about_origin(name.as_str()))
            || named.iter().any(|value| {
                *name != header::CONTENT_LENGTH
                    && is_from_connection(value.as_bytes(), name.as_str())
            })
    };
    let dropped = headers.keys().filter(|name| is_dropped(name));
    let dropped: Vec<HeaderName> = dropped.cloned().collect();
    for name in dropped {
        headers.remove(name);
    }
    if is_business && headers.contains_key(header::SET_COOKIE) {
        keep_cores_cookies(headers);
    }
}

/// Takes out cookies that would take the place of core's.
fn keep_cores_cookies(headers: &mut HeaderMap) {
    let set: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .cloned()
        .collect();
    if set
        .iter()
        .any(|cookie| sets_cores_cookie(cookie.as_bytes()))
    {
        headers.remove(header::SET_COOKIE);
        for cookie in set {
            if !sets_cores_cookie(cookie.as_bytes()) {
                headers.append(header::SET_COOKIE, cookie);
            }
        }
    }
}

/// Makes a page of a service one without an origin, where it would have the console's. What the
/// service says itself stays beside it: of several policies, browsers keep all.
pub fn isolate(headers: &mut HeaderMap) {
    headers.append(header::CONTENT_SECURITY_POLICY, SANDBOX);
    // Nor is what says that it is data taken for a page or a script.
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

/// Whether it is said twice, and perhaps differently, where the body ends.
pub fn has_two_lengths(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH)
}

/// The `Connection` headers that name other headers; mostly there are none.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderValue> {
    let is_usual = |value: &&HeaderValue| {
        let usual: [&[u8]; 2] = [b"close", b"keep-alive"];
        usual
            .iter()
            .any(|usual| value.as_bytes().eq_ignore_ascii_case(usual))
    };
    let values = headers.get_all(header::CONNECTION).iter();
    values.filter(|value| !is_usual(value)).cloned().collect()
}

/// What tells the client that the connection is switched to the protocol it asked for.
pub fn confirm_upgrade(headers: &mut HeaderMap, parts: &Parts) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Some(protocol) = parts.headers.get(header::UPGRADE) {
        headers.insert(header::UPGRADE, protocol.clone());
    }
}
