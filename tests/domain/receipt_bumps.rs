//! What a receipt says of fee bumps, and of transactions that somebody else built and signed.

use serde_json::json;
use stellar_submitter::domain::intent::{Accounts, read};
use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::domain::receipt::{BumpReceipt, Receipt, Standing, carried};
use stellar_xdr::{
    FeeBumpTransaction, FeeBumpTransactionEnvelope, FeeBumpTransactionExt,
    FeeBumpTransactionInnerTx, LedgerBounds, MuxedAccount, Preconditions, PreconditionsV2,
    SequenceNumber, TimeBounds, TimePoint, Transaction, TransactionEnvelope, TransactionV1Envelope,
    Uint256,
};

use crate::fixture::stranger;
use crate::receipts::{
    LAST_TIME, TAG, TOO_LATE, attempt, base64, bump, doubts, key, landed, landed_of, muxed,
    network, payment, plain, public, put, record, said, signature, signed_again, wrong,
};

const TRANSACTION: &str = "attempt 1: transaction";
const BUMPS: &str = "attempt 1: fee bumps";
const END: &str = "attempt 1: end";

/// The payment with the SDK's fee bump on record.
fn bumped() -> Receipt {
    let mut receipt = landed();
    receipt.attempts[0].fee_bumps = vec![bump(&payment())];
    receipt
}

/// A fee bump around an envelope, paid for by this source, as the fee account signs it.
fn around(inner: TransactionV1Envelope, fee_source: MuxedAccount, fee: i64) -> BumpReceipt {
    let vector = payment();
    let tx = FeeBumpTransaction {
        fee_source,
        fee,
        inner_tx: FeeBumpTransactionInnerTx::Tx(inner),
        ext: FeeBumpTransactionExt::V0,
    };
    let hash = tx.hash(network(&vector)).expect("it encodes");
    let signatures = vec![signature(&key(&vector, "fee_account"), hash)];
    let signatures = signatures.try_into().expect("one");
    let envelope = FeeBumpTransactionEnvelope { tx, signatures };
    BumpReceipt {
        hash: TxHash(hash),
        fee: fee.to_string(),
        envelope_xdr: base64(&TransactionEnvelope::TxFeeBump(envelope)),
    }
}

/// Whose fee account it is, with this id.
fn payer(id: u64) -> MuxedAccount {
    muxed(public(&key(&payment(), "fee_account")), id)
}

#[test]
fn a_fee_bump_is_around_the_same_bytes_and_as_it_is_told() {
    assert_eq!(doubts(&bumped()), []);
    let lies: [fn(&mut BumpReceipt); 7] = [
        |it| it.hash = TxHash([1; 32]),
        |it| it.fee = "20001".to_owned(),
        |it| it.fee = "020000".to_owned(),
        |it| it.envelope_xdr.push('#'),
        |it| it.envelope_xdr.truncate(80),
        |it| it.envelope_xdr = attempt(&payment()).envelope_xdr,
        |it| {
            let (_, other) = signed_again(&payment(), &["channel", "source"], |tx| {
                tx.seq_num = SequenceNumber(123_456_789_012_346);
            });
            *it = around(other, payer(TAG), 20_000);
        },
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let mut receipt = bumped();
        lie(&mut receipt.attempts[0].fee_bumps[0]);
        assert_eq!(wrong(&receipt), [BUMPS], "lie {number}");
        // Also beside one that is right.
        receipt.attempts[0].fee_bumps.insert(0, bump(&payment()));
        assert_eq!(wrong(&receipt), [BUMPS], "lie {number}");
    }
    // Signatures inside are part of the bytes: an envelope that was signed anew is another.
    let mut receipt = bumped();
    let signed = signed_again(&payment(), &["source", "channel"], |_| {});
    put(&mut receipt.attempts[0], signed);
    assert_eq!(wrong(&receipt), [BUMPS]);
}

#[test]
fn several_fee_bumps_of_one_attempt_may_stand_and_any_may_have_carried_it() {
    let mut receipt = bumped();
    let more = around(
        plain(&receipt.attempts[0].envelope_xdr),
        payer(TAG),
        200_000,
    );
    receipt.attempts[0].fee_bumps.push(more);
    let hashes = receipt.attempts[0].fee_bumps.clone();
    for carrier in hashes.iter().map(|one| one.hash) {
        let carried_by = |receipt: &mut Receipt, hash| {
            receipt.attempts[0]
                .landed
                .as_mut()
                .expect("it landed")
                .fee_bump_hash = Some(hash);
            receipt
                .transaction
                .as_mut()
                .expect("it landed")
                .fee_bump_hash = Some(hash);
        };
        carried_by(&mut receipt, carrier);
        assert_eq!(doubts(&receipt), []);
        let mut other = receipt.clone();
        carried_by(&mut other, TxHash([1; 32]));
        assert_eq!(wrong(&other), [END]);
    }
    let detail = said(&receipt, BUMPS);
    assert!(detail.starts_with("2 around the same"), "{detail}");
}

