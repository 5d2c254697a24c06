//! Ports that should not be open to strangers.

use futures_util::future::join_all;
use tokio::{net::TcpStream, time::timeout};

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

/// What answers at the public name beside https.
pub(super) async fn open(patient: &Patient, place: &Place) -> Finding {
    let host = place.host.trim_matches(['[', ']']);
    let subject = format!("ports of {host}");
    let asked = CLOSED.into_iter().filter(|(port, _)| *port != place.port);
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
