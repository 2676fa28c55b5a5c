//! Where an intent goes when its attempt has ended.

use super::{AttemptEnd, DeathProof, IntentEnd, Settlement, Transition};
use crate::domain::attempt::{Head, Snapshot, Terms, Verdict};
use crate::domain::intent::OnStateError;
use crate::domain::observation::Landed;
use crate::domain::primitives::Sequence;
use crate::domain::reason::Reason;
use crate::domain::result_code::{
    OperationMeaning, SequenceEffect, TransactionMeaning, TransactionOutcome, transaction_code_name,
};

/// Seconds until a parked intent is tried again for the first time; doubled each time.
const FIRST_RESUME_SECONDS: u64 = 10;
/// Seconds between two tries at most.
const MAX_RESUME_SECONDS: u64 = 600;

/// How often a contract operation that failed in a ledger, or was refused, is built again.
const MAX_REBUILDS: u32 = 3;

/// Seconds until an intent that was parked so often before is tried again.
#[must_use]
pub fn resume_after(parked_times: u32) -> u64 {
    let factor = 1_u64 << parked_times.min(10);
    (FIRST_RESUME_SECONDS * factor).min(MAX_RESUME_SECONDS)
}

/// What a recorded landing changes.
///
/// `used` says that the channel's state was seen to have consumed the sequence number.
pub(super) fn landed(
    snapshot: &mut Snapshot,
    landed: Box<Landed>,
    used: bool,
    head: Head,
) -> Transition {
    let sequence = landed.sequence;
    if landed.successful {
        // What was archived is back: the call itself comes now.
        let intent = match snapshot.attempt.plan.restores() {
            true if snapshot.terms.cancel_requested => IntentEnd::Canceled,
            true => IntentEnd::Requeued,
            false => IntentEnd::Succeeded,
        };
        return settled(AttemptEnd::Landed(landed), intent, Some(sequence));
    }
    match landed.outcome.sequence_effect() {
        SequenceEffect::Consumed => {}
        SequenceEffect::Unsure if used => {}
        // It may still be applied, or something else has used the number: the account must say. Nothing more is sent.
        SequenceEffect::Unsure | SequenceEffect::Unused => {
            let again = may_simulate_again(snapshot);
            let verdict = verdict(&snapshot.terms, &landed.outcome, again);
            let progress = &mut snapshot.progress;
            progress.verdict = Some(verdict);
            progress.check_account = true;
            // Looked up, and no end found: what follows a missing account must not wait for a plain absence.
            progress.absent_at = Some(head.ledger);
            return Transition::Learned;
        }
    }
    let intent = if snapshot.terms.cancel_requested {
        IntentEnd::Canceled
    } else {
        let again = may_simulate_again(snapshot);
        follow(
            snapshot,
            verdict(&snapshot.terms, &landed.outcome, again),
            head,
        )
    };
    settled(AttemptEnd::LandedFailed(landed), intent, Some(sequence))
}

fn settled(attempt: AttemptEnd, intent: IntentEnd, sequence: Option<Sequence>) -> Transition {
    Transition::Settled(Box::new(Settlement {
        attempt,
        intent,
        channel_sequence: sequence,
        adopted: None,
        channel_lost: false,
    }))
}

/// Whether a contract operation is simulated and built again after a failure.
pub(super) fn may_simulate_again(snapshot: &Snapshot) -> bool {
    snapshot.attempt.plan.soroban.is_some() && snapshot.attempt.number <= MAX_REBUILDS
}

/// Where a verdict leads once the attempt has ended.
fn follow(snapshot: &Snapshot, verdict: Verdict, head: Head) -> IntentEnd {
    let terms = &snapshot.terms;
    if snapshot.attempt.presigned {
        // There is no other attempt, whatever changes: nothing to build again, and nothing to wait for.
        return IntentEnd::Failed(match verdict {
            Verdict::Rebuild => unsendable(snapshot),
            Verdict::Fail(reason) | Verdict::Park(reason) => Reason {
                retryable: false,
                ..reason
            },
        });
    }
    match verdict {
        Verdict::Rebuild if is_expired(terms, head) => IntentEnd::Expired,
        Verdict::Rebuild => IntentEnd::Requeued,
        Verdict::Fail(reason) => IntentEnd::Failed(reason),
        Verdict::Park(reason) => park(terms, reason, head),
    }
}

