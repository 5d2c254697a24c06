//! The gateway over real sockets, with a stand-in for registry and core that speaks their streams.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod acme;
mod balancing;
mod bodies;
mod control;
mod headers;
mod isolation;
mod limits;
mod limits_in_redis;
mod loops;
mod raw;
mod support;
mod tls;
mod trust;
mod upgrades;
