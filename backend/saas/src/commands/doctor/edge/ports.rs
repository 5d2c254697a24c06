//! Ports that should not be open to strangers.

use futures_util::future::join_all;
use saas_config::Settings;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::super::{finding::Finding, patient::Patient, public::Place};

/// What listens on these ports trusts whoever reaches it more than a stranger should be trusted.
const CLOSED: [(u16, &str); 13] = [
    (2375, "Docker"),
    (3000, "Grafana"),
    (5432, "PostgreSQL"),
    (5601, "Kibana"),
    (6379, "Redis"),
    (8000, "the gateway without TLS"),
    (8001, "the registry"),
    (8002, "core"),
    (8080, "the console without TLS"),
    (9090, "Prometheus"),
    (9093, "Alertmanager"),
    (9200, "Elasticsearch"),
    (10250, "the kubelet"),
];

/// What is for everybody: 80 leads to https.
const PUBLIC: [u16; 2] = [80, 443];

/// The usual ones, and those that the settings name instead.
fn closed(settings: &Settings) -> Vec<(u16, &'static str)> {
    let mut all = CLOSED.to_vec();
    for own in [
        (settings.gateway_port, "the gateway without TLS"),
        (settings.registry_port, "the registry"),
        (settings.core_port, "core"),
    ] {
        // 0 is any that is free.
        let is_known = all.iter().any(|(port, _)| *port == own.0);
        if own.0 != 0 && !PUBLIC.contains(&own.0) && !is_known {
            all.push(own);
        }
    }
    all
}

/// What answers at the public name beside https.
pub(super) async fn open(patient: &Patient, place: &Place) -> Finding {
    let host = place.host.trim_matches(['[', ']']);
    let subject = format!("ports of {host}");
    // The port is none of those that are looked at: the name alone is asked for.
    let resolved = match timeout(patient.within, lookup_host((host, 0))).await {
        Ok(resolved) => resolved.map(drop),
        Err(late) => Err(late.into()),
    };
    if let Err(error) = resolved {
        return Finding::failed(
            subject,
            format!("were not looked at, since the name leads nowhere: {error}"),
            format!(
                "enter the host of {} in DNS, or correct it there",
                place.setting
            ),
        );
    }
    let asked = closed(&patient.settings);
    let asked = asked.into_iter().filter(|(port, _)| *port != place.port);
    let tries = asked.map(|(port, what)| async move {
        let connected = timeout(patient.within, TcpStream::connect((host, port))).await;
        matches!(connected, Ok(Ok(_))).then(|| format!("{port} ({what})"))
    });
    let open: Vec<String> = join_all(tries).await.into_iter().flatten().collect();
    if open.is_empty() {
        return Finding::ok(subject, "none but the public ones answers from here");
    }
    Finding::failed(
        subject,
        format!("open: {}", open.join(", ")),
        "close them with a firewall, or bind what listens there to 127.0.0.1; from within the platform's own network this says nothing, so look from outside as well",
    )
}
