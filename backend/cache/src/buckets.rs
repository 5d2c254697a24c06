//! Token buckets in Redis, for processes that share a limit.
//!
//! A bucket is one number, as in the gateway's memory: the time at which it is full again (the
//! generic cell rate algorithm, ITU-T I.371), here by the clock of Redis, so that it does not
//! matter what the clocks of the processes say.

use std::{
    fmt,
    num::NonZeroU32,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, Script, aio::MultiplexedConnection,
};

use crate::{
    CacheError,
    away::Away,
    remote::{PREFIX, client},
};

/// How far a bucket reaches, in seconds of its rate: the burst is twice the rate.
pub const BURST_SECONDS: u32 = 2;

/// Orders for one call of the script: Redis does nothing else meanwhile.
const MOST_AT_ONCE: usize = 256;

/// For each key: a rate a second and the tokens wanted, negative for tokens given back. For each, an
/// answer: the tokens granted, and microseconds until the bucket is full.
///
/// Times are microseconds since the beginning of 2026, with a fraction: a number of Lua keeps 53
/// bits, which leave a sixteenth of a microsecond until after 2035. `%.17g` because `tostring`
/// keeps 14 digits. A time farther ahead than a bucket reaches is from before the clock was set
/// back. One call for all keys, so that a script that Redis has forgotten is missed as a whole, and
/// no part of the orders is carried out twice.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
local depth = tonumber(ARGV[1]) * 1000000
local answers = {}
for i, key in ipairs(KEYS) do
    local cost = 1000000 / tonumber(ARGV[2 * i])
    local wanted = tonumber(ARGV[2 * i + 1])
    local kept = tonumber(redis.call('GET', key) or now)
    local full_at = math.min(math.max(kept, now), now + depth)
    local granted = math.min(wanted, math.floor((now + depth - full_at) / cost))
    full_at = math.max(full_at + granted * cost, now)
    if full_at <= now then
        redis.call('DEL', key)
    elseif full_at ~= kept then
        local life = math.ceil((full_at - now) / 1000)
        redis.call('SET', key, string.format('%.17g', full_at), 'PX', string.format('%d', life))
    end
    answers[2 * i - 1] = granted
    answers[2 * i] = math.floor(full_at - now)
end
return answers
";

/// What is asked of one bucket.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which bucket. At most once among the orders of one call.
    pub key: String,
    /// Tokens a second. It may change from order to order.
    pub rate: NonZeroU32,
    /// What is wanted.
    pub tokens: Tokens,
}

/// Tokens that change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// So many are wanted, or as many of them as there are.
    Take(u32),
    /// So many were taken and not used.
    Return(u32),
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How many tokens were had; none for those given back.
    pub granted: u32,
    /// Until the bucket is full; [`BURST_SECONDS`] when it is empty.
    pub full_in: Duration,
}

/// Buckets that everybody shares who uses the same Redis. Cloning shares the connection.
#[derive(Clone)]
pub struct SharedBuckets(Arc<Inner>);

struct Inner {
    client: redis::Client,
    /// One that failed is thrown away: it may be dead without knowing.
    connection: Mutex<Option<MultiplexedConnection>>,
    script: Script,
    answer_within: Duration,
    away: Away,
}

impl fmt::Debug for SharedBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedBuckets")
    }
}

impl SharedBuckets {
    /// Usually Redis is given so long to answer, the connection included: somebody waits.
    pub const ANSWER_WITHIN: Duration = Duration::from_millis(100);

    /// Buckets in the Redis at this address, which has so long to answer. Connects on first use, so
    /// that a process starts while Redis is away. `authorities` as for [`crate::Cache::redis`].
    ///
    /// # Errors
    /// Those of [`crate::Cache::redis`].
    pub fn new(
        url: &str,
        authorities: Option<&Path>,
        answer_within: Duration,
    ) -> Result<Self, CacheError> {
        Ok(Self(Arc::new(Inner {
            client: client(url, authorities)?,
            connection: Mutex::default(),
            script: Script::new(SCRIPT),
            answer_within,
            away: Away::new("each process counts limits for itself"),
        })))
    }

    /// How long an answer may take.
    pub fn answer_within(&self) -> Duration {
        self.0.answer_within
    }

    /// Carries out the orders: a receipt for each, in their order.
    ///
    /// # Errors
    /// [`CacheError::Away`] when Redis does not answer in time; whether the orders were carried out
    /// is not known then, so they must not be repeated where that could grant something twice.
    /// [`CacheError::Resting`] for a second after a failure.
    pub async fn exchange(&self, orders: &[Order]) -> Result<Vec<Receipt>, CacheError> {
        let mut receipts = Vec::with_capacity(orders.len());
        for some in orders.chunks(MOST_AT_ONCE) {
            receipts.extend(self.within(self.0.run(some)).await?);
        }
        Ok(receipts)
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// As [`Self::exchange`].
    pub async fn ping(&self) -> Result<(), CacheError> {
        self.within(async {
            let mut connection = self.0.connection().await?;
            redis::cmd("PING").query_async(&mut connection).await
        })
        .await
    }

    async fn within<T>(&self, call: impl Future<Output = RedisResult<T>>) -> Result<T, CacheError> {
        if self.0.away.is_resting() {
            return Err(CacheError::Resting);
        }
        let answer = match tokio::time::timeout(self.0.answer_within, call).await {
            Ok(answer) => answer,
            Err(_) => Err(RedisError::from((ErrorKind::Io, "no answer in time"))),
        };
        if answer.is_err() {
            *self.0.kept() = None;
        }
        self.0.away.note(answer).map_err(CacheError::Away)
    }
}

impl Inner {
    async fn run(&self, orders: &[Order]) -> RedisResult<Vec<Receipt>> {
        let mut call = self.script.prepare_invoke();
        call.arg(BURST_SECONDS);
        for order in orders {
            call.key(format!("{PREFIX}limit:{}", order.key));
            let tokens = match order.tokens {
                Tokens::Take(tokens) => i64::from(tokens),
                Tokens::Return(tokens) => -i64::from(tokens),
            };
            call.arg(order.rate.get()).arg(tokens);
        }
        let mut connection = self.connection().await?;
        let answers: Vec<i64> = call.invoke_async(&mut connection).await?;
        if answers.len() != orders.len() * 2 {
            let wrong = (
                ErrorKind::UnexpectedReturnType,
                "not an answer to each order",
            );
            return Err(RedisError::from(wrong));
        }
        let receipts = answers.chunks_exact(2).map(|answer| {
            let at = |index: usize| answer.get(index).copied().unwrap_or(0);
            Receipt {
                granted: u32::try_from(at(0)).unwrap_or(0),
                full_in: Duration::from_micros(u64::try_from(at(1)).unwrap_or(0)),
            }
        });
        Ok(receipts.collect())
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        if let Some(kept) = &*self.kept() {
            return Ok(kept.clone());
        }
        // The whole call has a limit already.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let fresh = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        *self.kept() = Some(fresh.clone());
        Ok(fresh)
    }

    fn kept(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
