//! What the answer to a POST changes: nothing on record, for everything but a recorded landing is unknown.

use super::Pace;
use super::ending::{may_simulate_again, verdict};
use crate::domain::attempt::{Head, Snapshot, Verdict};
use crate::domain::observation::{SubmitAnswer, UnknownKind};
use crate::domain::reason::Reason;
use crate::domain::result_code::{TransactionCode, TransactionMeaning, TransactionOutcome};
use stellar_xdr::TransactionResultCode as Code;

/// Ledgers after which a transaction has left core's queue, whose limit is four, with one to spare.
const AGED_OUT_LEDGERS: u32 = 5;
/// Ledgers to wait where core's queue takes nothing now.
const FULL_QUEUE_LEDGERS: u32 = 2;
/// Ledgers to wait after an answer that makes no sense.
const DOUBTFUL_LEDGERS: u32 = 2;
/// Ledgers to wait when the account that pays is short: time for a top-up to land.
const TOP_UP_LEDGERS: u32 = 5;

/// Takes an answer in that is not a landing.
pub(super) fn absorb(snapshot: &mut Snapshot, answer: SubmitAnswer, head: Head, pace: Pace) {
    let soon = head.ledger.plus(1);
    match answer {
        // A landing is settled before this is asked; should one come here, a look-up will say the same.
        SubmitAnswer::Landed(_) => snapshot.progress.resend_at = head.ledger,
        SubmitAnswer::Queued { .. } => {
            snapshot.progress.resend_at = head.ledger.plus(pace.resubmit_after.max(1));
        }
        SubmitAnswer::TryAgainLater => {
            snapshot.progress.resend_at = head.ledger.plus(FULL_QUEUE_LEDGERS);
            note_age(snapshot, head);
        }
        SubmitAnswer::Refused(outcome) => refused(snapshot, &outcome, head),
        SubmitAnswer::Malformed(detail) => {
            snapshot.progress.verdict = Some(Verdict::Fail(Reason::new(
                "transaction_malformed",
                "Horizon does not understand the transaction",
                detail,
                false,
            )));
            snapshot.progress.resend_at = soon;
        }
        SubmitAnswer::Unknown(unknown) => {
            snapshot.progress.resend_at = match unknown.kind {
                UnknownKind::Unreachable
                | UnknownKind::RateLimited
                | UnknownKind::Unavailable
                | UnknownKind::Budget => soon,
                UnknownKind::Timeout | UnknownKind::Deadline => {
                    note_age(snapshot, head);
                    soon
                }
                UnknownKind::Cut
                | UnknownKind::ServerError
                | UnknownKind::Gone
                | UnknownKind::Unparsable
                | UnknownKind::Lying
                | UnknownKind::BadRequest => head.ledger.plus(DOUBTFUL_LEDGERS),
                UnknownKind::SubmissionDisabled => head.ledger.plus(TOP_UP_LEDGERS),
            };
        }
    }
}

/// Sent twice, old enough to have left the queue, and still refused or unseen: the bid was too low, and a fee bump is
/// another hash, which no ban covers.
fn note_age(snapshot: &mut Snapshot, head: Head) {
    let progress = &mut snapshot.progress;
    let aged = progress
        .first_sent
        .is_some_and(|first| head.ledger >= first.plus(AGED_OUT_LEDGERS));
    if aged && progress.sends >= 2 {
        progress.fee_too_low.get_or_insert(None);
    }
}

fn refused(snapshot: &mut Snapshot, outcome: &TransactionOutcome, head: Head) {
    let soon = head.ledger.plus(1);
    // A fee bump's own trouble is not its inner's: NO_ACCOUNT of the outer is the fee account's.
    let outer_only = outcome.inner.is_none()
        && outcome.code == TransactionCode::Known(Code::TxNoAccount)
        && !snapshot.attempt.bumps.is_empty();
    match outcome.meaning() {
        TransactionMeaning::Early | TransactionMeaning::Success => {
            snapshot.progress.resend_at = soon;
        }
        TransactionMeaning::FeeTooLow => {
            let hint = (outcome.fee_charged > 0).then_some(outcome.fee_charged);
            snapshot.progress.fee_too_low = Some(hint);
            // A higher bid goes out at once; the same one, at the cap, only when the queue may have changed.
            let raise = snapshot.due_bump().is_some();
            let wait = if raise { 0 } else { FULL_QUEUE_LEDGERS };
            snapshot.progress.resend_at = head.ledger.plus(wait);
        }
        TransactionMeaning::FeeAccountShort => {
            snapshot.progress.resend_at = head.ledger.plus(TOP_UP_LEDGERS);
        }
        TransactionMeaning::NoAccount if outer_only => {
            snapshot.progress.resend_at = head.ledger.plus(TOP_UP_LEDGERS);
        }
        // Often our own success, seen late: the hash first, then the account, and never a new transaction on its word.
        TransactionMeaning::BadSequence | TransactionMeaning::NoAccount => {
            snapshot.progress.check_account = true;
            snapshot.progress.resend_at = soon;
        }
        TransactionMeaning::Late => {
            snapshot.progress.verdict = Some(Verdict::Rebuild);
            snapshot.progress.resend_at = soon;
        }
        TransactionMeaning::Failed
        | TransactionMeaning::BadAuth
        | TransactionMeaning::Invalid
        | TransactionMeaning::SorobanInvalid
        | TransactionMeaning::Frozen
        | TransactionMeaning::Unrecognised => {
            let again = may_simulate_again(snapshot);
            snapshot.progress.verdict = Some(verdict(&snapshot.terms, outcome, again));
            snapshot.progress.resend_at = soon;
        }
    }
}
