//! One inner transaction and its life: what is on record of it, and what this process has learned since.

use super::envelope::Plan;
use super::fee::{Bid, FeeCap, first_fee_bump, next_fee_bump};
use super::intent::OnStateError;
use super::observation::LedgerHeader;
use super::primitives::{ChainTime, LedgerSeq, Stroops, TxHash};
use super::reason::Reason;
#[cfg(feature = "simulation")]
use crate::defect::{self, Defect};

/// Ledgers after which an attempt is given up that has no fence.
#[cfg(feature = "simulation")]
const UNFENCED_LEDGERS: u32 = 2;
/// Ledgers between the two sights of a missing account: one alone can be a Horizon that rebuilds its state. A Horizon
/// that lags by less also shows, after them, everything that could land before the first.
pub const MISSING_LEDGERS: u32 = 10;

/// The newest ledger that is known to have closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub ledger: LedgerSeq,
    /// When it closed.
    pub closed_at: ChainTime,
}

/// An attempt as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the intent's first.
    pub number: u32,
    /// What it was built by. A bound of 0 is no bound, as in XDR; a presigned transaction may lack one of them.
    pub plan: Plan,
    /// The hash of the inner transaction.
    pub inner_hash: TxHash,
    /// How many operations it has.
    pub operations: u32,
    /// The plain envelope's whole fee.
    pub plain_fee: Stroops,
    /// Its fee bumps, the oldest first, each on record before it was sent.
    pub bumps: Vec<Bump>,
    /// Whether somebody else must pay the fee: then the plain envelope is never sent.
    pub sponsored: bool,
    /// Whether somebody else built and signed it: then there is no other attempt.
    pub presigned: bool,
    /// The newest ledger when it was signed.
    pub signed_at: LedgerSeq,
}

/// A fee bump of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bump {
    /// Its outer hash.
    pub hash: TxHash,
    /// Its whole fee.
    pub fee: Stroops,
}

impl Head {
    /// The head that a ledger's header is.
    #[must_use]
    pub const fn of(header: &LedgerHeader) -> Self {
        Self {
            ledger: header.sequence,
            closed_at: header.closed_at,
        }
    }
}

#[cfg(feature = "simulation")]
impl Head {
    /// The same ledger, closed when the wall clock says where that is trusted.
    #[must_use]
    pub fn by_the_wall_clock(mut self) -> Self {
        if defect::is_made(Defect::TrustWallClock) {
            self.closed_at = ChainTime(defect::wall());
        }
        self
    }
}

impl Attempt {
    /// What the plain envelope bids.
    #[must_use]
    pub fn plain_bid(&self) -> Bid {
        Bid {
            fee: self.without_resources(self.plain_fee),
            operations: self.operations,
        }
    }

    /// What a whole fee bids for being taken: the fee for resources is no part of that.
    fn without_resources(&self, fee: Stroops) -> Stroops {
        let bid = fee.get().saturating_sub(self.plan.resource_fee());
        Stroops::new(bid).unwrap_or(Stroops::ZERO)
    }

    /// The highest bid so far.
    #[must_use]
    pub fn newest_bid(&self) -> Bid {
        match self.bumps.last() {
            Some(bump) => Bid {
                fee: self.without_resources(bump.fee),
                operations: self.operations + 1,
            },
            None => self.plain_bid(),
        }
    }

    /// Whether no ledger after `head` can take it.
    #[must_use]
    pub fn is_overdue(&self, head: Head) -> bool {
        #[cfg(feature = "simulation")]
        if defect::is_made(Defect::NoFence) {
            return head.ledger.0 >= self.signed_at.0.saturating_add(UNFENCED_LEDGERS);
        }
        self.ledger_fence_passed(head.ledger) || self.time_fence_passed(head)
    }

    /// Whether the state after ledger `as_of` is past the ledger bound: ledger `max_ledger` is already too late.
    #[must_use]
    pub const fn ledger_fence_passed(&self, as_of: LedgerSeq) -> bool {
        self.plan.max_ledger.0 != 0 && as_of.0.saturating_add(1) >= self.plan.max_ledger.0
    }

    /// Whether a ledger closed after the time bound, which is inclusive; close times only rise.
    #[must_use]
    pub const fn time_fence_passed(&self, closed: Head) -> bool {
        self.plan.max_time.0 != 0 && closed.closed_at.0 > self.plan.max_time.0
    }