#[test]
fn a_fee_bump_of_another_workflow_is_not_this_ones() {
    let mut receipt = bumped();
    receipt.tag = "5248816756927074074".to_owned();
    assert_eq!(wrong(&receipt), ["tag", BUMPS]);
    let detail = said(&receipt, BUMPS);
    assert!(detail.contains("does not carry the tag"), "{detail}");
}

/// Bounds of a transaction that somebody else built.
fn bounds(ledger: Option<u32>, time: Option<u64>) -> Preconditions {
    Preconditions::V2(PreconditionsV2 {
        time_bounds: time.map(|time| TimeBounds {
            min_time: TimePoint(1_000),
            max_time: TimePoint(time),
        }),
        ledger_bounds: ledger.map(|ledger| LedgerBounds {
            min_ledger: 0,
            max_ledger: ledger,
        }),
        ..PreconditionsV2::default()
    })
}

/// The payment, built by a payer who has a channel's key, and given signed; it landed in a fee bump.
fn sponsored(ledger: Option<u32>, time: Option<u64>) -> Receipt {
    sponsored_as(None, ledger, time)
}

/// The same by a payer with an id of his own.
fn sponsored_as(id: Option<u64>, ledger: Option<u32>, time: Option<u64>) -> Receipt {
    let vector = payment();
    let given = signed_again(&vector, &["channel", "source"], |tx: &mut Transaction| {
        let channel = public(&key(&vector, "channel"));
        let plain = MuxedAccount::Ed25519(Uint256(channel.0));
        tx.source_account = id.map_or(plain, |id| muxed(channel, id));
        tx.cond = bounds(ledger, time);
    });
    let envelope = given.1.clone();
    let body = json!({
        "workflow_id": "payout-2026-000123", "method": "payout",
        "transaction_xdr": base64(&TransactionEnvelope::Tx(envelope.clone())),
    });
    let accounts = Accounts {
        default_source: public(&key(&vector, "source")),
        other_sources: Vec::new(),
        contracts: None,
    };
    let mut receipt = landed();
    let request = read(&body, &accounts).expect("a request");
    receipt.request = Some(carried(request.to_json()));
    // The key is that of the vector, and so is the tag.
    let attempt = &mut receipt.attempts[0];
    put(attempt, given);
    attempt.presigned = true;
    attempt.plan.min_time = time.map_or(0, |_| 1_000).to_string();
    attempt.plan.max_time = time.unwrap_or(0).to_string();
    attempt.plan.max_ledger = ledger.unwrap_or(0);
    attempt.fee_bumps = vec![around(envelope, payer(TAG), 400)];
    let mut landed = record(attempt, true);
    landed.fee_bump_hash = Some(attempt.fee_bumps[0].hash);
    attempt.landed = Some(landed);
    receipt.transaction = attempt.landed.clone();
    receipt
}

fn both_bounds() -> Receipt {
    sponsored(Some(TOO_LATE), Some(LAST_TIME))
}

#[test]
fn what_was_given_signed_is_the_attempt_as_it_was_given() {
    assert_eq!(doubts(&both_bounds()), []);
    let detail = said(&both_bounds(), TRANSACTION);
    assert!(detail.contains("that was given signed"), "{detail}");
    type Lie = (&'static [&'static str], fn(&mut Receipt));
    let lies: [Lie; 9] = [
        (&[TRANSACTION], |it| it.attempts[0].presigned = false),
        (&[TRANSACTION], |it| {
            it.attempts[0].plan.min_time = "999".to_owned()
        }),
        (&[TRANSACTION], |it| {
            it.attempts[0].plan.max_time = (LAST_TIME + 1).to_string();
        }),
        (&[TRANSACTION], |it| {
            it.attempts[0].plan.max_ledger = TOO_LATE + 1
        }),
        (&[TRANSACTION], |it| it.attempts[0].plan.max_ledger = 0),
        (&[TRANSACTION, END], |it| {
            it.attempts[0].plan.channel = stranger()
        }),
        (&[TRANSACTION, END], |it| {
            it.attempts[0].plan.sequence = "5".to_owned()
        }),
        (&["intent", TRANSACTION], |it| it.request = None),
        (&["intent", TRANSACTION], |it| {
            it.request.as_mut().expect("a request")["workflow_id"] = json!("other");
        }),
    ];
    for (number, (expected, lie)) in lies.into_iter().enumerate() {
        let mut receipt = both_bounds();
        lie(&mut receipt);
        assert_eq!(wrong(&receipt), expected, "lie {number}");
    }
}