/// Why a transaction that somebody else signed did not land.
fn unsendable(snapshot: &Snapshot) -> Reason {
    if snapshot.lacks_envelope() && snapshot.due_bump().is_none() {
        return Reason::new(
            "fee_above_cap",
            "The signed transaction bids more than may be paid",
            "a fee bump must bid at least as much an operation as the transaction in it, and that is above the cap; it was never sent",
            false,
        );
    }
    Reason::new(
        "transaction_too_late",
        "The signed transaction can no longer land",
        "its own bounds have passed, or its sequence number was used by another transaction; we cannot sign another",
        false,
    )
}

fn park(terms: &Terms, reason: Reason, head: Head) -> IntentEnd {
    if is_expired(terms, head) {
        return IntentEnd::Expired;
    }
    let by_itself = reason.retryable;
    IntentEnd::Parked {
        reason,
        resume_after: by_itself.then(|| resume_after(terms.parked_times)),
    }
}

fn is_expired(terms: &Terms, head: Head) -> bool {
    terms
        .valid_until
        .is_some_and(|until| head.closed_at > until)
}

/// What a failing result means for the intent, whoever says it: of a recorded one a fact, of a refusal what follows
/// once the attempt is proven dead.
///
/// `again` says whether a contract operation may still be simulated again.
pub(super) fn verdict(terms: &Terms, outcome: &TransactionOutcome, again: bool) -> Verdict {
    if let Some((index, failure)) = outcome.first_failure() {
        let detail = format!(
            "operation {index} was answered {} by the ledger",
            failure.code
        );
        return match failure.meaning {
            OperationMeaning::Success | OperationMeaning::Permanent => Verdict::Fail(Reason::new(
                failure.code,
                "An operation can never succeed",
                detail,
                false,
            )),
            OperationMeaning::State | OperationMeaning::Market => {
                let reason = Reason::new(
                    failure.code,
                    "An account is not in the state that is needed",
                    detail,
                    true,
                );
                match terms.on_state_error {
                    OnStateError::Fail => Verdict::Fail(reason),
                    OnStateError::Park => Verdict::Park(reason),
                }
            }
            OperationMeaning::Contract if again => Verdict::Rebuild,
            OperationMeaning::Contract => Verdict::Fail(Reason::new(
                failure.code,
                "The contract call failed",
                detail,
                true,
            )),
        };
    }
    let code = transaction_code_name(outcome.effective());
    let detail = format!("the transaction was answered {code}");
    match outcome.meaning() {
        TransactionMeaning::BadAuth => Verdict::Park(Reason::new(
            code,
            "Signatures do not suffice",
            format!("{detail}: check the signers and thresholds of source and channel, then retry"),
            false,
        )),
        TransactionMeaning::FeeAccountShort => {
            Verdict::Park(Reason::new(code, "The fee cannot be paid", detail, true))
        }
        TransactionMeaning::Frozen => {
            Verdict::Park(Reason::new(code, "A ledger entry is frozen", detail, false))
        }
        TransactionMeaning::Unrecognised => Verdict::Park(Reason::new(
            code,
            "The network answered with a result that this version does not know",
            "the result code is not known here; nothing more is sent until a person looks at it",
            false,
        )),
        TransactionMeaning::Early
        | TransactionMeaning::Late
        | TransactionMeaning::BadSequence
        | TransactionMeaning::NoAccount
        | TransactionMeaning::FeeTooLow => Verdict::Rebuild,
        TransactionMeaning::SorobanInvalid if again => Verdict::Rebuild,
        TransactionMeaning::Success
        | TransactionMeaning::Failed
        | TransactionMeaning::Invalid
        | TransactionMeaning::SorobanInvalid => Verdict::Fail(Reason::new(
            code,
            "The transaction can never succeed",
            detail,
            false,
        )),
    }
}

/// What a proof of death changes.
pub(super) fn dead(
    snapshot: &Snapshot,
    proof: DeathProof,
    sequence: Option<Sequence>,
    head: Head,
) -> Transition {
    let terms = &snapshot.terms;
    let intent = if terms.cancel_requested {
        IntentEnd::Canceled
    } else if is_expired(terms, head) {
        IntentEnd::Expired
    } else {
        let verdict = snapshot.progress.verdict.clone();
        follow(snapshot, verdict.unwrap_or(Verdict::Rebuild), head)
    };
    let lost = matches!(proof, DeathProof::AccountMissing { .. });
    Transition::Settled(Box::new(Settlement {
        attempt: AttemptEnd::Dead(proof),
        intent,
        channel_sequence: sequence,
        adopted: None,
        channel_lost: lost,
    }))
}
