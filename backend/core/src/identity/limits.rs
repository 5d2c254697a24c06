//! How often signing in may fail, and how often codes may be tried. Counted in the database, so that every replica counts the same,
//! and counted before the attempt, so that attempts at the same time are counted too.

use std::net::IpAddr;

use chrono::Duration;
use saas_domain::{EmailAddress, UserId};
use saas_security::digest;
use saas_storage::{SystemTx, core::attempts};
use saas_web::Problem;

use crate::refusal::Refusal;

const WINDOW: Duration = Duration::minutes(15);
const PER_EMAIL: i64 = 10;
const PER_ADDRESS: i64 = 100;
const PER_PERSON: i64 = 10;

/// An attempt to sign in that was counted.
pub(crate) struct Attempt {
    email: String,
    address: String,
}

impl Attempt {
    /// Counts an attempt; a 429 with `Retry-After` if there were too many for the e-mail address or
    /// from the network address. The caller commits.
    pub async fn count(
        tx: &SystemTx,
        email: &EmailAddress,
        address: IpAddr,
    ) -> Result<Self, Refusal> {
        let attempt = Self {
            email: subject("email", email.as_str()),
            address: subject("address", &network(address)),
        };
        count(tx, &attempt.address, PER_ADDRESS).await?;
        count(tx, &attempt.email, PER_EMAIL).await?;
        Ok(attempt)
    }

    /// It succeeded: the e-mail address starts afresh, and the network address is not blamed.
    pub async fn succeeded(&self, tx: &SystemTx) -> Result<(), Refusal> {
        attempts::clear(tx, &self.email).await?;
        attempts::take_back(tx, &self.address).await?;
        Ok(())
    }
}

/// Counts a sign-up from a network address; a 429 if there were too many. The caller commits.
pub(crate) async fn count_sign_up(tx: &SystemTx, address: IpAddr) -> Result<(), Refusal> {
    count(tx, &subject("sign-up", &network(address)), PER_ADDRESS).await
}

/// Counts a person's try of an invitation's code; a 429 if there were too many. The caller commits.
pub(crate) async fn count_code(tx: &SystemTx, person: UserId) -> Result<(), Refusal> {
    count(tx, &subject("code", &person.to_string()), PER_PERSON).await
}

async fn count(tx: &SystemTx, subject: &str, limit: i64) -> Result<(), Refusal> {
    let now = tx.now();
    let counted = attempts::count(tx, subject, now, now - WINDOW).await?;
    if counted.failures <= limit {
        return Ok(());
    }
    let left = counted.window_started_at + WINDOW - now;
    let seconds = u32::try_from(left.num_seconds().max(0)).unwrap_or(0) + 1;
    Err(Problem::too_many_requests(
        seconds,
        format!(
            "too many attempts; try again in {} minutes",
            seconds.div_ceil(60)
        ),
    )
    .into())
}

/// A digest, so that the table is no list of who signs in from where.
fn subject(kind: &str, text: &str) -> String {
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest(text)[..16]);
    format!("{kind}:{:032x}", u128::from_be_bytes(hash))
}

/// Somebody with an IPv6 address has 2⁶⁴ of them.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}/64", u128::from(address) >> 64),
    }
}

/// How long counts are of any use.
pub(crate) const KEPT: Duration = WINDOW;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_ipv6_network_count_together() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
