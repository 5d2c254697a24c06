//! The keys that sign access tokens: random, stored encrypted, the newest signs.

use chrono::{DateTime, Utc};
use saas_domain::{Clock, Random};
use saas_security::{Envelope, EnvelopeError, RootSecret, SigningKey};
use saas_storage::{
    ChangeStream, Database, StorageError, SystemTx,
    core::{
        lock,
        signing_keys::{self, StoredKey},
    },
};

use super::Subject;
use crate::{refusal::Refusal, start::StartError};

/// Until a new key has been on the stream for this long, the one before it signs: a gateway that
/// has not heard of a key refuses its tokens.
const KNOWN_AFTER: chrono::Duration = chrono::Duration::seconds(5);

/// Held by whoever changes the keys.
const LOCK: &str = "signing_keys";

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
    lock::hold(&tx, LOCK).await?;
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

/// Seals anew under `SECRET_KEY` what only `SECRET_KEY_PREVIOUS` still opens, so that the latter can
/// go and another rotation can come. Of several cores that start at once, one does it; one that
/// knows but the secret of before goes on with the key it has (see [`newer_key`]), but would not
/// start again.
pub(crate) async fn seal_anew(
    db: &Database,
    envelope: &Envelope,
    random: &Random,
) -> Result<(), Refusal> {
    let tx = db.system_read("trust.keys").await?;
    if outdated(&tx, envelope, random).await?.is_empty() {
        return Ok(());
    }
    drop(tx);
    let tx = db.system("trust.seal_anew").await?;
    lock::hold(&tx, LOCK).await?;
    let outdated = outdated(&tx, envelope, random).await?;
    let keys = outdated.len();
    for (kid, sealed) in outdated {
        signing_keys::reseal(&tx, &kid, sealed).await?;
    }
    tx.commit().await?;
    tracing::info!(keys, "the signing keys are sealed under the new SECRET_KEY");
    Ok(())
}

/// Which keys are not sealed under `SECRET_KEY`, and what they are under it. Not those that neither
/// secret opens: whether one of them is needed, turns out when it is read.
async fn outdated(
    tx: &SystemTx,
    envelope: &Envelope,
    random: &Random,
) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    let mut outdated = Vec::new();
    for key in signing_keys::all(tx).await? {
        match envelope.renew(&key.sealed, &context(&key.kid), random) {
            Ok(Some(sealed)) => outdated.push((key.kid, sealed)),
            Ok(None) | Err(EnvelopeError::Open) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(outdated)
}

/// Whether this secret, or the one before it, opens a key that signs; true where there is none yet.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn opens_a_signing_key(db: &Database, root: &RootSecret) -> Result<bool, StorageError> {
    let tx = db.system_read("trust.opens_keys").await?;
    let keys = signing_keys::all(&tx).await?;
    drop(tx);
    let mut keys = keys
        .iter()
        .filter(|key| key.retired_at.is_none())
        .peekable();
    if keys.peek().is_none() {
        return Ok(true);
    }
    let envelope = Envelope::new(root, db.installation().await?.id);
    Ok(keys.any(|key| envelope.open(&key.sealed, &context(&key.kid)).is_ok()))
}

/// Opens every signing key of a database under this root secret and compares its two halves; returns
/// their identifiers. For whoever wants to know whether a restored database can be used.
///
/// # Errors
/// [`StartError`] when the database does not answer, or a key does not open.
pub async fn check_signing_keys(
    db: &Database,
    root: &RootSecret,
) -> Result<Vec<String>, StartError> {
    let envelope = Envelope::new(root, db.installation().await?.id);
    let tx = db.system_read("trust.open_keys").await?;
    let mut opened = Vec::new();
    for stored in signing_keys::all(&tx).await? {
        check(&stored, &envelope)?;
        opened.push(stored.kid);
    }
    Ok(opened)
}

/// Whether a key opens and its two halves belong together.
fn check(stored: &StoredKey, envelope: &Envelope) -> Result<(), Refusal> {
    if open(stored, envelope)?.public().x == stored.public_key {
        return Ok(());
    }
    let why = format!("the two halves of the signing key {} differ", stored.kid);
    Err(Refusal::Internal(why.into()))
}

/// Removes the signing keys that neither this secret nor the one before it opens, or whose two halves
/// differ; returns how many. Core does not start on the former, and gateways would believe whoever
/// put the latter there. For a restored database, whose sessions have all ended.
///
/// # Errors
/// [`StorageError`] when the database does not answer.
pub async fn remove_unopened_signing_keys(
    db: &Database,
    root: &RootSecret,
) -> Result<usize, StorageError> {
    let envelope = Envelope::new(root, db.installation().await?.id);
    let tx = db.system("trust.remove_unopened_keys").await?;
    let mut removed = 0;
    for stored in signing_keys::all(&tx).await? {
        if check(&stored, &envelope).is_err() {
            signing_keys::remove(&tx, &stored.kid).await?;
            removed += 1;
        }
    }
    tx.commit().await?;
    Ok(removed)
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
    open(&signing(tx, now).await?, envelope)
}

/// The key that signs now, if it is another than the one that did. A key that is known is not opened
/// again: while `SECRET_KEY` is rotated, its row may be sealed under a secret that this process does
/// not have.
pub(crate) async fn newer_key(
    tx: &SystemTx,
    envelope: &Envelope,
    known: &str,
    now: DateTime<Utc>,
) -> Result<Option<SigningKey>, Refusal> {
    let key = signing(tx, now).await?;
    (key.kid != known).then(|| open(&key, envelope)).transpose()
}

async fn signing(tx: &SystemTx, now: DateTime<Utc>) -> Result<StoredKey, Refusal> {
    let mut keys = active(tx).await?;
    let is_known = |key: &StoredKey| now - key.created_at >= KNOWN_AFTER;
    match keys.iter().position(is_known) {
        Some(known) => Ok(keys.swap_remove(known)),
        None => keys
            .pop()
            .ok_or_else(|| Refusal::Internal("there is no signing key".into())),
    }
}

fn open(key: &StoredKey, envelope: &Envelope) -> Result<SigningKey, Refusal> {
    let seed = envelope.open(&key.sealed, &context(&key.kid))?;
    let seed: [u8; 32] = seed
        .try_into()
        .map_err(|_| Refusal::Internal("a stored signing key has the wrong length".into()))?;
    Ok(SigningKey::from_seed(&seed)?)
}
