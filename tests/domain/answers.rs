//! What the answer to a POST changes: never anything on record but a landing.

use stellar_submitter::domain::attempt::Snapshot;
use stellar_submitter::domain::decide::Action;
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer};
use stellar_submitter::domain::result_code::{
    TransactionCode, TransactionOutcome, operation_outcome,
};
use stellar_submitter::domain::transition::{Observed, Transition, sent};
use stellar_xdr::TransactionResultCode as Code;

use crate::codes::every_operation_result;
use crate::drive::{Drive, Step};
use crate::fixture::{
    EVERY_UNKNOWN, MAX_LEDGER, PACE, SEQUENCE, SIGNED_AT, end_of, every_code, fresh, head,
    operation_failed, outcome, presigned, proof, seen, take, unknown,
};

/// Sends once, takes the answer in, and goes on with a network that answers truly: it never landed. Returns how often it
/// was sent again, and how it ended.
fn after(snapshot: Snapshot, answer: &SubmitAnswer) -> (usize, (&'static str, String)) {
    let mut drive = Drive::new(snapshot);
    let mut answers = vec![answer.clone()];
    for ledger in SIGNED_AT..MAX_LEDGER + 2 {
        let done = drive.ledger(head(ledger), |action, _| match action {
            Action::Submit | Action::Bump(_) => {
                let queued = SubmitAnswer::Queued { duplicate: true };
                Observed::Answered(answers.pop().unwrap_or(queued))
            }
            Action::LookUp => Observed::LookedUp(LookUp::Absent),
            Action::Prove => proof(seen(ledger, Some(SEQUENCE - 1))),
            Action::Wait => panic!("waiting asks nothing"),
        });
        if done {
            assert!(ledger >= MAX_LEDGER - 1, "it ended before the fence");
        }
        if let Some(settlement) = &drive.settlement {
            return (drive.sends.len() - 1, end_of(&settlement.intent));
        }
    }
    panic!("no end: {drive:?}");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// The same inner transaction goes on being sent; if it never lands, another is built.
    SendsAgain,
    /// Nothing more is sent; once it is dead, another is built.
    Rebuilds,
    /// Nothing more is sent; once it is dead, it has failed for this reason.
    Fails,
    /// Nothing more is sent; once it is dead, it waits for a person or a changed state.
    Parks,
}

/// The table of `result codes`: what follows where the code is the answer to a POST.
const fn then(code: Code) -> Then {
    match code {
        Code::TxTooEarly
        | Code::TxBadMinSeqAgeOrGap
        | Code::TxBadSeq
        | Code::TxNoAccount
        | Code::TxInsufficientBalance
        | Code::TxInsufficientFee
        // Refused with a success: it makes no sense, so it is unknown.
        | Code::TxSuccess
        | Code::TxFeeBumpInnerSuccess => Then::SendsAgain,
        Code::TxTooLate => Then::Rebuilds,
        Code::TxFailed
        | Code::TxFeeBumpInnerFailed
        | Code::TxMissingOperation
        | Code::TxMalformed
        | Code::TxNotSupported
        | Code::TxBadSponsorship
        | Code::TxInternalError
        | Code::TxSorobanInvalid => Then::Fails,
        Code::TxBadAuth | Code::TxBadAuthExtra | Code::TxFrozenKeyAccessed => Then::Parks,
    }
}

fn expect(result: (usize, (&'static str, String)), then: Then, code: &str, what: &str) {
    let (again, (end, reason)) = result;
    let expected_end = match then {
        Then::SendsAgain | Then::Rebuilds => "requeued",
        Then::Fails => "failed",
        Then::Parks => "parked",
    };
    assert_eq!(end, expected_end, "{what}");
    assert_eq!(
        again > 0,
        then == Then::SendsAgain,
        "{what}: sent {again} times more"
    );
    if matches!(then, Then::Fails | Then::Parks) {
        assert_eq!(reason, code, "{what}");
    }
}

#[test]
fn each_code_in_an_answer_is_followed_by_what_the_table_says() {
    for code in every_code() {
        let refused = outcome(code);
        let name = refused.code_name();
        let plain = after(fresh(), &SubmitAnswer::Refused(refused.clone()));
        expect(plain, then(code), name, name);
        let inner = TransactionOutcome {
            code: TransactionCode::Known(Code::TxFeeBumpInnerFailed),
            inner: Some(TransactionCode::Known(code)),
            ..refused
        };
        let bumped = after(fresh(), &SubmitAnswer::Refused(inner));
        expect(bumped, then(code), name, &format!("inner {name}"));
    }
    let unrecognised = SubmitAnswer::Refused(TransactionOutcome::unrecognised());
    expect(
        after(fresh(), &unrecognised),
        Then::Parks,
        "tx_unrecognised",
        "unrecognised",
    );
    let malformed = SubmitAnswer::Malformed("cut".to_owned());
    expect(
        after(fresh(), &malformed),
        Then::Fails,
        "transaction_malformed",
        "malformed",
    );
}

#[test]
fn each_operation_code_in_an_answer_ends_nothing_before_the_proof() {
    for result in every_operation_result() {
        let operation = operation_outcome(&result);
        let refused = SubmitAnswer::Refused(operation_failed(operation));
        let name = if operation.code == "op_success" {
            "tx_failed"
        } else {
            operation.code
        };
        expect(after(fresh(), &refused), Then::Fails, name, operation.code);
    }
}

#[test]
fn no_answer_is_unknown_whatever_its_kind() {
    for kind in EVERY_UNKNOWN {
        let answer = SubmitAnswer::Unknown(unknown(kind));
        expect(
            after(fresh(), &answer),
            Then::SendsAgain,
            "",
            &format!("{kind:?}"),
        );
        let mut snapshot = fresh();
        sent(&mut snapshot, head(SIGNED_AT), PACE);
        let transition = take(&mut snapshot, Observed::Answered(answer), head(SIGNED_AT));
        assert_eq!(transition, Transition::Learned);
        assert!(
            snapshot.progress.resend_at > head(SIGNED_AT).ledger,
            "{kind:?} is not sent again at once"
        );
        assert_eq!(snapshot.progress.verdict, None);
    }
}

#[test]
fn a_place_in_the_queue_is_no_end() {
    for answer in [
        SubmitAnswer::Queued { duplicate: false },
        SubmitAnswer::Queued { duplicate: true },
        SubmitAnswer::TryAgainLater,
    ] {
        expect(
            after(fresh(), &answer),
            Then::SendsAgain,
            "",
            &format!("{answer:?}"),
        );
    }
}

#[test]
fn a_fee_account_that_does_not_exist_is_not_the_channels_trouble() {
    let mut snapshot = presigned();
    sent(&mut snapshot, head(SIGNED_AT), PACE);
    let answer = Observed::Answered(SubmitAnswer::Refused(outcome(Code::TxNoAccount)));
    take(&mut snapshot, answer, head(SIGNED_AT));
    assert!(!snapshot.progress.check_account, "the fee account's");
    let inner = TransactionOutcome {
        code: TransactionCode::Known(Code::TxFeeBumpInnerFailed),
        inner: Some(TransactionCode::Known(Code::TxNoAccount)),
        ..outcome(Code::TxNoAccount)
    };
    take(
        &mut snapshot,
        Observed::Answered(SubmitAnswer::Refused(inner)),
        head(SIGNED_AT),
    );
    assert!(snapshot.progress.check_account, "the channel's");
}

#[test]
fn a_short_fee_account_gets_time_for_a_top_up() {
    let mut snapshot = fresh();
    sent(&mut snapshot, head(SIGNED_AT), PACE);
    let short = Observed::Answered(SubmitAnswer::Refused(outcome(Code::TxInsufficientBalance)));
    take(&mut snapshot, short, head(SIGNED_AT));
    assert_eq!(snapshot.progress.resend_at, head(SIGNED_AT + 5).ledger);
    assert_eq!(snapshot.progress.verdict, None, "the same bytes later");
}

#[test]
fn every_send_but_the_first_follows_a_look_up() {
    let mut drive = Drive::new(fresh());
    for ledger in SIGNED_AT..MAX_LEDGER - 1 {
        drive.ledger(head(ledger), |action, _| match action {
            Action::LookUp => Observed::LookedUp(LookUp::Absent),
            _ => Observed::Answered(SubmitAnswer::TryAgainLater),
        });
    }
    assert!(drive.sends.len() >= 4, "{:?}", drive.sends);
    let sends: Vec<usize> = (0..drive.steps.len())
        .filter(|at| drive.steps[*at] == Step::Sent)
        .collect();
    assert_eq!(sends[0], 0);
    for at in &sends[1..] {
        assert_eq!(drive.steps[at - 1], Step::Absent);
    }
}

#[test]
fn a_hint_is_a_fee_and_nothing_else() {
    for (charged, hint) in [(0, None), (-1, None), (1, Some(1)), (400, Some(400))] {
        let mut snapshot = fresh();
        sent(&mut snapshot, head(SIGNED_AT), PACE);
        let answer = TransactionOutcome {
            fee_charged: charged,
            ..outcome(Code::TxInsufficientFee)
        };
        let answer = Observed::Answered(SubmitAnswer::Refused(answer));
        take(&mut snapshot, answer, head(SIGNED_AT));
        assert_eq!(snapshot.progress.fee_too_low, Some(hint), "{charged}");
    }
}

#[test]
fn only_a_fee_bumps_own_missing_account_is_the_fee_accounts() {
    let inner = Some(TransactionCode::Known(Code::TxNoAccount));
    for (bumped, inner, disputes) in [
        (false, None, true),
        (true, None, false),
        (true, inner, true),
        (false, inner, true),
    ] {
        let mut snapshot = if bumped { presigned() } else { fresh() };
        sent(&mut snapshot, head(SIGNED_AT), PACE);
        let answer = TransactionOutcome {
            inner,
            ..outcome(Code::TxNoAccount)
        };
        let answer = Observed::Answered(SubmitAnswer::Refused(answer));
        take(&mut snapshot, answer, head(SIGNED_AT));
        assert_eq!(
            snapshot.progress.check_account, disputes,
            "{bumped} {inner:?}"
        );
    }
}
