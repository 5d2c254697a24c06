//! The platform's own processes, and what is registered.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::StatusCode;
use serde::Deserialize;

use super::{
    finding::{Finding, Status},
    patient::{Member, Patient, Service},
    version,
};

#[derive(Deserialize)]
struct Report {
    status: String,
    /// This and what follows are for those with `METRICS_TOKEN`.
    service: Option<String>,
    version: Option<String>,
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    status: String,
    detail: Option<String>,
}

/// Each process: ready or not, and why.
pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let mut findings = Vec::new();
    let members = patient.members().await;
    let answers = join_all(members.iter().map(|member| ready(patient, member))).await;
    // One that is not well itself may not know of those that are.
    let is_sick = |(member, (finding, _)): (&Member, &(Finding, _))| {
        member.service == "registry" && finding.status == Status::Failed
    };
    let is_sick = members.iter().zip(&answers).any(is_sick);
    match patient.catalogue().await {
        Err(error) => {
            findings.push(Finding::failed(
                "registry",
                error.why.clone(),
                error.advice(),
            ));
        }
        Ok(catalogue) => {
            for service in ["registry", "core", "gateway"] {
                if members.iter().any(|member| member.service == service) {
                    continue;
                }
                let unlisted = catalogue.why_unlisted(service);
                let unlisted = unlisted.or(is_sick.then_some("it is not ready itself"));
                findings.push(
                    unlisted.map_or_else(|| missing(service), |why| cannot_list(service, why)),
                );
            }
        }
    }
    let mut versions = Vec::new();
    for (finding, found) in answers {
        if let Some(version) = found {
            versions.push((finding.subject.clone(), version));
        }
        findings.push(finding);
    }
    findings.extend(version::compare(&versions));
    findings
}

/// Nobody knows whether any runs.
pub(super) fn cannot_list(service: &str, why: &str) -> Finding {
    Finding::skipped(
        service,
        format!("the registry cannot list any: {why}"),
        "mend the registry first",
    )
}

fn missing(service: &str) -> Finding {
    let advice =
        format!("start one with `saas {service}`, or look into its log why it is not registered");
    Finding::failed(service, "none is known to the registry", advice)
}

/// Whether a process is ready, and its version.
async fn ready(patient: &Patient, member: &Member) -> (Finding, Option<String>) {
    let url = format!("{}/health/ready", member.url);
    let subject = member.subject();
    let answer = match patient.get(&url, patient.metrics_token()).await {
        Ok(answer) => answer,
        Err(why) => {
            let advice = "look into its log, and whether a firewall or network policy is between here and there";
            return (Finding::failed(subject, why, advice), None);
        }
    };
    // A page that says anything with the status 200 is not a process of the platform.
    let report: Option<Report> = answer.json();
    let is_its_own = |report: &Report| {
        let service = report.service.as_deref();
        service.is_none_or(|service| service == member.service)
            && matches!(report.status.as_str(), "ok" | "unavailable")
    };
    let Some(report) = report.filter(is_its_own) else {
        let (status, service) = (answer.status, member.service);
        return (
            Finding::failed(
                subject,
                format!("answered {status}, but not as {service} does"),
                "something else listens there; check the address it registered (ADVERTISE_ADDRESS)",
            ),
            None,
        );
    };
    let Report {
        version, checks, ..
    } = report;
    let with = |status: &str| {
        let wrong = checks.iter().filter(|check| check.status == status);
        let told = wrong.map(|check| match &check.detail {
            Some(detail) => format!("{}: {detail}", check.name),
            None => check.name.clone(),
        });
        told.collect::<Vec<_>>().join("; ")
    };
    let (failed, warned) = (with("failed"), with("warning"));
    let named = version
        .as_deref()
        .map_or_else(String::new, |version| format!(", version {version}"));
    let finding = match answer.status {
        StatusCode::OK if warned.is_empty() => Finding::ok(subject, format!("ready{named}")),
        StatusCode::OK => Finding::as_told(
            subject,
            Status::Warning,
            format!("ready{named}, but {warned}"),
        ),
        StatusCode::SERVICE_UNAVAILABLE if !failed.is_empty() => {
            Finding::as_told(subject, Status::Failed, format!("not ready: {failed}"))
        }
        StatusCode::SERVICE_UNAVAILABLE => Finding::failed(
            subject,
            "not ready",
            "give METRICS_TOKEN to see why, or look into its log",
        ),
        status => Finding::failed(
            subject,
            format!("answered {status}"),
            "something else listens there; check the address it registered (ADVERTISE_ADDRESS)",
        ),
    };
    (finding, version)
}

