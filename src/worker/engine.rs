//! The one task that decides: it owns what is in flight, takes observations in, puts changes on record, then acts.

mod act;
mod beside;
pub(super) mod foreign;
mod input;
mod record;
pub(super) mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::beside::Beside;
pub(super) use self::input::Input;
use super::channels::Ensure;
use super::confirm::ClosedLedger;
use super::contracts::Contracts;
use super::flight::{Errand, Flight, Watched};
use super::records::Records;
use super::settings::Settings;
use super::simulate::PlannedCall;
use super::status::{Phase, Status};
use crate::clock::{Clock, SystemClock};
use crate::domain::attempt::Head;
use crate::domain::intent::Accounts;
use crate::domain::observation::{FeeStats, LedgerHeader};
use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId, Sequence, Stroops};
use crate::domain::soroban::Margin;
use crate::domain::transition::Pace;
use crate::horizon::Horizon;
use crate::signer::Keyring;
use crate::store::StoreError;
use crate::store::attempts::NewSubmission;

/// Messages that wait for the engine at once.
const INBOX: usize = 65_536;
/// Messages that are taken in one turn, and so put on record together.
const TURN: usize = 1_024;
/// Ledgers between two moves of the anchor.
const ANCHOR_EVERY: u32 = 10;
/// Ledgers between two looks at the fee statistics.
const FEES_EVERY: u32 = 5;

/// Why the engine could not start or go on.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that runs beside it panicked: what it was about is in the log. Whoever begins again, or another daemon,
    /// goes on from the records.
    #[error("a task of the engine panicked")]
    Panicked,
}

/// The engine.
pub struct Engine {
    pub(super) store: Arc<dyn Records>,
    pub(super) horizon: Arc<Horizon>,
    pub(super) way: super::ways::Way,
    pub(super) keys: Arc<Keyring>,
    pub(super) network: NetworkId,
    pub(super) passphrase: String,
    pub(super) accounts: Accounts,
    pub(super) settings: Arc<Settings>,
    pub(super) status: Status,
    pub(super) worker: Uuid,
    /// Renews its lease.
    pub(super) keeper: Option<AbortHandle>,
    /// In the order of their ids: two runs of one history do the same.
    pub(super) flights: BTreeMap<Uuid, Box<Flight>>,
    pub(super) watched: Watched,
    pub(super) head: Option<LedgerHeader>,
    /// The newest ledger when everything of an earlier life was explained.
    pub(super) explained_at: LedgerSeq,
    pub(super) fees: Option<FeeStats>,
    /// Who answers about contracts, and how much more than simulated is declared.
    pub(super) contracts: Option<Arc<dyn Contracts>>,
    pub(super) margin: Margin,
    /// Contract intents that were simulated and wait for a channel.
    pub(super) calls: BTreeMap<Uuid, PlannedCall>,
    pub(super) submissions: Vec<NewSubmission>,
    /// Intents whose settlement is still to be put on record.
    pub(super) settled: Vec<(Uuid, u32)>,
    /// Fee bumps that are due, with their whole fees.
    pub(super) due_bumps: Vec<(Errand, Stroops)>,
    /// The newest errand's number.
    errands: u64,
    /// What runs beside the engine on the records.
    beside: Beside,
    /// The records may hold attempts of ours that are not in flight here.
    pub(super) out_of_step: bool,
    /// The records are not where they were: this engine must end, and begin by explaining them.
    pub(super) moved: bool,
    /// A task beside this engine panicked: it must end, for it would wait for the answer for ever.
    panicked: bool,
    /// Attempts of ours on record that were not in flight here when that was last compared.
    pub(super) strays: BTreeSet<Uuid>,
    pub(super) inbox: mpsc::Receiver<Input>,
    pub(super) mailbox: mpsc::Sender<Input>,
    pub(super) posts: Arc<Semaphore>,
    pub(super) reads: Arc<Semaphore>,
    pub(super) draining: bool,
    /// Ends rounds of taking up: nothing more is claimed.
    pub(super) claims: CancellationToken,
    /// Channels that could not pay their fee.
    pub(super) short: Vec<(AccountId, Sequence)>,
    /// When orphans are looked for again.
    pub(super) next_orphans: Instant,
    /// The channels that are still to be made.
    pub(super) ensure: Ensure,
    /// Accounts of an earlier life that are not there, and the ledger of the first look that said so.
    pub(super) gone_since: BTreeMap<AccountId, LedgerSeq>,
    /// The newest ledger that any Horizon has shown when it was tried to start.
    pub(super) newest: Option<LedgerHeader>,
    pub(super) clock: Arc<dyn Clock>,
    /// Until when nothing is signed, as the last try to start has found it.
    pub(super) quarantined_until: Option<LedgerSeq>,
}

