//! The keys that sign access tokens, sealed.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, QueryOrder as _, entity::prelude::*, sea_query::Expr};

use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// A signing key as it is stored.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Its identifier.
    pub kid: String,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
    /// The public half, base64url.
    pub public_key: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it signs no more; it verifies until the last of its tokens has ended.
    pub retired_at: Option<DateTime<Utc>>,
}

/// Adds a key.
pub async fn insert(tx: &SystemTx, key: &StoredKey) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        kid: Set(key.kid.clone()),
        sealed: Set(key.sealed.clone()),
        public_key: Set(key.public_key.clone()),
        created_at: Set(key.created_at),
        retired_at: Set(key.retired_at),
    };
    row::Entity::insert(row)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Replaces the sealed half of a key.
pub async fn reseal(tx: &SystemTx, kid: &str, sealed: Vec<u8>) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(row::Column::Sealed, Expr::value(sealed))
        .filter(row::Column::Kid.eq(kid))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Removes a key.
pub async fn remove(tx: &SystemTx, kid: &str) -> Result<(), StorageError> {
    row::Entity::delete_by_id(kid).exec(tx.connection()).await?;
    Ok(())
}

/// Every key, newest first.
pub async fn all(tx: &SystemTx) -> Result<Vec<StoredKey>, StorageError> {
    let rows = row::Entity::find()
        .order_by_desc(row::Column::CreatedAt)
        .order_by_asc(row::Column::Kid)
        .all(tx.connection())
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredKey {
            kid: row.kid,
            sealed: row.sealed,
            public_key: row.public_key,
            created_at: row.created_at,
            retired_at: row.retired_at,
        })
        .collect())
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "signing_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub kid: String,
        pub sealed: Vec<u8>,
        pub public_key: String,
        pub created_at: DateTime<Utc>,
        pub retired_at: Option<DateTime<Utc>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
