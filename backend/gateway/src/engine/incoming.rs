//! The head of an answer as the client sees it.

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

use crate::phases::{is_from_connection, is_kept_from_client};

/// Takes out what is about the instance's connection, and what only the gateway says.
pub fn clean(headers: &mut HeaderMap) {
    let named = named_by_connection(headers);
    let is_dropped = |name: &HeaderName| {
        is_kept_from_client(name.as_str())
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
