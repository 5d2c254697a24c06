//! Signatures of requests: AWS Signature Version 4 in the form for S3
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use zeroize::Zeroizing;

use crate::format::hex;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "s3";

/// All but what RFC 3986 calls unreserved.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same within a path.
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// By what a bucket's owner knows who asks. Never prints.
#[derive(Clone)]
pub struct Credentials {
    /// The key's name.
    pub id: Zeroizing<String>,
    /// The key.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A request, in the parts that are signed.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    /// Encoded by [`path`].
    pub(super) path: &'a str,
    /// Encoded by [`query`].
    pub(super) query: &'a str,
    /// By their names in lower case, `host` and `x-amz-content-sha256` among them.
    pub(super) headers: &'a BTreeMap<&'static str, String>,
    /// SHA-256 of the body, in hexadecimal.
    pub(super) body: &'a str,
}

/// A path as it is sent and signed.
pub(super) fn path(plain: &str) -> String {
    utf8_percent_encode(plain, PATH).to_string()
}

/// A query as it is sent and signed: sorted.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let encoded = |text| utf8_percent_encode(text, VALUE);
    let mut pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// The moment as `x-amz-date` has it.
pub(super) fn moment(now: DateTime<Utc>) -> String {
    now.format("%Y%m%dT%H%M%SZ").to_string()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

impl Credentials {
    /// The header `Authorization` of a request that is sent now.
    pub(super) fn authorization(
        &self,
        request: &Unsigned<'_>,
        region: &str,
        now: DateTime<Utc>,
    ) -> String {
        let names: Vec<&str> = request.headers.keys().copied().collect();
        let names = names.join(";");
        let listed = request.headers.iter();
        let headers = listed.fold(String::new(), |told, (name, value)| {
            told + name + ":" + value.trim() + "\n"
        });
        let canonical = [
            request.method,
            request.path,
            request.query,
            &headers,
            &names,
            request.body,
        ]
        .join("\n");
        let day = now.format("%Y%m%d").to_string();
        let scope = format!("{day}/{region}/{SERVICE}/aws4_request");
        let digest = sha256(canonical.as_bytes());
        let text = [ALGORITHM, &moment(now), &scope, &digest].join("\n");
        let key = self.key(&[&day, region, SERVICE, "aws4_request"]);
        let signature = hex(hmac::sign(&key, text.as_bytes()).as_ref());
        let id = self.id.as_str();
        format!("{ALGORITHM} Credential={id}/{scope},SignedHeaders={names},Signature={signature}")
    }

    fn key(&self, scope: &[&str]) -> hmac::Key {
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let secret = Zeroizing::new(format!("AWS4{}", self.secret.as_str()));
        scope.iter().fold(key(secret.as_bytes()), |with, part| {
            key(hmac::sign(&with, part.as_bytes()).as_ref())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples that AWS publishes beside its description.
    fn signature(
        method: &str,
        (plain, asked): (&str, &[(&str, &str)]),
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> String {
        let now = DateTime::parse_from_rfc3339("2013-05-24T00:00:00Z").unwrap();
        let body = sha256(body);
        let mut all = BTreeMap::from([
            ("host", "examplebucket.s3.amazonaws.com".to_owned()),
            ("x-amz-content-sha256", body.clone()),
            ("x-amz-date", moment(now.to_utc())),
        ]);
        all.extend(
            headers
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let credentials = Credentials {
            id: Zeroizing::new("AKIAIOSFODNN7EXAMPLE".to_owned()),
            secret: Zeroizing::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        };
        assert!(!format!("{credentials:?}").contains("AKIA"));
        let request = Unsigned {
            method,
            path: &path(plain),
            query: &query(asked),
            headers: &all,
            body: &body,
        };
        credentials.authorization(&request, "us-east-1", now.to_utc())
    }

    #[test]
    fn requests_are_signed_as_in_the_examples_of_aws() {
        let get = signature("GET", ("/test.txt", &[]), &[("range", "bytes=0-9")], b"");
        assert_eq!(
            get,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,\
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let put = signature(
            "PUT",
            ("/test$file.text", &[]),
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            b"Welcome to Amazon S3.",
        );
        assert!(
            put.ends_with("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            "{put}"
        );
        let lifecycle = signature("GET", ("/", &[("lifecycle", "")]), &[], b"");
        assert!(
            lifecycle.ends_with("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            "{lifecycle}"
        );
        let list = signature(
            "GET",
            ("/", &[("prefix", "J"), ("max-keys", "2")]),
            &[],
            b"",
        );
        assert!(
            list.ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            "{list}"
        );
    }
}
