//! Settings of traces.
#![cfg(test)]

use saas_config::{ConfigError, Role, SETTINGS, Settings, Sources, TraceSettings};

fn settings(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let sources = Sources::new(".");
    let sources = variables.iter().fold(sources, |sources, (name, value)| {
        sources.with_variable(name, *value)
    });
    Settings::from_sources(Role::Up, &sources)
}

fn traces(variables: &[(&str, &str)]) -> TraceSettings {
    settings(variables).unwrap().traces
}

#[test]
fn nothing_is_exported_unless_it_is_said_where_to() {
    let off = traces(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]);
    assert_eq!(off.endpoint, None);
    let on = traces(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")]);
    assert_eq!(on.endpoint.as_deref(), Some("http://collector:4318"));
    assert!((on.ratio - 1.0).abs() < f64::EPSILON && on.follows_parent);
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    for (bad, word) in [
        ("collector:4318", "expected an address"),
        ("ftp://collector", "expected an address"),
        ("http://collector:4318?key=1", "expected an address"),
        ("http://user:word@collector:4318", "OTLP_HEADERS"),
        ("http://collector:4317", "gRPC"),
    ] {
        let error = settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", bad)]).unwrap_err();
        assert!(error.to_string().contains(word), "{bad}: {error}");
    }
}

#[test]
fn headers_are_secrets() {
    let given = "api-key=s3cr3t-word, Authorization=Basic%20dXNlcg==";
    let all = settings(&[("OTEL_EXPORTER_OTLP_HEADERS", given)]).unwrap();
    let shown: Vec<(&str, &str)> = all
        .traces
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        shown,
        [
            ("api-key", "s3cr3t-word"),
            ("authorization", "Basic dXNlcg==")
        ]
    );
    assert!(!format!("{all:?}").contains("s3cr3t"));
    let error = settings(&[("OTEL_EXPORTER_OTLP_HEADERS", "s3cr3t")]).unwrap_err();
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert!(
        SETTINGS
            .iter()
            .any(|setting| setting.name == "OTEL_EXPORTER_OTLP_HEADERS" && setting.secret)
    );
}

#[test]
fn the_sampler_and_its_ratio_are_those_of_the_standard() {
    for (sampler, argument, ratio, follows_parent) in [
        ("", "0.25", 0.25, true),
        ("traceidratio", "0.5", 0.5, false),
        ("always_off", "0.5", 0.0, false),
        ("parentbased_always_on", "0.5", 1.0, true),
    ] {
        let read = traces(&[
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ]);
        assert!((read.ratio - ratio).abs() < f64::EPSILON, "{sampler}");
        assert_eq!(read.follows_parent, follows_parent, "{sampler}");
    }
    for (name, bad) in [
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
    ] {
        assert!(settings(&[(name, bad)]).is_err(), "{bad}");
    }
}
