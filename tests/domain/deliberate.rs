//! The mistakes that are made on purpose: each concludes a death, from exactly the observation that it is named for.

use stellar_submitter::defect::{Defect, make};
use stellar_submitter::domain::attempt::Head;
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer, UnknownKind};
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence};
use stellar_submitter::domain::result_code::{TransactionCode, TransactionOutcome};
use stellar_submitter::domain::transition::{
    AttemptEnd, DeathProof, IntentEnd, Observed, Settlement, Transition,
};
use stellar_xdr::TransactionResultCode as Code;

use crate::fixture::{
    EVERY_UNKNOWN, SEQUENCE, SIGNED_AT, attempt, every_code, head, outcome, recovered, refused,
    take, unknown,
};

/// While it lives, this thread makes the mistake.
struct Making;

impl Making {
    fn of(defect: Option<Defect>) -> Self {
        make(defect);
        Self
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        make(None);
    }
}

/// Everything that proves nothing, and the mistake that takes it for a death.
fn what_proves_nothing() -> Vec<(Observed, Option<Defect>)> {
    let answered = Observed::Answered;
    let mut all = vec![
        (answered(SubmitAnswer::Queued { duplicate: false }), None),
        (answered(SubmitAnswer::TryAgainLater), None),
        (answered(SubmitAnswer::Malformed("odd".to_owned())), None),
        (
            Observed::LookedUp(LookUp::Absent),
            Some(Defect::TrustNotFound),
        ),
    ];
    for kind in EVERY_UNKNOWN {
        let ambiguous = matches!(
            kind,
            UnknownKind::Timeout | UnknownKind::Deadline | UnknownKind::Cut
        );
        let by = ambiguous.then_some(Defect::RebuildOnTimeout);
        all.push((answered(SubmitAnswer::Unknown(unknown(kind))), by));
        all.push((Observed::LookedUp(LookUp::Unknown(unknown(kind))), None));
    }
    for code in every_code() {
        let by = (code == Code::TxBadSeq).then_some(Defect::BadSequenceIsDeath);
        all.push((refused(code), by));
        // Inside a fee bump it says the same.
        let inner = TransactionOutcome {
            inner: Some(TransactionCode::Known(code)),
            ..outcome(Code::TxFeeBumpInnerFailed)
        };
        all.push((answered(SubmitAnswer::Refused(inner)), by));
    }
    all
}

#[test]
fn each_mistake_ends_an_attempt_at_what_it_is_named_for_and_at_nothing_else() {
    let made = [
        None,
        Some(Defect::RebuildOnTimeout),
        Some(Defect::BadSequenceIsDeath),
        Some(Defect::TrustNotFound),
    ];
    let now = head(SIGNED_AT + 3);
    for defect in made {
        let _making = Making::of(defect);
        let mut ended = 0;
        for (observed, by) in what_proves_nothing() {
            let told = format!("{defect:?}: {observed:?}");
            let transition = take(&mut recovered(), observed, now);
            if by.is_none() || by != defect {
                assert_eq!(transition, Transition::Learned, "{told}");
                continue;
            }
            // It claims what a real proof would show: the number before its own, which is one less.
            let expected = Settlement {
                attempt: AttemptEnd::Dead(DeathProof::Fence {
                    as_of: now.ledger,
                    sequence: Sequence(SEQUENCE - 1),
                    closed_at: None,
                }),
                intent: IntentEnd::Requeued,
                channel_sequence: None,
                adopted: None,
                channel_lost: false,
            };
            assert_eq!(
                transition,
                Transition::Settled(Box::new(expected)),
                "{told}"
            );
            ended += 1;
        }
        let expected = match defect {
            None => 0,
            Some(Defect::RebuildOnTimeout) => 3,
            Some(Defect::BadSequenceIsDeath) => 2,
            Some(_) => 1,
        };
        assert_eq!(ended, expected, "{defect:?}");
    }
}

#[test]
fn without_a_fence_an_attempt_is_given_up_two_ledgers_after_it_was_signed() {
    let attempt = attempt();
    let far = Head {
        ledger: LedgerSeq(SIGNED_AT + 9),
        closed_at: ChainTime(0),
    };
    for (ledger, given_up) in [(0, false), (1, false), (2, true), (3, true)] {
        let as_of = LedgerSeq(SIGNED_AT + ledger);
        {
            let _making = Making::of(Some(Defect::NoFence));
            assert_eq!(attempt.is_overdue(head(as_of.0)), given_up, "{ledger}");
            assert_eq!(attempt.fence_passed(as_of, far), given_up, "{ledger}");
        }
        // With its fence it lives on.
        assert!(!attempt.is_overdue(head(as_of.0)), "{ledger}");
        assert!(!attempt.fence_passed(as_of, far), "{ledger}");
    }
}

#[test]
fn the_wall_clock_is_asked_by_the_one_mistake_that_trusts_it() {
    let now = head(SIGNED_AT);
    stellar_submitter::defect::set_wall(
        time::OffsetDateTime::from_unix_timestamp(77).expect("a time"),
    );
    for (defect, closed_at) in [
        (None, now.closed_at),
        (Some(Defect::NoFence), now.closed_at),
        (Some(Defect::TrustWallClock), ChainTime(77)),
    ] {
        let _making = Making::of(defect);
        let expected = Head { closed_at, ..now };
        assert_eq!(now.by_the_wall_clock(), expected, "{defect:?}");
    }
}
