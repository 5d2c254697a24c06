//! What Vault answers, as far as it is needed.

use http::StatusCode;
use serde_json::Value;

/// Words of others are told only so far.
const LONGEST: usize = 200;

/// An answer to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Its JSON; `Null` where there was no body.
    pub(crate) json: Value,
}

impl Answer {
    /// Vault's own words about what went wrong, in parentheses, on one line; empty if it has none.
    /// `secrets` are what it was told and must not be repeated.
    pub(crate) fn said(&self, secrets: &[&str]) -> String {
        let errors = match self.json.get("errors") {
            Some(Value::Array(errors)) => errors.iter().filter_map(Value::as_str).collect(),
            _ => self
                .json
                .get("error")
                .and_then(Value::as_str)
                .into_iter()
                .collect::<Vec<_>>(),
        };
        let mut text = errors.join(", ");
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "[secret]");
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let plain = |letter: &char| !letter.is_control();
        let text: String = words
            .join(" ")
            .chars()
            .filter(plain)
            .take(LONGEST)
            .collect();
        if text.is_empty() {
            text
        } else {
            format!(" ({text})")
        }
    }

    /// Whether a refusal has the shape that Vault gives to its own: a list of errors, of a deleted
    /// version its metadata, or nothing. Others that keep to its API may say `error` instead.
    pub(crate) fn is_of_vault(&self) -> bool {
        let is_alone = self
            .json
            .as_object()
            .is_some_and(|object| object.len() == 1);
        self.json.is_null()
            || self.json.get("errors").is_some_and(Value::is_array)
            || self.data().is_some()
            || (is_alone && self.json.get("error").is_some_and(Value::is_string))
    }

    /// The token of an answer to a login or a renewal.
    pub(crate) fn auth(&self) -> Option<&Value> {
        self.json.get("auth").filter(|auth| auth.is_object())
    }

    pub(crate) fn data(&self) -> Option<&Value> {
        self.json.get("data").filter(|data| data.is_object())
    }
}

/// What a JSON value is, in words.
pub(crate) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_vault_says_is_short_and_tells_no_secret() {
        let said = |json: Value| {
            let status = StatusCode::BAD_REQUEST;
            Answer { status, json }.said(&["hunter2", ""])
        };
        assert_eq!(
            said(json!({"errors": ["no role\n of hunter2", "sorry"]})),
            " (no role of [secret], sorry)"
        );
        assert_eq!(said(json!({"error": "sealed\u{1b}\u{7}"})), " (sealed)");
        assert_eq!(said(json!({"errors": []})), "");
        assert_eq!(said(json!(null)), "");
        assert_eq!(
            said(json!({"errors": ["é".repeat(500)]})).chars().count(),
            203
        );
    }
}
