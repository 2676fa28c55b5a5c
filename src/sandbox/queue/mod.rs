//! The queue of transactions that wait for a ledger, by stellar-core's rules. Pure and synchronous.
//!
//! One transaction a source account; only the next sequence number; a queued one is replaced only by a fee bump that
//! pays ten times as much; what is evicted, aged out, applied or found invalid is banned for ten ledgers. Contract transactions
//! have limits and rates of their own.

mod ban;
mod bid;
mod lane;

use std::collections::HashMap;
use std::sync::Arc;

use stellar_xdr::{TransactionResult, TransactionResultResult as Outer};

pub use ban::BAN_LEDGERS;
use ban::Bans;
pub use bid::Bid;

use super::ledger::account::AccountKey;
use super::ledger::frame::Frame;
use super::ledger::history::MAX_LEDGER_TRANSACTIONS;
use super::ledger::load::Load;
use super::ledger::{Ledger, Rates, verdict};
use lane::Lane;

/// A transaction that has not landed after so many ledgers is dropped and banned.
pub const PENDING_LEDGERS: u32 = 4;
/// The queue holds so many ledgers' worth of operations.
const QUEUE_LEDGERS: i64 = 2;

/// What core says to a transaction.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// Queued.
    Pending,
    /// Queued already.
    Duplicate,
    /// Not now: the account has another one queued, the queue is full, or the envelope is banned.
    TryAgainLater,
    /// Not valid, or not paid well enough.
    Error(Box<TransactionResult>),
}

/// What becomes of a transaction that is answered [`Answer::Pending`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It waits for the next ledger.
    #[default]
    Queued,
    /// It is held back until this ledger, and only then begins to age.
    HeldUntil(u32),
    /// It is forgotten.
    Lost,
}

struct Pending {
    frame: Arc<Frame>,
    age: u32,
    held_until: u32,
}

/// The set for a ledger.
pub struct TxSet {
    /// What goes in.
    pub frames: Vec<Arc<Frame>>,
    /// Stroops an operation that everybody in it pays.
    pub rates: Rates,
}

/// Transactions that wait.
#[derive(Default)]
pub struct Queue {
    pending: HashMap<AccountKey, Pending>,
    classic: Lane,
    soroban: Lane,
    bids_by_payer: HashMap<AccountKey, i64>,
    bans: Bans,
}

impl Queue {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Judges a transaction at a time (Unix seconds), and queues it if it may be.
    pub fn add(&mut self, ledger: &Ledger, frame: &Arc<Frame>, now: u64, fate: Fate) -> Answer {
        if self.bans.contains(&frame.full_hash()) {
            return Answer::TryAgainLater;
        }
        let old = self
            .pending
            .get(&frame.source())
            .map(|pending| Arc::clone(&pending.frame));
        if let Some(answer) = old.as_ref().and_then(|old| beside(frame, old)) {
            return answer;
        }
        let evicted = match self.make_room(ledger, frame, old.as_deref()) {
            Ok(evicted) => evicted,
            Err(hint) => {
                self.bans.add(frame.full_hash());
                return hint.map_or(Answer::TryAgainLater, too_low);
            }
        };
        if let Err(result) = ledger.preflight(frame, ledger.next_target(now)) {
            return Answer::Error(result);
        }
        if !self.can_pay(ledger, frame, old.as_deref()) {
            let fee = fee_for(frame, ledger.base_fee() * frame.operation_count());
            return Answer::Error(Box::new(verdict::outer(fee, Outer::TxInsufficientBalance)));
        }
        if fate != Fate::Lost {
            self.insert(frame, evicted, fate);
        }
        Answer::Pending
    }

    /// The best bids that a ledger takes. If not all of a kind fit, everybody of that kind pays the lowest bid that is in.
    pub fn select(&self, ledger: &Ledger) -> TxSet {
        let mut frames = Vec::new();
        let classic = self.select_lane(ledger, false, &mut frames);
        let soroban = self.select_lane(ledger, true, &mut frames);
        TxSet {
            frames,
            rates: Rates { classic, soroban },
        }
    }