impl Engine {
    /// An engine that has done nothing yet.
    #[must_use]
    pub fn new(
        store: Arc<dyn Records>,
        horizon: Arc<Horizon>,
        keys: Arc<Keyring>,
        passphrase: &str,
        accounts: Accounts,
        settings: Settings,
        status: Status,
    ) -> Self {
        let (mailbox, inbox) = mpsc::channel(INBOX);
        Self {
            store,
            horizon,
            way: super::ways::Way::Horizon,
            keys,
            network: NetworkId::of(passphrase),
            passphrase: passphrase.to_owned(),
            accounts,
            posts: Arc::new(Semaphore::new(settings.concurrent_posts)),
            reads: Arc::new(Semaphore::new(settings.concurrent_reads)),
            settings: Arc::new(settings),
            status,
            worker: Uuid::nil(),
            keeper: None,
            flights: BTreeMap::new(),
            watched: Watched::default(),
            head: None,
            explained_at: LedgerSeq(0),
            fees: None,
            contracts: None,
            margin: Margin::NONE,
            calls: BTreeMap::new(),
            submissions: Vec::new(),
            settled: Vec::new(),
            due_bumps: Vec::new(),
            errands: 0,
            beside: Beside::new(),
            out_of_step: true,
            moved: false,
            panicked: false,
            strays: BTreeSet::new(),
            inbox,
            mailbox,
            draining: false,
            claims: CancellationToken::new(),
            short: Vec::new(),
            next_orphans: Instant::now(),
            ensure: Ensure::default(),
            gone_since: BTreeMap::new(),
            newest: None,
            clock: Arc::new(SystemClock),
            quarantined_until: None,
        }
    }

    /// The same engine, with somebody who answers about contracts; `margin` is declared above what was simulated.
    #[must_use]
    pub fn with_contracts(mut self, contracts: Option<Arc<dyn Contracts>>, margin: Margin) -> Self {
        self.contracts = contracts;
        self.margin = margin;
        self
    }

