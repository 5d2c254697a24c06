//! The words of the audit log.

use chrono::{DateTime, Utc};
use saas_domain::{AuditEventId, Clock, Random, TenantId, UserId};
use saas_storage::core::audit::AuditEntry;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::access::{caller::Caller, origin::Origin};

/// An entry of the audit log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AuditEvent {
    /// Its identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: AuditEventId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What was done.
    #[schema(example = "member.added")]
    pub action: String,
    /// Who did it; null for the platform itself.
    #[schema(required = true, value_type = Option<uuid::Uuid>)]
    pub actor_id: Option<UserId>,
    /// Their address, if the reader may know it.
    #[schema(required = true)]
    pub actor_email: Option<String>,
    /// To what kind of thing.
    #[schema(required = true, example = "membership")]
    pub target_type: Option<String>,
    /// To which one.
    #[schema(required = true)]
    pub target_id: Option<String>,
    /// What else is worth knowing, as an object.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// The network address the request came from.
    #[schema(required = true)]
    pub address: Option<String>,
    /// The request's identifier, as in the logs.
    #[schema(required = true)]
    pub request_id: Option<String>,
}

impl AuditEvent {
    pub fn new(entry: AuditEntry, actor_email: Option<String>) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            action: entry.action,
            actor_id: entry.actor_id,
            actor_email,
            target_type: Some(entry.object_type),
            target_id: entry.object_id,
            detail: entry.detail,
            address: entry.address,
            request_id: entry.request_id,
        }
    }
}

/// What can be done, with the kind of thing it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    SessionStarted,
    SessionEnded,
    RefreshReused,
    PasswordChanged,
    SignedUp,
    TenantCreated,
    TenantRenamed,
    TenantSuspended,
    TenantActivated,
    TenantRestored,
    MemberAdded,
    MemberRoleChanged,
    MemberRemoved,
    InvitationMade,
    InvitationAccepted,
    InvitationWithdrawn,
    UserDisabled,
    UserEnabled,
    UserPasswordReset,
    OperatorCreated,
}

impl Action {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SessionStarted => ("session.started", "session"),
            Self::SessionEnded => ("session.ended", "session"),
            Self::RefreshReused => ("session.refresh_reused", "session"),
            Self::PasswordChanged => ("user.password_changed", "user"),
            Self::SignedUp => ("user.signed_up", "user"),
            Self::TenantCreated => ("tenant.created", "tenant"),
            Self::TenantRenamed => ("tenant.renamed", "tenant"),
            Self::TenantSuspended => ("tenant.suspended", "tenant"),
            Self::TenantActivated => ("tenant.activated", "tenant"),
            Self::TenantRestored => ("tenant.restored", "tenant"),
            Self::MemberAdded => ("member.added", "membership"),
            Self::MemberRoleChanged => ("member.role_changed", "membership"),
            Self::MemberRemoved => ("member.removed", "membership"),
            Self::InvitationMade => ("invitation.made", "invitation"),
            Self::InvitationAccepted => ("invitation.accepted", "invitation"),
            Self::InvitationWithdrawn => ("invitation.withdrawn", "invitation"),
            Self::UserDisabled => ("user.disabled", "user"),
            Self::UserEnabled => ("user.enabled", "user"),
            Self::UserPasswordReset => ("user.password_reset", "user"),
            Self::OperatorCreated => ("operator.created", "user"),
        }
    }
}

/// An entry in the making.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    action: Action,
    tenant: Option<TenantId>,
    actor: Option<UserId>,
    origin: Option<Origin>,
    object: Option<String>,
    detail: Value,
}

impl Entry {
    /// Something the caller does.
    pub fn by(caller: &Caller, action: Action) -> Self {
        Self {
            actor: Some(caller.user()),
            origin: Some(caller.origin().clone()),
            ..Self::by_platform(action)
        }
    }

    /// Something a person does who is known, but has no token yet.
    pub fn by_person(person: UserId, origin: &Origin, action: Action) -> Self {
        Self {
            actor: Some(person),
            origin: Some(origin.clone()),
            ..Self::by_platform(action)
        }
    }

    /// Something the platform does by itself.
    pub fn by_platform(action: Action) -> Self {
        Self {
            action,
            tenant: None,
            actor: None,
            origin: None,
            object: None,
            detail: json!({}),
        }
    }

    /// Into the tenant's log, in place of the platform's.
    pub fn in_log_of(mut self, tenant: Option<TenantId>) -> Self {
        self.tenant = tenant;
        self
    }

    /// To which thing.
    pub fn on(mut self, object: &impl ToString) -> Self {
        self.object = Some(object.to_string());
        self
    }

    /// What else is worth knowing: an object.
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    pub fn finish(self, clock: &Clock, random: &Random) -> AuditEntry {
        let (action, object_type) = self.action.words();
        let (address, request_id) = match self.origin {
            Some(origin) => (Some(origin.address.to_string()), origin.request_id),
            None => (None, None),
        };
        AuditEntry {
            id: AuditEventId::generate(clock, random),
            tenant_id: self.tenant,
            at: clock.now(),
            action: action.to_owned(),
            actor_id: self.actor,
            object_type: object_type.to_owned(),
            object_id: self.object,
            detail: self.detail,
            address,
            request_id,
        }
    }
}
