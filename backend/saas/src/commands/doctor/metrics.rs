//! Metrics: given by every process, read by Prometheus, with rules that raise alerts.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    finding::Finding,
    patient::{Member, Patient},
};

/// What every process of the platform tells.
const FAMILY: &str = "saas_build_info";
/// By which a process is known again in what Prometheus has read, by whatever name it reaches it.
const STARTED: &str = "process_start_time_seconds";
/// Seconds by which two times that are the same may differ as text.
const SAME: f64 = 0.005;
/// Fires always, so that somebody notices when alerts stop coming.
const WATCHDOG: &str = "Watchdog";
/// The state of an alert that is sent.
const FIRING: &str = "firing";
/// So many of the targets that are not up are named.
const NAMED: usize = 3;
/// The job of business services.
const SERVICES: &str = "services";
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
struct Samples {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    /// When, and the value as text.
    value: (f64, String),
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
    let given = join_all(members.iter().map(|member| given(patient, member))).await;
    let (mut findings, started): (Vec<_>, Vec<_>) = given.into_iter().unzip();
    let Some(prometheus) = prometheus else {
        findings.push(Finding::skipped(
            "Prometheus",
            "was not asked whether it reads them, and whether its alert rules are loaded",
            "give its address with --prometheus, such as http://prometheus:9090",
        ));
        return findings;
    };
    let prometheus = prometheus.trim_end_matches('/');
    let started: Vec<_> = members.iter().zip(started).collect();
    findings.push(match read(patient, prometheus, &started).await {
        Ok(finding) => finding,
        Err(no_answer) => no_answer.finding("Prometheus targets", ADDRESS),
    });
    findings.extend(rules(patient, prometheus).await);
    findings
}

/// Whether a process gives metrics, and when it started.
async fn given(patient: &Patient, member: &Member) -> (Finding, Option<f64>) {
    let subject = member.subject();
    let url = format!("{}/metrics", member.url);
    let answer = match patient.get(&url, patient.metrics_token()).await {
        Ok(answer) => answer,
        Err(why) => return (Finding::failed(subject, why, "look into its log"), None),
    };
    let text = String::from_utf8_lossy(&answer.body);
    let finding = match answer.status {
        StatusCode::OK if text.contains(FAMILY) => Finding::ok(subject, "gives metrics"),
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
    };
    (finding, started(&text))
}