    /// Whether the state after ledger `as_of` is past every ledger that could take it; `head` is a closed ledger.
    #[must_use]
    pub fn fence_passed(&self, as_of: LedgerSeq, head: Head) -> bool {
        #[cfg(feature = "simulation")]
        if defect::is_made(Defect::NoFence) {
            return as_of.0 >= self.signed_at.0.saturating_add(UNFENCED_LEDGERS);
        }
        self.ledger_fence_passed(as_of)
            || (self.time_fence_passed(head) && as_of.0 >= head.ledger.0)
    }
}

/// What the intent says about how its attempt is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// No more submissions: somebody canceled.
    pub cancel_requested: bool,
    /// Not in a ledger that closes later.
    pub valid_until: Option<ChainTime>,
    /// What a state error does.
    pub on_state_error: OnStateError,
    /// The most that may be bid.
    pub cap: FeeCap,
    /// How often it was parked so far.
    pub parked_times: u32,
}

/// What becomes of the intent once the attempt is proven dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Build another attempt.
    Rebuild,
    /// It can never succeed.
    Fail(Reason),
    /// A person, or a changed state, is needed.
    Park(Reason),
}

/// What this process knows beyond the record. A crash loses it, and then everything is asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// It may have been sent: by a process before this one, or by this one.
    pub maybe_sent: bool,
    /// Sends by this process.
    pub sends: u32,
    /// The head at this process's first send.
    pub first_sent: Option<LedgerSeq>,
    /// The head at which it may be sent again.
    pub resend_at: LedgerSeq,
    /// The head at which it was looked up and absent, after the newest send.
    pub absent_at: Option<LedgerSeq>,
    /// Nothing is asked again before this head.
    pub idle_until: LedgerSeq,
    /// The bid proved too low; the fee that would have done, if core said so.
    pub fee_too_low: Option<Option<i64>>,
    /// An answer that makes further sending pointless, and what follows from it after death.
    pub verdict: Option<Verdict>,
    /// The account must be looked at, before the fence: an answer disputes the sequence number.
    pub check_account: bool,
    /// The ledger of the first sight of a consumed sequence number that nothing explains.
    pub unexplained_since: Option<LedgerSeq>,
    /// The ledger of the first sight of a missing account, past the fence.
    pub missing_since: Option<LedgerSeq>,
}

impl Progress {
    /// Of an attempt that this process signed and has not sent.
    #[must_use]
    pub const fn fresh() -> Self {
        Self {
            maybe_sent: false,
            sends: 0,
            first_sent: None,
            resend_at: LedgerSeq(0),
            absent_at: None,
            idle_until: LedgerSeq(0),
            fee_too_low: None,
            verdict: None,
            check_account: false,
            unexplained_since: None,
            missing_since: None,
        }
    }

    /// Of an attempt that was loaded: a crash may hide that it was sent.
    #[must_use]
    pub const fn recovered() -> Self {
        let mut progress = Self::fresh();
        progress.maybe_sent = true;
        progress
    }

    /// Whether the account is missing for so long that its second sight would prove the attempt dead.
    #[must_use]
    pub fn is_long_missing(&self, now: LedgerSeq) -> bool {
        self.missing_since
            .is_some_and(|first| now >= first.plus(MISSING_LEDGERS))
    }

    /// Whether the hash was looked up, and absent, that long after the first sight. A missing account has no sequence
    /// number that proves anything: the transaction may have landed before the account was merged away.
    #[must_use]
    pub fn is_absent_long_after_missing(&self) -> bool {
        self.absent_at.is_some_and(|at| self.is_long_missing(at))
    }
}

/// Everything that decides what happens to an intent in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What the intent says.
    pub terms: Terms,
    /// Its one open attempt.
    pub attempt: Attempt,
    /// What is known beyond the record.
    pub progress: Progress,
}

impl Snapshot {
    /// Whether the first envelope that can be sent at all is still to be made: somebody else must pay.
    #[must_use]
    pub const fn lacks_envelope(&self) -> bool {
        self.attempt.sponsored && self.attempt.bumps.is_empty()
    }

    /// The fee of the fee bump that is due: the first where somebody else must pay, or one above a bid that proved too
    /// low. `None` where none is due, or the cap allows none.
    #[must_use]
    pub fn due_bump(&self) -> Option<Stroops> {
        let (attempt, cap) = (&self.attempt, self.terms.cap);
        let resources = attempt.plan.resource_fee();
        let bid = if self.lacks_envelope() {
            first_fee_bump(attempt.plain_bid(), cap)
        } else {
            let hint = self.progress.fee_too_low?;
            let hint = hint.map(|whole| whole.saturating_sub(resources));
            next_fee_bump(attempt.newest_bid(), hint, attempt.plain_bid(), cap)
        };
        Stroops::new(bid?.get().checked_add(resources)?).ok()
    }
}