    /// Something that wakes the engine when new work is announced.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(self.mailbox.clone())
    }

    /// The newest ledger, as decisions see it.
    pub(super) fn head_now(&self) -> Option<Head> {
        let head = self.head.as_ref().map(Head::of);
        #[cfg(feature = "simulation")]
        let head = head.map(Head::by_the_wall_clock);
        head
    }

    pub(super) fn pace(&self) -> Pace {
        Pace {
            resubmit_after: self.settings.resubmit_after,
        }
    }

    /// Works until `stop` says so, then drains: nothing new is taken up, and answers to what was sent are waited for.
    ///
    /// # Errors
    /// [`EngineError`] where it cannot work at all.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), EngineError> {
        if !self.start(&mut stop).await? {
            return Ok(());
        }
        let mut ticks = tokio::time::interval(self.settings.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(TURN);
        let mut deadline: Option<Instant> = None;
        loop {
            let (next_round, wants_round) = (self.beside.next_round, self.wants_round());
            tokio::select! {
                // In this order, so that two runs of one history do the same: what comes seldom before the messages.
                biased;
                _ = ticks.tick() => self.tick().await,
                () = tokio::time::sleep_until(next_round), if wants_round => self.take_up(),
                changed = stop.changed(), if !self.draining => {
                    if changed.is_err() || *stop.borrow() {
                        self.draining = true;
                        self.claims.cancel();
                        deadline = Some(Instant::now() + self.settings.drain);
                        self.status.set_phase(Phase::Draining);
                    }
                }
                count = self.inbox.recv_many(&mut batch, TURN) => {
                    debug_assert!(count > 0, "the engine holds a sender itself, so its inbox never closes");
                    self.turn(&mut batch).await;
                }
            }
            if self.moved || self.panicked {
                self.claims.cancel();
                self.forget_flights();
                return Err(if self.moved {
                    StoreError::Moved.into()
                } else {
                    EngineError::Panicked
                });
            }
            if self.draining && (self.is_quiet() || deadline.is_some_and(|at| Instant::now() >= at))
            {
                if let Err(error) = self.store.end_lease(self.worker).await {
                    tracing::warn!(%error, "the lease could not be ended; others take over when it runs out");
                }
                return Ok(());
            }
        }
    }

    /// Nothing is asked or sent, and nothing is left to be put on record.
    fn is_quiet(&self) -> bool {
        self.flights
            .values()
            .all(|flight| flight.errand.is_none() && flight.settled.is_none())
            && self.submissions.is_empty()
            && self.beside.is_idle()
    }

    /// Takes messages in, hands what changed over to be put on record, then acts.
    async fn turn(&mut self, batch: &mut Vec<Input>) {
        let mut touched = Vec::new();
        for input in batch.drain(..) {
            match input {
                Input::Answered(errand, answered) => {
                    self.answered(errand, *answered);
                    touched.push(errand.intent);
                }
                Input::LookedUp(errand, found) => {
                    self.looked_up(errand, *found);
                    touched.push(errand.intent);
                }
                Input::Proved(errand, gathered) => {
                    self.proved(errand, *gathered).await;
                    touched.push(errand.intent);
                }
                Input::Ledger(closed) => {
                    self.ledger_closed(closed);
                    self.want_round();
                }
                Input::Wake => self.woken(),
                Input::Prepared(worker, flights) => self.prepared(worker, flights, &mut touched),
                Input::Planned(prepared) => self.planned(prepared),
                Input::Inquired(errand, inquired) => {
                    self.inquired(errand, *inquired);
                    touched.push(errand.intent);
                }
                Input::TakenUp(worker, outcome) => self.taken_up(worker, outcome).await,
                Input::Recorded(recorded) => self.recorded(recorded),
                Input::Noted(kept) => self.noted(kept),
                Input::Bumped(bumped) => self.bumped(bumped),
                // Only now: what is canceled is not sent again.
                Input::Canceled(canceled) => {
                    self.note_canceled(&canceled);
                    touched.extend(self.flights.keys().copied());
                }
                Input::Panicked => self.panicked = true,
                Input::Fees(stats) => self.fees = Some(stats),
                Input::Short(channel, sequence) => self.short.push((channel, sequence)),
                Input::LeaseLost(worker) => self.lease_lost(worker).await,
                Input::NetworkReset(why) => self.halt(why),
            }
        }
        self.record(false);
        self.act_on(&touched);
        self.status.set_in_flight(self.flights.len());
    }

    /// What is done from time to time whatever is announced.
    async fn tick(&mut self) {
        if self.worker.is_nil() {
            self.begin_again().await;
        }
        self.record(true);
        self.top_up_short().await;
        if self.out_of_step || self.orphans_due() {
            self.catch_up().await;
        }
        if self.may_take_up()
            && let Err(error) = self.ensure_channels().await
        {
            tracing::warn!(%error, "channels could not be asked for");
        }
        self.want_round();
        self.status.set_in_flight(self.flights.len());
    }

    fn ledger_closed(&mut self, closed: ClosedLedger) {
        let header = closed.header;
        if self
            .head
            .is_some_and(|head| head.sequence >= header.sequence)
        {
            return;
        }
        self.head = Some(header);
        self.status.set_head(Head::of(&header));
        if header.sequence.0.is_multiple_of(ANCHOR_EVERY) {
            self.move_anchor(header);
        }
        if header.sequence.0.is_multiple_of(FEES_EVERY) && !self.flights.is_empty() {
            self.ask_fees();
        }
        match closed.landed {
            Some(landed) => {
                for (intent, landed) in landed {
                    self.in_ledger(intent, landed);
                }
            }
            // Few in flight: looking each up costs less than reading the ledger.
            None => self.look_all_up(),
        }
        self.ask_for_cancellations();
    }

    fn halt(&mut self, why: String) {
        self.claims.cancel();
        self.forget_flights();
        self.status.set_phase(Phase::Halted(why));
    }

    /// Forgets everything in flight: the records have it.
    pub(super) fn forget_flights(&mut self) {
        self.flights.clear();
        self.watched.clear();
        self.settled.clear();
        self.submissions.clear();
        self.due_bumps.clear();
        self.calls.clear();
    }

    pub(super) fn is_halted(&self) -> bool {
        matches!(self.status.phase(), Phase::Halted(_))
    }
}

/// Wakes the engine.
#[derive(Clone, Debug)]
pub struct Waker(mpsc::Sender<Input>);

impl Waker {
    /// New work was announced. Where the engine has much to do already, it will find it anyway.
    pub fn wake(&self) {
        let _ = self.0.try_send(Input::Wake);
    }
}
