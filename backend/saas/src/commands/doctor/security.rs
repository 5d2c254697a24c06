//! What makes an installation easy to break into, as far as it is seen from within.

mod files;
mod secrets;

use super::{finding::Finding, patient::Patient};

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let mut findings = secrets::look(patient);
    findings.extend(files::look(patient));
    findings.push(listening(patient));
    findings
}

/// What these settings open to other machines.
fn listening(patient: &Patient) -> Finding {
    let settings = &patient.settings;
    let is_all_in_one = patient.run.gateway.is_some() && patient.run.registry.is_some();
    let seen = format!("is {}", settings.host);
    if is_all_in_one && !settings.host.is_loopback() {
        return Finding::warning(
            "HOST",
            format!("{seen}, so registry and core listen there beside the gateway"),
            "close ports 8001 and 8002 with a firewall, or set HOST=127.0.0.1 behind a proxy",
        );
    }
    Finding::ok("HOST", seen)
}
