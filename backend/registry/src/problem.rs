//! The one conversion from what the database says to what the caller is told.

use saas_storage::StorageError;
use saas_web::Problem;

/// After how many seconds a caller should try again when the database is away.
const RETRY_AFTER: u32 = 2;

/// 503 with `Retry-After` for a database that is away, locked or full; 500 for what is our mistake.
/// What a use case expects (a row that is missing, say) it must have handled before.
pub(crate) fn of_storage(error: StorageError) -> Problem {
    if error.is_unavailable() {
        return Problem::unavailable(
            "database_unavailable",
            RETRY_AFTER,
            "the database is not available at the moment; nothing was changed, try again",
        )
        .source(error);
    }
    Problem::internal(error)
}

/// The database has not answered once since this replica started.
pub(crate) fn not_loaded() -> Problem {
    Problem::unavailable(
        "registry_starting",
        RETRY_AFTER,
        "the registry has not read its database yet; try again",
    )
}

/// No such service, instance or route.
pub(crate) fn no_service(name: &str) -> Problem {
    Problem::not_found(format!("there is no service `{name}`"))
}

/// No such instance.
pub(crate) fn no_instance(service: &str, id: &str) -> Problem {
    Problem::not_found(format!(
        "the service `{service}` has no instance `{id}`; its lease may have ended: register again"
    ))
}

/// Somebody else changed the thing between reading and writing.
pub(crate) fn changed_meanwhile() -> Problem {
    Problem::new(http::StatusCode::PRECONDITION_FAILED, "version_conflict")
        .detail("somebody changed this since you read it; read it again and repeat the change")
}
