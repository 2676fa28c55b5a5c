//! What a receipt's verdict rests on: all attempts, each once, and at most one that landed.

use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::domain::receipt::{LandedReceipt, Receipt, Standing};

use crate::fixture::stranger;
use crate::receipt_lies::each_is_wrong;
use crate::receipts::{
    LANDED_IN, dead, doubts, kill, landed, landed_later, record, said, second, wrong,
};

const ONCE: &str = "at most once";
const STATUS: &str = "status";

fn decided(receipt: &mut Receipt) -> &mut LandedReceipt {
    receipt.transaction.as_mut().expect("a transaction")
}

#[test]
fn the_deciding_transaction_is_as_its_attempt_has_it() {
    each_is_wrong(
        &landed_later(),
        &[
            (&[STATUS], |it| decided(it).ledger = LANDED_IN - 1),
            (&[STATUS], |it| decided(it).successful = false),
            (&[STATUS], |it| {
                decided(it).fee_bump_hash = Some(TxHash([1; 32]))
            }),
            (&[STATUS], |it| decided(it).fee_charged = "99".to_owned()),
            (&[STATUS], |it| decided(it).channel = stranger()),
            (&[STATUS], |it| decided(it).sequence = "5".to_owned()),
            (&[STATUS], |it| {
                decided(it).closed_at = Some("2029-12-31T23:58:59Z".to_owned());
            }),
            (&[STATUS], |it| {
                decided(it).code = Some("tx_failed".to_owned())
            }),
            (&[STATUS], |it| it.transaction = None),
            // The first attempt is dead: nothing succeeded by it.
            (&[STATUS], |it| {
                let first = it.attempts[0].clone();
                it.transaction = Some(record(&first, true));
            }),
        ],
    );
}

#[test]
fn attempts_are_all_there_and_none_is_told_twice() {
    each_is_wrong(
        &landed_later(),
        &[
            (&[ONCE], |it| it.attempts.swap(0, 1)),
            (&[ONCE], |it| drop(it.attempts.remove(0))),
            (&[ONCE], |it| it.attempts[1].number = 3),
            (&[ONCE], |it| it.attempts[1].number = 1),
            (&[ONCE], |it| {
                it.attempts[0] = it.attempts[1].clone();
                it.attempts[0].number = 1;
            }),
            (&[ONCE], |it| {
                it.attempts[0] = landed().attempts.swap_remove(0)
            }),
        ],
    );
    let mut again = dead();
    again.attempts.push(again.attempts[0].clone());
    again.attempts[1].number = 2;
    assert_eq!(wrong(&again), [ONCE]);
    let detail = said(&again, ONCE);
    assert!(detail.contains("two attempts are one"), "{detail}");
    let mut missing = landed_later();
    missing.attempts.remove(0);
    let detail = said(&missing, ONCE);
    assert!(detail.contains("attempt 1 is missing"), "{detail}");
    let mut paid_twice = landed_later();
    paid_twice.attempts[0] = landed().attempts.swap_remove(0);
    let detail = said(&paid_twice, ONCE);
    assert!(detail.starts_with("2 of its transactions"), "{detail}");
}

#[test]
fn a_status_must_follow_from_what_landed() {
    for status in ["failed", "expired", "canceled"] {
        let mut receipt = dead();
        receipt.status = status.to_owned();
        assert_eq!(doubts(&receipt), []);
        let mut receipt = landed();
        receipt.status = status.to_owned();
        assert_eq!(wrong(&receipt), [STATUS]);
        // Nor where the success is left out as what decided it, or is told of without an attempt that landed.
        receipt.transaction = None;
        assert_eq!(wrong(&receipt), [STATUS]);
        let mut receipt = dead();
        receipt.status = status.to_owned();
        receipt.transaction = landed().transaction;
        assert_eq!(wrong(&receipt), [STATUS]);
    }
    for status in ["queued", "in_flight", "parked", "Succeeded", ""] {
        for mut receipt in [dead(), landed()] {
            receipt.status = status.to_owned();
            assert_eq!(wrong(&receipt), [STATUS], "{status:?}");
        }
    }
    let mut nothing = dead();
    nothing.status = "succeeded".to_owned();
    assert_eq!(wrong(&nothing), [STATUS]);
    nothing.transaction = landed().transaction;
    assert_eq!(wrong(&nothing), [STATUS]);
    let detail = said(&nothing, STATUS);
    assert!(detail.contains("is not its call"), "{detail}");
}

#[test]
fn a_success_of_no_attempt_counts_beside_those_of_attempts() {
    let mut receipt = landed();
    receipt.transaction = second().landed;
    let expected = [
        (ONCE.to_owned(), Standing::Wrong),
        (
            "transaction of an earlier life".to_owned(),
            Standing::Unproven,
        ),
    ];
    assert_eq!(doubts(&receipt), expected);
    // A failure does not.
    let mut receipt = landed_later();
    receipt.attempts.pop();
    receipt.status = "failed".to_owned();
    receipt.transaction = Some(record(&second(), false));
    assert_eq!(
        doubts(&receipt),
        [(expected[1].0.clone(), Standing::Unproven)]
    );
}

#[test]
fn each_attempt_is_checked() {
    let mut receipt = landed_later();
    kill(&mut receipt.attempts[1]);
    receipt.transaction = None;
    receipt.status = "expired".to_owned();
    assert_eq!(doubts(&receipt), []);
    receipt.attempts[1].plan.base_fee = "101".to_owned();
    receipt.attempts[1].death_proof = None;
    let expected = ["attempt 2: transaction", "attempt 2: end"];
    assert_eq!(wrong(&receipt), expected);
}
