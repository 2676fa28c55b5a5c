//! `next`: what to do about an intent in flight. Pure: the same snapshot always gives the same action.

use super::attempt::{Head, Snapshot};
use super::fee::next_fee_bump;
use super::primitives::Stroops;

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
        return Action::Prove;
    }
    let unsure = progress.maybe_sent && progress.absent_at.is_none();
    if terms.cancel_requested || progress.verdict.is_some() {
        // Never sent and no longer wanted still needs its proof: the fence comes by itself. A landing shows in a ledger.
        return if unsure && head.ledger >= progress.resend_at {
            Action::LookUp
        } else {
            Action::Wait
        };
    }
    if progress.maybe_sent {
        if head.ledger < progress.resend_at {
            return Action::Wait;
        }
        let absent_now = progress
            .absent_at
            .is_some_and(|at| at >= progress.resend_at);
        if !absent_now {
            return Action::LookUp;
        }
    }
    send(snapshot)
}

fn send(snapshot: &Snapshot) -> Action {
    let Snapshot {
        terms,
        attempt,
        progress,
    } = snapshot;
    let must_bump = attempt.sponsored && attempt.bumps.is_empty();
    let hint = match (must_bump, progress.fee_too_low) {
        (false, None) => return Action::Submit,
        (_, Some(hint)) => hint,
        (true, None) => None,
    };
    let inner_rate = attempt.plain_fee.get() / i64::from(attempt.operations.max(1));
    if must_bump {
        // The first envelope that pays at all: as much as the plain one would have bid.
        let counted = i64::from(attempt.operations) + 1;
        let rate = inner_rate.clamp(
            super::fee::MIN_BASE_FEE,
            terms.cap.0.get().max(super::fee::MIN_BASE_FEE),
        );
        let needed = rate.max(inner_rate).saturating_mul(counted);
        return Stroops::new(needed).map_or(Action::Wait, Action::Bump);
    }
    match next_fee_bump(
        attempt.newest_bid(),
        hint,
        inner_rate,
        attempt.operations,
        terms.cap,
    ) {
        Some(fee) => Action::Bump(fee),
        // At the cap: the same bytes again, until the surge is over or the fence is reached.
        None => Action::Submit,
    }
}
