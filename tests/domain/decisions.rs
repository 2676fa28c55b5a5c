//! What is done next, in each situation.

use stellar_submitter::domain::attempt::{Bump, Verdict};
use stellar_submitter::domain::decide::{Action, next};
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer, UnknownKind};
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, TxHash};
use stellar_submitter::domain::transition::{Observed, Transition, sent};

use crate::fixture::{
    MAX_LEDGER, PACE, SIGNED_AT, fresh, head, outcome, presigned, recovered, stroops, take, unknown,
};

fn absent() -> Observed {
    Observed::LookedUp(LookUp::Absent)
}

#[test]
fn what_was_never_sent_is_sent_at_once() {
    assert_eq!(next(&fresh(), head(SIGNED_AT)), Action::Submit);
}

#[test]
fn what_may_have_been_sent_is_looked_up_first() {
    let mut snapshot = recovered();
    assert_eq!(next(&snapshot, head(SIGNED_AT)), Action::LookUp);
    take(&mut snapshot, absent(), head(SIGNED_AT));
    assert_eq!(next(&snapshot, head(SIGNED_AT)), Action::Submit);
}

#[test]
fn the_same_bytes_wait_and_are_looked_up_before_they_are_sent_again() {
    let mut snapshot = fresh();
    sent(&mut snapshot, head(SIGNED_AT), PACE);
    let queued = Observed::Answered(SubmitAnswer::Queued { duplicate: false });
    take(&mut snapshot, queued, head(SIGNED_AT));
    for ledger in SIGNED_AT..SIGNED_AT + 3 {
        assert_eq!(next(&snapshot, head(ledger)), Action::Wait);
        // An absence from before that time is no reason to send.
        take(&mut snapshot, absent(), head(ledger));
    }
    let due = head(SIGNED_AT + 3);
    assert_eq!(next(&snapshot, due), Action::LookUp);
    take(&mut snapshot, absent(), due);
    assert_eq!(next(&snapshot, due), Action::Submit);
    sent(&mut snapshot, due, PACE);
    assert_eq!(
        next(&snapshot, head(SIGNED_AT + 6)),
        Action::LookUp,
        "and so each time"
    );
}

#[test]
fn an_absence_does_not_last() {
    let mut snapshot = recovered();
    take(&mut snapshot, absent(), head(SIGNED_AT));
    assert_eq!(next(&snapshot, head(SIGNED_AT + 1)), Action::Submit);
    assert_eq!(
        next(&snapshot, head(SIGNED_AT + 2)),
        Action::LookUp,
        "too old"
    );
    let silent = Observed::LookedUp(LookUp::Unknown(unknown(UnknownKind::Cut)));
    take(&mut snapshot, silent, head(SIGNED_AT));
    assert_eq!(next(&snapshot, head(SIGNED_AT)), Action::Wait);
    assert_eq!(
        next(&snapshot, head(SIGNED_AT + 1)),
        Action::LookUp,
        "the newest word is no word"
    );
}

#[test]
fn behind_the_fence_nothing_is_sent_and_the_proof_is_gathered() {
    for snapshot in [fresh(), recovered(), presigned()] {
        let mut canceled = snapshot.clone();
        canceled.terms.cancel_requested = true;
        let mut judged = snapshot.clone();
        judged.progress.verdict = Some(Verdict::Rebuild);
        for snapshot in [snapshot, canceled, judged] {
            assert_ne!(next(&snapshot, head(MAX_LEDGER - 2)), Action::Prove);
            assert_eq!(next(&snapshot, head(MAX_LEDGER - 1)), Action::Prove);
            assert_eq!(next(&snapshot, head(MAX_LEDGER)), Action::Prove);
        }
    }
}

#[test]
fn nothing_is_sent_before_its_time() {
    let mut snapshot = fresh();
    snapshot.attempt.plan.min_time = ChainTime(head(SIGNED_AT + 2).closed_at.0);
    assert_eq!(next(&snapshot, head(SIGNED_AT)), Action::Wait);
    assert_eq!(next(&snapshot, head(SIGNED_AT + 1)), Action::Wait);
    assert_eq!(next(&snapshot, head(SIGNED_AT + 2)), Action::Submit);
    snapshot.progress.maybe_sent = true;
    assert_eq!(next(&snapshot, head(SIGNED_AT + 1)), Action::Wait);
    assert_eq!(next(&snapshot, head(SIGNED_AT + 2)), Action::LookUp);
}

#[test]
fn what_is_idle_does_nothing_whatever_is_due() {
    let mut snapshot = recovered();
    snapshot.progress.idle_until = LedgerSeq(MAX_LEDGER + 5);
    snapshot.progress.check_account = true;
    assert_eq!(next(&snapshot, head(MAX_LEDGER + 4)), Action::Wait);
    assert_eq!(next(&snapshot, head(MAX_LEDGER + 5)), Action::Prove);
}

