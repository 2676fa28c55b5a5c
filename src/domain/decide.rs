//! `next`: what to do about an intent in flight. Pure: the same snapshot always gives the same action.

use super::attempt::{Head, Snapshot};
use super::primitives::Stroops;

/// Ledgers for which a look-up that found nothing is good enough to send again.
const ABSENCE_GOOD_FOR: u32 = 1;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing until a ledger closes or an answer comes.
    Wait,
    /// Send the newest envelope.
    Submit,
    /// Sign a fee bump of this whole fee, put it on record, then send it.
    Bump(Stroops),
    /// Look the hash up.
    LookUp,
    /// Gather the evidence about the sequence number: the account's state, then the hashes, then its history.
    Prove,
}

/// The action for a snapshot at a head.
///
/// Before every resubmission it says [`Action::LookUp`]: only what is absent, and not overdue, is sent again.
#[must_use]
pub fn next(snapshot: &Snapshot, head: Head) -> Action {
    let Snapshot {
        terms,
        attempt,
        progress,
    } = snapshot;
    if head.ledger < progress.idle_until {
        return Action::Wait;
    }
    if attempt.is_overdue(head) || progress.check_account {
        let look_first =
            progress.is_long_missing(head.ledger) && !progress.is_absent_long_after_missing();
        return if look_first {
            Action::LookUp
        } else {
            Action::Prove
        };
    }
    if terms.cancel_requested || progress.verdict.is_some() {
        // Never sent and no longer wanted still needs its proof: the fence comes by itself. A landing shows in a ledger.
        let unsure = progress.maybe_sent && progress.absent_at.is_none();
        return if unsure && head.ledger >= progress.resend_at {
            Action::LookUp
        } else {
            Action::Wait
        };
    }
    if head.closed_at < attempt.plan.min_time {
        // Core refuses it until then.
        return Action::Wait;
    }
    if progress.maybe_sent {
        if head.ledger < progress.resend_at {
            return Action::Wait;
        }
        let absent_now = progress
            .absent_at
            .is_some_and(|at| at >= progress.resend_at && at.plus(ABSENCE_GOOD_FOR) >= head.ledger);
        if !absent_now {
            return Action::LookUp;
        }
    }
    match snapshot.due_bump() {
        Some(fee) => Action::Bump(fee),
        // Nothing that may be sent: the cap is below what its signers bid, and no other envelope exists.
        None if snapshot.lacks_envelope() => Action::Wait,
        // At the cap: the same bytes again, until the surge is over or the fence is reached.
        None => Action::Submit,
    }
}
