//! The head of a request as the instance sees it.

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header, request::Parts,
    uri::PathAndQuery,
};
use saas_web::{GATEWAY_TOKEN, REQUEST_ID, TRACEPARENT, TRACESTATE};

use super::{record::Record, upload::Upload};
use crate::{
    phases::{
        Client, Principal, SESSION_MODE, cookies_for_services, is_from_connection,
        is_kept_from_upstream,
    },
    table::{Instance, Rule, ServiceEntry, ServiceKind},
};

const TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");
const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");
const ROLES: HeaderName = HeaderName::from_static("x-roles");
const PLAN: HeaderName = HeaderName::from_static("x-plan");
const ASSERTION: HeaderName = HeaderName::from_static("x-saas-assertion");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Headers that the gateway adds, at most.
const ADDED: usize = 16;

/// A request to be sent, and sent again if it must be.
pub struct Outgoing<'a> {
    /// The head as it came.
    pub parts: &'a Parts,
    /// Where in the path the service's path begins; `None`: it sees `/`.
    pub path_start: Option<usize>,
    /// What is known of it.
    pub record: &'a Record,
    /// The rule it follows.
    pub rule: &'a Rule,
    /// Its service.
    pub service: &'a ServiceEntry,
    /// Who sent it.
    pub client: Client,
    /// The other end of the connection, as a header's value.
    pub peer: &'a HeaderValue,
    /// Whether it asks for another protocol.
    pub is_upgrade: bool,
}

