//! Problem+json errors, extractors, pagination, middleware, health and graceful serving.
//!
//! A service builds its routes with axum, wraps them in [`stack`], and runs them with [`serve`] on a
//! listener from [`bind`]:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use saas_domain::{Clock, Random};
//! use saas_telemetry::Metrics;
//! use saas_web::{Access, Health, StackSettings, axum::Router, bind, serve, stack};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn run() -> Result<(), saas_web::BindError> {
//! let shutdown = CancellationToken::new();
//! let metrics = Metrics::new("core");
//! let health = Health::new(metrics.clone(), Access::Open, shutdown.clone());
//! let routes = Router::new().merge(health.router());
//! let router = stack(routes, StackSettings::new(Clock::system(), Random::os(), metrics));
//! let listener = bind(([127, 0, 0, 1], 8002).into())?;
//! serve(listener, router, shutdown, Duration::from_secs(25)).await;
//! # Ok(())
//! # }
//! ```

mod address;
mod body;
mod context;
mod docs;
mod embedded;
mod extract;
mod health;
mod linger;
mod listen;
mod page;
mod precondition;
mod problem;
mod serve;
mod stack;
mod stream;

pub use address::{GATEWAY_TOKEN, client_address, is_from_gateway};
pub use axum;
pub use body::{ApiJson, object, parse_json, read_body, require_json};
pub use context::{
    REQUEST_ID, RequestContext, RequestId, TRACEPARENT, TRACESTATE, TimeLimit, TraceContext,
};
pub use docs::{BEARER_SCHEME, DocsFiles, complete, docs};
pub use embedded::{Embedded, Negotiated};
pub use extract::{ApiPath, ApiQuery, bearer_token};
pub use health::{Access, CheckReport, Health, HealthDetail, HealthReport};
pub use http;
pub use linger::Linger;
pub use listen::{BindError, bind, bind_shared};
pub use page::{Cursor, DEFAULT_LIMIT, GREATEST_LIMIT, Page, PageQuery, Sort};
pub use precondition::{ETag, IdempotencyKey, IfMatch, is_unchanged};
pub use problem::{FieldError, PROBLEM_JSON, Problem, ProblemDocument};
pub use saas_domain::EventId;
pub use serve::{HEADER_READ_TIMEOUT, LARGEST_HEAD, Served, serve};
pub use stack::{RawAnswer, StackSettings, known_method, stack};
pub use stream::{BEAT, Frame, LastEventId, StreamHub, Subscription};
