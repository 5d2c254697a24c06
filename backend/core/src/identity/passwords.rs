//! Where passwords are hashed: a few at a time, off the runtime's threads, with a bounded queue.
//! However many try to sign in, half of the cores stay free for everything else.

use std::{sync::Arc, time::Instant};

use saas_domain::Random;
use saas_security::{hash_password, verify_password};
use saas_telemetry::CoreMetrics;
use saas_web::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// How many may wait for their turn: at about 30 ms each, a second's worth on two cores.
const WAITING: usize = 32;

/// What an unknown address is compared with, at the same cost as a real hash: it was made with
/// today's parameters, and a password that fits it opens nothing, for nobody has it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$gRZG+5xvmOouX57OU0FbMw$UmBrqyHHXBYem6rgxsGvEtKiQxgXsBFzLgr77u1yPOc";

/// Hashes and verifies passwords.
pub(crate) struct PasswordDesk {
    seats: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    random: Random,
    metrics: CoreMetrics,
}

impl PasswordDesk {
    /// With turns for half of the cores, one at least.
    pub fn new(random: Random, metrics: CoreMetrics) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = (cores / 2).max(1);
        Self {
            seats: Arc::new(Semaphore::new(turns + WAITING)),
            turns: Arc::new(Semaphore::new(turns)),
            random,
            metrics,
        }
    }

    /// A place in the queue; a 503 if it is full. To be taken before anything that costs.
    pub fn sit(&self) -> Result<Seat, Problem> {
        match Arc::clone(&self.seats).try_acquire_owned() {
            Ok(place) => {
                self.metrics.password_hashes_pending.inc();
                Ok(Seat {
                    turns: Arc::clone(&self.turns),
                    random: self.random.clone(),
                    metrics: self.metrics.clone(),
                    _place: place,
                })
            }
            Err(_) => Err(Problem::unavailable(
                "sign_in_overloaded",
                2,
                "too many people sign in at the moment; try again in a few seconds",
            )),
        }
    }
}

/// A place in the queue.
pub(crate) struct Seat {
    turns: Arc<Semaphore>,
    random: Random,
    metrics: CoreMetrics,
    _place: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.metrics.password_hashes_pending.dec();
    }
}

impl Seat {
    /// Whether the password is the hashed one. Without a hash the answer is no, and takes as long.
    pub async fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, Refusal> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or(NOBODY).to_owned();
        let password = password.to_owned();
        let fits = self.run(move || verify_password(&hash, &password)).await?;
        Ok(fits && is_known)
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: &str) -> Result<String, Refusal> {
        let random = self.random.clone();
        let password = password.to_owned();
        let hashed = self.run(move || hash_password(&password, &random)).await?;
        Ok(hashed?)
    }

    /// The turn is given back by the work itself: a caller that went away does not make room for
    /// more work than there are turns.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let began = Instant::now();
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|closed| Refusal::Internal(closed.into()))?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        let done = done.await?;
        self.metrics.password_hash.observe(began.elapsed());
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saas_telemetry::Metrics;

    #[test]
    fn comparing_with_nobody_costs_what_a_real_hash_costs() {
        assert!(!saas_security::needs_rehash(NOBODY));
        assert!(
            verify_password(NOBODY, "nobody signs in with this"),
            "it is computed in full"
        );
    }

    #[tokio::test]
    async fn nobody_is_let_in_by_the_password_of_nobody() {
        let desk = PasswordDesk::new(Random::seeded(1), Metrics::new("core").core().clone());
        let seat = desk.sit().unwrap();
        let fits = seat.verify(None, "nobody signs in with this").await;
        assert!(matches!(fits, Ok(false)));
    }

    #[tokio::test]
    async fn a_full_queue_says_when_to_come_back() {
        let desk = PasswordDesk::new(Random::seeded(1), Metrics::new("core").core().clone());
        let mut seats = Vec::new();
        let problem = loop {
            match desk.sit() {
                Ok(seat) => seats.push(seat),
                Err(problem) => break problem,
            }
        };
        assert!(seats.len() > WAITING);
        assert_eq!(problem.status(), 503);
        seats.pop();
        assert!(desk.sit().is_ok());
    }
}
