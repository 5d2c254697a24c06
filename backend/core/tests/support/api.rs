//! A client that says what it got when that is not what was expected.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use saas_registry_client::HttpClient;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

/// Calls one core.
#[derive(Clone)]
pub struct Api {
    pub base: String,
    client: HttpClient,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The answer, if it has the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        if status >= 400 {
            assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json");
            assert_eq!(self.body["status"], status);
        }
        self
    }

    /// The answer, if it is a problem with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.body["code"], code, "{}", answer.body);
        answer
    }

    /// A text member of the body.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> &str {
        let found = self.body.pointer(&format!("/{pointer}"));
        found
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no `{pointer}` in {}", self.body))
    }

    /// The access token in it.
    #[track_caller]
    pub fn token(&self) -> &str {
        self.text("access_token")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl Api {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            base: format!("http://{address}"),
            client: HttpClient::new(),
        }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, token, &[], None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, token, &[], Some(body)).await
    }

    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, token, &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(Method::DELETE, path, token, &[], None).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        let body = serde_json::json!({"email": email, "password": password});
        self.post("/v1/auth/login", "", body).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        let body = serde_json::json!({"refresh_token": token});
        self.post("/v1/auth/refresh", "", body).await
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let bytes = body.map(|body| body.to_string());
        self.raw(
            method,
            path,
            token,
            headers,
            bytes.as_deref().map(str::as_bytes),
        )
        .await
    }

    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let response = self.open(method, path, token, headers, body).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub async fn open(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Bytes::copy_from_slice(body.unwrap_or_default());
        let request = request.body(Full::new(body)).unwrap();
        self.client.send(request, PATIENCE).await.unwrap()
    }
}
