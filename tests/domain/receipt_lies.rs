//! Each way in which a receipt can lie, signed by whoever issues it: exactly what contradicts the lie is wrong.

use serde_json::{Value, json};
use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::domain::receipt::{LandedReceipt, Receipt};
use stellar_xdr::{TransactionEnvelope, TransactionV1Envelope, VecM};

use crate::fixture::stranger;
use crate::receipts::{
    LAST_TIME, TOO_LATE, base64, bump, dead, doubts, failed, landed, payment, plain, put, record,
    said, signed_again, wrong,
};

const TRANSACTION: &str = "attempt 1: transaction";
const END: &str = "attempt 1: end";
const STATUS: &str = "status";

/// What is wrong then, and the lie.
type Lie = (&'static [&'static str], fn(&mut Receipt));

/// Each lie about what is true makes exactly this wrong.
pub fn each_is_wrong(truth: &Receipt, lies: &[Lie]) {
    assert_eq!(doubts(truth), []);
    for (number, (expected, lie)) in lies.iter().enumerate() {
        let mut receipt = truth.clone();
        lie(&mut receipt);
        assert_ne!(&receipt, truth, "lie {number} is none");
        assert_eq!(wrong(&receipt), *expected, "lie {number}");
    }
}

fn form(receipt: &mut Receipt) -> &mut Value {
    receipt.request.as_mut().expect("a request")
}

fn record_of(receipt: &mut Receipt) -> &mut LandedReceipt {
    receipt.attempts[0].landed.as_mut().expect("it landed")
}

fn decided(receipt: &mut Receipt) -> &mut LandedReceipt {
    receipt.transaction.as_mut().expect("a transaction")
}

/// The same change to the attempt's record and to the deciding transaction: they do not contradict each other.
fn both(receipt: &mut Receipt, change: fn(&mut LandedReceipt)) {
    change(record_of(receipt));
    change(decided(receipt));
}

/// The same transaction, signed by these alone.
fn signed_by(receipt: &mut Receipt, signers: &[&str]) {
    let again = signed_again(&payment(), signers, |_| {});
    put(&mut receipt.attempts[0], again);
}

#[test]
fn who_asked_and_for_what_must_give_the_tag_and_the_transaction() {
    each_is_wrong(
        &landed(),
        &[
            (&["format"], |it| {
                it.format = "stellar-submitter/receipt/v2".to_owned()
            }),
            (&["format"], |it| it.format.clear()),
            (&["tag"], |it| it.tag = "5248816756927074074".to_owned()),
            (&["tag", TRANSACTION], |it| it.tenant = "other".to_owned()),
            (&["tag", TRANSACTION], |it| {
                it.network = "Public Global Stellar Network ; September 2015".to_owned();
            }),
            (&["tag", "intent", TRANSACTION], |it| {
                it.workflow_id = "payout-2026-000124".to_owned();
            }),
            (&["tag", "intent", TRANSACTION], |it| {
                it.method = "refund".to_owned()
            }),
            (&["intent", TRANSACTION], |it| {
                form(it)["workflow_id"] = json!("payout-2026-000124");
            }),
            (&["intent", TRANSACTION], |it| {
                form(it)["method"] = json!("refund")
            }),
            (&["intent", TRANSACTION], |it| it.request = None),
            (&["intent", TRANSACTION], |it| it.request = Some(json!(5))),
            (&["intent", TRANSACTION], |it| {
                form(it)["metadata"] = json!("no JSON")
            }),
            (&["intent", TRANSACTION], |it| {
                form(it)["operations"][0]["amount"] = json!("12.50000001");
            }),
            (&[TRANSACTION], |it| {
                form(it)["operations"][0]["amount"] = json!("12.6")
            }),
            (&[TRANSACTION], |it| {
                form(it)["operations"][0]["destination"] = json!(stranger().to_string());
            }),
            (&[TRANSACTION], |it| {
                form(it)["memo"] = json!({"type": "text", "value": "thanks"});
            }),
        ],
    );
    let mut unread = landed();
    form(&mut unread)["operations"][0]["amount"] = json!("12.50000001");
    let detail = said(&unread, "intent");
    assert!(detail.contains("/operations/0/amount"), "{detail}");
}

