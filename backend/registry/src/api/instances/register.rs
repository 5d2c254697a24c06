//! `POST /v1/services/{service}/instances`.

mod body;

use std::time::Duration;

use axum::extract::State;
use chrono::{DateTime, Utc};
use http::StatusCode;
use saas_domain::{InstanceId, ServiceName};
use saas_security::digest;
use saas_storage::registry::{InstanceKey, InstanceRecord, gateways, instances, services};
use saas_storage::{StorageError, SystemTx};
use saas_web::{ApiJson, ApiPath, IdempotencyKey, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::heartbeat_seconds;
use crate::app::App;
use crate::caller::Caller;
use crate::catalog::{Subject, authority};
use crate::problem;
pub(crate) use body::RegistrationRequest;

/// The lease that was given.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Registered {
    /// The instance's identifier, for heartbeats.
    id: String,
    /// When the lease ends unless it is renewed.
    lease_expires_at: DateTime<Utc>,
    /// How often to send a heartbeat.
    heartbeat_seconds: u32,
}

/// Register an instance
///
/// Registering an identifier again replaces what was known of it, ends its drain and begins its
/// lease anew: for a process that begins, and for one that a heartbeat told 404. One that runs
/// renews by heartbeats, and these leave a drain as it is. Takes a registration token for the
/// service; in development, callers on the loopback address need none.
#[utoipa::path(
    post,
    path = "/v1/services/{service}/instances",
    tag = "instances",
    operation_id = "register_instance",
    params(
        ("service" = String, Path, description = "The service's name."),
        ("Idempotency-Key" = Option<String>, Header,
            description = "Repeating the call with the same key gives the same instance.")
    ),
    request_body = RegistrationRequest,
    responses((status = 201, description = "Registered.", body = Registered)),
    security(("bearer" = []))
)]
pub(crate) async fn register_instance(
    State(app): State<App>,
    caller: Caller,
    ApiPath(service): ApiPath<ServiceName>,
    IdempotencyKey(repeated): IdempotencyKey,
    ApiJson(body): ApiJson<RegistrationRequest>,
) -> Result<(StatusCode, ApiJson<Registered>), Problem> {
    caller.may_register(&service)?;
    if body.declares_public_paths() {
        caller.may_declare_public()?;
    }
    if let Ok(address) = body.address.parse()
        && !app.upstream_networks().permit_upstream(address)
    {
        return Err(not_allowed(&body.address));
    }
    let id = match &body.id {
        Some(id) => id.clone(),
        None => chosen_id(&app, &service, repeated.as_deref())?,
    };
    let wanted = body.into_record(InstanceKey {
        service: service.clone(),
        id,
    })?;
    let tx = app.begin("registry.register").await?;
    if !service.is_reserved() {
        let is_gateway = is_a_gateways(&tx, &wanted).await;
        if is_gateway.map_err(problem::of_storage)? {
            return Err(a_gateways(&wanted));
        }
    }
    let stored = async {
        services::ensure(&tx, &service).await?;
        let gateway = wanted.gateway.clone();
        let registration = instances::register(&tx, wanted).await?;
        if registration.is_changed {
            services::declare(&tx, &service, &gateway).await?;
        }
        Ok(registration)
    };
    let registration = stored.await.map_err(problem::of_storage)?;
    if registration.is_changed {
        app.commit(tx, &[Subject::Service(service)]).await?;
    } else {
        tx.commit().await.map_err(problem::of_storage)?;
    }
    let instance = registration.instance;
    Ok((
        StatusCode::CREATED,
        ApiJson(Registered {
            id: instance.key.id.to_string(),
            lease_expires_at: instance.lease_expires_at,
            heartbeat_seconds: heartbeat_seconds(instance.lease_seconds),
        }),
    ))
}

/// Whether a gateway that reports listens there: what is sent to such an instance comes back.
async fn is_a_gateways(tx: &SystemTx, wanted: &InstanceRecord) -> Result<bool, StorageError> {
    let address = format!("http://{}", authority(wanted));
    let reported = gateways::all(tx, Duration::ZERO).await?;
    let mut reported = reported.into_iter().filter_map(|one| one.report.address);
    Ok(reported.any(|other| other.strip_suffix('/').unwrap_or(&other) == address))
}

fn a_gateways(wanted: &InstanceRecord) -> Problem {
    let detail = format!("{} is a gateway's own address", authority(wanted));
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "address_not_allowed")
        .detail(format!(
            "{detail}, so that requests would go in a circle; register the address of the service"
        ))
        .error("/address", detail)
}

/// A new identifier; the same one again for a call that is repeated with its key.
fn chosen_id(
    app: &App,
    service: &ServiceName,
    repeated: Option<&str>,
) -> Result<InstanceId, Problem> {
    let id = match repeated {
        // A service's name holds no line break, so the two texts cannot run into each other.
        Some(key) => {
            let digest = digest(&format!("{service}\n{key}"));
            let (half, _) = digest.split_at(16);
            uuid::Builder::from_custom_bytes(half.try_into().unwrap_or_default()).into_uuid()
        }
        None => new_id(app),
    };
    id.to_string().parse().map_err(Problem::internal)
}

fn new_id(app: &App) -> Uuid {
    let millis = u64::try_from(app.clock().now().timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &app.random().bytes()).into_uuid()
}

fn not_allowed(address: &str) -> Problem {
    let detail = format!(
        "{address} does not lie in UPSTREAM_NETWORKS, is link-local, or is where a cloud keeps its metadata"
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "address_not_allowed")
        .detail(format!(
            "{detail}; register an address that the gateway may connect to"
        ))
        .error("/address", detail)
}
