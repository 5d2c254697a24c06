//! Whether gateways lead where they should, and nowhere else.

use futures_util::future::join_all;
use http::StatusCode;
use serde::Deserialize;

use super::{
    finding::Finding,
    patient::{Member, Patient},
    services::cannot_list,
};

/// Core by way of a gateway, and an address there that needs no token.
pub(super) const DISCOVERY: &str = "/api/core/.well-known/openid-configuration";
/// One that does.
const CLOSED: &str = "/api/core/v1/me";
/// What a gateway passes on to nobody.
const INTERNAL: [&str; 3] = [
    "/api/core/metrics",
    "/api/core/health/ready",
    "/api/registry/internal/v1/gateways",
];

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let members = patient.members().await;
    let gateways = members.iter().filter(|member| member.service == "gateway");
    let looked = join_all(gateways.map(|gateway| through(patient, gateway))).await;
    let mut findings: Vec<_> = looked.into_iter().flatten().collect();
    if findings.is_empty() {
        let unlisted = match patient.catalogue().await {
            Err(error) => Some(error.why.as_str()),
            Ok(catalogue) => catalogue.why_unlisted("gateway"),
        };
        findings.push(match unlisted {
            Some(why) => cannot_list("gateway", why),
            None => Finding::failed(
                "gateway",
                "none is known, so no route can be tried",
                "start one with `saas gateway`, or run this where REGISTRY_URL and SECRET_KEY are set",
            ),
        });
    }
    if let Ok(catalogue) = patient.catalogue().await {
        for route in catalogue.routes.iter().filter(|route| route.is_enabled) {
            let service = catalogue
                .services
                .iter()
                .find(|one| one.name == route.service);
            if service.is_none_or(|service| service.instances.up == 0) {
                findings.push(Finding::warning(
                    format!("route {}", route.path),
                    format!("leads to `{}`, of which no instance is up", route.service),
                    "start one, or take the route out in the console",
                ));
            }
        }
    }
    findings
}

async fn through(patient: &Patient, gateway: &Member) -> Vec<Finding> {
    let subject = gateway.subject();
    let mut findings = Vec::new();
    let open = patient
        .get(&format!("{}{DISCOVERY}", gateway.url), None)
        .await;
    findings.push(match open {
        Ok(answer) => open_route(patient, &subject, answer.status, answer.json()),
        Err(why) => Finding::failed(&subject, why, "look into its log"),
    });
    let closed = patient.get(&format!("{}{CLOSED}", gateway.url), None).await;
    findings.push(match closed.map(|answer| answer.status) {
        Ok(StatusCode::UNAUTHORIZED) => {
            Finding::ok(&subject, "a request without a token is refused")
        }
        Ok(status) => Finding::failed(
            &subject,
            format!("a request without a token for {CLOSED} was answered {status} instead of 401"),
            "take it out of use until that is understood: look at the routes in the console",
        ),
        Err(why) => Finding::failed(&subject, why, "look into its log"),
    });
    findings.push(match passed(patient, &gateway.url, &INTERNAL).await {
        Err(why) => Finding::failed(&subject, why, "look into its log"),
        Ok(passed) if passed.is_empty() => Finding::ok(&subject, "internal addresses are closed"),
        Ok(passed) => Finding::failed(
            &subject,
            format!("passes on {}", passed.join(", ")),
            "take out the route that leads there",
        ),
    });
    findings
}

/// Which of these paths are answered with success. Where one is not answered at all, nobody knows.
pub(super) async fn passed<'a>(
    patient: &Patient,
    at: &str,
    paths: &[&'a str],
) -> Result<Vec<&'a str>, String> {
    let asked = paths.iter().map(|path| async move {
        match patient.get(&format!("{at}{path}"), None).await {
            Ok(answer) => Ok(answer.status.is_success().then_some(*path)),
            Err(why) => Err(format!("{path}: {why}")),
        }
    });
    let answers: Result<Vec<_>, String> = join_all(asked).await.into_iter().collect();
    Ok(answers?.into_iter().flatten().collect())
}

fn open_route(
    patient: &Patient,
    subject: &str,
    status: StatusCode,
    discovery: Option<Discovery>,
) -> Finding {
    let Some(discovery) = discovery.filter(|_| status == StatusCode::OK) else {
        let advice =
            "see whether core is up, and whether this gateway reaches it (UPSTREAM_NETWORKS)";
        return Finding::failed(
            subject,
            format!("{DISCOVERY} was answered {status}"),
            advice,
        );
    };
    let issuer = discovery.issuer;
    match expected_issuer(patient) {
        None => Finding::warning(
            subject,
            format!("leads to core, issuer {issuer}, which was compared with nothing"),
            "set PUBLIC_URL here as it is set there",
        ),
        Some(public) if public != issuer => Finding::failed(
            subject,
            format!("core issues tokens as {issuer}, PUBLIC_URL here is {public}"),
            "give every process the same PUBLIC_URL and restart them",
        ),
        Some(_) => Finding::ok(subject, format!("leads to core, issuer {issuer}")),
    }
}

/// As whom core issues tokens by the settings here; without `PUBLIC_URL`, that is where the gateway
/// of this data directory listens.
fn expected_issuer(patient: &Patient) -> Option<String> {
    let settings = &patient.settings;
    let here = patient.run.gateway.as_deref();
    let here = here.and_then(|url| url.strip_prefix("http://")?.parse().ok());
    (settings.public_url.is_some() || here.is_some()).then(|| settings.public_url(here))
}
