//! Proof by the channel's state and history: who used the sequence number, or that nobody can any more.

use stellar_submitter::domain::attempt::Snapshot;
use stellar_submitter::domain::decide::{Action, next};
use stellar_submitter::domain::observation::{Landed, LookUp, SubmitAnswer, UnknownKind};
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::transition::{
    AttemptEnd, DeathProof, Evidence, Impossible, IntentEnd, Observed, Transition,
};
use stellar_xdr::TransactionResultCode as Code;

use crate::fixture::{
    INNER, MAX_LEDGER, SEQUENCE, SIGNED_AT, earlier_life, end_of, found, head, landed, presigned,
    proof, recovered, refused, seen, settle, stranger, take, try_take, unknown, used,
};

const STRANGE: TxHash = TxHash([0x44; 32]);

#[test]
fn a_strangers_transaction_with_our_number_is_death_at_once() {
    let mut snapshot = recovered();
    let evidence = proof(used(SIGNED_AT + 3, STRANGE, None));
    let settlement = settle(&mut snapshot, evidence, head(SIGNED_AT + 3));
    let expected = AttemptEnd::Dead(DeathProof::Foreign {
        hash: STRANGE,
        ledger: LedgerSeq(SIGNED_AT + 2),
    });
    assert_eq!(settlement.attempt, expected);
    assert_eq!(settlement.intent, IntentEnd::Requeued);
    assert_eq!(settlement.channel_sequence, Some(Sequence(SEQUENCE)));
    assert_eq!(settlement.adopted, None);
}

#[test]
fn our_own_payment_of_an_earlier_life_ends_the_intent() {
    let mut snapshot = recovered();
    let own = earlier_life(Code::TxSuccess);
    let evidence = proof(used(SIGNED_AT + 3, own.inner_hash, Some(own.clone())));
    let settlement = settle(&mut snapshot, evidence, head(SIGNED_AT + 3));
    assert_eq!(settlement.intent, IntentEnd::Succeeded);
    assert!(
        matches!(settlement.attempt, AttemptEnd::Dead(DeathProof::Foreign { hash, .. })
        if hash == own.inner_hash)
    );
    assert_eq!(settlement.decided_by(), Some(own.as_ref()));
}

