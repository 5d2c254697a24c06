//! `/openapi.json` and `/docs`.

use std::fmt::Write as _;

use axum::{
    Router,
    extract::Path,
    response::{Html, IntoResponse as _, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::embedded::Embedded;
use crate::problem::{FieldError, PROBLEM_JSON, Problem, ProblemDocument};

/// Finds a file of the documentation page by its name, such as `scalar.js`.
pub type DocsFiles = fn(&str) -> Option<&'static Embedded>;

/// The name of the bearer token's scheme in the description; for
/// `security(("bearer" = []))` on an operation.
pub const BEARER_SCHEME: &str = "bearer";

/// Completes a description with what holds for every operation: the problem document as the answer
/// to anything that went wrong, and the bearer token's scheme.
pub fn complete(openapi: &mut OpenApi) {
    let components = openapi.components.get_or_insert_default();
    let schemas = &mut components.schemas;
    schemas.insert(
        ProblemDocument::name().into_owned(),
        ProblemDocument::schema(),
    );
    schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    components.add_security_scheme(BEARER_SCHEME, SecurityScheme::Http(bearer));

    let problem = Ref::from_schema_name(ProblemDocument::name());
    let content = ContentBuilder::new().schema(Some(problem)).build();
    let answer = ResponseBuilder::new()
        .description("What was wrong and what to do (RFC 9457).")
        .content(PROBLEM_JSON, content)
        .build();
    for item in openapi.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            let responses = &mut operation.responses.responses;
            responses
                .entry("default".to_owned())
                .or_insert_with(|| RefOr::T(answer.clone()));
        }
    }
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// The routes `/openapi.json` and `/docs`: the description, completed by [`complete`], and a page
/// that shows it.
///
/// Every address in the page is relative, so that it works behind a prefix such as `/api/core`. It
/// loads `docs/scalar.js` from `files` and nothing from elsewhere, so that it works offline; without
/// that file, or without JavaScript, it is a plain list of the operations.
pub fn docs(mut openapi: OpenApi, files: Option<DocsFiles>) -> Router {
    complete(&mut openapi);
    let description = Bytes::from(serde_json::to_vec(&openapi).unwrap_or_default());
    let files: DocsFiles = files.unwrap_or(|_| None);
    let page = Bytes::from(page(&openapi, files("scalar.js").is_some()));
    Router::new()
        .route(
            "/openapi.json",
            get(move || async move { json(description) }),
        )
        .route("/docs", get(move || async move { html(page) }))
        .route("/docs/", get(|| async { Redirect::permanent("../docs") }))
        .route(
            "/docs/{file}",
            get(
                move |Path(file): Path<String>, wished: HeaderMap| async move {
                    asset(&file, files, &wished)
                },
            ),
        )
}

fn json(description: Bytes) -> Response {
    let json = HeaderValue::from_static("application/json");
    let cache = HeaderValue::from_static("no-cache");
    ([(CONTENT_TYPE, json), (CACHE_CONTROL, cache)], description).into_response()
}

fn html(page: Bytes) -> Response {
    // The viewer sets styles on its elements; scripts come from this origin alone.
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                          img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; \
                          worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let policy = HeaderValue::from_static(POLICY);
    let cache = HeaderValue::from_static("no-cache");
    (
        [(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, cache)],
        Html(page),
    )
        .into_response()
}

fn asset(file: &str, files: DocsFiles, wished: &HeaderMap) -> Response {
    let found = match file {
        "start.js" => Some(&Embedded::Plain(START.as_bytes())),
        "icon.svg" => Some(&Embedded::Plain(ICON.as_bytes())),
        name => files(name),
    };
    let Some(embedded) = found else {
        return Problem::not_found("the documentation page has no such file").into_response();
    };
    let sent = match embedded.negotiate(wished) {
        Ok(sent) => sent,
        Err(error) => return Problem::internal(error).into_response(),
    };
    let content_type = match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("map") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let cache = HeaderValue::from_static("public, max-age=3600");
    let content_type = HeaderValue::from_static(content_type);
    let form: HeaderMap = sent.headers().collect();
    (
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, cache)],
        form,
        sent.body,
    )
        .into_response()
}

/// Starts the viewer, which asks nobody but this origin, and hides the plain list once it is there.
const START: &str = r"'use strict';
if (window.Scalar) {
  window.Scalar.createApiReference('#reference', {
    url: new URL('openapi.json', document.baseURI).href,
    withDefaultFonts: false,
    telemetry: false,
    hideClientButton: true,
    servers: [{ url: new URL('.', document.baseURI).href.replace(/.$/, '') }],
    agent: { disabled: true },
    mcp: { disabled: true },
    showDeveloperTools: 'never',
  });
  document.getElementById('plain').hidden = true;
}
";

/// Without an icon of its own, a browser asks for `/favicon.ico`, which a service does not have.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0e6b5e"/><g fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"><path d="M7 9.5h5.5c3 0 3.5 6.5 6.5 6.5M7 22.5h5.5c3 0 3.5-6.5 6.5-6.5M7 16h18"/></g><circle cx="25" cy="16" r="2.6" fill="#f0b44c"/></svg>"##;

fn page(openapi: &OpenApi, with_viewer: bool) -> String {
    let title = escape(&openapi.info.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"docs/icon.svg\" type=\"image/svg+xml\">\n<style>\n\
         #plain {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }}\n\
         #plain td {{ padding: .25rem 1rem .25rem 0; vertical-align: top }}\n</style>\n</head>\n<body>\n\
         <div id=\"reference\"></div>\n<main id=\"plain\">\n<h1>{title} {}</h1>\n\
         <p>The full description: <a href=\"openapi.json\">openapi.json</a></p>\n<table>\n",
        escape(&openapi.info.version),
    );
    for (path, item) in &openapi.paths.paths {
        for (method, operation) in operations(item) {
            let summary = operation.summary.as_deref().unwrap_or_default();
            // Writing to a `String` does not fail.
            let _ = writeln!(
                page,
                "<tr><td><code>{method}</code></td><td><code>{}</code></td><td>{}</td></tr>",
                escape(path),
                escape(summary),
            );
        }
    }
    page.push_str("</table>\n</main>\n");
    if with_viewer {
        page.push_str(
            "<script src=\"docs/scalar.js\"></script>\n<script src=\"docs/start.js\"></script>\n",
        );
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
