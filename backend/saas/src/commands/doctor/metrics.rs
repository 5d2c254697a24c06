//! Metrics: given by every process, read by Prometheus, with rules that raise alerts.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::StatusCode;
use serde::Deserialize;

use super::{
    finding::Finding,
    patient::{Member, Patient},
};

/// What every process of the platform tells.
const FAMILY: &str = "saas_build_info";
/// Fires always, so that somebody notices when alerts stop coming.
const WATCHDOG: &str = "Watchdog";
/// Jobs of the platform's own processes.
const OWN: [&str; 3] = ["registry", "core", "gateway"];

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    active_targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    scrape_pool: String,
    scrape_url: String,
    health: String,
    last_error: String,
}

#[derive(Deserialize)]
struct Rules {
    groups: Vec<RuleGroup>,
}

#[derive(Deserialize)]
struct RuleGroup {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    health: String,
    #[serde(default)]
    state: String,
}

pub(super) async fn look(patient: &Patient, prometheus: Option<&str>) -> Vec<Finding> {
    let members = patient.members().await;
    let mut findings = join_all(members.iter().map(|member| given(patient, member))).await;
    let Some(prometheus) = prometheus else {
        findings.push(Finding::skipped(
            "Prometheus",
            "was not asked whether it reads them, and whether its alert rules are loaded",
            "give its address with --prometheus, such as http://prometheus:9090",
        ));
        return findings;
    };
    let prometheus = prometheus.trim_end_matches('/');
    findings.push(read(patient, prometheus, &members).await);
    findings.extend(rules(patient, prometheus).await);
    findings
}

async fn given(patient: &Patient, member: &Member) -> Finding {
    let subject = member.subject();
    let url = format!("{}/metrics", member.url);
    match patient.get(&url, patient.metrics_token()).await {
        Err(why) => Finding::failed(subject, why, "look into its log"),
        Ok(answer) => match answer.status {
            StatusCode::OK if String::from_utf8_lossy(&answer.body).contains(FAMILY) => {
                Finding::ok(subject, "gives metrics")
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::failed(
                subject,
                "does not give metrics to this METRICS_TOKEN",
                "give every process, Prometheus and this command the same METRICS_TOKEN",
            ),
            status => Finding::failed(
                subject,
                format!("answered {status} for /metrics, without {FAMILY}"),
                "something else listens there; check the address it registered (ADVERTISE_ADDRESS)",
            ),
        },
    }
}

async fn ask<T: serde::de::DeserializeOwned>(patient: &Patient, url: &str) -> Result<T, String> {
    let answer = patient.get(url, None).await?;
    let status = answer.status;
    let envelope = answer.json::<Envelope<T>>();
    let envelope = envelope.filter(|_| status == StatusCode::OK);
    envelope
        .map(|envelope| envelope.data)
        .ok_or_else(|| format!("{url} answered {status}, not as Prometheus does"))
}

async fn read(patient: &Patient, prometheus: &str, members: &[Member]) -> Finding {
    let subject = "Prometheus targets";
    let advice = "check the address given with --prometheus, and that it runs";
    let url = format!("{prometheus}/api/v1/targets?state=active");
    let targets = match ask::<Targets>(patient, &url).await {
        Ok(targets) => targets.active_targets,
        Err(why) => return Finding::failed(subject, why, advice),
    };
    let read: BTreeSet<&str> = targets.iter().map(|one| one.scrape_pool.as_str()).collect();
    let expected: BTreeSet<&str> = members.iter().map(|member| member.service).collect();
    let is_read = |service: &str| read.iter().any(|pool| is_of(pool, service));
    let absent: Vec<_> = expected
        .into_iter()
        .filter(|service| !is_read(service))
        .collect();
    if !absent.is_empty() {
        return Finding::failed(
            subject,
            format!("{} not read at all", absent.join(", ")),
            "use monitoring/prometheus.yml, or in Kubernetes the ServiceMonitor",
        );
    }
    let down = |is_own: bool| {
        let wrong = targets.iter().filter(|one| one.health != "up");
        let wrong =
            wrong.filter(|one| OWN.iter().any(|own| is_of(&one.scrape_pool, own)) == is_own);
        let told = wrong.map(|one| format!("{}: {}", one.scrape_url, one.last_error));
        told.collect::<Vec<_>>()
    };
    let (own, others, all) = (down(true), down(false), targets.len());
    if let Some(first) = own.first() {
        let advice = "a wrong METRICS_TOKEN is answered 401; otherwise see whether it runs";
        return Finding::failed(
            subject,
            format!("{} of {all} not up, {first}", own.len()),
            advice,
        );
    }
    match others.first() {
        None => Finding::ok(subject, format!("all {all} up")),
        Some(first) => Finding::warning(
            subject,
            format!("{} of {all} not up, {first}", others.len()),
            "a service without metrics registers with the metadata `metrics: off`",
        ),
    }
}

/// Whether a pool of Prometheus' is of this job. By a `ServiceMonitor` it is called
/// `serviceMonitor/<namespace>/<name>/<number>`.
fn is_of(pool: &str, job: &str) -> bool {
    pool.split('/').any(|part| part == job)
}

async fn rules(patient: &Patient, prometheus: &str) -> Vec<Finding> {
    let subject = "Prometheus alert rules";
    let url = format!("{prometheus}/api/v1/rules?type=alert");
    let rules: Vec<Rule> = match ask::<Rules>(patient, &url).await {
        Ok(rules) => rules
            .groups
            .into_iter()
            .flat_map(|group| group.rules)
            .collect(),
        Err(why) => {
            return vec![Finding::failed(
                subject,
                why,
                "update Prometheus to 2.x or 3.x",
            )];
        }
    };
    let alerts: Vec<_> = rules
        .iter()
        .filter(|rule| rule.kind == "alerting")
        .collect();
    if !alerts.iter().any(|alert| alert.name == WATCHDOG) {
        return vec![Finding::failed(
            subject,
            format!("{} loaded, none of them {WATCHDOG}", alerts.len()),
            "load monitoring/rules, or in Kubernetes the PrometheusRule",
        )];
    }
    let broken = alerts.iter().filter(|alert| alert.health == "err");
    let broken: Vec<_> = broken.map(|alert| alert.name.as_str()).collect();
    let mut findings = vec![if broken.is_empty() {
        Finding::ok(subject, format!("{} loaded", alerts.len()))
    } else {
        Finding::failed(
            subject,
            format!("{} cannot be evaluated", broken.join(", ")),
            "see the page Rules of Prometheus for the reason",
        )
    }];
    let firing = alerts
        .iter()
        .filter(|alert| alert.state == "firing" && alert.name != WATCHDOG);
    let firing: BTreeSet<_> = firing.map(|alert| alert.name.as_str()).collect();
    findings.push(if firing.is_empty() {
        Finding::ok("alerts", "none is firing")
    } else {
        let firing: Vec<_> = firing.into_iter().collect();
        let advice = "docs/TROUBLESHOOTING.md has a section for each";
        Finding::failed("alerts", format!("firing: {}", firing.join(", ")), advice)
    });
    findings
}
