//! What a scraper reads.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{collections::HashSet, thread, time::Duration};

use saas_telemetry::{BackupFigures, BackupMetrics, Exposition, Kind, Metrics, VaultMetrics};

fn sample(text: &str, labelled: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(labelled))?;
    line.trim().parse().ok()
}

#[test]
fn requests_are_counted_by_several_threads_without_loss() {
    let metrics = Metrics::new("gateway");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let endpoint = metrics.http().endpoint("GET", "/api/{service}/{*rest}");
                for _ in 0..1_000 {
                    endpoint.record(200, Duration::from_millis(3));
                    endpoint.record(299, Duration::from_mins(1));
                }
            });
        }
    });
    let text = metrics.encode(Exposition::Text);
    let labels = "method=\"GET\",endpoint=\"/api/{service}/{*rest}\"";
    for status in ["200", "299"] {
        let counter = format!("http_requests_total{{{labels},status=\"{status}\"}}");
        assert_eq!(sample(&text, &counter), Some(4_000.0), "{text}");
    }
    let duration = |suffix: &str| sample(&text, &format!("http_request_duration_seconds_{suffix}"));
    assert_eq!(duration(&format!("count{{{labels}}}")), Some(8_000.0));
    let sum = duration(&format!("sum{{{labels}}}")).unwrap();
    assert!((sum - 240_012.0).abs() < 0.01, "{sum}");
    assert_eq!(
        duration(&format!("bucket{{le=\"0.0025\",{labels}}}")),
        Some(0.0)
    );
    assert_eq!(
        duration(&format!("bucket{{le=\"0.005\",{labels}}}")),
        Some(4_000.0)
    );
    assert_eq!(
        duration(&format!("bucket{{le=\"+Inf\",{labels}}}")),
        Some(8_000.0)
    );
}

#[test]
fn a_service_shows_only_the_groups_it_uses() {
    let metrics = Metrics::new("registry");
    metrics.registry().heartbeats.inc();
    metrics
        .registry()
        .instances
        .get_or_create(&Kind { kind: "up" })
        .set(3);
    let text = metrics.encode(Exposition::Text);
    assert_eq!(
        sample(&text, "registry_heartbeats_total"),
        Some(1.0),
        "{text}"
    );
    assert_eq!(sample(&text, "registry_instances{kind=\"up\"}"), Some(3.0));
    assert!(!text.contains("gateway_") && !text.contains("core_"));
}

#[test]
fn services_of_one_process_count_apart() {
    let (core, registry) = (Metrics::new("core"), Metrics::new("registry"));
    core.http().record("GET", "/v1/me", 200, Duration::ZERO);
    assert!(core.encode(Exposition::Text).contains("/v1/me"));
    assert!(!registry.encode(Exposition::Text).contains("/v1/me"));
    assert!(
        registry
            .encode(Exposition::Text)
            .contains("service=\"registry\"")
    );
}

#[test]
fn the_process_is_described() {
    let text = Metrics::new("core").encode(Exposition::Text);
    assert!(
        sample(&text, "process_resident_memory_bytes").unwrap() > 1e6,
        "{text}"
    );
    assert!(sample(&text, "process_start_time_seconds").unwrap() > 1.6e9);
    assert!(sample(&text, "process_cpu_seconds_total").unwrap() >= 0.0);
    assert!(sample(&text, "process_open_fds").unwrap() >= 3.0);
}

#[test]
fn the_disk_of_the_data_directory_is_told() {
    let metrics = Metrics::new("core");
    assert!(!metrics.encode(Exposition::Text).contains("saas_data_dir"));
    metrics.watch_disk(std::env::temp_dir());
    let text = metrics.encode(Exposition::Text);
    let (free, size) = (
        sample(&text, "saas_data_dir_free_bytes").unwrap(),
        sample(&text, "saas_data_dir_size_bytes").unwrap(),
    );
    assert!(0.0 < free && free <= size, "{text}");
    // What cannot be asked shows nothing.
    let metrics = Metrics::new("core");
    metrics.watch_disk("/there/is/nothing");
    let text = metrics.encode(Exposition::Text);
    assert!(!text.contains("saas_data_dir_free_bytes "), "{text}");
}