    fn select_lane(&self, ledger: &Ledger, soroban: bool, frames: &mut Vec<Arc<Frame>>) -> i64 {
        let capacity = ledger.limit(soroban);
        let (mut load, mut left_out) = (Load::default(), false);
        let mut lowest: Option<Bid> = None;
        for source in self.lane(soroban).ranks.values().rev() {
            let pending = &self.pending[source];
            if pending.held_until > ledger.sequence() + 1 {
                continue;
            }
            let with = load.plus(Load::of(&pending.frame));
            if with.exceeds(capacity) || frames.len() >= MAX_LEDGER_TRANSACTIONS {
                left_out = true;
                continue;
            }
            load = with;
            lowest = Some(Bid::of(&pending.frame));
            frames.push(Arc::clone(&pending.frame));
        }
        let surge = lowest.filter(|_| left_out).map_or(0, Bid::rate);
        surge.max(ledger.base_fee())
    }

    fn lane(&self, soroban: bool) -> &Lane {
        if soroban {
            &self.soroban
        } else {
            &self.classic
        }
    }

    fn lane_mut(&mut self, soroban: bool) -> &mut Lane {
        if soroban {
            &mut self.soroban
        } else {
            &mut self.classic
        }
    }

    /// Drops and bans what would not be valid in a ledger that closes at a time (Unix seconds).
    pub fn trim(&mut self, ledger: &Ledger, close_time: u64) {
        let target = ledger.closing_target(close_time);
        self.ban_if(|pending| ledger.preflight(&pending.frame, target).is_err());
    }

    /// A ledger has closed over a set: what was in it is gone, the rest is a ledger older, and what is no longer valid goes too.
    pub fn closed(&mut self, applied: &[Arc<Frame>], ledger: &Ledger, now: u64) {
        for frame in applied {
            let passed = self
                .pending
                .get(&frame.source())
                .is_some_and(|old| old.frame.sequence() <= frame.sequence());
            if passed {
                self.remove(frame.source());
            }
            self.bans.add(frame.full_hash());
        }
        self.bans.shift();
        self.classic.evicted = None;
        self.soroban.evicted = None;
        let sequence = ledger.sequence();
        for pending in self
            .pending
            .values_mut()
            .filter(|pending| pending.held_until <= sequence)
        {
            pending.age += 1;
        }
        let target = ledger.next_target(now);
        self.ban_if(|pending| {
            pending.age >= PENDING_LEDGERS || ledger.preflight(&pending.frame, target).is_err()
        });
    }

    /// What has to leave for a transaction; an error, with the fee that would do where one would, if it does not fit.
    fn make_room(
        &self,
        ledger: &Ledger,
        frame: &Frame,
        old: Option<&Frame>,
    ) -> Result<Vec<AccountKey>, Option<i64>> {
        let bid = Bid::of(frame);
        let lane = self.lane(frame.is_soroban());
        // Who is let in after an eviction must bid more than what was evicted, or the better one would have gone for nothing.
        if let Some(evicted) = lane.evicted.filter(|evicted| *evicted >= bid) {
            return Err(Some(fee_for(frame, evicted.better_fee(bid.operations))));
        }
        let capacity = ledger.limit(frame.is_soroban()).times(QUEUE_LEDGERS);
        let load = Load::of(frame);
        if load.exceeds(capacity) {
            return Err(None);
        }
        let discount = old
            .filter(|old| old.is_soroban() == frame.is_soroban())
            .map_or(Load::default(), Load::of);
        let mut wanted = lane.load.plus(load).minus(discount);
        let mut evicted = Vec::new();
        for (rank, source) in &lane.ranks {
            if !wanted.exceeds(capacity) {
                break;
            }
            if old.is_some() && *source == frame.source() {
                continue;
            }
            if rank.0 >= bid {
                return Err(Some(fee_for(frame, rank.0.better_fee(bid.operations))));
            }
            wanted = wanted.minus(Load::of(&self.pending[source].frame));
            evicted.push(*source);
        }
        Ok(evicted)
    }

