//! What strangers find at the public addresses: open ports, old versions of TLS, headers.

mod headers;
mod ports;
mod tls;

use super::{finding::Finding, patient::Patient, public::places};

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let places = places(patient);
    if places.is_empty() {
        return vec![Finding::skipped(
            "PUBLIC_URL",
            "is not an https address, so ports, TLS and headers were not looked at",
            "set it, and CONSOLE_URL, to where people reach the platform once it is in production",
        )];
    }
    let mut findings = Vec::new();
    for place in &places {
        findings.push(ports::open(patient, place).await);
        findings.push(tls::old_versions(patient, place).await);
        findings.extend(headers::look(patient, place).await);
    }
    findings
}
