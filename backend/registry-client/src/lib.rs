//! The registry as its clients see it: wire types, a follower that watches a stream, resumes it and
//! keeps the last good copy, and an agent that registers this process and keeps its lease.

mod agent;
mod boot_clock;
mod follower;
mod http_client;
mod last_good;
mod routing;
mod sse;
mod trust;
pub mod wire;

pub use agent::{Agent, AgentSettings};
pub use boot_clock::boot_millis;
pub use follower::{Follower, FollowerSettings, Table, TokenSource, Urls};
pub use http_client::{ClientError, HttpClient};
pub use last_good::LastGoodCopy;
pub use routing::RoutingTable;
pub use sse::{Frame, FrameDecoder, FrameTooLarge};
pub use trust::{Standing, TrustTable};
