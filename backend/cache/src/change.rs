//! Cached reads that no change can overtake.
//!
//! The danger: a reader takes a value from the database, a change is committed and everybody forgets
//! the cached value, and only then the reader puts the old value back. Deleting keys cannot close
//! that gap, least of all with several processes. Numbers can: changes are numbered in the order of
//! their commits, every process follows them, and a cached value carries the number that its reader
//! had followed *before* it looked. Whoever has seen a later change of one of the value's subjects
//! refuses it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Cache;

/// Beyond this many remembered subjects the oldest are folded into the floor.
const MAX_SUBJECTS: usize = 100_000;

/// What a process knows of changes: how far it has followed them, and what each touched last.
#[derive(Debug)]
pub struct Changes {
    /// How long a subject is remembered: as long as cached values live.
    keep: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Values older than this are refused whatever their subjects.
    floor: i64,
    applied: i64,
    newest: HashMap<String, i64>,
    order: VecDeque<(Instant, i64, String)>,
}

impl Changes {
    /// Begins at the change `applied`. Values that others cached before it are refused, for this
    /// process cannot know what changed since.
    pub fn new(applied: i64, keep: Duration) -> Self {
        Self {
            keep,
            state: Mutex::new(State {
                floor: applied,
                applied,
                newest: HashMap::new(),
                order: VecDeque::new(),
            }),
        }
    }

    /// The change up to which this process has followed.
    pub fn applied(&self) -> i64 {
        self.lock().applied
    }

    /// Remembers what the changes touched and that this process has followed up to the last.
    pub fn apply<'a>(&self, changes: impl IntoIterator<Item = (i64, &'a str)>) {
        let now = Instant::now();
        let mut state = self.lock();
        for (number, subject) in changes {
            state.newest.insert(subject.to_owned(), number);
            state.order.push_back((now, number, subject.to_owned()));
            state.applied = state.applied.max(number);
        }
        while let Some((at, number, subject)) = state.order.front() {
            if now.duration_since(*at) < self.keep && state.order.len() <= MAX_SUBJECTS {
                break;
            }
            // Forgetting must never make a value acceptable again: the floor rises instead.
            let (number, subject) = (*number, subject.clone());
            state.floor = state.floor.max(number);
            if state.newest.get(&subject) == Some(&number) {
                state.newest.remove(&subject);
            }
            state.order.pop_front();
        }
    }

    /// Begins anew at a number after changes were missed: everything cached before is refused.
    pub fn restart(&self, applied: i64) {
        let mut state = self.lock();
        state.floor = applied;
        state.applied = applied;
        state.newest.clear();
        state.order.clear();
    }

    /// Whether a value read when `number` had been followed is still the truth about the subjects.
    pub fn accepts(&self, number: i64, subjects: &[String]) -> bool {
        let state = self.lock();
        let newest = |subject: &String| state.newest.get(subject).copied().unwrap_or(i64::MIN);
        number >= state.floor && subjects.iter().all(|subject| number >= newest(subject))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value with the change its reader had followed before reading it.
#[derive(Serialize, Deserialize)]
struct Numbered<T> {
    number: i64,
    value: T,
}

/// Reads through a cache, refusing what a change has overtaken.
#[derive(Clone, Debug)]
pub struct ChangeCache {
    cache: Cache,
    changes: Arc<Changes>,
    prefix: String,
    ttl: Duration,
    count: Count,
}

/// Told of every read whether it was answered from the cache.
#[derive(Clone)]
struct Count(Arc<dyn Fn(bool) + Send + Sync>);

impl std::fmt::Debug for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Count")
    }
}

impl ChangeCache {
    /// Values live for `ttl` under keys that begin with `prefix`, which must name the epoch of the
    /// change log: numbers of different epochs do not compare.
    pub fn new(cache: Cache, changes: Arc<Changes>, prefix: &str, ttl: Duration) -> Self {
        Self {
            cache,
            changes,
            prefix: prefix.to_owned(),
            ttl,
            count: Count(Arc::new(|_| {})),
        }
    }

    /// The same, telling `count` of every read whether it was answered from the cache.
    #[must_use]
    pub fn counted_by(mut self, count: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.count = Count(Arc::new(count));
        self
    }

    /// The value under the key, from the cache if it holds one that no change of its `subjects`
    /// has overtaken, otherwise from `load`, and then kept. Which subjects a value shows may be
    /// known only from the value itself.
    ///
    /// # Errors
    /// Those of `load`; nothing is kept then.
    pub async fn read<T, E, Load>(
        &self,
        key: &str,
        subjects: impl Fn(&T) -> Vec<String>,
        load: impl FnOnce() -> Load,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        Load: Future<Output = Result<T, E>>,
    {
        let key = format!("{}:{key}", self.prefix);
        if let Some(Numbered { number, value }) = self.cache.get::<Numbered<T>>(&key).await
            && self.changes.accepts(number, &subjects(&value))
        {
            (self.count.0)(true);
            return Ok(value);
        }
        (self.count.0)(false);
        let number = self.changes.applied();
        let numbered = Numbered {
            number,
            value: load().await?,
        };
        self.cache.set(&key, &numbered, self.ttl).await;
        Ok(numbered.value)
    }
}
