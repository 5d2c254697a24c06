//! Browser sessions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use chrono::Duration;
use hyper::Method;
use serde_json::json;
use support::{Answer, CONSOLE, Home, PASSWORD, Platform, Wishes};

on_both!(
    the_refresh_token_lives_in_the_cookie_alone,
    a_page_of_another_origin_cannot_use_the_cookie,
    another_tab_is_forgiven_for_ten_seconds,
    switching_and_changing_the_password_keep_the_cookie,
    signing_out_by_cookie,
);

/// The cookie of an answer, as the browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    set.split(';').next().unwrap().to_owned()
}

async fn sign_in(platform: &Platform) -> Answer {
    platform.owner("amy").await;
    let body = json!({"email": "amy@example.com", "password": PASSWORD});
    let headers = [("x-saas-session", "cookie"), ("origin", CONSOLE)];
    let login = platform
        .call(Method::POST, "/v1/auth/login", "", &headers, Some(body))
        .await;
    login.expect(200)
}

async fn refresh(platform: &Platform, cookie: &str, csrf: &str, origin: &str) -> Answer {
    let headers = [
        ("x-saas-session", "cookie"),
        ("origin", origin),
        ("cookie", cookie),
        ("x-csrf-token", csrf),
    ];
    platform
        .call(
            Method::POST,
            "/v1/auth/refresh",
            "",
            &headers,
            Some(json!({})),
        )
        .await
}

async fn the_refresh_token_lives_in_the_cookie_alone(home: Home) {
    let platform = Platform::start(home).await;
    let login = sign_in(&platform).await;
    assert!(login.body["refresh_token"].is_null());
    let set = login.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    let refreshed = refresh(
        &platform,
        &cookie(&login),
        login.text("csrf_token"),
        CONSOLE,
    )
    .await;
    let refreshed = refreshed.expect(200);
    assert_ne!(cookie(&refreshed), cookie(&login));
    // What is in the cookie does not work as a token, nor without any cookie at all.
    let token = cookie(&refreshed).split_once('=').unwrap().1.to_owned();
    platform
        .refresh(&token)
        .await
        .problem(401, "refresh_token_invalid");
    let none = refresh(&platform, "other=1", login.text("csrf_token"), CONSOLE).await;
    none.problem(401, "refresh_token_required");

    let wishes = Wishes {
        production: true,
        ..Wishes::default()
    };
    let platform = Platform::start_as(Home::embedded().await, wishes).await;
    let once = platform
        .core
        .first_run
        .as_ref()
        .unwrap()
        .one_time_password
        .clone();
    let body = json!({"email": support::ADMIN, "password": once.unwrap()});
    let headers = [("x-saas-session", "cookie"), ("origin", CONSOLE)];
    let login = platform
        .call(Method::POST, "/v1/auth/login", "", &headers, Some(body))
        .await;
    let set = login.expect(200).header("set-cookie").to_owned();
    assert!(
        set.starts_with("__Host-saas_refresh=rt_") && set.contains("; Secure"),
        "{set}"
    );
}

async fn a_page_of_another_origin_cannot_use_the_cookie(home: Home) {
    let platform = Platform::start(home).await;
    let login = sign_in(&platform).await;
    let (cookie, csrf) = (cookie(&login), login.text("csrf_token"));
    let evil = refresh(&platform, &cookie, csrf, "https://evil.example").await;
    evil.problem(403, "origin_not_allowed");
    let headers = [
        ("x-saas-session", "cookie"),
        ("cookie", cookie.as_str()),
        ("x-csrf-token", csrf),
    ];
    let nowhere = platform.call(
        Method::POST,
        "/v1/auth/refresh",
        "",
        &headers,
        Some(json!({})),
    );
    nowhere.await.problem(403, "origin_not_allowed");
    for bad in ["", "AAAA", "no base64!"] {
        let forged = refresh(&platform, &cookie, bad, CONSOLE).await;
        forged.problem(403, "csrf_token_invalid");
    }
    // Without the header that asks for cookies, the cookie is not looked at.
    let headers = [
        ("origin", CONSOLE),
        ("cookie", cookie.as_str()),
        ("x-csrf-token", csrf),
    ];
    let plain = platform.call(
        Method::POST,
        "/v1/auth/refresh",
        "",
        &headers,
        Some(json!({})),
    );
    plain.await.problem(401, "refresh_token_required");
    let headers = [("x-saas-session", "biscuit")];
    let odd = platform.call(
        Method::POST,
        "/v1/auth/refresh",
        "",
        &headers,
        Some(json!({})),
    );
    odd.await.problem(400, "invalid_session_mode");
    // Nothing of that used the token up.
    refresh(&platform, &cookie, csrf, "http://localhost:8000")
        .await
        .expect(200);
}

