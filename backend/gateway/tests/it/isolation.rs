//! A service cannot use the console's session, nor end it.

use saas_web::axum::{
    Router,
    http::{HeaderName, header},
    response::AppendHeaders,
};

use crate::support::{Gateway, Upstream, eventually, instance, route, service};

/// Answers with a page, and with everything that a service might try.
async fn hostile() -> Upstream {
    let page = || async {
        let headers: [(HeaderName, &str); 15] = [
            (header::CONTENT_TYPE, "text/html"),
            (header::SET_COOKIE, "theme=dark; Path=/"),
            (
                header::SET_COOKIE,
                "__Host-saas_refresh=evil; Path=/; Secure",
            ),
            (header::SET_COOKIE, "saas_refresh=evil; Path=/"),
            (header::SET_COOKIE, "=saas_refresh=evil; Path=/"),
            (header::SET_COOKIE, "lang=zh; Path=/"),
            (HeaderName::from_static("clear-site-data"), "\"*\""),
            (HeaderName::from_static("service-worker-allowed"), "/"),
            (header::ALT_SVC, "h2=\"evil.test:443\""),
            (HeaderName::from_static("nel"), "{}"),
            (header::STRICT_TRANSPORT_SECURITY, "max-age=0"),
            (HeaderName::from_static("set-login"), "logged-out"),
            (HeaderName::from_static("report-to"), "{}"),
            (header::CONTENT_SECURITY_POLICY, "default-src *"),
            (header::X_CONTENT_TYPE_OPTIONS, "none"),
        ];
        (AppendHeaders(headers), "<script>steal()</script>")
    };
    Upstream::router(Router::new().fallback(page)).await
}

#[tokio::test]
async fn the_consoles_cookies_and_storage_are_not_a_services_to_change() {
    let upstream = hostile().await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let reply = gateway.get("/api/orders/public/x").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.all("set-cookie"),
        ["theme=dark; Path=/", "lang=zh; Path=/"]
    );
    for gone in [
        "clear-site-data",
        "service-worker-allowed",
        "alt-svc",
        "nel",
        "strict-transport-security",
        "set-login",
        "report-to",
    ] {
        assert_eq!(reply.header(gone), "", "{gone}");
    }
}

#[tokio::test]
async fn a_services_page_has_no_origin_where_the_consoles_is() {
    let upstream = hostile().await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    // The console at `console.test`, the API at the same.
    let shared = Gateway::with(vec![orders.clone()], |settings| {
        settings.public_url = Some("http://console.test".to_owned());
    })
    .await;
    let mut shop = route("/shop");
    shop.hosts = vec!["shop.test".to_owned(), "console.test".to_owned()];
    shared.control.add_route(shop);
    eventually("the route", || async {
        let reply = shared.get("/shop").host("shop.test").send().await;
        reply.status == 200
    })
    .await;
    // The console at `console.test`, the API at `api.test`.
    let apart = Gateway::start(vec![orders]).await;
    for (gateway, host, path, is_isolated) in [
        (&shared, "console.test", "/api/orders/public/x", true),
        (&shared, "CONSOLE.test:8000", "/api/orders/public/x", true),
        // Whatever a proxy makes of the name.
        (&shared, "127.0.0.1", "/api/orders/public/x", true),
        (&shared, "console.test", "/shop", true),
        // A name of its own is another origin.
        (&shared, "shop.test", "/shop", false),
        (&apart, "console.test", "/api/orders/public/x", true),
        (&apart, "api.test", "/api/orders/public/x", false),
        // Core's own pages are the platform's.
        (&shared, "console.test", "/api/core/v1/auth/login", false),
    ] {
        let reply = gateway.get(path).host(host).send().await;
        assert_eq!(reply.status, 200, "{host}{path}");
        let policies = reply.all("content-security-policy");
        assert_eq!(policies.contains(&"sandbox"), is_isolated, "{host}{path}");
        if path != "/api/core/v1/auth/login" {
            // Its own policy stays, and takes nothing away.
            assert_eq!(policies[0], "default-src *");
        }
        if is_isolated {
            assert_eq!(reply.all("x-content-type-options"), ["nosniff"]);
        }
    }
}
