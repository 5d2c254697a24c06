//! Which tenant is meant, and whether it can come back.

use chrono::{DateTime, Utc};
use saas_domain::{EmailAddress, Slug, TenantId, UserId};
use saas_storage::{
    SystemTx,
    core::{
        memberships,
        tenants::{self, Tenant, TenantStatus},
        users,
    },
    rows::{self, Cell, Row, Table, Whose},
};

use crate::RecoveryError;

pub(super) const TENANTS: &str = "tenants";

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The tenant's identifier, or the slug it had at the time of the backup.
    pub tenant: String,
    /// The slug it gets in place of the one it had.
    pub slug: Option<Slug>,
    /// Who is not to come back with it.
    pub leave_out: Vec<EmailAddress>,
}

/// The tenant as it is in the backup, and what of it is to be otherwise.
#[derive(Debug)]
pub(super) struct Meant {
    pub(super) tenant: Tenant,
    pub(super) slug: Slug,
    pub(super) left_out: Vec<UserId>,
}

impl Meant {
    /// Its own row as it is to be. Who was shut out since stays out: a suspension is not undone.
    pub(super) fn edit(&self, table: &Table, row: &mut Row, stays_suspended: bool) {
        let mut set = |column, text: &str| {
            if let Some(cell) = table.place(column).and_then(|place| row.get_mut(place)) {
                *cell = Cell::Text(text.to_owned());
            }
        };
        set("slug", self.slug.as_str());
        if stays_suspended {
            set("status", TenantStatus::Suspended.as_str());
        }
    }
}

/// Looks in the backup.
pub(super) async fn find(
    scratch: &SystemTx,
    wanted: &Wanted,
    taken_at: DateTime<Utc>,
) -> Result<Meant, RecoveryError> {
    let id = match wanted.tenant.parse::<TenantId>() {
        Ok(id) => Some(id),
        Err(_) => with_slug(scratch, &wanted.tenant).await?,
    };
    let found = match id {
        Some(id) => tenants::find(scratch, id).await?,
        None => None,
    };
    let tenant = found.ok_or_else(|| RecoveryError::NoTenant {
        wanted: wanted.tenant.clone(),
        taken_at,
    })?;
    let mut left_out = Vec::new();
    for email in &wanted.leave_out {
        let nobody = || RecoveryError::NobodyToLeaveOut(email.to_string());
        let person = users::find_by_email(scratch, email)
            .await?
            .ok_or_else(nobody)?;
        memberships::of_user_in(scratch, person.id, tenant.id)
            .await?
            .ok_or_else(nobody)?;
        left_out.push(person.id);
    }
    Ok(Meant {
        slug: wanted.slug.clone().unwrap_or_else(|| tenant.slug.clone()),
        tenant,
        left_out,
    })
}

async fn with_slug(scratch: &SystemTx, slug: &str) -> Result<Option<TenantId>, RecoveryError> {
    let table = rows::table(scratch, TENANTS).await?;
    let slug = [Cell::Text(slug.to_owned())];
    let found = rows::having(scratch, &table, Whose::Everybodys, "slug", &slug).await?;
    let id = table.place("id");
    Ok(found.first().and_then(|row| match row.get(id?) {
        Some(Cell::Id(id)) => Some((*id).into()),
        _ => None,
    }))
}

/// The tenant as it is now, if it is there; nobody else may have its slug.
pub(super) async fn check(live: &SystemTx, meant: &Meant) -> Result<Option<Tenant>, RecoveryError> {
    let now = tenants::find(live, meant.tenant.id).await?;
    let has_it = now.as_ref().is_some_and(|now| now.slug == meant.slug);
    if !has_it && tenants::slug_is_taken(live, &meant.slug).await? {
        return Err(RecoveryError::SlugTaken(meant.slug.to_string()));
    }
    Ok(now)
}
