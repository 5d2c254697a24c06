//! To whom the rows of each table belong: what the restore of one tenant, and a move to another
//! database, go by.

/// To whom the rows of a table belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// To the tenant in this column. Restoring a tenant replaces its rows.
    Tenant(&'static str),
    /// To the tenant in this column, as a record of what happened: restoring a tenant adds what is
    /// missing and takes nothing away.
    TenantRecord(&'static str),
    /// A row is a person, who may be in several tenants. Restoring a tenant makes a missing one, who
    /// cannot sign in, and changes none.
    Person,
    /// To the platform. Restoring a tenant does not touch it.
    Platform,
    /// To a session, or to what is refused: bringing it back would let in whom somebody shut out.
    /// Restoring a tenant does not touch it.
    Access,
    /// Made anew by whoever runs: it is left behind when the platform moves to another database.
    Rebuilt,
}

/// Every table of the schema, in an order in which rows can be written: what others refer to comes
/// first. A table that is not named here fails this crate's tests.
pub const TABLES: [(&str, Belongs); 20] = [
    ("installation", Belongs::Platform),
    ("changes", Belongs::Rebuilt),
    ("leases", Belongs::Rebuilt),
    ("services", Belongs::Platform),
    ("instances", Belongs::Rebuilt),
    ("routes", Belongs::Platform),
    ("gateways", Belongs::Rebuilt),
    ("users", Belongs::Person),
    ("tenants", Belongs::Tenant("id")),
    ("memberships", Belongs::Tenant("tenant_id")),
    ("invitations", Belongs::Access),
    ("sessions", Belongs::Access),
    ("refresh_tokens", Belongs::Access),
    ("stale_tokens", Belongs::Access),
    ("signing_keys", Belongs::Platform),
    ("audit_events", Belongs::TenantRecord("tenant_id")),
    ("idempotency_keys", Belongs::Rebuilt),
    ("sign_in_attempts", Belongs::Access),
    ("traffic_windows", Belongs::Platform),
    ("recovery_runs", Belongs::Platform),
];

/// To whom the rows of the table of this name belong.
pub fn belongs(table: &str) -> Option<Belongs> {
    let mut tables = TABLES.iter();
    tables
        .find(|(name, _)| *name == table)
        .map(|(_, belongs)| *belongs)
}
