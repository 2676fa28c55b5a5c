//! What clients ask of the fleet, whatever happens to it: payments of every kind of end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::fleet::Fleet;
use crate::world::daemon::Client;
use crate::world::{Ledger, account, payment};

/// How long a client waits for an answer before it asks another daemon.
const TRY_LIMIT: Duration = Duration::from_secs(4);
/// Between two tries of a client.
const RETRY: Duration = Duration::from_millis(100);
/// Tries after which a client says that the fleet is gone for good.
const TRIES: usize = 1_500;
/// The most that is posted at once.
const BURST: u32 = 8;
/// Milliseconds between two bursts, at most.
const LONGEST_PAUSE_MS: u64 = 400;
/// Ledgers, and so seconds of the chain's clock, that a payment with an end stays good for.
const GOOD_FOR: std::ops::Range<u64> = 12..60;
/// Milliseconds from being accepted to being canceled, at most.
const LONGEST_REGRET_MS: u64 = 1_000;

/// An intent that was accepted, and how it may end.
pub struct Posted {
    pub id: String,
    pub body: Value,
    pub may_end: &'static [&'static str],
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Wish {
    /// Nothing stands in the way of it.
    Plain,
    /// To an account that does not exist.
    Void,
    /// Soon too late.
    Dated,
    /// Canceled soon after it is accepted.
    Canceled,
}

impl Wish {
    const fn of(number: u32) -> Self {
        match number % 12 {
            3 => Self::Void,
            5 | 6 => Self::Dated,
            8 | 9 => Self::Canceled,
            _ => Self::Plain,
        }
    }

    const fn may_end(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["succeeded"],
            Self::Void => &["failed"],
            Self::Dated => &["succeeded", "expired"],
            Self::Canceled => &["succeeded", "canceled"],
        }
    }
}

/// The clients of one world.
pub struct Traffic<'a> {
    fleet: &'a Fleet,
    client: Client,
    ledger: &'a Ledger,
    /// The chain's clock less its ledger's number: each ledger is one second while they close faster.
    epoch: i64,
    count: AtomicU32,
}

impl<'a> Traffic<'a> {
    /// Before anything goes wrong with the ledger.
    pub async fn new(fleet: &'a Fleet, ledger: &'a Ledger) -> Self {
        let head = i64::try_from(ledger.head().await).unwrap();
        Self {
            fleet,
            client: Client::new(String::new()),
            ledger,
            epoch: ledger.clock().await - head,
            count: AtomicU32::new(0),
        }
    }

    /// Posts until it is told that this was enough.
    pub async fn post_while(&self, seed: u64, go_on: impl Fn() -> bool) -> Vec<Posted> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut posted = Vec::new();
        while go_on() {
            let burst = (0..random.random_range(1..=BURST)).map(|_| {
                let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
                let regret = Duration::from_millis(random.random_range(0..LONGEST_REGRET_MS));
                self.post(number, random.random_range(GOOD_FOR), regret)
            });
            let burst: Vec<_> = burst.collect();
            posted.extend(futures_util::future::join_all(burst).await);
            let pause = random.random_range(0..LONGEST_PAUSE_MS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        posted
    }

    async fn post(&self, number: u32, good_for: u64, regret: Duration) -> Posted {
        let wish = Wish::of(number);
        let to = match wish {
            Wish::Void => "nobody",
            Wish::Plain | Wish::Dated | Wish::Canceled => "bob",
        };
        let mut body = payment(&format!("crash-{number}"), account(to), number);
        if let Wish::Dated = wish {
            let end = self.epoch + i64::try_from(self.ledger.head().await + good_for).unwrap();
            let end = OffsetDateTime::from_unix_timestamp(end).unwrap();
            body["valid_until"] = json!(end.format(&Rfc3339).unwrap());
        }
        let id = self.accepted(&body, number).await;
        if let Wish::Canceled = wish {
            tokio::time::sleep(regret).await;
            // Once: whether it was heard is not known, and either end is right.
            if let Some(client) = self.somebody(number).await {
                let canceling = client.try_change(&id, "cancel");
                let _ = tokio::time::timeout(TRY_LIMIT, canceling).await;
            }
        }
        Posted {
            id,
            body,
            may_end: wish.may_end(),
        }
    }

    /// Posts until it is accepted: the same key and body to one daemon after the other, and sometimes to two at once.
    async fn accepted(&self, body: &Value, number: u32) -> String {
        let key = body["workflow_id"].as_str().unwrap();
        for turn in 0..u32::try_from(TRIES).unwrap() {
            let mut tries = vec![self.try_one(number + turn, key, body)];
            if number.is_multiple_of(5) {
                tries.push(self.try_one(number + turn + 1, key, body));
            }
            let answers = futures_util::future::join_all(tries).await;
            let mut ids: Vec<String> = answers.into_iter().flatten().collect();
            ids.dedup();
            assert!(ids.len() <= 1, "one workflow has two intents: {ids:?}");
            if let Some(id) = ids.pop() {
                return id;
            }
            tokio::time::sleep(RETRY).await;
        }
        panic!("{key} was not accepted in {TRIES} tries");
    }

    async fn try_one(&self, turn: u32, key: &str, body: &Value) -> Option<String> {
        let client = self.somebody(turn).await?;
        let answer = tokio::time::timeout(TRY_LIMIT, client.try_post(key, body)).await;
        match answer {
            Ok(Ok((200 | 202, intent))) => Some(intent["id"].as_str().unwrap().to_owned()),
            // In flight, too many at once, the database away, nobody there, no answer: asked again.
            Ok(Ok((409 | 429 | 500 | 503, _)) | Err(_)) | Err(_) => None,
            Ok(Ok((status, problem))) => panic!("{key} is answered {status}: {problem}"),
        }
    }

    /// One of those who answer.
    async fn somebody(&self, turn: u32) -> Option<Client> {
        let apis = self.fleet.apis().await;
        let count = u32::try_from(apis.len()).unwrap();
        let index = turn.checked_rem(count)?;
        Some(self.client.at(&apis[usize::try_from(index).unwrap()]))
    }

    /// The intent once it is final, as any daemon tells it; fails at the limit.
    pub async fn ended(&self, posted: &Posted, until: tokio::time::Instant) -> Value {
        let path = format!("/v1/intents/{}", posted.id);
        let mut last = Value::Null;
        for turn in 0.. {
            if let Some(client) = self.somebody(turn).await
                && let Ok(Ok((200, intent))) =
                    tokio::time::timeout(TRY_LIMIT, client.try_get(&path)).await
            {
                if !intent["finished_at"].is_null() {
                    return intent;
                }
                last = intent;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "an accepted intent did not end after the faults did: {} {last}",
                posted.id
            );
            tokio::time::sleep(RETRY).await;
        }
        unreachable!("it is asked until the limit")
    }
}