#[test]
fn the_plan_and_the_bytes_must_be_of_one_transaction() {
    each_is_wrong(
        &landed(),
        &[
            (&[TRANSACTION], |it| {
                it.attempts[0].plan.min_time = "1".to_owned()
            }),
            (&[TRANSACTION], |it| {
                it.attempts[0].plan.max_time = "1893456001".to_owned();
            }),
            (&[TRANSACTION], |it| it.attempts[0].plan.max_ledger += 1),
            (&[TRANSACTION], |it| {
                it.attempts[0].plan.base_fee = "101".to_owned()
            }),
            (&[TRANSACTION], |it| {
                it.attempts[0].plan.channel = stranger();
                both(it, |record| record.channel = stranger());
            }),
            (&[TRANSACTION], |it| {
                it.attempts[0].plan.sequence = "5".to_owned();
                both(it, |record| record.sequence = "5".to_owned());
            }),
            (&[TRANSACTION], |it| it.attempts[0].presigned = true),
            (&[TRANSACTION], |it| {
                it.attempts[0].hash = TxHash([1; 32]);
                both(it, |record| record.hash = TxHash([1; 32]));
            }),
            (&[TRANSACTION], |it| it.attempts[0].envelope_xdr.push('#')),
            (&[TRANSACTION], |it| {
                it.attempts[0].envelope_xdr.truncate(80)
            }),
            (&[TRANSACTION], |it| {
                it.attempts[0].envelope_xdr = bump(&payment()).envelope_xdr;
            }),
        ],
    );
}

#[test]
fn a_plan_of_what_are_no_numbers_is_none() {
    type Field = fn(&mut Receipt) -> &mut String;
    let names: [(&str, Field); 4] = [
        ("min_time", |it| &mut it.attempts[0].plan.min_time),
        ("max_time", |it| &mut it.attempts[0].plan.max_time),
        ("sequence", |it| &mut it.attempts[0].plan.sequence),
        ("base_fee", |it| &mut it.attempts[0].plan.base_fee),
    ];
    for (name, field) in names {
        for text in ["", "x", "1.5", "9223372036854775808000"] {
            let mut receipt = landed();
            *field(&mut receipt) = text.to_owned();
            let detail = said(&receipt, TRANSACTION);
            assert!(detail.contains(name), "{text}: {detail}");
            assert!(wrong(&receipt).contains(&TRANSACTION.to_owned()));
        }
    }
    let mut receipt = landed();
    receipt.attempts[0].plan.base_fee = "-1".to_owned();
    assert_eq!(wrong(&receipt), [TRANSACTION]);
}

#[test]
fn channel_and_source_must_both_have_signed_it() {
    let mut receipt = landed();
    signed_by(&mut receipt, &["source", "channel"]);
    assert_eq!(doubts(&receipt), [], "in any order");
    signed_by(&mut receipt, &["fee_account", "channel", "source"]);
    assert_eq!(doubts(&receipt), [], "among others");
    let lies: [&[&str]; 5] = [
        &[],
        &["channel"],
        &["source"],
        &["fee_account", "channel"],
        &["source", "fee_account"],
    ];
    for signers in lies {
        signed_by(&mut receipt, signers);
        assert_eq!(wrong(&receipt), [TRANSACTION], "{signers:?}");
    }
    // What they have signed is another transaction, under this one's name.
    let (_, other) = signed_again(&payment(), &["channel", "source"], |tx| tx.fee += 1);
    let tx = plain(&landed().attempts[0].envelope_xdr).tx;
    for signatures in [other.signatures, VecM::default()] {
        let tx = tx.clone();
        let envelope = TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures });
        receipt.attempts[0].envelope_xdr = base64(&envelope);
        assert_eq!(wrong(&receipt), [TRANSACTION]);
    }
}