    /// Whether the payer can cover this bid besides all its others.
    fn can_pay(&self, ledger: &Ledger, frame: &Frame, old: Option<&Frame>) -> bool {
        let payer = frame.fee_source();
        let freed = old
            .filter(|old| old.fee_source() == payer)
            .map_or(0, Frame::fee_bid);
        let promised = self.bids_by_payer.get(&payer).copied().unwrap_or(0);
        ledger.state().account(payer).is_some_and(|account| {
            let available = i128::from(account.available(ledger.state().base_reserve()));
            available - i128::from(frame.fee_bid()) + i128::from(freed) >= i128::from(promised)
        })
    }

    fn insert(&mut self, frame: &Arc<Frame>, evicted: Vec<AccountKey>, fate: Fate) {
        let source = frame.source();
        let age = self.remove(source).map_or(0, |old| old.age);
        for key in evicted {
            if let Some(gone) = self.remove(key) {
                self.bans.add(gone.frame.full_hash());
                self.lane_mut(gone.frame.is_soroban()).evicted = Some(Bid::of(&gone.frame));
            }
        }
        let held_until = match fate {
            Fate::Queued | Fate::Lost => 0,
            Fate::HeldUntil(ledger) => ledger,
        };
        *self.bids_by_payer.entry(frame.fee_source()).or_default() += frame.fee_bid();
        self.lane_mut(frame.is_soroban()).add(frame);
        self.pending.insert(
            source,
            Pending {
                frame: Arc::clone(frame),
                age,
                held_until,
            },
        );
    }

    fn remove(&mut self, source: AccountKey) -> Option<Pending> {
        let gone = self.pending.remove(&source)?;
        self.lane_mut(gone.frame.is_soroban()).remove(&gone.frame);
        let payer = gone.frame.fee_source();
        let left = self.bids_by_payer.get(&payer).copied().unwrap_or(0) - gone.frame.fee_bid();
        if left == 0 {
            self.bids_by_payer.remove(&payer);
        } else {
            self.bids_by_payer.insert(payer, left);
        }
        Some(gone)
    }

    fn ban_if(&mut self, condition: impl Fn(&Pending) -> bool) {
        let gone: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| condition(pending))
            .map(|(source, _)| *source)
            .collect();
        for source in gone {
            if let Some(pending) = self.remove(source) {
                self.bans.add(pending.frame.full_hash());
            }
        }
    }
}

/// A bid for inclusion as the whole fee that makes it, in stroops.
fn fee_for(frame: &Frame, inclusion: i64) -> i64 {
    inclusion.saturating_add(frame.resource_fee())
}

/// What a queued transaction of the same account means for a new one; none if it may replace it.
fn beside(new: &Frame, old: &Frame) -> Option<Answer> {
    if is_duplicate(new, old) {
        return Some(Answer::Duplicate);
    }
    if new.sequence() < old.sequence() {
        return Some(Answer::Error(Box::new(verdict::outer(0, Outer::TxBadSeq))));
    }
    if new.fee_bump().is_none() || new.sequence() != old.sequence() {
        return Some(Answer::TryAgainLater);
    }
    let needed = Bid::of(old).replacement_fee(new.operation_count());
    (new.inclusion_bid() < needed).then(|| too_low(fee_for(new, needed)))
}

fn is_duplicate(new: &Frame, old: &Frame) -> bool {
    old.full_hash() == new.full_hash()
        || new.fee_bump().is_none() && old.inner_full_hash() == Some(new.full_hash())
}

fn too_low(needed: i64) -> Answer {
    Answer::Error(Box::new(verdict::outer(needed, Outer::TxInsufficientFee)))
}