#[test]
fn another_transaction_than_the_one_given_is_not_the_attempt() {
    let mut receipt = both_bounds();
    receipt.request = sponsored(Some(TOO_LATE), Some(LAST_TIME - 1)).request;
    assert_eq!(wrong(&receipt), [TRANSACTION]);
    // Nor is the one given the attempt of who asked for operations.
    let mut receipt = both_bounds();
    receipt.request = landed_of(&payment()).request;
    assert_eq!(wrong(&receipt), [TRANSACTION]);
    receipt.attempts[0].presigned = false;
    assert_eq!(wrong(&receipt), [TRANSACTION]);
}

#[test]
fn a_bound_that_it_does_not_have_is_told_as_zero() {
    for (ledger, time) in [(Some(TOO_LATE), None), (None, Some(LAST_TIME))] {
        assert_eq!(doubts(&sponsored(ledger, time)), []);
    }
    // Without a last ledger it may have landed in any.
    let in_ledger = |mut receipt: Receipt, ledger| {
        receipt.attempts[0]
            .landed
            .as_mut()
            .expect("it landed")
            .ledger = ledger;
        receipt.transaction.as_mut().expect("it landed").ledger = ledger;
        doubts(&receipt)
    };
    for ledger in [1, TOO_LATE, u32::MAX] {
        assert_eq!(in_ledger(sponsored(None, Some(LAST_TIME)), ledger), []);
    }
    let end = [(END.to_owned(), Standing::Wrong)];
    assert_eq!(in_ledger(sponsored(None, Some(LAST_TIME)), 0), end);
    assert_eq!(in_ledger(both_bounds(), TOO_LATE), end);
    // A bound that it has not is none that it is told to have.
    let mut receipt = sponsored(None, Some(LAST_TIME));
    receipt.attempts[0].plan.max_ledger = TOO_LATE;
    assert_eq!(wrong(&receipt), [TRANSACTION]);
    let mut receipt = sponsored(Some(TOO_LATE), None);
    receipt.attempts[0].plan.max_time = LAST_TIME.to_string();
    assert_eq!(wrong(&receipt), [TRANSACTION]);
}

#[test]
fn a_sponsors_fee_bump_carries_the_tag_that_the_transaction_has_not() {
    let receipt = both_bounds();
    let envelope = plain(&receipt.attempts[0].envelope_xdr);
    let fee_account = public(&key(&payment(), "fee_account"));
    for payer in [
        MuxedAccount::Ed25519(Uint256(fee_account.0)),
        payer(0),
        payer(TAG + 1),
    ] {
        let mut receipt = receipt.clone();
        let bump = around(envelope.clone(), payer, 400);
        receipt.attempts[0]
            .landed
            .as_mut()
            .expect("it landed")
            .fee_bump_hash = Some(bump.hash);
        receipt
            .transaction
            .as_mut()
            .expect("it landed")
            .fee_bump_hash = Some(bump.hash);
        receipt.attempts[0].fee_bumps = vec![bump];
        assert_eq!(wrong(&receipt), [BUMPS]);
    }
}

#[test]
fn an_id_of_the_payers_own_is_no_tag() {
    for id in [0, 7, TAG, TAG + 1, u64::MAX] {
        let mut receipt = sponsored_as(Some(id), Some(TOO_LATE), Some(LAST_TIME));
        assert_eq!(doubts(&receipt), [], "{id}");
        // Nor is it one in the fee bump of another workflow's.
        let envelope = plain(&receipt.attempts[0].envelope_xdr);
        let bump = around(envelope, payer(TAG + 2), 400);
        let carrier = Some(bump.hash);
        receipt.attempts[0].fee_bumps = vec![bump];
        for landed in [&mut receipt.attempts[0].landed, &mut receipt.transaction] {
            landed.as_mut().expect("it landed").fee_bump_hash = carrier;
        }
        assert_eq!(wrong(&receipt), [BUMPS], "{id}");
    }
}

#[test]
fn what_carries_the_tag_inside_may_have_landed_in_anybodys_fee_bump() {
    // Found again by an earlier life's successor, with the fee bump that carried it.
    let mut receipt = landed();
    let envelope = plain(&receipt.attempts[0].envelope_xdr);
    receipt.attempts[0].fee_bumps = vec![around(envelope, muxed(stranger(), TAG + 1), 400)];
    assert_eq!(doubts(&receipt), []);
}
