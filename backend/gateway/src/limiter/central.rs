//! Several gateways, one limit, exactly: tokens are leased from Redis.
//!
//! A thread takes tokens that were leased before. Where there are none it asks, and one task of the
//! control plane puts the questions of all threads to Redis: see `control/leases.rs`. The token a
//! question gets is handed to who asked, so that nobody who waited finds it taken. While Redis does
//! not answer, [`super::shares`] has the say.

use std::{
    fmt,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use saas_domain::TenantId;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{AddressBuckets, Bucket, Empty, Left, Limiter};

/// Whose limit it is. As text, its name in Redis and in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// An address's, as [`super::address_key`] has it.
    Address(IpAddr),
    /// A tenant's.
    Tenant(TenantId),
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address:{address}"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
        }
    }
}

/// A bucket that is kept from being forgotten.
#[derive(Clone, Debug)]
pub enum Kept {
    /// An address's.
    Address(Arc<AddressBuckets>),
    /// A tenant's.
    Tenant(Arc<Bucket>),
}

impl Kept {
    /// The bucket.
    pub fn bucket(&self) -> &Bucket {
        match self {
            Self::Address(buckets) => &buckets.requests,
            Self::Tenant(bucket) => bucket,
        }
    }
}

/// A request needs a token that this gateway does not have.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose limit it is.
    pub whose: Whose,
    /// Its bucket.
    pub kept: Kept,
    /// The limit, tokens a second.
    pub rate: NonZeroU32,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Here is the token.
    Granted,
    /// There is none.
    Empty,
    /// Redis does not answer.
    Away,
}

/// A question on its way.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub question: Question,
    /// Where the answer is waited for.
    pub answer: oneshot::Sender<Verdict>,
}

/// Questions in the order in which they came. There is at most one of each request under way, so
/// that their number is bounded by that of connections.
pub type Questions = mpsc::UnboundedReceiver<Asked>;

/// The way to Redis, as threads see it.
#[derive(Debug)]
pub struct Central {
    answers: AtomicBool,
    questions: mpsc::UnboundedSender<Asked>,
    patience: Duration,
}

impl Central {
    /// For a Redis that answers within this time, or not at all.
    pub fn new(answer_within: Duration) -> (Self, Questions) {
        let (questions, asked) = mpsc::unbounded_channel();
        let central = Self {
            // Taken for granted until it fails, so that the first requests are counted as well.
            answers: AtomicBool::new(true),
            questions,
            // The call under way and the one after it; the rest is for the control plane.
            patience: answer_within * 5 / 2,
        };
        (central, asked)
    }

    async fn ask(&self, question: Question) -> Verdict {
        let (answer, answered) = oneshot::channel();
        if self.questions.send(Asked { question, answer }).is_err() {
            return Verdict::Away;
        }
        match timeout(self.patience, answered).await {
            Ok(Ok(verdict)) => verdict,
            // The control plane is gone, or gets no turn.
            Ok(Err(_)) | Err(_) => Verdict::Away,
        }
    }
}

impl Limiter {
    /// Whether limits are Redis', and it answers.
    pub fn is_central(&self) -> bool {
        let central = self.central.as_ref();
        central.is_some_and(|central| central.answers.load(Ordering::Relaxed))
    }

    /// Notes whether Redis answers.
    pub fn note_central(&self, answers: bool) {
        if let Some(central) = &self.central {
            central.answers.store(answers, Ordering::Relaxed);
        }
    }

    /// A question that may be worth asking; `None` where the bucket is nobody else's.
    pub fn question(&self, whose: Whose, kept: Kept, rate: u32) -> Option<Box<Question>> {
        let rate = NonZeroU32::new(rate).filter(|_| self.is_own(&kept))?;
        Some(Box::new(Question { whose, kept, rate }))
    }

    /// Asks, and waits for the answer. Who gets none takes this gateway's share.
    pub async fn ask(&self, question: Question) -> Result<Left, Empty> {
        let (kept, rate) = (question.kept.clone(), question.rate.get());
        let verdict = match &self.central {
            Some(central) => central.ask(question).await,
            None => Verdict::Away,
        };
        let now = self.now(Instant::now());
        let bucket = kept.bucket();
        match verdict {
            Verdict::Granted => Ok(bucket.left(now, rate)),
            Verdict::Empty => Err(bucket.empty(now, rate)),
            Verdict::Away => bucket.take_here(now, rate),
        }
    }
}
