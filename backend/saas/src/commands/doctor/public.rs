//! The addresses that people use, from where this runs.

use http::{StatusCode, Uri};
use saas_tls::{Certificate, CertificateFiles, Peer};
use serde::Deserialize;

use super::{
    finding::{Finding, Status},
    patient::Patient,
    routes::DISCOVERY,
};

const RENEW: &str = "renew it, and look why that did not happen by itself";

/// What people reach by https.
pub(super) struct Place {
    /// The setting that says where it is.
    pub(super) setting: &'static str,
    pub(super) url: String,
    pub(super) host: String,
    pub(super) port: u16,
}

/// `PUBLIC_URL` and `CONSOLE_URL`, as far as they are https.
pub(super) fn places(patient: &Patient) -> Vec<Place> {
    let settings = &patient.settings;
    let named = [
        ("PUBLIC_URL", &settings.public_url),
        ("CONSOLE_URL", &settings.console_url),
    ];
    let named = named.into_iter().filter_map(|(setting, url)| {
        let url = url.clone()?;
        let uri: Uri = url.parse().ok()?;
        (uri.scheme_str() == Some("https")).then_some(())?;
        Some(Place {
            setting,
            host: uri.host()?.to_owned(),
            port: uri.port_u16().unwrap_or(443),
            url,
        })
    });
    let mut places: Vec<Place> = named.collect();
    places.dedup_by(|later, earlier| later.url == earlier.url);
    places
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let mut findings = own_certificates(patient);
    let places = places(patient);
    if places.is_empty() {
        findings.push(Finding::skipped(
            "PUBLIC_URL",
            "is not an https address",
            "set it, and CONSOLE_URL, to where people reach the platform once it is in production",
        ));
    }
    for place in &places {
        let reached = certificate(patient, place).await;
        let is_reached = reached.status != Status::Failed;
        findings.push(reached);
        if is_reached {
            findings.push(if place.setting == "PUBLIC_URL" {
                api(patient, place).await
            } else {
                console(patient, place).await
            });
            findings.push(redirect(patient, place).await);
        }
    }
    findings
}

/// The files that a gateway with these settings shows.
fn own_certificates(patient: &Patient) -> Vec<Finding> {
    let files = patient.settings.tls.certificates.iter();
    let look = |(certificate, key): &(_, _)| {
        let files = CertificateFiles {
            certificate: std::path::PathBuf::clone(certificate),
            key: std::path::PathBuf::clone(key),
        };
        let subject = format!("TLS_CERT_FILE {}", files.certificate.display());
        let now = patient.clock.now();
        // Each of these sentences says what to do.
        match Certificate::read(&files, true) {
            Err(error) => Finding::as_told(subject, Status::Failed, error.to_string()),
            Ok(read) => match read.concern(now) {
                None => {
                    let end = read.not_after.format("%Y-%m-%d");
                    Finding::ok(subject, format!("for {}, valid until {end}", read.name()))
                }
                Some(concern) if now >= read.not_after => {
                    Finding::as_told(subject, Status::Failed, concern)
                }
                Some(concern) => Finding::as_told(subject, Status::Warning, concern),
            },
        }
    };
    files.map(look).collect()
}

async fn certificate(patient: &Patient, place: &Place) -> Finding {
    let subject = format!("{} {}", place.setting, place.url);
    let config = match saas_tls::client_config(patient.settings.tls.ca_file.as_deref()) {
        Ok(config) => config,
        Err(error) => return Finding::failed(subject, error.to_string(), "correct TLS_CA_FILE"),
    };
    let (host, port, within) = (place.host.clone(), place.port, patient.within);
    let met = tokio::task::spawn_blocking(move || Peer::meet(&host, port, &config, within)).await;
    let peer = match met {
        Ok(Ok(peer)) => peer,
        Ok(Err(error)) => {
            if let Some(end) = Peer::expired(&error) {
                let seen = format!("the certificate expired on {}", end.format("%Y-%m-%d"));
                return Finding::failed(subject, seen, RENEW);
            }
            let advice = "if this place may not reach the public address, look from elsewhere: `saas doctor --only public` with the same PUBLIC_URL and CONSOLE_URL; a private authority is named in TLS_CA_FILE";
            return Finding::failed(subject, error.to_string(), advice);
        }
        Err(error) => return Finding::failed(subject, error.to_string(), "try again"),
    };
    let now = patient.clock.now();
    let (days, end) = (peer.left(now).num_days(), peer.not_after.format("%Y-%m-%d"));
    let seen = format!(
        "TLS {}, certificate valid until {end} ({days} {})",
        peer.version,
        if days == 1 { "day" } else { "days" }
    );
    if peer.is_near_its_end(now) {
        return Finding::warning(subject, seen, RENEW);
    }
    Finding::ok(subject, seen)
}

async fn api(patient: &Patient, place: &Place) -> Finding {
    let url = format!("{}{DISCOVERY}", place.url);
    let subject = format!("{} {}", place.setting, place.url);
    let advice = "see whether the proxy in front leads to the gateways";
    match patient.get(&url, None).await {
        Err(why) => Finding::failed(subject, why, advice),
        Ok(answer) if answer.status != StatusCode::OK => Finding::failed(
            subject,
            format!("{DISCOVERY} was answered {}", answer.status),
            advice,
        ),
        Ok(answer) => match answer.json::<Discovery>() {
            Some(found) if found.issuer == place.url => Finding::ok(
                subject,
                "leads to core, which issues tokens under this address",
            ),
            Some(found) => Finding::failed(
                subject,
                format!("leads to a core that issues tokens as {}", found.issuer),
                "give core the same PUBLIC_URL and restart it",
            ),
            None => Finding::failed(
                subject,
                "leads to something that is not this platform",
                advice,
            ),
        },
    }
}

async fn console(patient: &Patient, place: &Place) -> Finding {
    let subject = format!("{} {}", place.setting, place.url);
    let advice = "see whether the proxy in front leads to the console";
    match patient.get(&format!("{}/", place.url), None).await {
        Err(why) => Finding::failed(subject, why, advice),
        Ok(answer) => {
            let kind = answer.header("content-type").unwrap_or_default();
            if answer.status == StatusCode::OK && kind.starts_with("text/html") {
                Finding::ok(subject, "shows a page")
            } else {
                Finding::failed(subject, format!("was answered {}", answer.status), advice)
            }
        }
    }
}

/// Whoever types the name alone comes by plain http first.
async fn redirect(patient: &Patient, place: &Place) -> Finding {
    let url = format!("http://{}/", place.host);
    let subject = url.trim_end_matches('/').to_owned();
    match patient.get(&url, None).await {
        Err(why) => Finding::warning(
            subject,
            why,
            "let port 80 answer with a redirect to https, for people who type the name alone",
        ),
        Ok(answer) => {
            let leads_to = answer.header("location").unwrap_or_default();
            if answer.status.is_redirection() && leads_to.starts_with("https://") {
                Finding::ok(subject, format!("leads to https ({})", answer.status))
            } else {
                Finding::failed(
                    subject,
                    format!("answers {} in the clear", answer.status),
                    "let port 80 do nothing but redirect to https",
                )
            }
        }
    }
}