#[test]
fn what_nobody_wants_any_more_is_looked_up_once_and_never_sent() {
    let mut canceled = recovered();
    canceled.terms.cancel_requested = true;
    let mut judged = recovered();
    judged.progress.verdict = Some(Verdict::Rebuild);
    for mut snapshot in [canceled, judged] {
        assert_eq!(next(&snapshot, head(SIGNED_AT)), Action::LookUp);
        take(&mut snapshot, absent(), head(SIGNED_AT));
        for ledger in SIGNED_AT..MAX_LEDGER - 1 {
            assert_eq!(next(&snapshot, head(ledger)), Action::Wait);
        }
    }
    let mut never_sent = fresh();
    never_sent.terms.cancel_requested = true;
    assert_eq!(next(&never_sent, head(SIGNED_AT)), Action::Wait);
}

#[test]
fn a_bid_that_proved_too_low_is_raised_by_a_fee_bump() {
    let mut snapshot = fresh();
    sent(&mut snapshot, head(SIGNED_AT), PACE);
    let mut low = outcome(stellar_xdr::TransactionResultCode::TxInsufficientFee);
    low.fee_charged = 151;
    let refused = Observed::Answered(SubmitAnswer::Refused(low.clone()));
    take(&mut snapshot, refused.clone(), head(SIGNED_AT));
    assert_eq!(
        next(&snapshot, head(SIGNED_AT)),
        Action::LookUp,
        "at once, but looked up"
    );
    take(&mut snapshot, absent(), head(SIGNED_AT));
    assert_eq!(next(&snapshot, head(SIGNED_AT)), Action::Bump(stroops(400)));

    // At the cap the same bytes wait two ledgers.
    let mut at_cap = snapshot.clone();
    at_cap.attempt.bumps.push(Bump {
        hash: TxHash([1; 32]),
        fee: stroops(20_000),
    });
    sent(&mut at_cap, head(SIGNED_AT), PACE);
    take(&mut at_cap, refused, head(SIGNED_AT));
    assert_eq!(next(&at_cap, head(SIGNED_AT + 1)), Action::Wait);
    assert_eq!(next(&at_cap, head(SIGNED_AT + 2)), Action::LookUp);
    take(&mut at_cap, absent(), head(SIGNED_AT + 2));
    assert_eq!(next(&at_cap, head(SIGNED_AT + 2)), Action::Submit);
}

#[test]
fn what_ages_out_of_the_queue_is_bumped_after_two_sends_and_five_ledgers() {
    let again = || Observed::Answered(SubmitAnswer::TryAgainLater);
    let mut snapshot = fresh();
    sent(&mut snapshot, head(SIGNED_AT), PACE);
    take(&mut snapshot, again(), head(SIGNED_AT + 5));
    assert_eq!(snapshot.progress.fee_too_low, None, "sent once");
    let mut early = snapshot.clone();
    sent(&mut early, head(SIGNED_AT + 4), PACE);
    take(&mut early, again(), head(SIGNED_AT + 4));
    assert_eq!(early.progress.fee_too_low, None, "too young");
    sent(&mut snapshot, head(SIGNED_AT + 5), PACE);
    take(&mut snapshot, again(), head(SIGNED_AT + 5));
    take(&mut snapshot, absent(), head(SIGNED_AT + 7));
    assert_eq!(
        next(&snapshot, head(SIGNED_AT + 7)),
        Action::Bump(stroops(400))
    );
}

#[test]
fn where_somebody_else_pays_the_first_envelope_is_a_fee_bump() {
    let mut snapshot = presigned();
    snapshot.attempt.bumps.clear();
    snapshot.attempt.operations = 3;
    snapshot.attempt.plain_fee = stroops(302);
    assert_eq!(
        next(&snapshot, head(SIGNED_AT)),
        Action::Bump(stroops(101 * 4))
    );
    snapshot.progress.maybe_sent = true;
    assert_eq!(
        next(&snapshot, head(SIGNED_AT)),
        Action::LookUp,
        "a crash may hide a send"
    );
    snapshot.attempt.bumps.push(Bump {
        hash: TxHash([1; 32]),
        fee: stroops(404),
    });
    take(&mut snapshot, absent(), head(SIGNED_AT));
    assert_eq!(next(&snapshot, head(SIGNED_AT)), Action::Submit);
}

#[test]
fn asking_twice_changes_nothing() {
    let mut snapshot = recovered();
    for ledger in SIGNED_AT..MAX_LEDGER + 3 {
        let before = snapshot.clone();
        assert_eq!(next(&snapshot, head(ledger)), next(&snapshot, head(ledger)));
        assert_eq!(snapshot, before);
        assert_eq!(
            take(&mut snapshot, absent(), head(ledger)),
            Transition::Learned
        );
    }
}
