//! Leases tokens from Redis for all threads, and gives back what is not used.
//!
//! One call is under way at a time. What is asked meanwhile goes together into the next, one order
//! for each bucket, so that the more is asked, the less each question costs.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use saas_cache::{CacheError, Order, Receipt, SharedBuckets, Tokens};
use saas_telemetry::Gauge;
use tokio::time::{MissedTickBehavior, interval};

use super::Control;
use crate::limiter::{
    Limiter,
    central::{Asked, Kept, Questions, Verdict, Whose},
};

/// A lease is a twentieth of a second's tokens, or one for each who waits if that is more.
const LEASES_A_SECOND: u32 = 20;
/// Tokens unused for so long are given back: somebody else may need them.
const UNUSED: Duration = Duration::from_millis(200);
/// How often that is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Nanoseconds for which an empty bucket is not asked again. At a high rate there would be another
/// token at once, and a flood would ask for each.
const PAUSE: u64 = 5_000_000;
/// Questions taken at once.
const MOST_QUESTIONS: usize = 1024;

/// What is needed to lease.
pub struct Leasing {
    /// Redis.
    pub buckets: SharedBuckets,
    /// What the threads ask.
    pub questions: Questions,
    /// Before every key: installations that share a Redis share no limits.
    pub space: String,
}

/// A bucket that has leased tokens.
struct Lease {
    kept: Kept,
    rate: NonZeroU32,
    /// Unused when looked at last.
    seen: u32,
    /// When that was another number.
    since: Instant,
}

/// Everybody who waits for one bucket.
struct Waiting {
    kept: Kept,
    rate: NonZeroU32,
    asked: Vec<Asked>,
}

struct Lender<'a> {
    limiter: &'a Limiter,
    /// Tells operators whether Redis answers.
    exact: &'a Gauge,
    buckets: SharedBuckets,
    space: String,
    leases: HashMap<Whose, Lease>,
}

pub(super) async fn lend(control: Arc<Control>, leasing: Leasing) {
    let Leasing {
        buckets,
        mut questions,
        space,
    } = leasing;
    let mut lender = Lender {
        limiter: &control.shared.limiter,
        exact: &control.shared.metrics.gateway().limits_exact,
        buckets,
        space,
        leases: HashMap::new(),
    };
    // Before anybody asks: an operator learns at the start that Redis is away.
    lender.try_again().await;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = Vec::new();
    loop {
        let is_idle = lender.leases.is_empty() && lender.limiter.is_central();
        tokio::select! {
            () = control.end.cancelled() => break,
            _ = questions.recv_many(&mut asked, MOST_QUESTIONS) => lender.answer(&mut asked).await,
            _ = looks.tick(), if !is_idle => lender.look().await,
        }
    }
    lender.give_back(|_| true).await;
}

