//! Files that lie in the binary, compressed where that makes them smaller.

use std::{
    io::{self, Read as _},
    sync::OnceLock,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A file's content, as it lies in the binary; for a `static`.
#[derive(Debug)]
pub enum Embedded {
    /// As it is.
    Plain(&'static [u8]),
    /// Compressed by gzip (RFC 1952), which nearly every client takes as it is. For the others it is
    /// made plain once and kept, so that no number of them costs more than that.
    Gzip(&'static [u8], OnceLock<Bytes>),
}

/// What a client gets of a file.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The content of the answer.
    pub body: Bytes,
    /// Whether it is compressed by gzip.
    pub is_gzip: bool,
    /// Whether another client might get another form.
    pub varies: bool,
}

impl Embedded {
    /// A file that lies in the binary compressed by gzip.
    pub const fn gzip(bytes: &'static [u8]) -> Self {
        Self::Gzip(bytes, OnceLock::new())
    }

    /// The form for a client that sent these headers: compressed for those who take it (RFC 9110,
    /// section 12.5.3), else as it is.
    ///
    /// # Errors
    /// When what lies in the binary is not gzip.
    pub fn negotiate(&self, wished: &HeaderMap) -> io::Result<Negotiated> {
        let (body, is_gzip, varies) = match self {
            Self::Plain(bytes) => (Bytes::from_static(bytes), false, false),
            Self::Gzip(bytes, _) if accepts_gzip(wished) => (Bytes::from_static(bytes), true, true),
            Self::Gzip(bytes, kept) => (inflated(bytes, kept)?, false, true),
        };
        Ok(Negotiated {
            body,
            is_gzip,
            varies,
        })
    }
}

fn inflated(bytes: &[u8], kept: &OnceLock<Bytes>) -> io::Result<Bytes> {
    if let Some(plain) = kept.get() {
        return Ok(plain.clone());
    }
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(kept.get_or_init(|| plain.into()).clone())
}

impl Negotiated {
    /// The headers that say which form it is.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let vary = (header::VARY, HeaderValue::from_static("Accept-Encoding"));
        let coding = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let vary = self.varies.then_some(vary);
        vary.into_iter().chain(self.is_gzip.then_some(coding))
    }
}

/// Whether `Accept-Encoding` names gzip with a weight above 0.
fn accepts_gzip(wished: &HeaderMap) -> bool {
    wished.get_all(header::ACCEPT_ENCODING).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                let is_gzip = parts.next().is_some_and(|c| c.eq_ignore_ascii_case("gzip"));
                let is_refused = parts.any(|p| {
                    let weight = p
                        .split_once('=')
                        .filter(|(name, _)| name.eq_ignore_ascii_case("q"));
                    weight.is_some_and(|(_, q)| q.trim_end_matches('0') == "0." || q == "0")
                });
                is_gzip && !is_refused
            })
        })
    })
}