/// What the registry knows: services with their instances, and gateways.
pub(super) async fn registered(patient: &Patient) -> Vec<Finding> {
    let catalogue = match patient.catalogue().await {
        Ok(catalogue) => catalogue,
        Err(error) => {
            let advice = error.advice();
            return vec![Finding::failed("services", error.why.clone(), advice)];
        }
    };
    let routes = catalogue.routes.iter().filter(|route| route.is_enabled);
    let led_to: BTreeSet<&str> = routes.map(|route| route.service.as_str()).collect();
    let needed = |name: &str| is_own(name) || led_to.contains(name);
    let services = catalogue.services.iter();
    let mut findings: Vec<_> = services
        .map(|one| service(one, needed(&one.name)))
        .collect();
    if let Some(why) = catalogue.why_unlisted("gateway") {
        findings.push(cannot_list("gateway", why));
    }
    if catalogue.services.iter().all(|one| is_own(&one.name)) {
        findings.push(Finding::ok(
            "services",
            "none of your own is registered yet",
        ));
    }
    for gateway in catalogue.gateways.iter().filter(|gateway| !gateway.is_live) {
        let named = gateway.address.as_deref().unwrap_or(&gateway.id);
        findings.push(Finding::warning(
            format!("gateway {named}"),
            "stopped reporting without leaving",
            "if it was killed this passes within ten minutes; if it runs, it cannot reach the registry",
        ));
    }
    for gateway in &catalogue.gateways {
        if gateway.is_live && gateway.address.is_none() {
            findings.push(Finding::warning(
                format!("gateway {}", gateway.id),
                "does not tell its address, or one outside UPSTREAM_NETWORKS, so it was not asked",
                "update it to this version; if its network is another one, name it in UPSTREAM_NETWORKS",
            ));
        }
    }
    // What is wrong first.
    findings.sort_by_key(|finding| finding.status == Status::Ok);
    findings
}

fn is_own(name: &str) -> bool {
    matches!(name, "core" | "registry" | "gateway")
}

/// `is_needed` is one of the platform's own, and one to which a route leads.
fn service(service: &Service, is_needed: bool) -> Finding {
    let counts = &service.instances;
    let subject = &service.name;
    let all = u64::from(counts.up) + u64::from(counts.down) + u64::from(counts.draining);
    let seen = format!("{} of {all} instances up", counts.up);
    if !service.is_active {
        let advice = "put it back in service in the console if that is over";
        return Finding::warning(subject, format!("{seen}, taken out of service"), advice);
    }
    if all == 0 {
        let seen = "no instance is registered";
        let advice = "start one, or take the service out of use in the console";
        return if is_needed {
            Finding::failed(subject, seen, advice)
        } else {
            Finding::warning(subject, seen, advice)
        };
    }
    let advice = "look into the log of those that are not: their check fails, or they do not renew";
    match (counts.up, counts.down, counts.draining) {
        (0, 0, draining) => Finding::failed(
            subject,
            format!("{seen}, {draining} drained"),
            "take one back into service with `saas undrain`, or start another",
        ),
        (0, _, 0) => Finding::failed(subject, seen, format!("start one; {advice}")),
        (0, _, draining) => Finding::failed(
            subject,
            format!("{seen}, {draining} drained"),
            format!("take one back into service with `saas undrain`, or start one; {advice}"),
        ),
        (_, 0, _) => Finding::ok(subject, seen),
        _ => Finding::warning(subject, seen, advice),
    }
}

#[cfg(test)]
mod tests {
    use super::super::patient::Counts;
    use super::*;

    #[test]
    fn a_service_without_an_instance_that_is_up_fails() {
        let whether_needed = |is_needed, is_active, up, down, draining| {
            let instances = Counts { up, down, draining };
            let name = "orders".to_owned();
            let service = Service {
                name,
                is_active,
                instances,
            };
            super::service(&service, is_needed).status
        };
        let of =
            |is_active, up, down, draining| whether_needed(true, is_active, up, down, draining);
        assert_eq!(of(true, 2, 0, 1), Status::Ok);
        assert_eq!(of(true, 2, 1, 0), Status::Warning);
        assert_eq!(of(true, 0, 1, 0), Status::Failed);
        assert_eq!(of(true, 0, 0, 0), Status::Failed);
        assert_eq!(of(true, 0, 0, 1), Status::Failed);
        assert_eq!(of(false, 2, 0, 0), Status::Warning);
        // To what nobody comes by a route, nobody may come yet.
        assert_eq!(whether_needed(false, true, 0, 0, 0), Status::Warning);
        assert_eq!(whether_needed(false, true, 0, 1, 0), Status::Failed);
    }
}
