//! What browsers are told, and what is closed, at the public addresses.

use http::Request;

use super::super::{
    finding::Finding,
    patient::Patient,
    public::Place,
    routes::{DISCOVERY, passed},
};

/// An origin that nobody allows.
const STRANGER: &str = "https://stranger.invalid";
/// For operators alone.
const CLOSED: [&str; 4] = [
    "/metrics",
    "/internal/v1/trust",
    "/api/core/metrics",
    "/api/registry/metrics",
];

pub(super) async fn look(patient: &Patient, place: &Place) -> Vec<Finding> {
    let subject = format!("{} {}", place.setting, place.url);
    let is_console = place.setting == "CONSOLE_URL";
    let path = if is_console { "/" } else { DISCOVERY };
    let request = Request::get(format!("{}{path}", place.url)).header("origin", STRANGER);
    let answer = match patient.send(request).await {
        Ok(answer) => answer,
        Err(why) => {
            return vec![Finding::failed(
                subject,
                why,
                "see the checks of the public address",
            )];
        }
    };
    let mut wanted = vec![
        ("strict-transport-security", ""),
        ("x-content-type-options", "nosniff"),
    ];
    if is_console {
        wanted.extend([
            ("content-security-policy", "default-src"),
            ("x-frame-options", ""),
            ("referrer-policy", ""),
        ]);
    }
    let is_missing = |(name, value): &(&str, &str)| {
        let header = answer.header(name);
        header.is_none_or(|header| match *name {
            "strict-transport-security" => !is_strict(header),
            _ => !header.contains(value),
        })
    };
    let missing: Vec<_> = wanted
        .iter()
        .filter(|one| is_missing(one))
        .map(|(name, _)| *name)
        .collect();
    let mut findings = vec![if missing.is_empty() {
        Finding::ok(&subject, "security headers are there")
    } else {
        Finding::failed(
            &subject,
            format!("without {}", missing.join(", ")),
            "compare the proxy in front with nginx/saas.conf",
        )
    }];
    let allowed = answer.header("access-control-allow-origin");
    findings.push(match allowed {
        Some(origin) if origin == "*" || origin == STRANGER => Finding::failed(
            &subject,
            "pages of any origin may call it",
            "list exact origins in CORS_ORIGINS, and let no proxy add its own header",
        ),
        _ => Finding::ok(&subject, "pages of a stranger's origin may not call it"),
    });
    if !is_console {
        findings.push(match passed(patient, &place.url, &CLOSED).await {
            Err(why) => Finding::failed(&subject, why, "see the checks of the public address"),
            Ok(open) if open.is_empty() => {
                Finding::ok(&subject, "metrics and internal addresses are closed")
            }
            Ok(open) => Finding::failed(
                &subject,
                format!("open to everybody: {}", open.join(", ")),
                "deny them at the edge, as nginx/saas.conf does, and set METRICS_TOKEN",
            ),
        });
    }
    findings
}

/// Whether browsers are told to come back by https alone; `max-age=0` tells them to forget it
/// (RFC 6797, section 6.1.1).
fn is_strict(header: &str) -> bool {
    let directives = header.split(';').map(str::trim);
    let mut ages = directives.filter_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then_some(value)
    });
    let age = ages.next().map(|age| age.trim().trim_matches('"'));
    age.is_some_and(|age| age.parse::<u64>().is_ok_and(|seconds| seconds > 0))
}
