//! What settings name and only the libraries for it can judge: looked at before anything is started.

use saas_config::Settings;

use crate::Failure;

/// Whether the address of Redis and the schedule of backups can be understood, and the authorities can
/// be read: what needs them may be called much later.
pub(crate) fn look(settings: &Settings) -> Result<(), Failure> {
    let authorities = settings.tls.ca_file.as_deref();
    if let Some(path) = authorities {
        saas_tls::authorities(path)?;
    }
    if let Some(url) = &settings.redis_url {
        saas_cache::check_address(url.expose(), authorities).map_err(bad_redis_url)?;
    }
    crate::backups::cron(settings)?;
    Ok(())
}

pub(super) fn bad_redis_url(error: saas_cache::CacheError) -> Failure {
    Failure::correctable("REDIS_URL cannot be used").because(error)
}
