//! Why a use case did not happen, and what the caller is told.

use axum::response::{IntoResponse, Response};
use saas_security::{EnvelopeError, KeyError, PasswordError, TokenError};
use saas_storage::StorageError;
use saas_web::Problem;

/// Why a use case did not happen. Everything that was done in its transaction is taken back.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The caller is told so, and could do something about it.
    Problem(Problem),
    /// The database did not do its part.
    Storage(StorageError),
    /// A defect, or a secret that changed under us.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Problem(problem) => problem,
            Refusal::Storage(error) => storage_problem(error),
            Refusal::Internal(error) => Self::internal(error),
        }
    }
}

fn storage_problem(error: StorageError) -> Problem {
    match error {
        StorageError::Unavailable(_) => Problem::unavailable(
            "database_unavailable",
            2,
            "the database is not available at the moment; nothing was changed, try again",
        )
        .source(error),
        StorageError::Conflict { .. } => Problem::conflict(
            "conflict",
            "something else was made or changed at the same time; read again and repeat",
        )
        .source(error),
        StorageError::NotFound => Problem::not_found("there is no such thing").source(error),
        other => Problem::internal(other),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

macro_rules! internal {
    ($($error:ty),+) => {$(
        impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::Internal(error.into())
            }
        }
    )+};
}

internal!(
    EnvelopeError,
    KeyError,
    PasswordError,
    TokenError,
    serde_json::Error,
    tokio::task::JoinError
);