/// How it ends, and what is so before.
type Case = (&'static str, fn(&mut Snapshot));

#[test]
fn our_own_failure_of_an_earlier_life_is_followed_by_what_the_intent_says() {
    let own = earlier_life(Code::TxFailed);
    let cases: [Case; 3] = [
        ("requeued", |_| {}),
        ("canceled", |snapshot| {
            snapshot.terms.cancel_requested = true
        }),
        ("expired", |snapshot| {
            snapshot.terms.valid_until = Some(ChainTime(1));
        }),
    ];
    for (end, prepare) in cases {
        let mut snapshot = recovered();
        prepare(&mut snapshot);
        let evidence = proof(used(SIGNED_AT + 3, own.inner_hash, Some(own.clone())));
        let settlement = settle(&mut snapshot, evidence, head(SIGNED_AT + 3));
        assert_eq!(end_of(&settlement.intent).0, end);
        assert_eq!(settlement.adopted, None);
    }
}

#[test]
fn this_very_attempt_in_the_history_is_no_stranger() {
    // The look-up missed it, and the history that was read a moment later shows it.
    let mut snapshot = recovered();
    let evidence = proof(used(SIGNED_AT + 3, INNER, Some(landed(Code::TxSuccess))));
    let settlement = settle(&mut snapshot, evidence, head(SIGNED_AT + 3));
    assert_eq!(
        settlement.attempt,
        AttemptEnd::Landed(landed(Code::TxSuccess))
    );
    assert_eq!(settlement.intent, IntentEnd::Succeeded);
    assert_eq!(settlement.adopted, None);

    // Its envelope could not be read there: it is asked again, and never called dead.
    let mut snapshot = recovered();
    let head_now = head(MAX_LEDGER + 50);
    let evidence = proof(used(MAX_LEDGER + 50, INNER, None));
    assert_eq!(take(&mut snapshot, evidence, head_now), Transition::Learned);
    assert_eq!(next(&snapshot, head_now), Action::Wait);
    assert_eq!(next(&snapshot, head(MAX_LEDGER + 51)), Action::Prove);
}

#[test]
fn what_is_found_by_hash_settles() {
    for (sequence, as_of) in [
        (Some(SEQUENCE), SIGNED_AT + 3),
        (Some(SEQUENCE - 1), SIGNED_AT),
        (None, SIGNED_AT),
    ] {
        for (code, end) in [(Code::TxSuccess, "succeeded"), (Code::TxBadAuth, "parked")] {
            let mut snapshot = recovered();
            let evidence = proof(found(as_of, sequence, landed(code)));
            let settlement = settle(&mut snapshot, evidence, head(SIGNED_AT + 3));
            assert_eq!(
                end_of(&settlement.intent).0,
                end,
                "{code:?} beside {sequence:?}"
            );
        }
    }
}

#[test]
fn an_unexplained_number_stops_after_twenty_ledgers_and_is_looked_at_for_ever() {
    let mut snapshot = recovered();
    let first = SIGNED_AT + 3;
    for ledger in first..first + 20 {
        let head = head(ledger);
        let transition = take(&mut snapshot, proof(seen(ledger, Some(SEQUENCE))), head);
        assert_eq!(transition, Transition::Learned, "{ledger}");
        assert_eq!(next(&snapshot, head), Action::Wait);
        assert_eq!(
            next(&snapshot, crate::fixture::head(ledger + 1)),
            Action::Prove
        );
    }
    let mut last = first + 20;
    for _ in 0..5 {
        let evidence = proof(seen(last, Some(SEQUENCE + 3)));
        let Transition::Unexplained(reason) = take(&mut snapshot, evidence, head(last)) else {
            panic!("still explained at {last}");
        };
        assert_eq!(reason.code, "sequence_unexplained");
        assert!(!reason.retryable);
        let seen_next = (last..).find(|ledger| next(&snapshot, head(*ledger)) != Action::Wait);
        assert_eq!(seen_next, Some(last + 20), "it is looked at again");
        assert_eq!(next(&snapshot, head(last + 20)), Action::Prove);
        last += 20;
    }
    // And whenever it is explained after all, that counts.
    let own = proof(found(last, Some(SEQUENCE), landed(Code::TxSuccess)));
    let settlement = settle(&mut snapshot, own, head(last));
    assert_eq!(settlement.intent, IntentEnd::Succeeded);
}

#[test]
fn twenty_ledgers_are_counted_by_the_states_that_were_seen() {
    let mut snapshot = recovered();
    take(
        &mut snapshot,
        proof(seen(SIGNED_AT + 3, Some(SEQUENCE))),
        head(SIGNED_AT + 3),
    );
    // A Horizon that stands still shows nothing new, however far the head goes.
    let transition = take(
        &mut snapshot,
        proof(seen(SIGNED_AT + 22, Some(SEQUENCE))),
        head(SIGNED_AT + 500),
    );
    assert_eq!(transition, Transition::Learned);
}

#[test]
fn a_missing_account_is_believed_when_it_is_seen_twice_and_the_hash_is_absent() {
    let first = MAX_LEDGER - 1;
    let mut snapshot = recovered();
    assert_eq!(
        take(&mut snapshot, proof(seen(first, None)), head(first)),
        Transition::Learned
    );
    for ledger in first + 1..first + 10 {
        assert_eq!(next(&snapshot, head(ledger)), Action::Prove);
        let transition = take(&mut snapshot, proof(seen(ledger, None)), head(ledger));
        assert_eq!(transition, Transition::Learned, "{ledger}");
    }
    let second = first + 10;
    assert_eq!(next(&snapshot, head(second)), Action::LookUp);
    // A proof that comes without the look-up does not count.
    let mut hasty = snapshot.clone();
    let transition = take(&mut hasty, proof(seen(second, None)), head(second));
    assert_eq!(transition, Transition::Learned);

    let no_answer = LookUp::Unknown(unknown(UnknownKind::Cut));
    take(&mut snapshot, Observed::LookedUp(no_answer), head(second));
    assert_eq!(
        next(&snapshot, head(second + 1)),
        Action::LookUp,
        "no answer is no absence"
    );
    take(
        &mut snapshot,
        Observed::LookedUp(LookUp::Absent),
        head(second + 1),
    );
    assert_eq!(next(&snapshot, head(second + 1)), Action::Prove);
    // Nor does a second sight by a Horizon that lags: its state is not ten ledgers after the first.
    let mut lagging = snapshot.clone();
    let early = proof(seen(first + 9, None));
    let transition = take(&mut lagging, early, head(second + 1));
    assert_eq!(transition, Transition::Learned);
    let settlement = settle(
        &mut snapshot,
        proof(seen(second + 1, None)),
        head(second + 1),
    );
    let expected = AttemptEnd::Dead(DeathProof::AccountMissing {
        first: LedgerSeq(first),
        second: LedgerSeq(second + 1),
    });
    assert_eq!(settlement.attempt, expected);
    assert_eq!(settlement.intent, IntentEnd::Requeued);
    assert!(settlement.channel_lost);
    assert_eq!(settlement.channel_sequence, None);
}

#[test]
fn an_account_that_was_merged_after_the_landing_does_not_hide_it() {
    let first = MAX_LEDGER - 1;
    let mut snapshot = recovered();
    take(&mut snapshot, proof(seen(first, None)), head(first));
    let second = head(first + 10);
    assert_eq!(next(&snapshot, second), Action::LookUp);
    let found = Observed::LookedUp(LookUp::Landed(landed(Code::TxSuccess)));
    assert_eq!(
        settle(&mut snapshot, found, second).intent,
        IntentEnd::Succeeded
    );
}

#[test]
fn a_missing_account_before_the_fence_does_not_count() {
    let mut snapshot = recovered();
    snapshot.progress.check_account = true;
    let early = proof(seen(MAX_LEDGER - 2, None));
    assert_eq!(
        take(&mut snapshot, early, head(MAX_LEDGER - 2)),
        Transition::Learned
    );
    assert_eq!(snapshot.progress.missing_since, None);
    assert!(!snapshot.progress.check_account);
}

#[test]
fn an_account_that_is_there_again_starts_the_count_anew() {
    let first = MAX_LEDGER - 1;
    let mut snapshot = recovered();
    take(&mut snapshot, proof(seen(first, None)), head(first));
    // A Horizon that rebuilt its state shows it again, older than the fence.
    let older = proof(seen(MAX_LEDGER - 2, Some(SEQUENCE - 1)));
    assert_eq!(
        take(&mut snapshot, older, head(first + 1)),
        Transition::Learned
    );
    assert_eq!(snapshot.progress.missing_since, None);
    let again = proof(seen(first + 12, None));
    assert_eq!(
        take(&mut snapshot, again, head(first + 12)),
        Transition::Learned
    );
    assert_eq!(snapshot.progress.missing_since, Some(LedgerSeq(first + 12)));
}

#[test]
fn a_bad_sequence_number_never_leads_to_a_rebuild_without_proof() {
    for sent_by_bump in [false, true] {
        let mut snapshot = recovered();
        if sent_by_bump {
            snapshot = presigned();
            snapshot.progress.maybe_sent = true;
        }
        for ledger in SIGNED_AT..MAX_LEDGER - 1 {
            let head = head(ledger);
            assert_eq!(
                take(&mut snapshot, refused(Code::TxBadSeq), head),
                Transition::Learned
            );
            assert_eq!(next(&snapshot, head), Action::Prove, "the account is asked");
            let alive = proof(seen(ledger, Some(SEQUENCE - 1)));
            assert_eq!(take(&mut snapshot, alive, head), Transition::Learned);
            let later = crate::fixture::head(ledger + 1);
            if ledger + 2 < MAX_LEDGER {
                assert_eq!(next(&snapshot, later), Action::LookUp, "then the hash");
            }
        }
    }
}

#[test]
fn another_accounts_state_says_nothing() {
    let mut snapshot = recovered();
    let before = snapshot.clone();
    let mut evidence = seen(MAX_LEDGER, Some(SEQUENCE - 1));
    evidence.snapshot.account = stranger();
    let error = try_take(&mut snapshot, proof(evidence), head(MAX_LEDGER));
    assert!(
        matches!(error, Err(Impossible::OtherAccount { answered, .. }) if answered == stranger())
    );
    assert_eq!(snapshot, before);
}

#[test]
fn a_record_that_cannot_be_this_attempts_says_nothing() {
    let change: [fn(&mut Landed); 3] = [
        |landed| landed.inner_hash = STRANGE,
        |landed| landed.sequence = Sequence(SEQUENCE + 1),
        |landed| landed.source_account = stranger(),
    ];
    for change in change {
        let mut wrong = landed(Code::TxSuccess);
        change(&mut wrong);
        let observed = [
            Observed::LookedUp(LookUp::Landed(wrong.clone())),
            Observed::InLedger(wrong.clone()),
            Observed::Answered(SubmitAnswer::Landed(wrong.clone())),
            proof(found(MAX_LEDGER, Some(SEQUENCE), wrong.clone())),
        ];
        for observed in observed {
            let mut snapshot = recovered();
            let before = snapshot.clone();
            assert!(try_take(&mut snapshot, observed, head(MAX_LEDGER)).is_err());
            assert_eq!(snapshot, before);
        }
    }
}

#[test]
fn a_number_that_was_jumped_over_is_death_whatever_the_account_says_it_has_used() {
    let jumped = |as_of| Evidence {
        skipped: true,
        ..seen(as_of, Some(SEQUENCE + 100))
    };
    let mut snapshot = recovered();
    let settlement = settle(
        &mut snapshot,
        proof(jumped(SIGNED_AT + 3)),
        head(SIGNED_AT + 3),
    );
    let expected = AttemptEnd::Dead(DeathProof::Skipped {
        as_of: LedgerSeq(SIGNED_AT + 3),
        sequence: Sequence(SEQUENCE + 100),
    });
    assert_eq!(settlement.attempt, expected);
    assert_eq!(settlement.intent, IntentEnd::Requeued);
    assert_eq!(settlement.channel_sequence, Some(Sequence(SEQUENCE + 100)));
    assert!(!settlement.channel_lost);
    // Where the account has not even come to the number, it says nothing: it may still land.
    let mut snapshot = recovered();
    let early = Evidence {
        skipped: true,
        ..seen(SIGNED_AT + 3, Some(SEQUENCE - 1))
    };
    let transition = take(&mut snapshot, proof(early), head(SIGNED_AT + 3));
    assert!(matches!(transition, Transition::Learned), "{transition:?}");
    // Nor what is far ahead of the ledgers that were followed.
    let mut snapshot = recovered();
    let transition = take(
        &mut snapshot,
        proof(jumped(SIGNED_AT + 40)),
        head(SIGNED_AT + 3),
    );
    assert!(matches!(transition, Transition::Learned), "{transition:?}");
}

#[test]
fn the_ledger_of_the_newest_number_is_known_only_where_the_account_has_one() {
    let mut state = seen(SIGNED_AT, Some(SEQUENCE)).snapshot.state.expect("one");
    // An account that has consumed nothing since protocol 19 says ledger 0, or none.
    for (said, known) in [
        (None, None),
        (Some(0), None),
        (Some(1), Some(1)),
        (Some(2), Some(2)),
    ] {
        state.sequence_ledger = said.map(LedgerSeq);
        assert_eq!(state.used_in(), known.map(LedgerSeq), "{said:?}");
    }
}