#[test]
fn a_backup_that_never_was_shows_nothing() {
    let (metrics, backups) = (Metrics::new("backup"), BackupMetrics::default());
    metrics.show_backups(&backups);
    let text = metrics.encode(Exposition::Text);
    assert!(!text.contains("saas_backup_last_success"), "{text}");
    assert_eq!(sample(&text, "saas_backup_failures_total "), Some(0.0));
    backups.failed();
    backups.set(BackupFigures {
        last_success: Some(1_700_000_000.0),
        ..BackupFigures::default()
    });
    let text = metrics.encode(Exposition::Text);
    let last = sample(&text, "saas_backup_last_success_timestamp_seconds ");
    assert_eq!(last, Some(1_700_000_000.0), "{text}");
    assert_eq!(sample(&text, "saas_backup_failures_total "), Some(1.0));
    assert!(!text.contains("saas_backup_kept"), "{text}");
}

/// Every group, as some service has it.
fn everything() -> Metrics {
    let metrics = Metrics::new("all");
    metrics.watch_disk(std::env::temp_dir());
    metrics.show_vault(&VaultMetrics::default());
    metrics.show_backups(&BackupMetrics::default());
    let _ = (
        metrics.database(),
        metrics.database_server(),
        metrics.cache(),
        metrics.registry(),
        metrics.core(),
        metrics.gateway(),
        metrics.traces(),
    );
    metrics
}

#[test]
fn what_is_told_is_described() {
    let metrics = everything();
    let described = metrics.described();
    let mut names = HashSet::new();
    for family in &described {
        assert!(names.insert(&*family.name), "{family:?} is there twice");
        assert!(!family.help.is_empty(), "{family:?}");
    }
    for line in metrics.encode(Exposition::Text).lines() {
        let Some(rest) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        let (name, kind) = rest.split_once(' ').unwrap();
        let found = described.iter().find(|family| family.name == name);
        let kind = if name.ends_with("_info") {
            "info"
        } else {
            kind
        };
        assert_eq!(found.map(|family| family.kind), Some(kind), "{line}");
    }
}

/// `UPDATE_DOCS=1 cargo test -p saas-telemetry` writes it afresh.
#[test]
fn the_documents_list_every_metric() {
    let rows = everything().described().into_iter().map(|family| {
        let told = family.help.replace('|', "\\|");
        format!("| `{}` | {} | {told} |\n", family.name, family.kind)
    });
    let table: String = rows.collect();
    for (document, head) in [
        ("MONITORING.md", "| metric | type | what it says |"),
        ("zh-CN/MONITORING.md", "| 指标 | 类型 | 含义 |"),
    ] {
        let path = format!("{}/../../docs/{document}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (begin, end) = ("<!-- metrics: begin -->\n", "<!-- metrics: end -->");
        let (before, rest) = text.split_once(begin).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        let wanted = format!("{before}{begin}{head}\n|---|---|---|\n{table}{end}{after}");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, wanted).unwrap();
            continue;
        }
        assert!(
            text == wanted,
            "docs/{document} is stale: UPDATE_DOCS=1 cargo test -p saas-telemetry"
        );
    }
}

#[test]
fn both_formats_are_well_formed() {
    let metrics = Metrics::new("all");
    metrics
        .http()
        .record("GET", "/v1/\"odd\"\\path", 200, Duration::from_millis(1));
    let _ = (
        metrics.database(),
        metrics.database_server(),
        metrics.cache(),
        metrics.registry(),
        metrics.core(),
        metrics.gateway(),
        metrics.traces(),
    );
    metrics
        .core()
        .sign_ins
        .get_or_create(&Kind { kind: "success" })
        .inc();
    for format in [Exposition::Text, Exposition::OpenMetrics] {
        let text = metrics.encode(format);
        let mut names = HashSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let name = rest.split(' ').next().unwrap();
                assert!(names.insert(name.to_owned()), "{name} is there twice");
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                let base = name.split('{').next().unwrap();
                assert!(
                    names.iter().any(|name| base.starts_with(name.as_str())),
                    "{line}"
                );
            }
        }
        assert_eq!(text.ends_with("# EOF\n"), format == Exposition::OpenMetrics);
        assert!(text.contains(r#"endpoint="/v1/\"odd\"\\path""#), "{text}");
    }
}
