//! The engine: a thread per core, each with its own listener, runtime and connections; the HTTP
//! library on both sides.

mod admission;
mod answer;
mod client_io;
mod connect;
mod faults;
mod forward;
mod handshake;
mod incoming;
mod misread;
mod outgoing;
mod pool;
mod record;
mod search;
mod serve;
mod socket;
mod spans;
mod thread;
mod upgrade;
mod upload;
mod upstream_io;
mod view;
mod watch;
mod worker;

pub use thread::{Doors, Thread, spawn};
