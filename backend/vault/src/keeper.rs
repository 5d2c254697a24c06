//! A token that is kept alive for as long as the process runs.

use std::{convert::Infallible, fmt, time::Duration};

use saas_config::{ConfigError, VaultSettings};
use saas_domain::Random;
use tokio::sync::{Mutex, Notify};

use crate::{Secrets, Session, VaultError, session::Kept};

/// Between tries, the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How often a token's file is looked at whose token ends.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

/// The settings of Vault as they are now; `None` if Vault is no longer asked for.
pub type Again = Box<dyn Fn() -> Result<Option<VaultSettings>, ConfigError> + Send + Sync>;

/// Is told how long the token lives from now on; `None` for ever.
type Watch = Box<dyn Fn(Option<Duration>) + Send + Sync>;

/// Keeps a [`Session`].
pub struct Keeper {
    session: Mutex<Option<Session>>,
    again: Again,
    watch: Watch,
    changed: Notify,
    random: Random,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

/// How it stands with the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It will be renewed in time.
    Calm,
    /// Vault was away so many times in a row.
    Failing(u32),
    /// It ends, which was said; and whether it was said that it has ended.
    Ending { is_over: bool },
}

impl Keeper {
    /// Takes a session over, if the start needed one.
    pub fn new(session: Option<Session>, again: Again, random: Random) -> Self {
        Self {
            session: Mutex::new(session),
            again,
            watch: Box::new(|_| {}),
            changed: Notify::new(),
            random,
        }
    }

    /// With somebody to tell how long the token lives from now on (`None`: for ever), at each change.
    #[must_use]
    pub fn with_watch(mut self, watch: impl Fn(Option<Duration>) + Send + Sync + 'static) -> Self {
        self.watch = Box::new(watch);
        self
    }

    /// Renews the token in time and logs in again where that is over. What goes wrong is told in the
    /// log, once until it goes well again, and harms nobody: what runs has its secrets. Does not
    /// return.
    pub async fn follow(&self) -> Infallible {
        while !self.learn().await {
            tokio::time::sleep(FIRST_PAUSE).await;
        }
        let mut state = State::Calm;
        loop {
            let wait = self.wait(state).await;
            let due = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => state = self.keep(state).await,
                () = self.changed.notified() => state = State::Calm,
            }
        }
    }

    /// How long a given token lives, Vault has to be asked for; false if it could not be.
    async fn learn(&self) -> bool {
        let mut session = self.session.lock().await;
        let Some(session) = session.as_mut() else {
            return true;
        };
        if !session.has_own_token()
            && let Err(error) = session.look_up().await
        {
            tracing::debug!(%error, "how long VAULT_TOKEN lives is not known");
            return !error.may_pass();
        }
        (self.watch)(session.lease.map(|lease| lease.remains()));
        true
    }

    async fn wait(&self, state: State) -> Option<Duration> {
        let session = self.session.lock().await;
        let lease = session.as_ref()?.lease?;
        Some(match state {
            State::Calm => lease.until_renewal(&self.random),
            State::Failing(times) => {
                let pause = FIRST_PAUSE * 2_u32.saturating_pow(times.min(6));
                let pause = pause.min(LONGEST_PAUSE);
                pause.mul_f64(0.5 + f64::from(self.random.below(500)) / 1000.0)
            }
            State::Ending { is_over: true } => BETWEEN_LOOKS,
            State::Ending { is_over: false } => lease.remains().min(BETWEEN_LOOKS),
        })
    }

    async fn keep(&self, state: State) -> State {
        let mut session = self.session.lock().await;
        let Some(session) = session.as_mut() else {
            return State::Calm;
        };
        let kept = session.keep(&self.again).await;
        let remains = session.lease.map(|lease| lease.remains());
        (self.watch)(remains);
        match kept {
            Ok(Kept::Ends) => ending(state, remains.unwrap_or_default()),
            Ok(kept) => {
                let way = match kept {
                    Kept::Renewed => "renewed",
                    _ => "replaced",
                };
                if matches!(state, State::Failing(_)) || kept == Kept::Replaced {
                    tracing::info!("the token for Vault was {way}");
                } else {
                    tracing::debug!("the token for Vault was {way}");
                }
                State::Calm
            }
            Err(error) => match state {
                State::Failing(times) => State::Failing(times.saturating_add(1)),
                State::Ending { .. } => ending(state, remains.unwrap_or_default()),
                State::Calm => {
                    tracing::warn!(
                        "the token for Vault could not be kept alive, which is tried again; what runs goes on with the secrets it has: {error}"
                    );
                    State::Failing(0)
                }
            },
        }
    }

    /// Reads the secrets again, by another login where the settings have changed or the token has
    /// ended; `None` if Vault is no longer asked for.
    ///
    /// # Errors
    /// At once, since somebody waits for it; nothing has changed then.
    pub async fn read(&self) -> Result<Option<Secrets>, VaultError> {
        let wanted = (self.again)()?;
        let mut session = self.session.lock().await;
        let Some(wanted) = wanted else {
            if let Some(old) = session.take() {
                old.end().await;
            }
            return Ok(None);
        };
        if let Some(current) = session.as_ref()
            && current.settings == wanted
        {
            match current.read().await {
                Err(VaultError::Forbidden { .. }) if current.has_own_token() => {}
                done => return done.map(Some),
            }
        }
        let (mut next, secrets) = Session::begin(wanted, Duration::ZERO, &self.random).await?;
        if !next.has_own_token() {
            next.look_up().await?;
        }
        (self.watch)(next.lease.map(|lease| lease.remains()));
        if let Some(old) = session.replace(next) {
            old.end().await;
        }
        self.changed.notify_one();
        Ok(Some(secrets))
    }

    /// Gives back a token that was got by a login; within two seconds.
    pub async fn end(&self) {
        if let Some(session) = self.session.lock().await.take() {
            session.end().await;
        }
    }
}

fn ending(state: State, remains: Duration) -> State {
    let seconds = remains.as_secs();
    match state {
        State::Ending { is_over: true } => state,
        _ if remains.is_zero() => {
            tracing::warn!(
                "VAULT_TOKEN has expired; what runs goes on with the secrets it has, but needs a valid token for the next start or reload"
            );
            State::Ending { is_over: true }
        }
        State::Ending { .. } => state,
        _ => {
            tracing::warn!(
                seconds,
                "VAULT_TOKEN cannot be renewed and expires in {seconds} s; give a new one before the next start, or use a login that renews itself (VAULT_ROLE_ID, VAULT_KUBERNETES_ROLE)"
            );
            State::Ending { is_over: false }
        }
    }
}
