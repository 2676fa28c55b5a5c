//! Taking intents up: claimed, built, signed and put on record in one transaction; only then does the engine hear of them.
//!
//! A round runs beside the engine, one at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::engine::Input;
use super::flight::Flight;
use super::look::derive_keys;
use super::off_thread;
use super::presigned::used_up;
use super::records::{Records, Taking};
use super::sign::{Signed, Signing, Turned, list};
use crate::domain::intent;
use crate::domain::reason::Reason;
use crate::signer::Keyring;
use crate::store::StoreError;
use crate::store::accept::Lane;
use crate::store::enqueued::MAX_ENQUEUED_BYTES;

/// Claims of a lane in one round, so that what else is due is not kept waiting.
const MAX_CLAIMS: u32 = 16;
/// Operations in flight at most, in percent of what a ledger takes. Core queues two ledgers' worth, and drops what was not
/// picked for a few ledgers: whoever sends more outbids but himself. With a quarter over there is enough for each ledger, and
/// of equal bids hardly one waits so long.
const WINDOW_PERCENT: u64 = 125;
/// Enqueued intents that are read in one go.
const READ_BATCH: i64 = 200;
/// Intents that are ended as expired, or resumed, in one statement.
const SWEEP_BATCH: i64 = 1_000;

/// One round of taking up what is due.
pub(super) struct Round {
    pub store: Arc<dyn Records>,
    pub signing: Arc<Signing>,
    /// The life of the worker whose lease covers it.
    pub worker: Uuid,
    /// Intents that may be taken up.
    pub room: usize,
    /// Attempts in flight, and their operations.
    pub in_flight: InFlight,
    /// Nothing more is claimed once it says so.
    pub stop: CancellationToken,
    pub engine: mpsc::Sender<Input>,
}

/// Why an intent is parked whose `doing` panicked.
pub(super) fn panicked(doing: &str) -> Reason {
    Reason::new(
        "signing_failed",
        "Its transaction could not be built",
        format!("{doing} it panicked, which is a mistake of this program: the log has more"),
        false,
    )
}

/// How much is in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InFlight {
    pub attempts: u64,
    pub operations: u64,
}

impl InFlight {
    /// Counts one more.
    pub(super) fn add(&mut self, flight: &Flight) {
        let attempt = &flight.snapshot.attempt;
        let bumped = attempt.sponsored || !attempt.bumps.is_empty();
        self.attempts += 1;
        self.operations += u64::from(attempt.operations) + u64::from(bumped);
    }

    /// How many more attempts of the usual size fit a window, in operations.
    fn fitting(self, window: u64) -> u64 {
        if self.operations == 0 {
            // One that is larger than any ledger is refused by core, not by us.
            return window.max(1);
        }
        let usual = self.operations.div_ceil(self.attempts.max(1));
        window.saturating_sub(self.operations) / usual
    }
}

/// What a round has found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// No channel was left idle: until one is, another round finds nothing.
    pub starved: bool,
    /// There are contract intents that wait.
    pub contracts: bool,
}

impl Round {
    /// Runs it; the engine hears of each claim that is on record, and last of the end.
    pub(super) async fn run(mut self) -> Input {
        let outcome = self.take_up().await;
        Input::TakenUp(self.worker, outcome)
    }

    async fn take_up(&mut self) -> Result<Taken, StoreError> {
        let now = self.signing.header.closed_at;
        let rare = self.store.rare_work(now).await?;
        if rare.expired {
            self.store.expire(now, SWEEP_BATCH).await?;
        }
        if rare.resumable {
            self.store.resume_parked(SWEEP_BATCH).await?;
        }
        if rare.unwanted {
            self.store.finish_cancellations(SWEEP_BATCH).await?;
        }
        let peers = u64::try_from(rare.workers).unwrap_or(1).max(1);
        let ledger = u64::from(self.signing.header.max_tx_set_size);
        let window = ledger.saturating_mul(WINDOW_PERCENT) / 100 / peers;
        if rare.unread {
            self.read_enqueued().await?;
        }
        if rare.system {
            self.claim_lane(Lane::System, "source", window).await?;
        }
        // Where the last channel is lost or paused, the source account takes its place.
        let kind = if rare.has_channels {
            "channel"
        } else {
            "source"
        };
        let starved = self.claim_lane(Lane::User, kind, window).await?;
        let limit = self.limit(window);
        if rare.presigned && limit > 0 && !self.stop.is_cancelled() {
            let claim = self.store.claim_presigned(self.worker, now, limit).await?;
            self.attempt(claim).await?;
        }
        if !self.signing.calls.is_empty() {
            self.claim_calls(kind, window).await?;
        }
        Ok(Taken {
            starved,
            contracts: rare.contracts,
        })
    }

