//! Plain requests, and what came back.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use saas_registry_client::HttpClient;
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null if there was none, or it is not JSON.
    pub body: Value,
    pub bytes: Bytes,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The answer is a problem with this status and code, complete and without anything internal.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.body["code"], code, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(answer.body[member].is_string(), "{}", answer.body);
        }
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        if status == 503 {
            assert!(!answer.header("retry-after").is_empty());
        }
        answer
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap().to_owned()
    }
}

/// Calls with a token, unless it is empty, and a JSON body, unless it is null.
pub async fn call(
    method: &str,
    url: &str,
    token: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> Answer {
    let bytes = match body {
        Value::Null => Vec::new(),
        body => serde_json::to_vec(body).unwrap(),
    };
    raw(method, url, token, bytes, headers).await
}

/// Calls with any bytes as the body.
pub async fn raw(
    method: &str,
    url: &str,
    token: &str,
    body: Vec<u8>,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let client = HttpClient::new();
    let response = client.send(request, Duration::from_mins(1)).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        bytes: body,
    }
}