impl Lender<'_> {
    fn now(&self) -> u64 {
        self.limiter.now(Instant::now())
    }

    /// Answers everything that was asked.
    async fn answer(&mut self, asked: &mut Vec<Asked>) {
        let mut all: HashMap<Whose, Waiting> = HashMap::new();
        for asked in asked.drain(..) {
            // An answer that came since may have brought more than was asked for.
            if asked.question.kept.bucket().take_credit() {
                grant(asked);
                continue;
            }
            let question = &asked.question;
            let waiting = all.entry(question.whose).or_insert_with(|| Waiting {
                kept: question.kept.clone(),
                rate: question.rate,
                asked: Vec::new(),
            });
            waiting.rate = question.rate;
            waiting.asked.push(asked);
        }
        if all.is_empty() {
            return;
        }
        let orders = all.iter().map(|(whose, waiting)| {
            let lease = waiting.rate.get() / LEASES_A_SECOND;
            let tokens = Tokens::Take(lease.max(count(&waiting.asked)));
            self.order(*whose, waiting.rate, tokens)
        });
        let orders: Vec<Order> = orders.collect();
        let now = self.now();
        match self.exchange(&orders).await {
            Some(receipts) => {
                for (((whose, waiting), order), receipt) in
                    all.into_iter().zip(&orders).zip(receipts)
                {
                    self.share_out(whose, waiting, order, receipt, now);
                }
            }
            None => {
                for asked in all.into_values().flat_map(|waiting| waiting.asked) {
                    // Who is gone needs no answer.
                    let _ = asked.answer.send(Verdict::Away);
                }
            }
        }
    }

    /// Hands out what was leased at `now`: to those who wait, the rest to the threads.
    fn share_out(
        &mut self,
        whose: Whose,
        waiting: Waiting,
        order: &Order,
        receipt: Receipt,
        now: u64,
    ) {
        let Waiting { kept, rate, asked } = waiting;
        let bucket = kept.bucket();
        bucket.told(now, receipt.full_in);
        if order.tokens != Tokens::Take(receipt.granted) {
            bucket.ask_after(now + PAUSE);
        }
        bucket.add_credit(receipt.granted.saturating_sub(count(&asked)));
        let mut left = receipt.granted;
        for asked in asked {
            if left > 0 {
                left -= 1;
                grant(asked);
            } else {
                let _ = asked.answer.send(Verdict::Empty);
            }
        }
        let (seen, since) = (bucket.credit(), Instant::now());
        if seen > 0 {
            let lease = Lease {
                kept,
                rate,
                seen,
                since,
            };
            self.leases.insert(whose, lease);
        }
    }

    /// Gives back what is not used; or tries whether Redis is there again.
    async fn look(&mut self) {
        if !self.limiter.is_central() {
            self.try_again().await;
            return;
        }
        let now = Instant::now();
        self.give_back(|lease| {
            let credit = lease.kept.bucket().credit();
            if credit != lease.seen {
                (lease.seen, lease.since) = (credit, now);
            }
            now.saturating_duration_since(lease.since) >= UNUSED
        })
        .await;
    }

    async fn give_back(&mut self, is_due: impl Fn(&mut Lease) -> bool) {
        let mut due = Vec::new();
        self.leases.retain(|whose, lease| {
            let is_used_up = lease.kept.bucket().credit() == 0;
            if !is_used_up && !is_due(lease) {
                return true;
            }
            if !is_used_up {
                let tokens = lease.kept.bucket().drop_credit();
                due.push((*whose, lease.kept.clone(), lease.rate, tokens));
            }
            false
        });
        if due.is_empty() {
            return;
        }
        let orders = due
            .iter()
            .map(|(whose, _, rate, tokens)| self.order(*whose, *rate, Tokens::Return(*tokens)));
        let orders: Vec<Order> = orders.collect();
        let now = self.now();
        if let Some(receipts) = self.exchange(&orders).await {
            for ((_, kept, ..), receipt) in due.iter().zip(receipts) {
                kept.bucket().told(now, receipt.full_in);
            }
        }
    }

    fn order(&self, whose: Whose, rate: NonZeroU32, tokens: Tokens) -> Order {
        Order {
            key: format!("{}:{whose}", self.space),
            rate,
            tokens,
        }
    }

    async fn exchange(&mut self, orders: &[Order]) -> Option<Vec<Receipt>> {
        let receipts = self.buckets.exchange(orders).await;
        self.note(receipts)
    }

    async fn try_again(&mut self) {
        let answer = self.buckets.ping().await;
        self.note(answer);
    }

    /// Tells the threads whether Redis answers. Leased tokens of one that does not are let go: if it
    /// comes back with nothing, they were leased from a bucket that is no more.
    fn note<T>(&mut self, answer: Result<T, CacheError>) -> Option<T> {
        let answers = answer.is_ok();
        self.limiter.note_central(answers);
        self.exact.set(i64::from(answers));
        if !answers {
            for (_, lease) in self.leases.drain() {
                lease.kept.bucket().drop_credit();
            }
        }
        answer.ok()
    }
}

/// Hands over a token. If nobody waits for it any more, it is for the threads.
fn grant(asked: Asked) {
    let kept = asked.question.kept;
    if asked.answer.send(Verdict::Granted).is_err() {
        kept.bucket().add_credit(1);
    }
}

