//! What gateways count in ten seconds, for the console's charts.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    QueryOrder as _,
    entity::prelude::*,
    sea_query::{ExprTrait as _, OnConflict, Query},
};

use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// One service's figures of one window, from one report of one gateway.
#[derive(Clone, Debug)]
pub struct TrafficRow {
    /// When the window began.
    pub at: DateTime<Utc>,
    /// The service.
    pub service: String,
    /// One for the life of the gateway's process.
    pub incarnation: Uuid,
    /// The report's number.
    pub number: i64,
    /// Requests answered.
    pub requests: i64,
    /// Of these, answered with a status of 500 or more.
    pub errors: i64,
    /// Requests by duration.
    pub durations: Vec<i64>,
}

/// Adds figures. A report that came before is not counted again.
pub async fn add(tx: &SystemTx, rows: &[TrafficRow]) -> Result<(), StorageError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.iter().map(|row| row::ActiveModel {
        at: Set(row.at),
        service: Set(row.service.clone()),
        incarnation: Set(row.incarnation),
        number: Set(row.number),
        requests: Set(row.requests),
        errors: Set(row.errors),
        durations: Set(serde_json::json!(row.durations)),
    });
    let once = OnConflict::columns([
        row::Column::At,
        row::Column::Service,
        row::Column::Incarnation,
        row::Column::Number,
    ])
    .do_nothing()
    .to_owned();
    row::Entity::insert_many(rows)
        .on_conflict(once)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Figures from the given time on, oldest first.
pub async fn since(tx: &SystemTx, from: DateTime<Utc>) -> Result<Vec<TrafficRow>, StorageError> {
    let rows = row::Entity::find()
        .filter(row::Column::At.gte(from))
        .order_by_asc(row::Column::At)
        .order_by_asc(row::Column::Service)
        .all(tx.connection())
        .await?;
    let figures = |row: row::Model| {
        let durations = serde_json::from_value(row.durations)
            .map_err(|error| StorageError::corrupt("traffic_windows.durations", error))?;
        Ok(TrafficRow {
            at: row.at,
            service: row.service,
            incarnation: row.incarnation,
            number: row.number,
            requests: row.requests,
            errors: row.errors,
            durations,
        })
    };
    rows.into_iter().map(figures).collect()
}

/// Forgets figures older than the given time.
pub async fn prune(tx: &SystemTx, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let columns = [
        row::Column::At,
        row::Column::Service,
        row::Column::Incarnation,
        row::Column::Number,
    ];
    let old = Query::select()
        .columns(columns)
        .from(row::Entity)
        .and_where(row::Column::At.lt(before))
        .limit(5000)
        .to_owned();
    let keys = Expr::tuple(columns.map(Expr::col));
    let deleted = row::Entity::delete_many()
        .filter(keys.in_subquery(old))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "traffic_windows")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub at: DateTime<Utc>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub service: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub incarnation: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i64,
        pub requests: i64,
        pub errors: i64,
        #[sea_orm(column_type = "JsonBinary")]
        pub durations: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
