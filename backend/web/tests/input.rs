//! What bad input gets.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use garde::Validate;
use saas_domain::{Clock, Random, TenantId};
use saas_telemetry::Metrics;
use saas_web::{
    ApiJson, ApiPath, ApiQuery, Page, PageQuery, Problem, StackSettings,
    axum::{
        Router,
        body::{Body, to_bytes},
        routing::{get, post},
    },
    bearer_token,
    http::{HeaderMap, Request, StatusCode},
    stack,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    #[garde(length(chars, min = 1, max = 10))]
    name: String,
    #[garde(dive)]
    #[serde(default)]
    lines: Vec<Line>,
    #[garde(dive)]
    #[serde(default, deserialize_with = "saas_web::object")]
    parcel: Option<Line>,
    #[garde(skip)]
    status: Option<Status>,
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Line {
    #[garde(range(min = 1))]
    count: u32,
}

#[derive(Deserialize, Validate)]
struct Filter {
    #[garde(skip)]
    status: Option<Status>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Up,
}

fn service() -> Router {
    let routes = Router::new()
        .route("/orders", post(create).get(list))
        .route("/tenants/{tenant_id}", get(tenant));
    let metrics = Metrics::new("test");
    let mut settings = StackSettings::new(Clock::system(), Random::seeded(1), metrics);
    settings.body_limit = 1000;
    stack(routes, settings)
}

async fn create(ApiJson(order): ApiJson<NewOrder>) -> ApiJson<Value> {
    let mut counts: u32 = order.lines.iter().map(|line| line.count).sum();
    counts += order.parcel.map_or(0, |parcel| parcel.count);
    counts += order.status.map_or(0, |status| status as u32);
    ApiJson(json!({"name": order.name, "counts": counts}))
}

async fn list(
    query: PageQuery,
    ApiQuery(filter): ApiQuery<Filter>,
) -> Result<ApiJson<Page<u32>>, Problem> {
    let after = query.cursor::<u32>()?.unwrap_or(0);
    query.sort(&["name"])?;
    let items = (after + 1..=300).filter(|_| matches!(filter.status, None | Some(Status::Up)));
    let items = items.take(query.limit() as usize + 1).collect();
    Ok(ApiJson(Page::cut(items, query.limit(), |last| *last)))
}

async fn tenant(ApiPath(tenant): ApiPath<TenantId>) -> String {
    tenant.to_string()
}

async fn send(request: Request<Body>) -> (StatusCode, Value) {
    let response = service().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let document = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (status, document)
}

async fn create_with(body: impl Into<Body>) -> (StatusCode, Value) {
    let request =
        Request::post("/orders").header("content-type", "application/json; charset=utf-8");
    send(request.body(body.into()).unwrap()).await
}

async fn get_path(path: &str) -> (StatusCode, Value) {
    send(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_sound_body_gets_through() {
    let (status, answer) = create_with(r#"{"name":"纸","lines":[{"count":2},{"count":3}]}"#).await;
    assert_eq!(
        (status, answer),
        (StatusCode::OK, json!({"name": "纸", "counts": 5}))
    );
}

#[tokio::test]
async fn what_is_not_json_is_a_400() {
    for body in [
        "",
        "{",
        "nothing",
        "{\"name\":\"a\"} more",
        "{\"name\":\"\u{1}\"}",
        "{'name':'a'}",
    ] {
        let (status, problem) = create_with(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
        assert_eq!(problem["code"], "malformed_json");
    }
    let (status, problem) = create_with(&b"{\"name\":\"\xff\xfe\"}"[..]).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::BAD_REQUEST, &json!("malformed_json"))
    );
    let deep = "[".repeat(900);
    assert!(create_with(deep).await.0.is_client_error());
}

#[tokio::test]
async fn json_of_the_wrong_shape_is_a_422_that_points_at_it() {
    for (body, pointer, part) in [
        (
            r#"{"name":"a","nmae":"b"}"#,
            "/nmae",
            "unknown field `nmae`, expected one of `name`, `lines`",
        ),
        (
            r#"{"name":7}"#,
            "/name",
            "invalid type: integer `7`, expected a string",
        ),
        (r#"{"lines":[]}"#, "/name", "missing field `name`"),
        (
            r#"{"name":"a","lines":[{"count":1},{"count":-1}]}"#,
            "/lines/1/count",
            "invalid value",
        ),
        (
            r#"{"name":"a","lines":[{}]}"#,
            "/lines/0/count",
            "missing field `count`",
        ),
        (
            r#"{"name":"a","lines":[{"count":0}]}"#,
            "/lines/0/count",
            "lower than",
        ),
        (r#"{"name":""}"#, "/name", "length is lower than 1"),
        (r#"{"name":"a","name":"b"}"#, "/name", "duplicate field"),
        (r#" ["a", []]"#, "", "expected an object, not an array"),
        (
            r#"{"name":"a","parcel":[1]}"#,
            "/parcel",
            "expected an object",
        ),
        (r#"{"name":"a","parcel":{}}"#, "/parcel/count", "missing"),
        (r#"{"name":"a","status":1}"#, "/status", "expected a string"),
        (
            r#"{"name":"a","status":{}}"#,
            "/status",
            "expected a string",
        ),
        (r#"{"name":"\ud800"}"#, "/name", "hex escape"),
        (r#"{"name":1e999}"#, "/name", "out of range"),
        ("5", "", "invalid type: integer `5`, expected an object"),
    ] {
        let (status, problem) = create_with(body).await;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {problem}"
        );
        assert_eq!(problem["code"], "invalid_body");
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{body}: {problem}"
        );
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{body}: {detail}");
        assert!(!detail.contains("line 1"), "{detail}");
    }
}

#[tokio::test]
async fn an_object_may_be_null_and_a_packed_body_is_a_415() {
    let (status, _) = create_with(r#"{"name":"a","parcel":null}"#).await;
    assert_eq!(status, StatusCode::OK);
    let (_, answer) = create_with(r#"{"name":"a","parcel":{"count":4}}"#).await;
    assert_eq!(answer["counts"], 4);
    for (encoding, expected) in [("gzip", 415), ("identity, br", 415), ("Identity", 200)] {
        let request = Request::post("/orders")
            .header("content-type", "application/json")
            .header("content-encoding", encoding);
        let request = request.body(Body::from(r#"{"name":"a"}"#)).unwrap();
        let response = service().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{encoding}");
        assert_eq!(
            response.headers().contains_key("accept-encoding"),
            expected == 415
        );
    }
}

#[tokio::test]
async fn every_broken_rule_is_listed() {
    let (_, problem) = create_with(r#"{"name":"","lines":[{"count":0}]}"#).await;
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    assert_eq!(problem["detail"], "the body has 2 invalid fields");
}

#[tokio::test]
async fn a_long_value_is_not_repeated_in_full() {
    let body = format!(r#"{{"name":"a","lines":"{}"}}"#, "x".repeat(900));
    let (_, problem) = create_with(body).await;
    assert!(
        problem["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .chars()
            .count()
            < 300,
        "{problem}"
    );
}

#[tokio::test]
async fn a_huge_body_is_a_413_and_another_type_a_415() {
    let (status, problem) = create_with(format!(r#"{{"name":"{}"}}"#, "x".repeat(1000))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["code"], "body_too_large");
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        let request = Request::post("/orders").header("content-type", content_type);
        let (status, problem) = send(request.body("{}".into()).unwrap()).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(problem["code"], "unsupported_media_type");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_a_408() {
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let (status, problem) = create_with(Body::from_stream(never)).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(problem["code"], "body_timeout");
}

#[tokio::test]
async fn an_identifier_that_is_none_is_a_400() {
    for path in ["/tenants/7", "/tenants/%ff%fe", "/tenants/019a1b2c3d4e"] {
        let (status, problem) = get_path(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert_eq!(problem["code"], "invalid_path");
        assert!(
            problem["detail"].as_str().unwrap().contains("tenant_id"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_query_is_checked_as_well() {
    for (query, pointer) in [
        ("limit=many", "/limit"),
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("sort=password", "/sort"),
        ("status=sideways", "/status"),
    ] {
        let (status, problem) = get_path(&format!("/orders?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {problem}");
        assert_eq!(problem["code"], "invalid_query");
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{query}: {problem}"
        );
    }
    let (status, problem) = get_path("/orders?cursor=nonsense").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_cursor"))
    );
}

#[tokio::test]
async fn a_list_is_walked_by_its_cursor() {
    let mut seen = 0;
    let mut path = "/orders?limit=200&status=up".to_owned();
    loop {
        let (status, page) = get_path(&path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        seen += page["items"].as_array().unwrap().len();
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/orders?limit=200&cursor={cursor}");
    }
    assert_eq!(seen, 300);
    assert_eq!(
        get_path("/orders").await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        50
    );
}

#[test]
fn a_bearer_token_is_one_word_after_its_scheme() {
    let token = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", value.parse().unwrap());
        bearer_token(&headers).map(str::to_owned)
    };
    assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
    assert_eq!(token("bearer  abc").as_deref(), Some("abc"));
    for bad in ["Bearer", "Bearer ", "Bearer a b", "Basic abc", "abc"] {
        assert_eq!(token(bad), None, "{bad}");
    }
    let mut twice = HeaderMap::new();
    twice.append("authorization", "Bearer abc".parse().unwrap());
    twice.append("authorization", "Bearer def".parse().unwrap());
    assert_eq!(bearer_token(&twice), None);
}
