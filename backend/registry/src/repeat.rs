//! Calls that are repeated with the same `Idempotency-Key`: the first answer is kept in the
//! transaction that made it, and given again.

use chrono::Duration;
use http::StatusCode;
use saas_security::digest;
use saas_storage::SystemTx;
use saas_storage::core::idempotency::{self, KeyRef};
use saas_web::Problem;
use serde::{Serialize, de::DeserializeOwned};

use crate::caller::Caller;
use crate::problem;

/// For how long an answer is kept.
const KEPT: Duration = Duration::hours(24);

/// A key that this transaction claimed.
pub(crate) struct Repeat {
    key: KeyRef,
}

/// Whether the call was answered before.
pub(crate) enum Answered<T> {
    /// Yes: this is the answer.
    Before(T),
    /// No: answer it, and keep the answer.
    NotYet(Repeat),
}

impl Repeat {
    /// Claims the key for what is asked. Keys of different callers never meet.
    ///
    /// # Errors
    /// 422 `idempotency_key_reused` if the key was used for something else.
    pub(crate) async fn begin<T: DeserializeOwned>(
        tx: &SystemTx,
        caller: &Caller,
        key: &str,
        asked: &serde_json::Value,
    ) -> Result<Answered<T>, Problem> {
        let who = caller.person().map(|id| id.to_string());
        let key = KeyRef {
            tenant_id: None,
            scope: format!("registry:{}", who.as_deref().unwrap_or("operator")),
            digest: digest(key),
        };
        let request = digest(&asked.to_string());
        let now = tx.now();
        let claimed = idempotency::claim(tx, &key, &request, now, now + KEPT).await;
        if claimed.map_err(problem::of_storage)? {
            return Ok(Answered::NotYet(Self { key }));
        }
        let kept = idempotency::find(tx, &key).await;
        match kept.map_err(problem::of_storage)? {
            Some(kept) if kept.request != request => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
            )
            .detail("this `Idempotency-Key` was used for another request; use a new one")),
            Some(kept) => {
                let (_, answer) = kept.answer.unwrap_or_default();
                let answer = serde_json::from_slice(&answer).map_err(Problem::internal)?;
                Ok(Answered::Before(answer))
            }
            None => Err(Problem::conflict(
                "idempotency_key_busy",
                "the first call with this `Idempotency-Key` has just ended; repeat this one",
            )),
        }
    }

    /// Keeps the answer, to be given again. It must hold no secret.
    pub(crate) async fn keep(
        self,
        tx: &SystemTx,
        status: StatusCode,
        answer: &impl Serialize,
    ) -> Result<(), Problem> {
        let answer = serde_json::to_vec(answer).map_err(Problem::internal)?;
        let kept = idempotency::keep(tx, &self.key, status.as_u16(), answer).await;
        kept.map_err(problem::of_storage)
    }
}
