//! The keys that sign access tokens: random, stored encrypted, the newest signs.

use chrono::{DateTime, Utc};
use saas_domain::{Clock, Random};
use saas_security::{Envelope, SigningKey};
use saas_storage::{
    ChangeStream, Database, SystemTx,
    core::{
        lock,
        signing_keys::{self, StoredKey},
    },
};

use super::Subject;
use crate::refusal::Refusal;

/// Until a new key has been on the stream for this long, the one before it signs: a gateway that
/// has not heard of a key refuses its tokens.
const KNOWN_AFTER: chrono::Duration = chrono::Duration::seconds(5);

fn context(kid: &str) -> String {
    format!("signing_keys.sealed/{kid}")
}

/// Makes the first key if there is none. Of several cores that start at once, one makes it.
pub(crate) async fn ensure_signing_key(
    db: &Database,
    envelope: &Envelope,
    clock: &Clock,
    random: &Random,
) -> Result<(), Refusal> {
    let tx = db.system_read("trust.keys").await?;
    if !active(&tx).await?.is_empty() {
        return Ok(());
    }
    drop(tx);
    let tx = db.system("trust.first_key").await?;
    lock::hold(&tx, "signing_keys").await?;
    if !active(&tx).await?.is_empty() {
        return Ok(());
    }
    let key = SigningKey::generate(random)?;
    let stored = StoredKey {
        kid: key.kid().to_owned(),
        sealed: envelope.seal(key.seed(), &context(key.kid()), random)?,
        public_key: key.public().x.clone(),
        created_at: clock.now(),
        retired_at: None,
    };
    signing_keys::insert(&tx, &stored).await?;
    let subjects = [Subject::Keys.to_string()];
    tx.commit_with_changes(ChangeStream::Trust, &subjects)
        .await?;
    Ok(())
}

async fn active(tx: &SystemTx) -> Result<Vec<StoredKey>, Refusal> {
    let mut keys = signing_keys::all(tx).await?;
    keys.retain(|key| key.retired_at.is_none());
    Ok(keys)
}

/// The key that signs now.
pub(crate) async fn signing_key(
    tx: &SystemTx,
    envelope: &Envelope,
    now: DateTime<Utc>,
) -> Result<SigningKey, Refusal> {
    let keys = active(tx).await?;
    let known = keys.iter().find(|key| now - key.created_at >= KNOWN_AFTER);
    let Some(key) = known.or(keys.last()) else {
        return Err(Refusal::Internal("there is no signing key".into()));
    };
    let seed = envelope.open(&key.sealed, &context(&key.kid))?;
    let seed: [u8; 32] = seed
        .try_into()
        .map_err(|_| Refusal::Internal("a stored signing key has the wrong length".into()))?;
    Ok(SigningKey::from_seed(&seed)?)
}
