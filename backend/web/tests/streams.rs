//! Change streams: nothing missed, nothing twice, nobody waited for.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use http_body_util::BodyExt as _;
use saas_web::{
    EventId, Frame, LastEventId, StreamHub,
    axum::{body::Body, extract::FromRequestParts as _, response::Response},
    http::Request,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const BEAT: &str = "event: beat\ndata: {}\n\n";

fn hub() -> (StreamHub, CancellationToken) {
    let shutdown = CancellationToken::new();
    (StreamHub::new(3, shutdown.clone()), shutdown)
}

fn change(hub: &StreamHub, number: i64) -> Frame {
    hub.frame("change", number, &json!({"n": number})).unwrap()
}

async fn next(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

/// The next frame that is no beat.
async fn next_event(body: &mut Body) -> Option<String> {
    loop {
        match next(body).await {
            Some(text) if text == BEAT => {}
            other => return other,
        }
    }
}

fn body(response: Response) -> Body {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

#[tokio::test]
async fn changes_between_subscription_and_snapshot_are_neither_lost_nor_repeated() {
    let (hub, _shutdown) = hub();
    let subscription = hub.subscribe();
    hub.publish(&[change(&hub, 6), change(&hub, 7)]);
    let snapshot = hub.frame("snapshot", 6, &json!(["a\nb"])).unwrap();
    let mut body = body(subscription.respond(vec![snapshot], 6));
    hub.publish(&[change(&hub, 8)]);
    let snapshot = next_event(&mut body).await.unwrap();
    assert_eq!(snapshot, "event: snapshot\nid: 3-6\ndata: [\"a\\nb\"]\n\n");
    assert_eq!(
        next_event(&mut body).await.unwrap(),
        "event: change\nid: 3-7\ndata: {\"n\":7}\n\n"
    );
    assert_eq!(
        next_event(&mut body).await.unwrap(),
        "event: change\nid: 3-8\ndata: {\"n\":8}\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_beats_four_times_a_second() {
    let (hub, _shutdown) = hub();
    let mut body = body(hub.subscribe().respond(Vec::new(), 0));
    let started = tokio::time::Instant::now();
    for _ in 0..5 {
        assert_eq!(next(&mut body).await.unwrap(), BEAT);
    }
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_may_have_missed_something_falls_silent() {
    let shutdown = CancellationToken::new();
    let hub = StreamHub::confirmed_for(1, shutdown, Duration::from_secs(1));
    let mut body = body(hub.subscribe().respond(Vec::new(), 0));
    assert_eq!(next(&mut body).await.unwrap(), BEAT);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let silence = tokio::time::timeout(Duration::from_secs(5), next(&mut body)).await;
    assert!(silence.is_err(), "{silence:?}");
    hub.confirm();
    assert_eq!(next(&mut body).await.unwrap(), BEAT);
}

#[tokio::test]
async fn a_slow_reader_is_cut_off_and_others_are_not() {
    let (hub, _shutdown) = hub();
    let slow = hub.subscribe();
    let mut quick = body(hub.subscribe().respond(Vec::new(), 0));
    for number in 1..=2_000 {
        hub.publish(&[change(&hub, number)]);
        assert!(
            next_event(&mut quick)
                .await
                .unwrap()
                .contains(&format!("id: 3-{number}\n"))
        );
    }
    assert_eq!(hub.readers(), 1);
    let mut slow = body(slow.respond(Vec::new(), 0));
    let mut last = String::new();
    while let Some(event) = next_event(&mut slow).await {
        last = event;
    }
    assert!(
        last.contains("id: 3-1024\n"),
        "in order and without a gap up to its end: {last}"
    );
}

#[tokio::test]
async fn streams_end_when_the_service_stops() {
    let (hub, shutdown) = hub();
    let mut open = body(hub.subscribe().respond(vec![change(&hub, 1)], 1));
    shutdown.cancel();
    assert_eq!(next(&mut open).await, None);
    assert_eq!(hub.subscribe().respond(Vec::new(), 0).status(), 503);
}

#[tokio::test]
async fn a_reader_that_left_is_forgotten() {
    let (hub, _shutdown) = hub();
    let stream = hub.subscribe().respond(Vec::new(), 0);
    assert_eq!(hub.readers(), 1);
    drop(stream);
    assert_eq!(hub.readers(), 0);
}

#[tokio::test]
async fn everybody_can_be_sent_back_to_resume() {
    let (hub, _shutdown) = hub();
    let mut open = body(hub.subscribe().respond(Vec::new(), 0));
    hub.disconnect_all();
    assert_eq!(next_event(&mut open).await, None);
}

#[tokio::test]
async fn only_our_own_identifiers_resume() {
    let last = |value: &'static str| async move {
        let request = Request::builder()
            .header("last-event-id", value)
            .body(())
            .unwrap();
        LastEventId::from_request_parts(&mut request.into_parts().0, &())
            .await
            .unwrap()
            .0
    };
    assert_eq!(
        last("3-42").await,
        Some(EventId {
            epoch: 3,
            number: 42
        })
    );
    for foreign in [
        "",
        "42",
        "3-",
        "-3-4",
        "3--4",
        "3-+4",
        "3-99999999999999999999",
        "a-b",
    ] {
        assert_eq!(last(foreign).await, None, "{foreign}");
    }
}
