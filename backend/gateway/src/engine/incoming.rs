//! The head of an answer as the client sees it.

use http::{HeaderMap, HeaderValue, header, request::Parts};

use crate::phases::{is_from_connection, is_kept_from_client};

/// Takes out what is about the instance's connection, and what only the gateway says.
pub fn clean(headers: &mut HeaderMap) {
    let connection: Vec<HeaderValue> = headers
        .get_all(header::CONNECTION)
        .iter()
        .cloned()
        .collect();
    let is_dropped = |name: &header::HeaderName| {
        is_kept_from_client(name.as_str())
            || connection.iter().any(|value| {
                *name != header::CONTENT_LENGTH
                    && is_from_connection(value.as_bytes(), name.as_str())
            })
    };
    let dropped: Vec<_> = headers
        .keys()
        .filter(|name| is_dropped(name))
        .cloned()
        .collect();
    for name in dropped {
        headers.remove(name);
    }
}

/// What tells the client that the connection is switched to the protocol it asked for.
pub fn confirm_upgrade(headers: &mut HeaderMap, parts: &Parts) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Some(protocol) = parts.headers.get(header::UPGRADE) {
        headers.insert(header::UPGRADE, protocol.clone());
    }
}
