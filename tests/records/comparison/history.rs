//! A random history: each call is made to both kinds of records, and their answers are compared at once.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use stellar_submitter::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::transition::{AttemptEnd, DeathProof, IntentEnd};
use stellar_submitter::simulation::records::MemoryRecords;
use stellar_submitter::store::accept::{Lane, NewIntent};
use stellar_submitter::store::attempts::{AttemptRow, NewSubmission};
use stellar_submitter::store::intents::IntentRow;
use stellar_submitter::store::prepare::{Claimed, NewAttempt};
use stellar_submitter::store::settle::NewSettlement;
use stellar_submitter::worker::records::{Records as _, Taking};
use uuid::Uuid;

use super::same::{self, Told, answer, check, plain};
use crate::book::Book;
use crate::given::{self, LONG, NOW, PASSPHRASE, TENANT, channel, hash, reason, source};

/// Workers that are alive at a time.
const WORKERS: usize = 3;
/// Channels, besides the source account.
const CHANNELS: u8 = 4;
/// Claims that are open at a time.
const CLAIMS: usize = 3;

/// The same call to both, and what each answered, which must be the same.
macro_rules! both {
    ($history:ident, $told:expr, $($call:tt)*) => {{
        let what = format!("seed {}, call {}: {}", $history.seed, $history.calls, stringify!($($call)*));
        let postgres = $history.postgres.$($call)*.await;
        let memory = $history.memory.$($call)*.await;
        let (postgres, memory) = (answer(postgres, $told), answer(memory, $told));
        check(&what, &postgres, &memory);
        $history.count(stringify!($($call)*), &postgres);
    }};
}

pub struct History<'a> {
    seed: u64,
    random: ChaCha8Rng,
    postgres: &'a dyn Book,
    memory: &'a MemoryRecords,
    calls: usize,
    /// Whose lease is good, and whose has ended.
    workers: Vec<Uuid>,
    dead: Vec<Uuid>,
    lives: u8,
    names: u32,
    /// Seconds by which the chain has gone on.
    passed: u64,
    claims: Vec<OpenClaim>,
    /// How often each call was answered with something, with nothing, or in which way not.
    answers: BTreeMap<String, u32>,
}

