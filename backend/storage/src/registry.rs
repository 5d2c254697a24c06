//! What the registry keeps: services, instances, routes, and what gateways report.
//!
//! All of it is the platform's own, so every function demands a [`SystemTx`](crate::SystemTx).

pub mod gateways;
pub mod instances;
pub mod routes;
pub mod services;
mod turns;

pub use gateways::{GatewayRecord, GatewayState};
pub use instances::{InstanceKey, InstanceRecord, InstanceState};
pub use routes::RouteRecord;
pub use services::ServiceRecord;

use crate::StorageError;

/// What became of a change that was to apply to one version only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guarded<T> {
    /// It was made.
    Done(T),
    /// The row has another version by now: this one.
    Stale(T),
    /// There is no such row.
    Missing,
}

/// Reads a stored number that must fit a smaller type.
fn fit<T: TryFrom<i32>>(what: &'static str, number: i32) -> Result<T, StorageError>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    T::try_from(number).map_err(|error| StorageError::corrupt(what, error))
}

/// Reads a stored name.
fn name<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, StorageError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse()
        .map_err(|error: T::Err| StorageError::corrupt(what, error))
}

/// Reads a stored JSON value.
fn json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    value: serde_json::Value,
) -> Result<T, StorageError> {
    serde_json::from_value(value).map_err(|error| StorageError::corrupt(what, error))
}
