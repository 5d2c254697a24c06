//! One request to S3, signed, and tried again where that may help.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use saas_domain::Clock;
use saas_registry_client::{ClientError, HttpClient};

use super::{
    BucketError,
    sign::{self, Credentials, Unsigned},
    xml,
};
use crate::stop::Stop;

/// How often something is tried.
pub(super) const ATTEMPTS: u32 = 4;
/// How long it waits before the second time; before each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// For a request with nothing in it.
const PATIENCE: Duration = Duration::from_mins(1);
/// What a line carries at the least, in bytes per second.
const SLOWEST: u64 = 64 * 1024;
/// A list has at most a thousand entries of a kilobyte.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// Letters of the storage's sentence that are told.
const LONGEST_SAID: usize = 300;

/// Where a bucket is, and as whom it is used.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) http: HttpClient,
    pub(super) clock: Clock,
    /// `https://host[:port]`.
    pub(super) origin: String,
    /// The bucket, where it is part of the path: `/bucket`.
    pub(super) base: String,
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) credentials: Credentials,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Of an object; empty for the bucket.
    pub(super) key: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

/// An answer that was no refusal.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Waits, unless told to stop.
pub(super) async fn pause(attempt: u32, stop: &Stop) -> Result<(), BucketError> {
    let length = FIRST_PAUSE * 2_u32.pow(attempt);
    tokio::select! {
        () = stop.told() => Err(BucketError::Stopped),
        () = tokio::time::sleep(length) => Ok(()),
    }
}

impl Api {
    pub(super) fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Asks, and asks again if the storage is not well or not there.
    pub(super) async fn call(&self, call: &Call<'_>, stop: &Stop) -> Result<Answer, BucketError> {
        let mut attempt = 0;
        loop {
            let asked = async {
                let within = PATIENCE + Duration::from_secs(call.body.len() as u64 / SLOWEST);
                let asked = tokio::time::timeout(within, self.once(call, within));
                asked.await.unwrap_or_else(|_| {
                    Err(BucketError::Silent {
                        address: self.address(call.key),
                        after: within,
                    })
                })
            };
            let answered = tokio::select! {
                () = stop.told() => return Err(BucketError::Stopped),
                answered = asked => answered,
            };
            match answered {
                Err(error) if error.is_passing() && attempt + 1 < ATTEMPTS => {}
                done => return done,
            }
            pause(attempt, stop).await?;
            attempt += 1;
        }
    }

    async fn once(&self, call: &Call<'_>, within: Duration) -> Result<Answer, BucketError> {
        let response = self.open(call, within).await?;
        let (head, body) = response.into_parts();
        let body = self.read(call, body).await?;
        // Where joining parts takes long, the storage begins to answer before it knows how it ends.
        if body.contains("<Error>") {
            return Err(self.refusal(call, 500, &head.headers, &body));
        }
        Ok(Answer {
            headers: head.headers,
            body,
        })
    }

    /// Asks once, and gives the answer as soon as it begins, if it is no refusal.
    pub(super) async fn open(
        &self,
        call: &Call<'_>,
        within: Duration,
    ) -> Result<Response<Incoming>, BucketError> {
        let response = self.http.send(self.request(call)?, within).await;
        let response = response.map_err(|source| self.unreached(call, source))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = self.read(call, body).await.unwrap_or_default();
        Err(self.refusal(call, head.status.as_u16(), &head.headers, &body))
    }

    fn unreached(&self, call: &Call<'_>, source: ClientError) -> BucketError {
        BucketError::Call {
            address: self.address(call.key),
            source,
        }
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, BucketError> {
        let now = self.clock.now();
        let path = sign::path(&format!("{}/{}", self.base, call.key));
        let query = sign::query(call.query);
        let digest = sign::sha256(&call.body);
        let host = self.origin.split_once("://").map_or("", |(_, host)| host);
        let mut headers: BTreeMap<&'static str, String> = call.headers.iter().cloned().collect();
        headers.insert("host", host.to_owned());
        headers.insert("x-amz-content-sha256", digest.clone());
        headers.insert("x-amz-date", sign::moment(now));
        let unsigned = Unsigned {
            method: call.method.as_str(),
            path: &path,
            query: &query,
            headers: &headers,
            body: &digest,
        };
        let authorization = self.credentials.authorization(&unsigned, &self.region, now);
        let url = match query.as_str() {
            "" => format!("{}{path}", self.origin),
            query => format!("{}{path}?{query}", self.origin),
        };
        let mut request = Request::builder()
            .method(&call.method)
            .uri(&url)
            .header(header::AUTHORIZATION, authorization);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body.clone()));
        request.map_err(|source| self.unreached(call, ClientError::Url { url, source }))
    }

    async fn read(&self, call: &Call<'_>, body: Incoming) -> Result<String, BucketError> {
        let read = Limited::new(body, LONGEST_ANSWER).collect().await;
        let bytes = read.map_err(|source| BucketError::BrokeOff {
            address: self.address(call.key),
            source,
        })?;
        Ok(String::from_utf8_lossy(&bytes.to_bytes()).into_owned())
    }

    fn refusal(
        &self,
        call: &Call<'_>,
        status: u16,
        headers: &HeaderMap,
        body: &str,
    ) -> BucketError {
        let named = |name| xml::text(body, name).unwrap_or_default();
        let said = named("Message");
        // What is told may be written down, and a storage may repeat what it was sent.
        let said = said.replace(self.credentials.id.as_str(), "…");
        let said: String = said.chars().take(LONGEST_SAID).collect();
        let region = headers.get("x-amz-bucket-region");
        let region = region.and_then(|region| region.to_str().ok());
        BucketError::Refused {
            address: self.address(call.key),
            status,
            code: named("Code"),
            said: match said.as_str() {
                "" => said,
                said => format!(" ({said})"),
            },
            region: region
                .map(str::to_owned)
                .or_else(|| xml::text(body, "Region")),
        }
    }
}
