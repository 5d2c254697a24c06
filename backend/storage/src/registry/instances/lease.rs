//! Renewing and expiring leases, many at a time.

use saas_domain::ServiceName;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ConnectionTrait, QueryResult, StatementBuilder};

use super::{InstanceKey, row};
use crate::registry::{name, turns};
use crate::transaction::OpenTransaction as _;
use crate::{StorageError, SystemTx, time};

/// Two values an instance: far below what a statement may carry on either database.
const BATCH: usize = 5000;

/// Renews the leases of the given instances, one statement per 5000 of them, and returns those that
/// are still there.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn renew(tx: &SystemTx, keys: &[InstanceKey]) -> Result<Vec<InstanceKey>, StorageError> {
    turns::take(tx, turns::LEASES).await?;
    let mut renewed = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let pairs = keys
            .iter()
            .map(|key| (key.service.to_string(), key.id.to_string()));
        let statement = Query::update()
            .table(row::Entity)
            .value(
                row::Column::LeaseExpiresAt,
                time::after_column(tx, "lease_seconds"),
            )
            .and_where(
                Expr::tuple([Expr::col(row::Column::Service), Expr::col(row::Column::Id)])
                    .in_tuples(pairs),
            )
            .returning(Query::returning().columns([row::Column::Service, row::Column::Id]))
            .to_owned();
        read_keys(tx, &statement, &mut renewed).await?;
    }
    Ok(renewed)
}

/// The services of which [`expire`] would remove an instance now.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn services_with_expired(
    tx: &SystemTx,
    since_resumed: u32,
) -> Result<Vec<ServiceName>, StorageError> {
    turns::take(tx, turns::LEASES).await?;
    let statement = Query::select()
        .distinct()
        .column(row::Column::Service)
        .from(row::Entity)
        .and_where(has_ended(tx, since_resumed))
        .to_owned();
    let rows = tx.connection().query_all(&statement).await?;
    let service = |row: QueryResult| name("a service's name", &row.try_get_by_index::<String>(0)?);
    rows.into_iter().map(service).collect()
}

/// Removes every instance whose lease has ended, in one conditional statement, and returns them.
///
/// An instance whose lease is longer than `since_resumed` seconds is spared: the database or the
/// registry was away less than one such lease ago, and its heartbeats may have had nowhere to go.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn expire(tx: &SystemTx, since_resumed: u32) -> Result<Vec<InstanceKey>, StorageError> {
    turns::take(tx, turns::LEASES).await?;
    let statement = Query::delete()
        .from_table(row::Entity)
        .and_where(has_ended(tx, since_resumed))
        .returning(Query::returning().columns([row::Column::Service, row::Column::Id]))
        .to_owned();
    let mut expired = Vec::new();
    read_keys(tx, &statement, &mut expired).await?;
    Ok(expired)
}

fn has_ended(tx: &SystemTx, since_resumed: u32) -> Expr {
    let longest = i32::try_from(since_resumed).unwrap_or(i32::MAX);
    Expr::col(row::Column::LeaseExpiresAt)
        .lte(time::now(tx))
        .and(Expr::col(row::Column::LeaseSeconds).lte(longest))
}

async fn read_keys(
    tx: &SystemTx,
    statement: &impl StatementBuilder,
    keys: &mut Vec<InstanceKey>,
) -> Result<(), StorageError> {
    for row in tx.connection().query_all(statement).await? {
        let service: String = row.try_get_by_index(0)?;
        let id: String = row.try_get_by_index(1)?;
        keys.push(row::key(&service, &id)?);
    }
    Ok(())
}
