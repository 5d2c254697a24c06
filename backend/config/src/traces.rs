//! Settings of traces, by the names that OpenTelemetry gave them.

use http::{HeaderName, HeaderValue, Uri};

use crate::{ConfigError, Secret, sources::Resolved};

/// Where spans go, and how many.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` without a slash at the end; without it, nothing is exported.
    pub endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: names, and values that may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// `OTEL_SERVICE_NAME`.
    pub service_name: Option<String>,
    /// `OTEL_TRACES_SAMPLER_ARG`, from 0 to 1, or what `OTEL_TRACES_SAMPLER` says by its name.
    pub ratio: f64,
    /// `OTEL_TRACES_SAMPLER`: whether who sent a trace along decides about it.
    pub follows_parent: bool,
}

impl TraceSettings {
    pub(crate) fn read(from: &Resolved) -> Result<Self, ConfigError> {
        let named = from.read("OTEL_TRACES_SAMPLER", sampler)?;
        let (follows_parent, fixed) = named.unwrap_or((true, None));
        let ratio = from.read("OTEL_TRACES_SAMPLER_ARG", |text| {
            let ratio = text.trim().parse::<f64>().ok();
            ratio
                .filter(|ratio| (0.0..=1.0).contains(ratio))
                .ok_or_else(|| "expected a number from 0 to 1, such as 0.01".to_owned())
        })?;
        Ok(Self {
            endpoint: from.read("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)?,
            headers: from
                .read("OTEL_EXPORTER_OTLP_HEADERS", headers)?
                .unwrap_or_default(),
            service_name: from.text("OTEL_SERVICE_NAME").map(str::to_owned),
            ratio: fixed.or(ratio).unwrap_or(1.0),
            follows_parent,
        })
    }
}

/// Whether the parent is followed, and a ratio that the name implies.
fn sampler(text: &str) -> Result<(bool, Option<f64>), String> {
    match text.trim() {
        "parentbased_traceidratio" => Ok((true, None)),
        "parentbased_always_on" => Ok((true, Some(1.0))),
        "parentbased_always_off" => Ok((true, Some(0.0))),
        "traceidratio" => Ok((false, None)),
        "always_on" => Ok((false, Some(1.0))),
        "always_off" => Ok((false, Some(0.0))),
        _ => Err(
            "expected parentbased_traceidratio, traceidratio, always_on, always_off, parentbased_always_on or parentbased_always_off"
                .to_owned(),
        ),
    }
}

/// The base of the collector's address; `/v1/traces` comes behind it.
fn endpoint(text: &str) -> Result<String, String> {
    let expected = || "expected an address such as http://collector:4318".to_owned();
    let text = text.trim().trim_end_matches('/');
    let url: Uri = text.parse().map_err(|_| expected())?;
    let authority = url.authority().ok_or_else(expected)?;
    if authority.as_str().contains('@') {
        return Err("put the user and password into OTEL_EXPORTER_OTLP_HEADERS".to_owned());
    }
    if authority.port_u16() == Some(4317) {
        return Err("4317 is the port for gRPC; take the one for HTTP, usually 4318".to_owned());
    }
    let is_sound = matches!(url.scheme_str(), Some("http" | "https")) && !text.contains(['?', '#']);
    is_sound.then(|| text.to_owned()).ok_or_else(expected)
}

/// `name=value`, separated by commas; values may be percent-encoded, as the variable's standard says.
fn headers(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let items = text.split(',').map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    items.map(header).collect()
}

fn header(item: &str) -> Result<(String, Secret), String> {
    let expected = || "expected name=value, several separated by commas".to_owned();
    let (name, value) = item.split_once('=').ok_or_else(expected)?;
    let name = name.trim();
    let value = decoded(value.trim()).ok_or_else(expected)?;
    let is_sound =
        HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(&value).is_ok();
    is_sound
        .then(|| (name.to_ascii_lowercase(), Secret::new(value)))
        .ok_or_else(expected)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let digits = escaped.get(..2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = escaped.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