fn count(asked: &[Asked]) -> u32 {
    u32::try_from(asked.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use saas_testkit::servers;
    use tokio::sync::oneshot::{Receiver, channel};

    use super::*;
    use crate::limiter::central::{Central, Question};

    const RATE: NonZeroU32 = NonZeroU32::new(1000).unwrap();
    const PATIENCE: Duration = Duration::from_secs(20);

    fn whose() -> Whose {
        Whose::Address("192.0.2.1".parse().unwrap())
    }

    async fn buckets() -> SharedBuckets {
        let url = tokio::task::spawn_blocking(|| servers::shared().unwrap().fresh_redis_url());
        SharedBuckets::new(&url.await.unwrap().unwrap(), None, PATIENCE).unwrap()
    }

    fn lender<'a>(limiter: &'a Limiter, exact: &'a Gauge, buckets: &SharedBuckets) -> Lender<'a> {
        Lender {
            limiter,
            exact,
            buckets: buckets.clone(),
            space: "test".into(),
            leases: HashMap::new(),
        }
    }

    fn limiter() -> Limiter {
        Limiter::new(Some(Central::new(PATIENCE).0))
    }

    fn asked(limiter: &Limiter) -> (Asked, Receiver<Verdict>) {
        let question = Question {
            whose: whose(),
            kept: Kept::Address(limiter.address("192.0.2.1".parse().unwrap())),
            rate: RATE,
        };
        let (answer, answered) = channel();
        (Asked { question, answer }, answered)
    }

    #[tokio::test]
    async fn those_who_wait_are_served_from_one_lease_and_the_rest_is_for_the_threads() {
        let (limiter, exact) = (limiter(), Gauge::default());
        let mut lender = lender(&limiter, &exact, &buckets().await);
        let (one, mut first) = asked(&limiter);
        let (other, mut second) = asked(&limiter);
        // Nobody waits for this one any more: its token is not lost.
        let (gone, _) = asked(&limiter);
        lender.answer(&mut vec![one, other, gone]).await;
        assert_eq!(first.try_recv(), Ok(Verdict::Granted));
        assert_eq!(second.try_recv(), Ok(Verdict::Granted));
        let address = limiter.address("192.0.2.1".parse().unwrap());
        assert_eq!(address.requests.credit(), 48);
        assert_eq!(exact.get(), 1);
    }

    #[tokio::test]
    async fn what_is_not_used_is_given_back() {
        let (limiter, exact, buckets) = (limiter(), Gauge::default(), buckets().await);
        let mut lender = lender(&limiter, &exact, &buckets);
        let others = lender.order(whose(), RATE, Tokens::Take(1900));
        buckets.exchange(&[others]).await.unwrap();
        let (one, _answered) = asked(&limiter);
        let began = Instant::now();
        lender.answer(&mut vec![one]).await;
        let address = limiter.address("192.0.2.1".parse().unwrap());
        let used = address.requests.take_credit();
        assert!(used && address.requests.credit() == 48);
        // It was used since it was looked at last; and then it was not.
        lender.look().await;
        assert_eq!(address.requests.credit(), 48);
        let lease = lender.leases.get_mut(&whose()).unwrap();
        lease.since = began.checked_sub(UNUSED).unwrap();
        lender.look().await;
        assert_eq!((address.requests.credit(), lender.leases.len()), (0, 0));
        // 1900 for the others, and the two that were used; a millisecond refills one.
        let nothing = lender.order(whose(), RATE, Tokens::Take(0));
        let receipts = buckets.exchange(&[nothing]).await.unwrap();
        assert!(receipts[0].full_in <= Duration::from_millis(1902));
    }

    #[tokio::test]
    async fn tokens_of_a_redis_that_is_away_are_let_go() {
        let (limiter, exact) = (limiter(), Gauge::default());
        let mut lender = lender(&limiter, &exact, &buckets().await);
        let (one, _answered) = asked(&limiter);
        lender.answer(&mut vec![one]).await;
        let address = limiter.address("192.0.2.1".parse().unwrap());
        assert_eq!(address.requests.credit(), 49);
        lender.buckets = SharedBuckets::new("redis://127.0.0.1:1/0", None, PATIENCE).unwrap();
        lender.try_again().await;
        assert_eq!((address.requests.credit(), lender.leases.len()), (0, 0));
        assert!(!limiter.is_central() && exact.get() == 0);
        let (other, mut answered) = asked(&limiter);
        lender.answer(&mut vec![other]).await;
        assert_eq!(answered.try_recv(), Ok(Verdict::Away));
    }
}
