//! One request's way from socket to socket: accept, route, authenticate, limit, balance, forward,
//! record.
//!
//! Three parts. The [`phases`] decide, written against a small view of a request. The engine reads
//! and writes, a thread per core with everything it needs of its own. The control plane keeps the
//! tables current that both look at.

mod acme;
mod balance;
mod console;
mod control;
mod engine;
mod framing;
mod limiter;
mod network;
pub mod phases;
mod redirect;
mod settings;
mod shared;
mod start;
mod table;
mod tls;
mod traffic;

pub use console::{ConsoleFile, ConsoleFiles};
pub use start::{GatewayDeps, GatewayHandle, StartError, start};
pub use tls::{Https, serving_tls};
