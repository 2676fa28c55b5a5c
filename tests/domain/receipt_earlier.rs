//! What an earlier life of the records sent: no attempt has it, so it is rebuilt from its own envelope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::domain::receipt::{LandedReceipt, Receipt, Standing, rebuilds};
use stellar_xdr::{SequenceNumber, TransactionEnvelope};

use crate::fixture::stranger;
use crate::receipts::{
    base64, bump, dead, doubts, landed, landed_of, payment, record, said, second, signed_again,
    wrong,
};
use crate::vectors::{all, text};

const EARLIER: &str = "transaction of an earlier life";

/// The payment was sent before the records were lost; they have no attempt of it.
fn found() -> Receipt {
    let mut receipt = landed();
    let attempt = receipt.attempts.remove(0);
    decided(&mut receipt).envelope_xdr = Some(attempt.envelope_xdr);
    receipt
}

fn decided(receipt: &mut Receipt) -> &mut LandedReceipt {
    receipt.transaction.as_mut().expect("a transaction")
}

/// What the ledger has of the transaction that decided it.
fn bytes(receipt: &Receipt) -> Vec<u8> {
    let landed = receipt.transaction.as_ref().expect("a transaction");
    let text = landed.envelope_xdr.as_ref().expect("an envelope");
    STANDARD.decode(text).expect("base64")
}

/// What is wrong by the ledger's envelope.
fn contradiction(receipt: &Receipt, envelope: &[u8]) -> String {
    let landed = receipt.transaction.as_ref().expect("a transaction");
    rebuilds(receipt, landed, envelope).expect_err("a contradiction")
}

#[test]
fn it_is_proven_by_its_envelope_whatever_carried_it() {
    for vector in all() {
        let mut receipt = landed_of(&vector);
        receipt.attempts.clear();
        let bumped = text(&vector, "fee_bump_envelope_xdr");
        for envelope in [text(&vector, "inner_envelope_xdr"), bumped] {
            decided(&mut receipt).envelope_xdr = Some(envelope.to_owned());
            assert_eq!(doubts(&receipt), [], "{}", text(&vector, "name"));
            let landed = receipt.transaction.clone().expect("a transaction");
            let proven = rebuilds(&receipt, &landed, &bytes(&receipt));
            assert!(proven.expect("it is").contains("the same hash"));
        }
    }
    let detail = said(&found(), "at most once");
    assert!(
        detail.starts_with("one of its transactions succeeded"),
        "{detail}"
    );
}

#[test]
fn without_its_envelope_only_the_ledger_can_tell() {
    let mut receipt = found();
    decided(&mut receipt).envelope_xdr = None;
    assert_eq!(doubts(&receipt), [(EARLIER.to_owned(), Standing::Unproven)]);
    let detail = said(&receipt, EARLIER);
    assert!(detail.contains("--horizon"), "{detail}");
}

#[test]
fn its_envelope_must_be_the_one_that_is_told_of() {
    type Lie = (&'static str, fn(&mut LandedReceipt));
    let lies: [Lie; 6] = [
        ("has the hash", |it| it.hash = TxHash([1; 32])),
        ("account or sequence number", |it| it.channel = stranger()),
        ("account or sequence number", |it| {
            it.sequence = "5".to_owned()
        }),
        ("not base64", |it| it.envelope_xdr = Some("#".to_owned())),
        ("its envelope", |it| {
            it.envelope_xdr = Some("AAAA".to_owned())
        }),
        ("has the hash", |it| {
            let (_, other) = signed_again(&payment(), &["channel", "source"], |tx| {
                tx.seq_num = SequenceNumber(5);
            });
            it.envelope_xdr = Some(base64(&TransactionEnvelope::Tx(other)));
        }),
    ];
    for (part, lie) in lies {
        let mut receipt = found();
        lie(decided(&mut receipt));
        assert_eq!(wrong(&receipt), [EARLIER], "{part}");
        let detail = said(&receipt, EARLIER);
        assert!(detail.contains(part), "{detail}");
        if let Ok(envelope) = STANDARD.decode(
            decided(&mut receipt)
                .envelope_xdr
                .clone()
                .expect("an envelope"),
        ) {
            let detail = contradiction(&receipt, &envelope);
            assert!(detail.contains(part), "{detail}");
        }
    }
}

#[test]
fn it_must_be_what_the_intent_asks_for() {
    let mut receipt = found();
    let form = receipt.request.as_mut().expect("a request");
    form["operations"][0]["amount"] = json!("12.6");
    assert_eq!(wrong(&receipt), [EARLIER]);
    let envelope = bytes(&receipt);
    let detail = contradiction(&receipt, &envelope);
    assert!(detail.contains("not what the intent asks for"), "{detail}");

    // Nobody asked for anything.
    let mut receipt = found();
    receipt.request = None;
    assert_eq!(wrong(&receipt), [EARLIER]);
    let detail = contradiction(&receipt, &envelope);
    assert!(detail.contains("no request"), "{detail}");

    // Another workflow's payment of the same amount to the same account has another tag.
    let other = all().swap_remove(1);
    let mut receipt = found();
    let same = landed_of(&other);
    receipt.transaction = same.transaction;
    decided(&mut receipt).envelope_xdr = Some(same.attempts[0].envelope_xdr.clone());
    assert_eq!(wrong(&receipt), [EARLIER]);

    let mut receipt = found();
    receipt.method = "refund".to_owned();
    assert_eq!(wrong(&receipt), ["tag", "intent", EARLIER]);
    let detail = contradiction(&receipt, &envelope);
    assert!(detail.contains("another workflow or method"), "{detail}");
}

#[test]
fn it_counts_with_what_the_attempts_did() {
    // Beside a dead attempt it is the one success.
    let mut receipt = found();
    receipt.transaction = second().landed;
    decided(&mut receipt).envelope_xdr = Some(second().envelope_xdr);
    receipt.attempts = dead().attempts;
    assert_eq!(doubts(&receipt), []);
    // Beside one that landed it is the second.
    receipt.attempts = landed().attempts;
    assert_eq!(wrong(&receipt), ["at most once"]);
    let detail = said(&receipt, "at most once");
    assert!(detail.starts_with("2 of its transactions"), "{detail}");
}

#[test]
fn what_failed_in_an_earlier_life_is_no_success() {
    let mut receipt = found();
    let envelope = decided(&mut receipt).envelope_xdr.take();
    receipt.transaction = Some(record(&landed().attempts[0], false));
    decided(&mut receipt).envelope_xdr = envelope;
    assert_eq!(wrong(&receipt), ["status"]);
    let detail = said(&receipt, "status");
    assert!(detail.contains("by no transaction"), "{detail}");
    receipt.status = "failed".to_owned();
    assert_eq!(doubts(&receipt), []);
    let detail = said(&receipt, "at most once");
    assert!(detail.starts_with("none of its transactions"), "{detail}");
    decided(&mut receipt).successful = true;
    assert_eq!(wrong(&receipt), ["status"]);
}

#[test]
fn an_attempts_own_transaction_is_not_one_of_an_earlier_life() {
    let mut receipt = landed();
    decided(&mut receipt).envelope_xdr = Some(bump(&payment()).envelope_xdr);
    assert_eq!(doubts(&receipt), []);
}