fn started(metrics: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    let line = lines.find(|line| line.starts_with(STARTED))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

const ADDRESS: &str = "check the address given with --prometheus, and that it runs";

/// Why Prometheus did not tell what it was asked.
enum NoAnswer {
    /// There was no answer at all.
    Silence(String),
    /// It was not one of Prometheus'.
    Stranger(String),
}

impl NoAnswer {
    fn finding(self, subject: &str, to_a_stranger: &str) -> Finding {
        match self {
            Self::Silence(why) => Finding::failed(subject, why, ADDRESS),
            Self::Stranger(why) => Finding::failed(subject, why, to_a_stranger),
        }
    }
}

async fn ask<T: DeserializeOwned>(
    patient: &Patient,
    prometheus: &str,
    what: &str,
) -> Result<T, NoAnswer> {
    let url = format!("{prometheus}/api/v1/{what}");
    let answer = patient.get(&url, None).await;
    let answer = answer.map_err(NoAnswer::Silence)?;
    let status = answer.status;
    let envelope = answer.json::<Envelope<T>>();
    let envelope = envelope.filter(|_| status == StatusCode::OK);
    envelope.map(|envelope| envelope.data).ok_or_else(|| {
        NoAnswer::Stranger(format!(
            "{what} was answered {status}, not as Prometheus does"
        ))
    })
}

async fn read(
    patient: &Patient,
    prometheus: &str,
    members: &[(&Member, Option<f64>)],
) -> Result<Finding, NoAnswer> {
    let subject = "Prometheus targets";
    let targets: Targets = ask(patient, prometheus, "targets?state=active").await?;
    let targets = targets.active_targets;
    let read: BTreeSet<&str> = targets.iter().map(|one| one.scrape_pool.as_str()).collect();
    let expected: BTreeSet<&str> = members.iter().map(|(member, _)| member.service).collect();
    let is_read = |service: &str| read.iter().any(|pool| is_of(pool, service));
    let absent: Vec<_> = expected
        .into_iter()
        .filter(|service| !is_read(service))
        .collect();
    if !absent.is_empty() {
        return Ok(Finding::failed(
            subject,
            format!("{} not read at all", absent.join(", ")),
            "use monitoring/prometheus.yml, or in Kubernetes the ServiceMonitor",
        ));
    }
    let down = |is_own: bool| {
        let wrong = targets.iter().filter(|one| one.health != "up");
        let wrong =
            wrong.filter(|one| OWN.iter().any(|own| is_of(&one.scrape_pool, own)) == is_own);
        wrong.collect::<Vec<_>>()
    };
    let (own, others, all) = (down(true), down(false), targets.len());
    if !own.is_empty() {
        let advice = "a wrong METRICS_TOKEN is answered 401; otherwise see whether it runs";
        let seen = format!("{} of {all} not up, {}", own.len(), named(&own));
        return Ok(Finding::failed(subject, seen, advice));
    }
    // A job of that name may read another platform, or one of two.
    let samples: Samples = ask(patient, prometheus, &format!("query?query={STARTED}")).await?;
    let values = samples.result.iter();
    let times: Vec<f64> = values.filter_map(|one| one.value.1.parse().ok()).collect();
    let is_unread = |started: f64| times.iter().all(|time| (time - started).abs() > SAME);
    let unread = members.iter().filter_map(|(member, started)| {
        started
            .filter(|started| is_unread(*started))
            .map(|_| member.subject())
    });
    let unread: Vec<_> = unread.collect();
    if !unread.is_empty() {
        let seen = format!(
            "{} not read, unless it started a moment ago",
            unread.join(", ")
        );
        let advice = "see that the jobs of monitoring/prometheus.yml find every process of this platform, and not another's";
        return Ok(Finding::failed(subject, seen, advice));
    }
    if others.is_empty() {
        return Ok(Finding::ok(subject, format!("all {all} up")));
    }
    let is_of_services = |target: &&Target| is_of(&target.scrape_pool, SERVICES);
    let advice = if others.iter().all(is_of_services) {
        "see whether it runs; a service without metrics registers with the metadata `metrics: off`"
    } else {
        "see whether it runs, and the page Targets of Prometheus"
    };
    let seen = format!("{} of {all} not up, {}", others.len(), named(&others));
    Ok(Finding::warning(subject, seen, advice))
}

/// The first of these targets, with what Prometheus says of each.
fn named(targets: &[&Target]) -> String {
    let told = targets.iter().take(NAMED).map(|target| {
        let reason = match target.last_error.as_str() {
            "" => "not read yet",
            reason => reason,
        };
        format!("{}: {reason}", target.scrape_url)
    });
    let told = told.collect::<Vec<_>>().join(", ");
    match targets.len().saturating_sub(NAMED) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// Whether a pool of Prometheus' is of this job. By a `ServiceMonitor` it is called
/// `serviceMonitor/<namespace>/<name>/<number>`.
fn is_of(pool: &str, job: &str) -> bool {
    pool.split('/').any(|part| part == job)
}

async fn rules(patient: &Patient, prometheus: &str) -> Vec<Finding> {
    let subject = "Prometheus alert rules";
    let rules: Vec<Rule> = match ask::<Rules>(patient, prometheus, "rules?type=alert").await {
        Ok(rules) => rules
            .groups
            .into_iter()
            .flat_map(|group| group.rules)
            .collect(),
        Err(no_answer) => {
            let advice = "give the address of Prometheus itself, of the version 2.x or 3.x";
            return vec![no_answer.finding(subject, advice)];
        }
    };
    let alerts: Vec<_> = rules
        .iter()
        .filter(|rule| rule.kind == "alerting")
        .collect();
    let mut watchdogs = alerts.iter().filter(|alert| alert.name == WATCHDOG);
    let Some(watchdog) = watchdogs.next() else {
        return vec![Finding::failed(
            subject,
            format!("{} loaded, none of them {WATCHDOG}", alerts.len()),
            "load monitoring/rules, or in Kubernetes the PrometheusRule",
        )];
    };
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
    if watchdog.state != FIRING {
        findings.push(Finding::failed(
            subject,
            format!("{WATCHDOG} does not fire, which it always does where rules are evaluated"),
            "wait a minute if Prometheus has just started; else see its page Rules",
        ));
    }
    let firing = alerts
        .iter()
        .filter(|alert| alert.state == FIRING && alert.name != WATCHDOG);
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
