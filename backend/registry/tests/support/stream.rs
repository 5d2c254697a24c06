//! A reader of the change stream.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use saas_registry_client::{FrameDecoder, HttpClient};
use serde_json::Value;

pub struct EventStream {
    body: Incoming,
    decoder: FrameDecoder,
    /// The last identifier that came.
    pub seen: String,
}

/// An event that is no beat.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub number: i64,
    pub data: Value,
}

impl EventStream {
    pub async fn open(url: &str, token: &str, last_event_id: Option<&str>) -> Self {
        let mut request = Request::get(url).header("authorization", format!("Bearer {token}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let client = HttpClient::new();
        let response = client.send(request, Duration::from_secs(30)).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            decoder: FrameDecoder::default(),
            seen: last_event_id.unwrap_or_default().to_owned(),
        }
    }

    /// The next event that is no beat; `None` when the stream ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let frame = self.frame().await?;
            if frame.event != "beat" {
                self.seen = frame.id.unwrap();
                return Some(Event {
                    name: frame.event,
                    number: self.seen.rsplit('-').next().unwrap().parse().unwrap(),
                    data: serde_json::from_str(&frame.data).unwrap(),
                });
            }
        }
    }

    /// The next frame, which must be a beat: nothing else was waiting.
    pub async fn beat(&mut self) {
        assert_eq!(self.frame().await.unwrap().event, "beat");
    }

    /// Reads until the event that shows the service with these instances.
    pub async fn until_instances(&mut self, service: &str, wanted: &[(&str, &str)]) {
        loop {
            let event = self.next().await.unwrap();
            if event.name != "service" || event.data["name"] != service {
                continue;
            }
            let instances = event.data["instances"].as_array().unwrap();
            let shown: Vec<_> = instances
                .iter()
                .map(|i| (i["id"].as_str().unwrap(), i["status"].as_str().unwrap()))
                .collect();
            if shown == wanted {
                return;
            }
        }
    }

    async fn frame(&mut self) -> Option<saas_registry_client::Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame() {
                return Some(frame);
            }
            let piece = self.body.frame().await?.ok()?;
            if let Ok(data) = piece.into_data() {
                self.decoder.push(&data).unwrap();
            }
        }
    }
}
