//! Redis, if it is used.

use saas_cache::Cache;
use tokio::time::timeout;

use super::{finding::Finding, patient::Patient};
use crate::Failure;

pub(super) async fn look(patient: &Patient) -> Finding {
    let Some(url) = &patient.settings.redis_url else {
        return Finding::ok(
            "Redis",
            "REDIS_URL is not set: each process has a cache of its own, and gateways share limits by demand",
        );
    };
    let advice = if url.expose().starts_with("rediss:") {
        "check REDIS_URL with its password, that Redis speaks TLS there, that a private authority is named in TLS_CA_FILE, and the host as its certificate does"
    } else {
        "check REDIS_URL with its password, and that Redis runs and lets this machine in"
    };
    let cache = match Cache::redis(url.expose(), patient.settings.tls.ca_file.as_deref()) {
        Ok(cache) => cache,
        Err(error) => {
            let seen = Failure::failed("not usable").because(error).to_string();
            return Finding::failed("Redis", seen, advice);
        }
    };
    match timeout(patient.within, cache.ping()).await {
        Ok(Ok(())) => Finding::ok("Redis", "answers"),
        Ok(Err(error)) => {
            let seen = Failure::failed("away").because(error).to_string();
            Finding::failed("Redis", seen, advice)
        }
        Err(_) => {
            let seen = format!("no answer within {} s", patient.within.as_secs());
            Finding::failed("Redis", seen, advice)
        }
    }
}