#[test]
fn a_landing_must_be_the_attempts_own_and_in_time() {
    each_is_wrong(
        &landed(),
        &[
            (&[END], |it| record_of(it).hash = TxHash([1; 32])),
            (&[END], |it| it.attempts[0].landed = None),
            (&[END, STATUS], |it| record_of(it).successful = false),
            (&[END, STATUS], |it| {
                it.attempts[0].outcome = "landed_failed".to_owned()
            }),
            (&[END, STATUS], |it| {
                it.attempts[0].outcome = "submitted".to_owned()
            }),
            (&[END, STATUS], |it| {
                it.attempts[0].outcome = "dead".to_owned()
            }),
            (&[END], |it| {
                it.attempts[0].death_proof = dead().attempts[0].death_proof.clone();
            }),
            (&[END], |it| both(it, |record| record.channel = stranger())),
            (&[END], |it| {
                both(it, |record| record.sequence = "5".to_owned())
            }),
            (&[END], |it| both(it, |record| record.ledger = 0)),
            (&[END], |it| both(it, |record| record.ledger = TOO_LATE)),
            (&[END], |it| both(it, |record| record.ledger = TOO_LATE + 1)),
            (&[END], |it| {
                both(it, |record| {
                    record.fee_bump_hash = Some(bump(&payment()).hash)
                });
            }),
        ],
    );
    let mut last = landed();
    both(&mut last, |record| record.ledger = TOO_LATE - 1);
    assert_eq!(doubts(&last), []);
}

fn closed(receipt: &mut Receipt, at: &str) {
    record_of(receipt).closed_at = Some(at.to_owned());
    decided(receipt).closed_at = Some(at.to_owned());
}

#[test]
fn its_ledger_must_have_closed_within_its_time_bounds() {
    each_is_wrong(
        &landed(),
        &[
            (&[END, STATUS], |it| closed(it, "2030-01-01T00:00:01Z")),
            (&[END, STATUS], |it| closed(it, "yesterday")),
            // As receipts are issued: only the deciding transaction tells when.
            (&[STATUS], |it| {
                closed(it, "2030-01-01T00:00:01Z");
                record_of(it).closed_at = None;
            }),
            (&[TRANSACTION, END, STATUS], |it| {
                it.attempts[0].plan.min_time = (LAST_TIME - 59).to_string();
            }),
            (&[TRANSACTION], |it| {
                it.attempts[0].plan.min_time = (LAST_TIME - 60).to_string();
            }),
            (&[TRANSACTION], |it| {
                closed(it, "2030-01-01T00:00:01Z");
                it.attempts[0].plan.max_time = "0".to_owned();
            }),
        ],
    );
    let mut last = landed();
    closed(&mut last, "2030-01-01T00:00:00Z");
    assert_eq!(doubts(&last), []);
    record_of(&mut last).closed_at = None;
    assert_eq!(doubts(&last), []);
    decided(&mut last).closed_at = None;
    assert_eq!(doubts(&last), []);
}

#[test]
fn a_failure_must_be_recorded_as_one() {
    each_is_wrong(
        &failed(),
        &[
            (&[END], |it| it.attempts[0].landed = None),
            (&[END], |it| record_of(it).hash = TxHash([1; 32])),
            (&[END], |it| {
                it.attempts[0].outcome = "dead".to_owned();
            }),
            (&[END, STATUS], |it| record_of(it).successful = true),
            (&[END, STATUS], |it| {
                both(it, |record| record.successful = true)
            }),
            (&[END, STATUS], |it| {
                it.attempts[0].outcome = "landed".to_owned()
            }),
            (&[END], |it| both(it, |record| record.ledger = TOO_LATE)),
            (&[STATUS], |it| it.status = "succeeded".to_owned()),
        ],
    );
}

#[test]
fn death_needs_a_proof_and_no_record() {
    each_is_wrong(
        &dead(),
        &[
            (&[END], |it| it.attempts[0].death_proof = None),
            (&[END], |it| {
                it.attempts[0].landed = Some(record(&it.attempts[0], false));
            }),
            (&[END, STATUS], |it| {
                it.attempts[0].outcome = "landed".to_owned()
            }),
            (&[END], |it| {
                it.attempts[0].outcome = "landed_failed".to_owned()
            }),
            (&[END], |it| it.attempts[0].outcome.clear()),
        ],
    );
}