struct OpenClaim {
    worker: Uuid,
    presigned: bool,
    postgres: Taking,
    memory: Taking,
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

/// What was claimed, without an order.
fn claimed(taking: &Taking) -> Told {
    let mut pairs: Vec<String> = taking
        .claimed
        .iter()
        .map(|pair| {
            let landings = sorted(pair.landings.clone());
            let pair = Claimed {
                landings,
                ..pair.clone()
            };
            format!("{pair:?}")
        })
        .collect();
    pairs.sort();
    plain((taking.idle, pairs))
}

impl<'a> History<'a> {
    pub fn new(seed: u64, postgres: &'a dyn Book, memory: &'a MemoryRecords) -> Self {
        Self {
            seed,
            random: ChaCha8Rng::seed_from_u64(seed),
            postgres,
            memory,
            calls: 0,
            workers: Vec::new(),
            dead: Vec::new(),
            lives: 0,
            names: 0,
            passed: 0,
            claims: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    fn count(&mut self, call: &str, told: &Told) {
        let name = call.split('(').next().unwrap_or(call);
        let kind = same::kind(told);
        *self.answers.entry(format!("{name}: {kind}")).or_default() += 1;
    }

    /// By whoever has seen every doubt, or all but the last.
    async fn note_explained(&mut self) {
        let mark = self.memory.history_mark().await;
        let doubts = mark.map_or(0, |mark| mark.doubts);
        if self.chance(4) {
            both!(self, plain, note_explained(doubts - 1));
        }
        both!(self, plain, note_explained(doubts));
    }

    pub async fn begin(&mut self) {
        both!(self, plain, tie_to_network(PASSPHRASE));
        self.note_explained().await;
        both!(self, plain, add_channel(source(), None, Sequence(5)));
        for number in 0..CHANNELS {
            let index = Some(i32::from(number));
            both!(
                self,
                plain,
                add_channel(channel(number), index, Sequence(10))
            );
        }
        for _ in 0..WORKERS {
            self.live().await;
        }
    }

    /// Ends it; returns how often what happened.
    pub async fn end(mut self) -> BTreeMap<String, u32> {
        while !self.claims.is_empty() {
            self.commit().await;
        }
        self.look().await;
        let rows = self.memory.rows().await;
        let statuses = rows.intents.iter().map(|row| format!("is {}", row.status));
        let states = rows
            .attempts
            .iter()
            .map(|row| format!("attempt is {}", row.state));
        let kinds = rows.events.iter().map(|(_, kind, _)| kind.clone());
        for what in statuses.chain(states).chain(kinds) {
            *self.answers.entry(what).or_default() += 1;
        }
        self.answers
    }

    /// Compares everything.
    pub async fn look(&self) {
        let what = format!("seed {}, after call {}", self.seed, self.calls);
        let (postgres, memory) = (self.postgres.rows().await, self.memory.rows().await);
        let (postgres, memory) = (same::rows(&postgres), same::rows(&memory));
        assert_eq!(postgres.len(), memory.len(), "{what}");
        for (postgres, memory) in postgres.iter().zip(&memory) {
            check(&what, postgres, memory);
        }
        let (postgres, memory) = (
            self.postgres.channels().await.unwrap(),
            self.memory.channels().await.unwrap(),
        );
        for (postgres, memory) in postgres.iter().zip(&memory) {
            check(&what, &same::channel(postgres), &same::channel(memory));
        }
        assert_eq!(postgres.len(), memory.len(), "{what}");
    }

    /// One random call.
    pub async fn step(&mut self) {
        self.calls += 1;
        self.explain().await;
        match self.random.random_range(0..100) {
            0..10 => self.accept().await,
            10..28 => self.claim().await,
            28..44 => self.commit().await,
            44..62 => self.settle().await,
            62..68 => self.bump().await,
            68..69 => self.submit().await,
            69..77 => self.change_intent().await,
            77..86 => self.sweep().await,
            86..90 => self.leases().await,
            90..94 => self.chain().await,
            94..97 => self.channels().await,
            _ => self.read().await,
        }
    }

    fn chance(&mut self, of: u32) -> bool {
        self.random.random_range(0..of) == 0
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() {
            return None;
        }
        let place = self.random.random_range(0..of.len());
        Some(of[place].clone())
    }

    /// Mostly one that is alive.
    fn worker(&mut self) -> Uuid {
        let workers = if self.chance(10) && !self.dead.is_empty() {
            self.dead.clone()
        } else {
            self.workers.clone()
        };
        self.one(&workers).unwrap()
    }

    fn now(&mut self) -> ChainTime {
        self.passed += self.random.random_range(0..20);
        ChainTime(NOW.0 + self.passed)
    }

    fn intent(&mut self) -> Option<IntentRow> {
        let intents = self.memory.intents();
        self.one(&intents)
    }

    /// An attempt, mostly an open one.
    async fn attempt(&mut self) -> Option<AttemptRow> {
        let intents = self.memory.intents();
        let ids: Vec<Uuid> = intents.iter().map(|intent| intent.id).collect();
        let attempts = if self.chance(6) {
            ids.iter()
                .flat_map(|id| self.memory.attempts_of(*id))
                .collect()
        } else {
            self.memory.open_attempts(&ids).await.unwrap()
        };
        self.one(&attempts)
    }

    /// Mostly who owns it.
    async fn owner(&mut self, intent: Uuid) -> Uuid {
        if !self.chance(8) {
            for worker in [&self.workers[..], &self.dead].concat() {
                if self
                    .memory
                    .owned_ids(worker)
                    .await
                    .unwrap()
                    .contains(&intent)
                {
                    return worker;
                }
            }
        }
        self.worker()
    }

    /// Whether Postgres would wait for an open claim.
    fn would_wait(&self, intent: Uuid) -> bool {
        let queued = |row: &IntentRow| row.id == intent && row.status == "queued";
        !self.claims.is_empty() && self.memory.intents().iter().any(queued)
    }

    async fn live(&mut self) {
        self.lives += 1;
        let worker = given::worker(self.lives);
        both!(self, plain, begin_lease(worker, "name", LONG));
        self.workers.push(worker);
    }

    async fn accept(&mut self) {
        let mut batch: Vec<NewIntent> = Vec::new();
        for _ in 0..self.random.random_range(1..4) {
            if !self.chance(6) {
                self.names += 1;
            }
            let workflow = format!("w{}", self.names);
            let mut fields = json!({});
            if self.chance(4) {
                fields["ordering_key"] = json!(format!("k{}", self.random.random_range(0..2)));
            }
            if self.chance(4) {
                let until = NOW.0 + self.passed + self.random.random_range(0..100);
                fields["valid_until"] = json!(rfc3339(until));
            }
            if self.chance(6) {
                let begin = NOW.0 + self.passed + self.random.random_range(0..60);
                fields["valid_until"] = json!(rfc3339(begin + 30));
                fields["not_before"] = json!(rfc3339(begin));
            }
            let request = if self.chance(6) {
                let of = given::account(200 + self.random.random_range(0..2));
                given::presigned(&workflow, of, i64::from(self.names))
            } else {
                given::request(&workflow, fields)
            };
            let mut new = given::new_intent(self.memory.new_id(), request);
            if self.chance(10) {
                new.lane = Lane::System;
            }
            batch.push(new);
        }
        let batch: Vec<&NewIntent> = batch.iter().collect();
        both!(self, same::accepted, accept(&batch));
    }

    async fn claim(&mut self) {
        if self.claims.len() >= CLAIMS {
            return self.commit().await;
        }
        let (worker, now) = (self.worker(), self.now());
        let limit = self.random.random_range(0..6);
        let presigned = self.chance(5);
        let what = format!("seed {}, call {}: claim", self.seed, self.calls);
        let (postgres, memory) = if presigned {
            (
                self.postgres.claim_presigned(worker, now, limit).await,
                self.memory.claim_presigned(worker, now, limit).await,
            )
        } else {
            let (lane, kind) = if self.chance(6) {
                (Lane::System, "source")
            } else {
                (Lane::User, "channel")
            };
            let postgres = self.postgres.claim(worker, lane, kind, now, limit).await;
            if let Ok(taking) = &postgres {
                // Which of several idle ones is taken is open: here it is the same.
                let taken = taking.claimed.iter().map(|pair| pair.channel.clone());
                Book::prefer_channels(self.memory, &taken.collect::<Vec<_>>());
            }
            (
                postgres,
                self.memory.claim(worker, lane, kind, now, limit).await,
            )
        };
        match (postgres, memory) {
            (Ok(postgres), Ok(memory)) => {
                check(&what, &claimed(&postgres), &claimed(&memory));
                let found = if memory.claimed.is_empty() {
                    plain(())
                } else {
                    plain(1)
                };
                self.count(
                    if presigned {
                        "claim_presigned"
                    } else {
                        "claim"
                    },
                    &found,
                );
                self.claims.push(OpenClaim {
                    worker,
                    presigned,
                    postgres,
                    memory,
                });
            }
            (postgres, memory) => {
                let told = |taking: Taking| claimed(&taking);
                let (postgres, memory) = (answer(postgres, told), answer(memory, told));
                check(&what, &postgres, &memory);
                self.count("claim", &postgres);
            }
        }
    }

    /// Ends a claim: some of what was claimed is signed.
    async fn commit(&mut self) {
        if self.claims.is_empty() {
            return;
        }
        let place = self.random.random_range(0..self.claims.len());
        let OpenClaim {
            worker,
            presigned,
            mut postgres,
            mut memory,
        } = self.claims.swap_remove(place);
        let what = format!(
            "seed {}, call {}: commit of {worker}",
            self.seed, self.calls
        );
        let mut attempts: Vec<NewAttempt> = Vec::new();
        for pair in &memory.claimed {
            if self.chance(6) {
                continue;
            }
            attempts.push(if presigned {
                let rows = self.memory.intents();
                let row = rows.iter().find(|row| row.id == pair.id).unwrap();
                let of: AccountId = row.source.as_ref().unwrap().parse().unwrap();
                let mut new = given::attempt_on(pair.id, pair.attempt_count, of, 3);
                new.attempt.presigned = true;
                let at = (new.attempt.inner_hash, of, Sequence(3));
                let one = postgres.hold.user_of(at.0, at.1, at.2).await;
                let other = memory.hold.user_of(at.0, at.1, at.2).await;
                check(&what, &answer(one, plain), &answer(other, plain));
                new
            } else {
                given::attempt(pair)
            });
        }
        if self.chance(12)
            && let Some(last) = attempts.last_mut()
        {
            let rows: Vec<_> = self.memory.rows().await.attempts;
            if let Some(row) = self.one(&rows) {
                last.attempt.inner_hash = TxHash(row.hash.try_into().unwrap());
            }
        }
        let postgres = postgres.hold.commit(&attempts).await;
        let memory = memory.hold.commit(&attempts).await;
        let refused = postgres.is_err();
        let (postgres, memory) = (answer(postgres, plain), answer(memory, plain));
        check(&what, &postgres, &memory);
        self.count("commit", &postgres);
        if refused {
            // Its connection is undone a moment later.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    async fn settle(&mut self) {
        let mut batch: Vec<NewSettlement> = Vec::new();
        let mut worker = self.worker();
        for _ in 0..self.random.random_range(1..4) {
            let Some(row) = self.attempt().await else {
                return;
            };
            let taken = batch.iter().any(|new| new.intent_id == row.intent_id);
            if taken || self.would_wait(row.intent_id) {
                continue;
            }
            worker = self.owner(row.intent_id).await;
            batch.push(self.settlement(&row));
        }
        let told = |ids| plain(sorted(ids));
        both!(self, told, settle(worker, &batch));
    }

    fn settlement(&mut self, row: &AttemptRow) -> NewSettlement {
        let hash = TxHash(row.hash.clone().try_into().unwrap());
        let landed = |successful| given::landed(hash, row.sequence, successful);
        let attempt = match self.random.random_range(0..10) {
            0..5 => AttemptEnd::Landed(landed(true)),
            5..7 => AttemptEnd::LandedFailed(landed(false)),
            7 => AttemptEnd::Dead(DeathProof::AccountMissing {
                first: LedgerSeq(3),
                second: LedgerSeq(14),
            }),
            _ => given::dead(),
        };
        let intent = match (&attempt, self.random.random_range(0..8)) {
            (AttemptEnd::Landed(_), _) => IntentEnd::Succeeded,
            (_, 0) => IntentEnd::Failed(reason("op_no_trust")),
            (_, 1) => IntentEnd::Expired,
            (_, 2) => IntentEnd::Canceled,
            (_, 3..5) => IntentEnd::Parked {
                reason: reason("op_underfunded"),
                resume_after: self.one(&[Some(0), Some(3_600), None]).flatten(),
            },
            (_, _) => IntentEnd::Requeued,
        };
        let used = !matches!(attempt, AttemptEnd::Dead(_));
        let number = u32::try_from(row.number).unwrap();
        let mut new = given::settlement(row.intent_id, number, attempt, intent);
        new.settlement.channel_sequence = used.then_some(Sequence(row.sequence));
        new.settlement.channel_lost = self.chance(40);
        if !used && self.chance(6) {
            new.settlement.adopted = Some(given::landed(TxHash([8; 32]), 2, false));
        }
        new
    }

    async fn bump(&mut self) {
        let Some(row) = self.attempt().await else {
            return;
        };
        if self.would_wait(row.intent_id) {
            return;
        }
        let worker = self.owner(row.intent_id).await;
        let fee = self.random.random_range(100..130);
        let number = u32::try_from(row.number).unwrap();
        let batch = [given::bump(row.intent_id, number, fee)];
        both!(self, plain, add_fee_bumps(worker, &batch));
        if self.chance(4) {
            both!(self, plain, add_fee_bumps(worker, &batch));
        }
        if self.chance(4) {
            let why = reason("sequence_unexplained");
            both!(self, plain, park_unexplained(worker, row.intent_id, &why));
        }
    }

    async fn submit(&mut self) {
        if let Some(row) = self.attempt().await {
            let number = u32::try_from(row.number).unwrap();
            let batch = [NewSubmission {
                intent_id: row.intent_id,
                number,
                hash: hash(row.intent_id, number),
                answer: json!({"kind": "queued", "duplicate": false}),
            }];
            both!(self, plain, record_submissions(&batch));
        }
    }

    async fn change_intent(&mut self) {
        let Some(row) = self.intent() else {
            return;
        };
        if self.would_wait(row.id) {
            return;
        }
        match self.random.random_range(0..7) {
            0..2 => both!(self, plain, cancel(TENANT, row.id)),
            2..4 => {
                both!(self, plain, quarantine(Some(LedgerSeq(7))));
                both!(self, plain, cancel(TENANT, row.id));
                both!(self, plain, quarantine(None));
            }
            4 => both!(self, plain, fail_queued(row.id, &reason("refused"))),
            5 => both!(self, plain, park_queued(row.id, &reason("wait"))),
            _ => {
                let hash = TxHash(self.random.random());
                let sequence = self.random.random_range(1_000_000..i64::MAX / 2);
                let end = AttemptEnd::Landed(given::landed(hash, sequence, true));
                let number = u32::try_from(row.attempt_count).unwrap() + 1;
                let mut found = given::adoption(row.id, number, end, IntentEnd::Succeeded);
                found.attempt.bumps[0].hash = TxHash(self.random.random());
                both!(self, plain, adopt_landing(row.id, &found));
            }
        }
    }

    async fn sweep(&mut self) {
        let now = self.now();
        match self.random.random_range(0..3) {
            0 => both!(self, plain, expire(now, 100)),
            1 => both!(self, plain, resume_parked(100)),
            _ => both!(self, plain, finish_cancellations(100)),
        }
    }

    async fn leases(&mut self) {
        let worker = self.worker();
        match self.random.random_range(0..4) {
            0 => both!(self, plain, renew_lease(worker, LONG)),
            1 => {
                both!(self, plain, end_lease(worker));
                both!(self, plain, renew_lease(worker, LONG));
                // A new life takes its place.
                if let Some(place) = self.workers.iter().position(|one| *one == worker) {
                    self.workers.remove(place);
                    self.dead.push(worker);
                    self.live().await;
                }
            }
            _ => {
                let told = |ids| plain(sorted(ids));
                both!(self, told, take_over(worker, 100));
            }
        }
    }

    async fn chain(&mut self) {
        match self.random.random_range(0..8) {
            0..3 => {
                // Some are of an intent of ours.
                let row = self.intent();
                let name = row.map_or_else(|| "w".to_owned(), |row| row.workflow_id);
                let tag = given::tag(&given::request(&name, json!({})));
                let found = TxHash([self.random.random_range(0..6); 32]);
                let landings = [(tag, *given::landed(found, 4, true))];
                let cursor = Some(self.random.random_range(0..50));
                both!(self, plain, record_landings(&landings, cursor));
            }
            3 => {
                let until = LedgerSeq(self.random.random_range(1..50));
                both!(self, plain, quarantine(Some(until)));
            }
            4 => both!(self, plain, quarantine(None)),
            5 if self.claims.is_empty() => {
                self.postgres.move_away().await;
                self.memory.move_away().await;
                self.claim().await;
            }
            5 | 6 => {
                both!(self, plain, note_database());
                self.note_explained().await;
            }
            _ => {
                let header = given::header(self.random.random_range(1..50));
                both!(self, plain, move_anchor(&header));
                both!(self, plain, tie_to_network(PASSPHRASE));
            }
        }
    }

    /// Everything is explained, and things go on.
    async fn explain(&mut self) {
        if self.chance(12) {
            both!(self, plain, note_database());
            both!(self, plain, quarantine(None));
            self.note_explained().await;
        }
    }

    async fn channels(&mut self) {
        if !self.claims.is_empty() {
            return;
        }
        let number = self.random.random_range(0..CHANNELS + 2);
        let account = channel(number);
        match self.random.random_range(0..5) {
            0 => both!(self, plain, pause_channel(account, Some("a reason"))),
            1 | 2 => both!(self, plain, pause_channel(account, None)),
            3 => {
                let sequence = Sequence(self.random.random_range(5..30));
                both!(self, plain, raise_sequence(account, sequence));
            }
            _ => {
                let index = Some(i32::from(self.random.random_range(0..CHANNELS + 3)));
                both!(self, plain, add_channel(account, index, Sequence(3)));
            }
        }
    }

    async fn read(&mut self) {
        let (worker, now) = (self.worker(), self.now());
        let ids: Vec<Uuid> = self.memory.intents().iter().map(|row| row.id).collect();
        let told = |ids| plain(sorted(ids));
        both!(self, plain, rare_work(now));
        both!(self, plain, history_mark());
        both!(self, plain, count_landings());
        both!(self, told, owned_ids(worker));
        both!(self, told, canceled_intents(worker));
        let told = |rows: Vec<stellar_submitter::store::settle::OwnedIntent>| {
            plain(sorted(rows.iter().map(|row| format!("{row:?}")).collect()))
        };
        both!(self, told, owned_intents(worker, &ids));
        let told = |rows: Vec<AttemptRow>| {
            let rows = rows.iter().map(|row| same::attempt(row).text);
            plain(sorted(rows.collect()))
        };
        both!(self, told, open_attempts(&ids));
    }
}

fn rfc3339(seconds: u64) -> String {
    stellar_submitter::domain::intent::rfc3339(ChainTime(seconds))
}