    /// Claims what is due of a lane, as far as the window has room; returns whether another round would find nothing before
    /// something in flight has ended.
    async fn claim_lane(
        &mut self,
        lane: Lane,
        kind: &str,
        window: u64,
    ) -> Result<bool, StoreError> {
        let now = self.signing.header.closed_at;
        for _ in 0..MAX_CLAIMS {
            let limit = self.limit(window);
            if limit == 0 || self.stop.is_cancelled() {
                return Ok(true);
            }
            let claim = self
                .store
                .claim(self.worker, lane, kind, now, limit)
                .await?;
            let claimed = i64::try_from(claim.claimed.len()).unwrap_or(i64::MAX);
            let (idle, before) = (claim.idle, self.room);
            self.attempt(claim).await?;
            let begun = i64::try_from(before - self.room).unwrap_or(i64::MAX);
            if claimed < limit && begun == claimed {
                return Ok(claimed == idle);
            }
            // Channels of what was turned away are idle still.
            if begun == 0 {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Claims the contract intents that were simulated.
    async fn claim_calls(&mut self, kind: &str, window: u64) -> Result<(), StoreError> {
        let now = self.signing.header.closed_at;
        let limit = self.limit(window);
        if limit == 0 || self.stop.is_cancelled() {
            return Ok(());
        }
        let calls: Vec<Uuid> = self.signing.calls.keys().copied().collect();
        let claim = self
            .store
            .claim_calls(self.worker, kind, now, limit, &calls)
            .await?;
        self.attempt(claim).await
    }

    /// How many may be claimed at once.
    fn limit(&self, window: u64) -> i64 {
        let room = u64::try_from(self.room).unwrap_or(u64::MAX);
        let fitting = self.in_flight.fitting(window).min(room);
        i64::from(self.signing.settings.batch).min(i64::try_from(fitting).unwrap_or(i64::MAX))
    }

    /// Reads what was enqueued in SQL.
    async fn read_enqueued(&self) -> Result<(), StoreError> {
        for unread in self.store.unread(READ_BATCH).await? {
            let read = match &unread.enqueued {
                Some(enqueued) => {
                    intent::read(enqueued, &self.signing.accounts).map_err(|errors| list(&errors))
                }
                None => Err(format!(
                    "the body must have at most {MAX_ENQUEUED_BYTES} bytes as text"
                )),
            };
            match read {
                Ok(request) => {
                    let tag = request.key(&unread.tenant).tag(self.signing.network);
                    self.store.set_request(unread.id, tag, &request).await?;
                }
                Err(why) => {
                    let reason = Reason::invalid_intent(why);
                    self.store.fail_queued(unread.id, &reason).await?;
                }
            }
        }
        Ok(())
    }

    /// Builds and signs for each claimed pair, commits, and hands the attempts over to be sent.
    async fn attempt(&mut self, taking: Taking) -> Result<(), StoreError> {
        let Taking {
            claimed: pairs,
            mut hold,
            ..
        } = taking;
        if pairs.is_empty() {
            return hold.commit(&[]).await;
        }
        let ids: Vec<Uuid> = pairs.iter().map(|claimed| claimed.id).collect();
        let signing = Arc::clone(&self.signing);
        // Off the threads that answer: a batch takes milliseconds.
        let signed: Vec<Signed> = off_thread(move || {
            let signed = pairs.iter().map(|claimed| {
                // One that cannot be built must not hold up all the others.
                catch_unwind(AssertUnwindSafe(|| signing.sign(claimed)))
                    .unwrap_or_else(|_| Err(Turned::Park(panicked("building"))))
            });
            signed.collect()
        })
        .await
        .expect("each panic is caught where it happens");
        let mut attempts = Vec::with_capacity(signed.len());
        let mut flights: Vec<(Uuid, Flight)> = Vec::with_capacity(signed.len());
        let mut turned = Vec::new();
        for (id, signed) in ids.into_iter().zip(signed) {
            match signed {
                Ok((attempt, flight)) => match used_up(&mut *hold, &attempt.attempt).await? {
                    Some(reason) => turned.push((id, Turned::Fail(reason))),
                    None => {
                        attempts.push(attempt);
                        flights.push((id, flight));
                    }
                },
                Err(what) => turned.push((id, what)),
            }
        }
        #[cfg(feature = "simulation")]
        if crate::defect::is_made(crate::defect::Defect::SendBeforePersist) {
            let sent = flights.clone();
            let _ = self.engine.send(Input::Prepared(self.worker, sent)).await;
            // It takes a while until they are on record.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        hold.commit(&attempts).await?;
        self.room = self.room.saturating_sub(flights.len());
        for (_, flight) in &flights {
            self.in_flight.add(flight);
        }
        if !flights.is_empty() {
            let prepared = Input::Prepared(self.worker, flights);
            // Without an engine nobody sends them: whoever takes over loads them.
            let _ = self.engine.send(prepared).await;
        }
        turn_away(&*self.store, &self.signing.keys, turned).await
    }
}

/// Ends, or leaves, those that get no attempt.
pub(super) async fn turn_away(
    store: &dyn Records,
    keys: &Keyring,
    turned: Vec<(Uuid, Turned)>,
) -> Result<(), StoreError> {
    let mut bad_channel = false;
    for (id, what) in turned {
        match what {
            Turned::Landed(adoption) => {
                let (hash, end) = (adoption.attempt.inner_hash, &adoption.settlement.intent);
                tracing::warn!(intent = %id, %hash, ?end, "it has landed already, sent by a submitter whose records were lost");
                store.adopt_landing(id, &adoption).await?;
            }
            Turned::Fail(reason) => store.fail_queued(id, &reason).await?,
            Turned::Park(reason) => store.park_queued(id, &reason).await?,
            Turned::BadChannel => bad_channel = true,
            Turned::Late => {}
        }
    }
    if bad_channel {
        // Another daemon may have made the channel: its key is derived now, or it is paused.
        derive_keys(store, keys).await?;
    }
    Ok(())
}
