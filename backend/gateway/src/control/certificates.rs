//! Keeps an eye on the certificates that are shown: reads them again when their files change, and
//! says in time when one is about to end.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use saas_telemetry::CertificateName;
use saas_tls::{ServingTls, TlsError};
use tokio::time::interval;

use super::Control;
use crate::shared::Shared;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_mins(1);
/// Looks between two warnings about the same certificate: an hour.
const REMIND: u32 = 60;

pub(super) async fn keep(control: Arc<Control>) {
    let shared = &control.shared;
    let Some(tls) = &shared.tls else {
        return;
    };
    show(shared, tls);
    let mut looks = interval(LOOK);
    let mut passed = 0_u32;
    loop {
        tokio::select! {
            () = control.end.cancelled() => return,
            _ = looks.tick() => {}
        }
        if tls.have_files_changed() {
            // Told where it happens; tried again at the next look.
            let _ = reload(shared);
        }
        // That there is none yet is told by who obtains them, with the reason.
        if passed.is_multiple_of(REMIND) && !tls.certificates().is_empty() {
            for concern in concerns(tls, shared.clock.now()) {
                tracing::error!("{concern}");
            }
        }
        passed = passed.wrapping_add(1);
    }
}

/// Reads the files again.
pub fn reload(shared: &Shared) -> Result<(), TlsError> {
    let Some(tls) = &shared.tls else {
        return Ok(());
    };
    let reloaded = tls.reload();
    match &reloaded {
        Ok(()) => {
            show(shared, tls);
            for certificate in tls.certificates().iter() {
                let (name, until) = (certificate.name(), certificate.not_after);
                tracing::info!(certificate = name, %until, "certificates were read again");
            }
        }
        Err(error) => tracing::error!(
            "certificates were not read again, and those from before are shown further: {error}"
        ),
    }
    reloaded
}

/// What needs a look, as sentences.
pub fn concerns(tls: &ServingTls, now: DateTime<Utc>) -> Vec<String> {
    let certificates = tls.certificates();
    if certificates.is_empty() {
        return vec!["there is no certificate yet, so that nobody can come by https".to_owned()];
    }
    let concerns = certificates.iter();
    concerns
        .filter_map(|certificate| certificate.concern(now))
        .collect()
}

/// Writes the figures.
pub fn show(shared: &Shared, tls: &ServingTls) {
    let family = &shared.metrics.gateway().certificate_not_after;
    family.clear();
    for certificate in tls.certificates().iter() {
        let name = certificate.name().to_owned();
        let gauge = family.get_or_create_owned(&CertificateName { domain: name });
        gauge.set(certificate.not_after.timestamp());
    }
}
