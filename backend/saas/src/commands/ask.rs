//! What commands ask of the platform that runs.

use std::time::Duration;

use http::Method;
use saas_config::Settings;
use saas_registry_client::{ClientError, HttpClient};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{block_on, operator_token};
use crate::Failure;

/// What a refusal says to people, of RFC 9457's members.
#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: Option<String>,
}

/// Sends JSON (or nothing) in the name of the operator of this machine and reads JSON (or nothing,
/// for `()`). What goes wrong is told as the cause of `failure`.
pub(crate) fn ask<B: Serialize + Sync, T: DeserializeOwned>(
    settings: &Settings,
    method: Method,
    url: &str,
    body: Option<&B>,
    within: Duration,
    failure: &str,
) -> Result<T, Failure> {
    let token = operator_token(settings)?;
    block_on(async {
        let answer = HttpClient::new()
            .json(method, url, Some(&token), body, within)
            .await;
        answer.map_err(|error| {
            let failure = Failure::failed(failure);
            match in_words(&error) {
                Some(words) => failure.because(words),
                None => failure.because(error),
            }
        })
    })
}

/// A refusal in its own words, if it has any.
fn in_words(error: &ClientError) -> Option<String> {
    let ClientError::Status { body, .. } = error else {
        return None;
    };
    let problem: Problem = serde_json::from_str(body).ok()?;
    Some(problem.detail.unwrap_or(problem.title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn answered(body: &str) -> Option<String> {
        in_words(&ClientError::Status {
            url: "http://registry".to_owned(),
            status: StatusCode::NOT_FOUND,
            body: body.to_owned(),
        })
    }

    #[test]
    fn a_problem_is_told_in_its_own_words_and_anything_else_as_it_is() {
        let whole = r#"{"title": "Not found", "status": 404, "detail": "there is no `a`"}"#;
        assert_eq!(answered(whole).as_deref(), Some("there is no `a`"));
        let short = r#"{"title": "Not found", "status": 404}"#;
        assert_eq!(answered(short).as_deref(), Some("Not found"));
        assert_eq!(answered("<h1>Bad gateway</h1>"), None);
    }
}