impl Outgoing<'_> {
    /// The request for one instance. The head as it came stays whole. An attempt that is recorded
    /// has a `traceparent` of its own.
    pub fn request(
        &self,
        instance: &Instance,
        body: Upload,
        traceparent: Option<&HeaderValue>,
    ) -> Request<Upload> {
        let mut request = Request::new(body);
        *request.method_mut() = self.parts.method.clone();
        *request.uri_mut() = self.uri();
        *request.version_mut() = Version::HTTP_11;
        let mut headers = self.headers(instance);
        let traceparent = traceparent.unwrap_or(&self.record.traceparent);
        headers.insert(TRACEPARENT, traceparent.clone());
        if !self.record.place.is_continued {
            // It belongs to a trace that is not gone on with (W3C Trace Context, 3.3.1).
            headers.remove(&TRACESTATE);
        }
        *request.headers_mut() = headers;
        request
    }

    fn uri(&self) -> Uri {
        let uri = &self.parts.uri;
        let whole = uri.path_and_query();
        if self.path_start == Some(0)
            && uri.authority().is_none()
            && let Some(whole) = whole
        {
            return whole.clone().into();
        }
        let text = match self.path_start {
            Some(start) => whole.and_then(|whole| whole.as_str().get(start..)),
            None => None,
        };
        let text = match (text, uri.query()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(query)) => format!("/?{query}"),
            (None, None) => "/".to_owned(),
        };
        // A part of a path that was accepted is one itself.
        PathAndQuery::from_maybe_shared(text).map_or_else(|_| Uri::from_static("/"), Uri::from)
    }

    fn headers(&self, instance: &Instance) -> HeaderMap {
        let from = &self.parts.headers;
        let mut headers = HeaderMap::with_capacity(from.len() + ADDED);
        headers.insert(header::HOST, instance.authority.clone());
        let has_connection = from.contains_key(header::CONNECTION);
        for (name, value) in from {
            let is_for_core = self.service.kind == ServiceKind::Core && *name == SESSION_MODE;
            let is_dropped = (is_kept_from_upstream(name.as_str()) && !is_for_core)
                || (has_connection && self.is_named_by_connection(name));
            if !is_dropped {
                headers.append(name.clone(), value.clone());
            }
        }
        self.add_cookies(&mut headers);
        self.add_identity(&mut headers);
        self.add_origin(&mut headers);
        if self.service.kind.is_platform() {
            self.add_presence(&mut headers);
        }
        headers.insert(REQUEST_ID, self.record.request_id.clone());
        let policy = self.record.worker.shared.policy.load();
        policy.loop_mark.write(from, &mut headers);
        if self.is_upgrade {
            let value = HeaderValue::from_static("Upgrade");
            headers.insert(header::CONNECTION, value);
            if let Some(protocol) = from.get(header::UPGRADE) {
                headers.insert(header::UPGRADE, protocol.clone());
            }
        }
        headers
    }

    fn is_named_by_connection(&self, name: &HeaderName) -> bool {
        // The length stays: without it the body would be framed anew, but nothing would be won.
        *name != header::CONTENT_LENGTH
            && self
                .parts
                .headers
                .get_all(header::CONNECTION)
                .iter()
                .any(|value| is_from_connection(value.as_bytes(), name.as_str()))
    }

    /// Cookies pass, but core's own go to core alone.
    fn add_cookies(&self, headers: &mut HeaderMap) {
        for cookies in self.parts.headers.get_all(header::COOKIE) {
            if self.service.kind == ServiceKind::Core {
                headers.append(header::COOKIE, cookies.clone());
                continue;
            }
            match cookies_for_services(cookies.as_bytes()) {
                (false, _) => {
                    headers.append(header::COOKIE, cookies.clone());
                }
                (true, kept) => {
                    if let Some(Ok(kept)) = kept.map(|kept| HeaderValue::from_bytes(&kept)) {
                        headers.append(header::COOKIE, kept);
                    }
                }
            }
        }
    }

    fn add_identity(&self, headers: &mut HeaderMap) {
        let is_platform = self.service.kind.is_platform();
        if (is_platform || self.rule.forwards_token)
            && let Some(token) = self.parts.headers.get(header::AUTHORIZATION)
        {
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        let Some(principal) = self.record.trail.principal.as_deref() else {
            return;
        };
        let identity = &principal.identity;
        for (name, value) in [
            (TENANT_ID, &identity.tenant),
            (USER_ID, &identity.user),
            (SESSION_ID, &identity.session),
            (ROLES, &identity.roles),
            (PLAN, &identity.plan),
        ] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        // Core and registry verify the token itself.
        if !is_platform && let Some(assertion) = self.assertion(principal) {
            headers.insert(ASSERTION, assertion);
        }
    }

    fn assertion(&self, principal: &Principal) -> Option<HeaderValue> {
        let shared = &self.record.worker.shared;
        principal.assertion(&self.service.name, &shared.signer, shared.clock.now())
    }

    /// The client as this gateway sees it, with what makes core and registry believe it.
    fn add_presence(&self, headers: &mut HeaderMap) {
        if let Some(token) = self.record.worker.presence() {
            headers.insert(GATEWAY_TOKEN, token);
        }
        if self.client.is_via_proxy
            && let Ok(client) = HeaderValue::from_str(&self.client.address.to_string())
        {
            headers.insert(FORWARDED_FOR, client);
        }
    }

    /// Where the request came from, in the words of proxies.
    fn add_origin(&self, headers: &mut HeaderMap) {
        let from = &self.parts.headers;
        let peer = self.peer;
        let chain = self.client.is_via_proxy.then(|| {
            let mut chain = Vec::new();
            for value in from.get_all(&FORWARDED_FOR) {
                chain.extend_from_slice(value.as_bytes());
                chain.extend_from_slice(b", ");
            }
            chain.extend_from_slice(peer.as_bytes());
            HeaderValue::from_bytes(&chain).ok()
        });
        let chain = chain.flatten().unwrap_or_else(|| peer.clone());
        headers.insert(FORWARDED_FOR, chain);
        let proto = if self.client.is_secure {
            "https"
        } else {
            "http"
        };
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
        let told = from
            .get(&FORWARDED_HOST)
            .filter(|_| self.client.is_via_proxy);
        if let Some(host) = told.or_else(|| from.get(header::HOST)) {
            headers.insert(FORWARDED_HOST, host.clone());
        }
    }
}
