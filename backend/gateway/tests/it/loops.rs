//! Requests that would go in a circle.

use crate::support::{Gateway, Upstream, eventually, instance, route, service};

#[tokio::test]
async fn a_service_that_is_the_gateway_itself_is_found_out() {
    let gateway = Gateway::start(Vec::new()).await;
    let circle = service("circle", vec![instance("a", gateway.address)]);
    gateway.control.change_service(circle);
    let mut back = route("/round");
    back.service = "circle".parse().unwrap();
    gateway.control.add_route(back);
    eventually("the route", || async {
        gateway.get("/round").send().await.status != 404
    })
    .await;
    let reply = gateway.get("/round/and/round").send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (508, "loop_detected".to_owned())
    );
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let told = reply.json()["detail"].to_string();
    assert!(
        told.contains("`circle`") && told.contains("/round/*"),
        "{told}"
    );
}

#[tokio::test]
async fn services_may_call_others_through_the_gateway_with_the_headers_they_got() {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let ask = async |marks: &[&str]| {
        let mut request = gateway.get("/api/orders/public/x");
        for mark in marks {
            request = request.with("cdn-loop", mark);
        }
        request.send().await
    };
    let saw = |reply: &crate::support::Reply| {
        let mark = reply.json()["headers"]["cdn-loop"].clone();
        mark.as_str().unwrap().to_owned()
    };
    // What strangers write there is handed on, and refuses nothing.
    let others = "cdn.example, saas-0123456789abcdef; passes=99";
    let first = saw(&ask(&[others]).await);
    let own = first.strip_prefix(&format!("{others}, ")).unwrap();
    assert!(own.starts_with("saas-") && own.len() == 21, "{own}");
    // Copied, however often: three times in all.
    let second = saw(&ask(&[own]).await);
    let third = saw(&ask(&[&second]).await);
    let refused = ask(&[&third]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (508, "loop_detected".to_owned())
    );
    // A server may have kept each line.
    assert_eq!(ask(&[own, own]).await.status, 200);
    assert_eq!(ask(&[own, own, own]).await.status, 508);
    // Naming it in Connection does not take it away.
    let request = gateway
        .get("/api/orders/public/x")
        .with("cdn-loop", &second);
    let reply = request.with("connection", "cdn-loop").send().await;
    assert_eq!(saw(&reply), third);
    assert_eq!(upstream.hits(), 5);
}
