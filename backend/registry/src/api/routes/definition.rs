//! What a route is defined by.

#![expect(
    clippy::option_option,
    reason = "absent, null and a value are three things in a change"
)]

use chrono::{DateTime, Utc};
use garde::Validate;
use saas_domain::{RouteId, ServiceName};
use saas_storage::registry::RouteRecord;
use saas_web::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reserved;
use crate::api::rules;

/// Who may use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    /// Anybody, without a token.
    Public,
    /// Anybody with a valid token of a tenant.
    #[default]
    Authenticated,
}

impl Access {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authenticated => "authenticated",
        }
    }

    /// Anything unknown is closed rather than opened.
    pub(super) fn from_stored(text: &str) -> Self {
        match text {
            "public" => Self::Public,
            _ => Self::Authenticated,
        }
    }
}

/// A new route.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the interface, and each stands for itself"
)]
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteDefinition {
    /// What people call it, 100 characters at most.
    #[garde(inner(length(min = 1, max = 100), custom(rules::plain)))]
    #[schema(example = "The shop")]
    name: Option<String>,
    /// Host names it answers to; any if empty. 32 at most.
    #[serde(default)]
    #[garde(length(max = 32), inner(custom(rules::host)))]
    #[schema(example = json!(["shop.example.com"]))]
    hosts: Vec<String>,
    /// The path's beginning, on segment borders: `/shop` matches `/shop` and `/shop/1`, not
    /// `/shops`.
    #[garde(custom(rules::path))]
    #[schema(example = "/shop")]
    path: String,
    /// Methods it answers to, upper case; any if empty.
    #[serde(default)]
    #[garde(length(max = 16), inner(custom(rules::method)))]
    #[schema(example = json!(["GET"]))]
    methods: Vec<String>,
    /// Where it leads. The service need not exist yet.
    #[garde(skip)]
    #[schema(value_type = String, example = "orders")]
    service: ServiceName,
    /// Whether the path's beginning is taken away before forwarding.
    #[serde(default)]
    #[garde(skip)]
    strip_path: bool,
    /// Who may use it; `authenticated` if absent.
    #[serde(default)]
    #[garde(skip)]
    access: Access,
    /// A permission that the token must grant.
    #[garde(inner(custom(rules::permission)))]
    #[schema(example = "order:read")]
    required_permission: Option<String>,
    /// Whether it closes while revocations may be missed.
    #[serde(default)]
    #[garde(skip)]
    strict: bool,
    /// Whether the client's token is passed on.
    #[serde(default)]
    #[garde(skip)]
    forward_token: bool,
    /// False: it is stored and not used yet; true if absent.
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    is_enabled: bool,
}

const fn yes() -> bool {
    true
}

impl RouteDefinition {
    /// The route in its first version.
    pub(super) fn into_record(
        self,
        id: RouteId,
        now: DateTime<Utc>,
    ) -> Result<RouteRecord, Problem> {
        checked(RouteRecord {
            id,
            name: self.name,
            hosts: self.hosts,
            path: self.path,
            methods: self.methods,
            service: self.service,
            strip_path: self.strip_path,
            access: self.access.as_str().to_owned(),
            required_permission: self.required_permission,
            strict: self.strict,
            forward_token: self.forward_token,
            is_enabled: self.is_enabled,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteChange {
    /// What people call it; null takes the name away.
    #[serde(default, deserialize_with = "present")]
    #[garde(inner(inner(length(min = 1, max = 100), custom(rules::plain))))]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// Host names it answers to; any if empty.
    #[garde(inner(length(max = 32), inner(custom(rules::host))))]
    hosts: Option<Vec<String>>,
    /// The path's beginning.
    #[garde(inner(custom(rules::path)))]
    path: Option<String>,
    /// Methods it answers to; any if empty.
    #[garde(inner(length(max = 16), inner(custom(rules::method))))]
    methods: Option<Vec<String>>,
    /// Where it leads.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    service: Option<ServiceName>,
    /// Whether the path's beginning is taken away.
    #[garde(skip)]
    strip_path: Option<bool>,
    /// Who may use it.
    #[garde(skip)]
    access: Option<Access>,
    /// A permission that the token must grant; null for none.
    #[serde(default, deserialize_with = "present")]
    #[garde(inner(inner(custom(rules::permission))))]
    #[schema(value_type = Option<String>)]
    required_permission: Option<Option<String>>,
    /// Whether it closes while revocations may be missed.
    #[garde(skip)]
    strict: Option<bool>,
    /// Whether the client's token is passed on.
    #[garde(skip)]
    forward_token: Option<bool>,
    /// False takes it out, true puts it in.
    #[garde(skip)]
    is_enabled: Option<bool>,
}

/// Tells a field that is null from one that is absent.
fn present<'de, D>(deserializer: D) -> Result<Option<Option<String>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl RouteChange {
    /// The route as it would be afterwards, in its old version.
    pub(super) fn apply(self, before: &RouteRecord) -> Result<RouteRecord, Problem> {
        let before = before.clone();
        checked(RouteRecord {
            name: self.name.unwrap_or(before.name),
            hosts: self.hosts.unwrap_or(before.hosts),
            path: self.path.unwrap_or(before.path),
            methods: self.methods.unwrap_or(before.methods),
            service: self.service.unwrap_or(before.service),
            strip_path: self.strip_path.unwrap_or(before.strip_path),
            access: self
                .access
                .map_or(before.access, |access| access.as_str().to_owned()),
            required_permission: self
                .required_permission
                .unwrap_or(before.required_permission),
            strict: self.strict.unwrap_or(before.strict),
            forward_token: self.forward_token.unwrap_or(before.forward_token),
            is_enabled: self.is_enabled.unwrap_or(before.is_enabled),
            ..before
        })
    }
}

/// Brings hosts and path into the form they are compared in, and checks what concerns several
/// fields at once.
fn checked(mut route: RouteRecord) -> Result<RouteRecord, Problem> {
    for host in &mut route.hosts {
        host.make_ascii_lowercase();
    }
    route.hosts.sort_unstable();
    route.hosts.dedup();
    route.methods.sort_unstable();
    route.methods.dedup();
    if route.path.len() > 1 {
        let path = route.path.trim_end_matches('/').to_owned();
        route.path = path;
    }
    reserved::check(&route)?;
    if route.access == Access::Public.as_str() && route.required_permission.is_some() {
        return Err(Problem::new(
            http::StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
        )
        .detail("a public route has no token, so it cannot require a permission; leave one of them out")
        .error("/required_permission", "must be absent on a public route"));
    }
    Ok(route)
}