async fn another_tab_is_forgiven_for_ten_seconds(home: Home) {
    let platform = Platform::start(home).await;
    let login = sign_in(&platform).await;
    let (old, csrf) = (cookie(&login), login.text("csrf_token").to_owned());
    let first = refresh(&platform, &old, &csrf, CONSOLE).await.expect(200);
    platform.clock.advance(Duration::seconds(9));
    let again = refresh(&platform, &old, &csrf, CONSOLE).await.expect(200);
    assert_eq!(
        cookie(&first),
        cookie(&again),
        "both tabs go on with the same token"
    );
    // Once the successor was used, the old one is worth nothing, however soon.
    let next = refresh(&platform, &cookie(&again), &csrf, CONSOLE)
        .await
        .expect(200);
    let stolen = refresh(&platform, &old, &csrf, CONSOLE).await;
    let stolen = stolen.problem(401, "refresh_token_reused");
    assert!(stolen.header("set-cookie").contains("Max-Age=0"));
    platform
        .get("/v1/me", next.token())
        .await
        .problem(401, "session_ended");

    let login = platform.call(
        Method::POST,
        "/v1/auth/login",
        "",
        &[("x-saas-session", "cookie"), ("origin", CONSOLE)],
        Some(json!({"email": "amy@example.com", "password": PASSWORD})),
    );
    let login = login.await.expect(200);
    let csrf = login.text("csrf_token");
    refresh(&platform, &cookie(&login), csrf, CONSOLE)
        .await
        .expect(200);
    platform.clock.advance(Duration::seconds(11));
    let late = refresh(&platform, &cookie(&login), csrf, CONSOLE).await;
    late.problem(401, "refresh_token_reused");
}

async fn switching_and_changing_the_password_keep_the_cookie(home: Home) {
    let platform = Platform::start(home).await;
    let login = sign_in(&platform).await;
    let body = json!({"tenant_id": login.text("tenant/id")});
    let switched = platform
        .post("/v1/auth/switch-tenant", login.token(), body)
        .await
        .expect(200);
    assert!(switched.body["refresh_token"].is_null());
    let body = json!({"current_password": PASSWORD, "new_password": "another good phrase"});
    let changed = platform
        .post("/v1/me/password", switched.token(), body)
        .await
        .expect(200);
    let csrf = changed.text("csrf_token");
    refresh(&platform, &cookie(&changed), csrf, CONSOLE)
        .await
        .expect(200);
}

async fn signing_out_by_cookie(home: Home) {
    let platform = Platform::start(home).await;
    let login = sign_in(&platform).await;
    let (cookie, csrf) = (cookie(&login), login.text("csrf_token"));
    let out = |csrf: &str| {
        let headers = [
            ("x-saas-session".to_owned(), "cookie".to_owned()),
            ("origin".to_owned(), CONSOLE.to_owned()),
            ("cookie".to_owned(), cookie.clone()),
            ("x-csrf-token".to_owned(), csrf.to_owned()),
        ];
        let api = platform.core.api.clone();
        async move {
            let headers: Vec<_> = headers
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            api.call(Method::POST, "/v1/auth/logout", "", &headers, None)
                .await
        }
    };
    out("forged").await.problem(403, "csrf_token_invalid");
    let done = out(csrf).await.expect(204);
    assert!(done.header("set-cookie").contains("Max-Age=0"));
    platform
        .get("/v1/me", login.token())
        .await
        .problem(401, "session_ended");
    out(csrf).await.expect(204);
}
