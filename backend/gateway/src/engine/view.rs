//! A request of the HTTP library, as the phases see it.

use std::net::IpAddr;

use http::{HeaderName, Method, Version, request::Parts};

use crate::phases::{FramingFault, RequestView};

/// The head of a request and what is known of its connection.
pub struct View<'a> {
    /// The head.
    pub parts: &'a Parts,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether it came by TLS.
    pub is_secure: bool,
    /// What the scanner said of it.
    pub framing_fault: Option<FramingFault>,
}

impl RequestView for View<'_> {
    fn method(&self) -> &Method {
        &self.parts.method
    }

    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    fn authority(&self) -> Option<&str> {
        // With user information in it, it differs from any Host header, and is refused.
        self.parts.uri.authority().map(http::uri::Authority::as_str)
    }

    fn is_http10(&self) -> bool {
        self.parts.version == Version::HTTP_10
    }

    fn header(&self, name: &HeaderName) -> Option<&[u8]> {
        self.parts
            .headers
            .get(name)
            .map(http::HeaderValue::as_bytes)
    }

    fn each_value<'a>(&'a self, name: &HeaderName, each: &mut dyn FnMut(&'a [u8])) {
        for value in self.parts.headers.get_all(name) {
            each(value.as_bytes());
        }
    }

    fn framing_fault(&self) -> Option<FramingFault> {
        self.framing_fault
    }

    fn peer(&self) -> IpAddr {
        self.peer
    }

    fn is_secure(&self) -> bool {
        self.is_secure
    }
}
