//! A certificate from an authority that speaks ACME (RFC 8555), obtained and renewed by itself.
//!
//! The proof is TLS-ALPN-01 (RFC 8737): the authority comes to port 443 of each host and is shown a
//! certificate that only the owner of the account can make. It needs no second port, and nothing
//! between the Internet and this process but what passes bytes on.
//!
//! It is for one gateway. With several, the authority would come to any of them, and each would ask
//! for a certificate of its own; then it pauses, and says who does it better.

mod issue;
mod store;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use saas_config::AcmeSettings;
use saas_domain::Random;
use saas_registry_client::HttpClient;
use saas_tls::{Certificate, ServingTls, rustls::ClientConfig};
use tokio_util::sync::CancellationToken;

use self::store::{Attempts, Store};
use crate::{control::certificates, shared::Shared};

/// How often it looks whether something is due. Short, because a machine that was suspended finds
/// its clock moved, and the number of gateways is known only once the registry was heard.
const LOOK: Duration = Duration::from_secs(1);
/// From the first question to the certificate.
const LONGEST: Duration = Duration::from_mins(5);
/// Minutes to wait after the first failure, the second, and so on. Let's Encrypt bears five failed
/// proofs an hour for a host.
const WAITS: [i64; 5] = [1, 15, 60, 360, 720];

/// What obtains and renews.
pub struct Acme {
    settings: AcmeSettings,
    store: Store,
    tls: Arc<ServingTls>,
    http: HttpClient,
    concern: Mutex<Option<String>>,
}

impl Acme {
    /// Nothing is asked yet.
    pub fn new(
        settings: AcmeSettings,
        data_dir: &Path,
        tls: Arc<ServingTls>,
        authorities: &Arc<ClientConfig>,
    ) -> Self {
        Self {
            store: Store::new(data_dir),
            settings,
            tls,
            http: HttpClient::secure(authorities),
            concern: Mutex::default(),
        }
    }

    /// What stands in the way, as a sentence for operators.
    pub fn concern(&self) -> Option<String> {
        let concern = self.concern.lock().unwrap_or_else(PoisonError::into_inner);
        concern.clone()
    }

    /// Says so, once for as long as it stays the same.
    fn worry(&self, concern: String) {
        let mut said = self.concern.lock().unwrap_or_else(PoisonError::into_inner);
        if said.as_ref() != Some(&concern) {
            tracing::error!("{concern}");
            *said = Some(concern);
        }
    }

    fn be_calm(&self) {
        *self.concern.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// From here on this one is shown.
    fn show(&self, shared: &Shared, certificate: Certificate) {
        match self.tls.show(vec![certificate]) {
            Ok(()) => certificates::show(shared, &self.tls),
            Err(error) => self.worry(format!("a certificate cannot be shown: {error}")),
        }
    }

    fn is_for_all_hosts(&self, certificate: &Certificate) -> bool {
        let mut domains = self.settings.domains.iter();
        domains.all(|domain| certificate.is_for(domain))
    }

    /// When the certificate that is shown is to be replaced; `None`: now.
    fn due(&self, random: &Random) -> Option<DateTime<Utc>> {
        let certificates = self.tls.certificates();
        let certificate = certificates.first()?;
        self.is_for_all_hosts(certificate)
            .then(|| renewal(certificate, u16::from_le_bytes(random.bytes())))
    }

    /// After a failure.
    fn put_off(&self, now: DateTime<Utc>, mut attempts: Attempts, error: &str) -> Attempts {
        let index = usize::try_from(attempts.failures).unwrap_or(usize::MAX);
        let minutes = WAITS.get(index).or(WAITS.last()).copied().unwrap_or(60);
        attempts.failures += 1;
        attempts.not_before = now + TimeDelta::minutes(minutes);
        self.store.keep_attempts(&attempts);
        let (domains, again) = (self.settings.domains.join(", "), attempts.not_before);
        self.worry(format!(
            "no certificate was obtained for {domains}: {error}; the next attempt is at {again}. Each \
             of these hosts has to lead to this gateway's HTTPS_PORT as port 443"
        ));
        attempts
    }
}

/// At two thirds of its life, and up to a fiftieth of it later, so that not everybody whose
/// certificate is of the same day comes at the same moment.
fn renewal(certificate: &Certificate, chance: u16) -> DateTime<Utc> {
    let life = certificate.not_after - certificate.not_before;
    let later = life / 50 * i32::from(chance >> 4) / 4096;
    certificate.not_before + life / 3 * 2 + later
}

/// Obtains and renews until `end`.
pub async fn keep(acme: Arc<Acme>, shared: Arc<Shared>, end: CancellationToken) {
    match acme.store.certificate() {
        Ok(Some(kept)) => acme.show(&shared, kept),
        Ok(None) => {}
        Err(error) => tracing::warn!("the certificate kept in DATA_DIR is of no use: {error}"),
    }
    let mut attempts = acme.store.attempts(&acme.settings.domains);
    let mut due = acme.due(&shared.random);
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = shared.clock.now();
        if due.is_some_and(|due| now < due) || now < attempts.not_before {
            continue;
        }
        match shared.gateways.load(Ordering::Relaxed) {
            // The registry was not heard yet.
            0 => continue,
            1 => {}
            several => {
                acme.worry(format!(
                    "ACME_DOMAINS is for one gateway, and there are {several}: let Traefik, nginx with \
                     certbot, or cert-manager obtain the certificate, and give it to every gateway by \
                     TLS_CERT_FILE"
                ));
                continue;
            }
        }
        // Written before: a process that ends half way has tried as well.
        let mut told = attempts.clone();
        told.not_before = now + TimeDelta::minutes(1);
        acme.store.keep_attempts(&told);
        let issued = tokio::time::timeout(LONGEST, issue::issue(&acme)).await;
        let _ = acme.tls.prove(Vec::new());
        match issued {
            Ok(Ok(certificate)) => {
                let until = certificate.not_after;
                tracing::info!(domains = ?acme.settings.domains, %until, "a certificate was obtained");
                acme.be_calm();
                acme.show(&shared, certificate);
                attempts = Attempts::none(&acme.settings.domains);
                acme.store.forget_attempts();
                due = acme.due(&shared.random);
            }
            Ok(Err(error)) => {
                attempts = acme.put_off(shared.clock.now(), attempts, &error.to_string());
            }
            Err(_) => {
                let error = "the authority was not done within five minutes";
                attempts = acme.put_off(shared.clock.now(), attempts, error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life_and_a_little_later() {
        let mut params = CertificateParams::new(["a.test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 4, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let pem = certificate.pem() + &key.serialize_pem();
        let certificate = Certificate::from_pem(pem.as_bytes(), pem.as_bytes()).unwrap();
        let at = |chance| renewal(&certificate, chance).to_string();
        assert_eq!(at(0), "2026-03-02 00:00:00 UTC");
        let latest = at(u16::MAX);
        assert!(latest.starts_with("2026-03-03 19:"), "{latest}");
    }
}
