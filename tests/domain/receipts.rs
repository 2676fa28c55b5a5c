//! What receipts are made of here: transactions that an independent SDK built and signed; and that true ones stand.

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::Value;
use stellar_submitter::domain::primitives::{AccountId, NetworkId, TxHash};
use stellar_submitter::domain::receipt::{
    AttemptReceipt, BumpReceipt, Checked, FORMAT, LandedReceipt, PlanReceipt, ProofReceipt,
    Receipt, SignedReceipt, Standing, carried, check,
};
use stellar_xdr::{
    DecoratedSignature, Limits, MuxedAccount, MuxedAccountMed25519, ReadXdr as _, SequenceNumber,
    Signature, SignatureHint, Transaction, TransactionEnvelope, TransactionV1Envelope, Uint256,
    WriteXdr as _,
};

use crate::vectors::{all, request, text};

/// The tag of the payment's tenant, workflow and method.
pub const TAG: u64 = 5_248_816_756_927_074_073;
/// The ledger in which transactions land here: all of them could land before 51,000,012.
pub const LANDED_IN: u32 = 51_000_007;
/// The first ledger that is too late for them, and the last close time that is not.
pub const TOO_LATE: u32 = 51_000_012;
pub const LAST_TIME: u64 = 1_893_456_000;

/// A payment of twelve and a half lumens.
pub fn payment() -> Value {
    let first = all().swap_remove(0);
    assert_eq!(text(&first, "name"), "native payment");
    first
}

/// The key of a vector's source, channel or fee account.
pub fn key(vector: &Value, whose: &str) -> SigningKey {
    let secret = text(&vector["secrets"], whose);
    let secret: stellar_strkey::ed25519::PrivateKey = secret.parse().expect("a secret key");
    SigningKey::from_bytes(&secret.0)
}

pub fn public(key: &SigningKey) -> AccountId {
    AccountId(key.verifying_key().to_bytes())
}

pub fn muxed(account: AccountId, id: u64) -> MuxedAccount {
    MuxedAccount::MuxedEd25519(MuxedAccountMed25519 {
        id,
        ed25519: Uint256(account.0),
    })
}

pub fn signature(key: &SigningKey, hash: [u8; 32]) -> DecoratedSignature {
    let mut hint = [0; 4];
    hint.copy_from_slice(&public(key).0[28..]);
    let signature = key.sign(&hash).to_bytes().to_vec();
    DecoratedSignature {
        hint: SignatureHint(hint),
        signature: Signature(signature.try_into().expect("64 bytes")),
    }
}

pub fn network(vector: &Value) -> [u8; 32] {
    NetworkId::of(text(vector, "network_passphrase")).0
}

pub fn base64(envelope: &TransactionEnvelope) -> String {
    envelope.to_xdr_base64(Limits::none()).expect("it encodes")
}

/// A plain envelope in base64.
pub fn plain(text: &str) -> TransactionV1Envelope {
    match TransactionEnvelope::from_xdr_base64(text, Limits::none()) {
        Ok(TransactionEnvelope::Tx(envelope)) => envelope,
        other => panic!("{other:?}"),
    }
}

/// A vector's inner transaction after a change, signed again by these.
pub fn signed_again(
    vector: &Value,
    signers: &[&str],
    change: impl FnOnce(&mut Transaction),
) -> (TxHash, TransactionV1Envelope) {
    let mut tx = plain(text(vector, "inner_envelope_xdr")).tx;
    change(&mut tx);
    let hash = tx.hash(network(vector)).expect("it encodes");
    let sign = |whose: &&str| signature(&key(vector, whose), hash);
    let signatures: Vec<_> = signers.iter().map(sign).collect();
    let signatures = signatures.try_into().expect("few");
    (TxHash(hash), TransactionV1Envelope { tx, signatures })
}

/// Gives an attempt another transaction.
pub fn put(attempt: &mut AttemptReceipt, (hash, envelope): (TxHash, TransactionV1Envelope)) {
    attempt.hash = hash;
    attempt.envelope_xdr = base64(&TransactionEnvelope::Tx(envelope));
}

/// The record of an attempt that landed.
pub fn record(attempt: &AttemptReceipt, successful: bool) -> LandedReceipt {
    let code = if successful {
        "tx_success"
    } else {
        "tx_failed"
    };
    LandedReceipt {
        hash: attempt.hash,
        fee_bump_hash: None,
        ledger: LANDED_IN,
        closed_at: Some("2029-12-31T23:59:00Z".to_owned()),
        successful,
        fee_charged: "100".to_owned(),
        channel: attempt.plan.channel,
        sequence: attempt.plan.sequence.clone(),
        code: Some(code.to_owned()),
        envelope_xdr: None,
    }
}

/// The vector's transaction, landed as the first attempt.
pub fn attempt(vector: &Value) -> AttemptReceipt {
    let plan = &vector["plan"];
    let mut attempt = AttemptReceipt {
        number: 1,
        plan: PlanReceipt {
            channel: text(vector, "channel").parse().expect("an account"),
            sequence: text(plan, "sequence").to_owned(),
            min_time: text(plan, "min_time").to_owned(),
            max_time: text(plan, "max_time").to_owned(),
            max_ledger: text(plan, "max_ledger").parse().expect("a ledger"),
            base_fee: text(plan, "base_fee").to_owned(),
        },
        presigned: false,
        hash: text(vector, "inner_hash").parse().expect("a hash"),
        envelope_xdr: text(vector, "inner_envelope_xdr").to_owned(),
        fee_bumps: Vec::new(),
        signed_at_ledger: 51_000_000,
        outcome: "landed".to_owned(),
        landed: None,
        death_proof: None,
    };
    attempt.landed = Some(record(&attempt, true));
    attempt
}

pub fn bump(vector: &Value) -> BumpReceipt {
    BumpReceipt {
        hash: text(vector, "fee_bump_hash").parse().expect("a hash"),
        fee: text(&vector["plan"], "fee_bump_fee").to_owned(),
        envelope_xdr: text(vector, "fee_bump_envelope_xdr").to_owned(),
    }
}

/// Makes it dead: its channel's sequence number was lower when the first ledger that is too late was next.
pub fn kill(attempt: &mut AttemptReceipt) {
    let sequence: i64 = attempt.plan.sequence.parse().expect("a number");
    attempt.outcome = "dead".to_owned();
    attempt.landed = None;
    attempt.death_proof = Some(ProofReceipt::Fence {
        as_of_ledger: TOO_LATE - 1,
        channel_sequence: (sequence - 1).to_string(),
        ledger_closed_at: None,
    });
}

/// Another attempt of the payment, with the next sequence number and a later last ledger.
pub fn second() -> AttemptReceipt {
    let vector = payment();
    let mut second = attempt(&vector);
    second.number = 2;
    second.plan.sequence = "123456789012346".to_owned();
    let transaction = signed_again(&vector, &["channel", "source"], |tx| {
        tx.seq_num = SequenceNumber(123_456_789_012_346);
    });
    put(&mut second, transaction);
    second.landed = Some(record(&second, true));
    second
}

/// The receipt of an intent whose only attempt landed.
pub fn landed_of(vector: &Value) -> Receipt {
    let attempt = attempt(vector);
    Receipt {
        format: FORMAT.to_owned(),
        issued_at: "2030-01-01T00:00:00Z".to_owned(),
        network: text(vector, "network_passphrase").to_owned(),
        intent_id: "01a2212e-31d6-773a-a8a2-1233ba18782e".to_owned(),
        tenant: text(vector, "tenant").to_owned(),
        workflow_id: text(&vector["body"], "workflow_id").to_owned(),
        method: text(vector, "method").to_owned(),
        tag: text(vector, "tag").to_owned(),
        status: "succeeded".to_owned(),
        reason: None,
        accepted_at: "2029-12-31T23:58:00Z".to_owned(),
        finished_at: "2029-12-31T23:59:30Z".to_owned(),
        request: Some(carried(request(vector).to_json())),
        enqueued: None,
        transaction: attempt.landed.clone(),
        attempts: vec![attempt],
    }
}

/// The payment landed at once.
pub fn landed() -> Receipt {
    landed_of(&payment())
}

/// It was canceled, and its only attempt is dead.
pub fn dead() -> Receipt {
    let mut receipt = landed();
    receipt.status = "canceled".to_owned();
    receipt.transaction = None;
    kill(&mut receipt.attempts[0]);
    receipt
}

/// It landed and failed, and used its sequence number.
pub fn failed() -> Receipt {
    let mut receipt = landed();
    receipt.status = "failed".to_owned();
    let attempt = &mut receipt.attempts[0];
    attempt.outcome = "landed_failed".to_owned();
    attempt.landed = Some(record(attempt, false));
    receipt.transaction = attempt.landed.clone();
    receipt
}

/// The first attempt is dead, the second landed.
pub fn landed_later() -> Receipt {
    let mut receipt = landed();
    kill(&mut receipt.attempts[0]);
    let second = second();
    receipt.transaction = second.landed.clone();
    receipt.attempts.push(second);
    receipt
}

/// Signed by a daemon, whether it tells the truth or not.
pub fn issued(receipt: Receipt) -> SignedReceipt {
    let daemon = SigningKey::from_bytes(&[3; 32]);
    let digest = receipt.digest().expect("a canonical form");
    SignedReceipt {
        receipt,
        public_key: public(&daemon),
        signature: daemon.sign(&digest).to_bytes(),
    }
}

pub fn checked(receipt: &Receipt) -> Vec<Checked> {
    check(&issued(receipt.clone()), None)
}

/// What is not right, and how it stands.
pub fn doubts(receipt: &Receipt) -> Vec<(String, Standing)> {
    let all = checked(receipt).into_iter();
    all.filter(|one| one.standing != Standing::Right)
        .map(|one| (one.what, one.standing))
        .collect()
}

/// What is wrong, where nothing is merely unproven.
pub fn wrong(receipt: &Receipt) -> Vec<String> {
    let doubts = doubts(receipt).into_iter();
    doubts
        .map(|(what, standing)| {
            assert_eq!(standing, Standing::Wrong, "{what}");
            what
        })
        .collect()
}

/// What is said of one thing that was checked.
pub fn said(receipt: &Receipt, what: &str) -> String {
    let mut all = checked(receipt).into_iter();
    all.find(|one| one.what == what)
        .unwrap_or_else(|| panic!("{what} was not checked"))
        .detail
}

fn whats(receipt: &Receipt) -> Vec<String> {
    checked(receipt).into_iter().map(|one| one.what).collect()
}

#[test]
fn a_true_receipt_stands_whatever_became_of_the_intent() {
    let mut twice = landed_later();
    twice.status = "expired".to_owned();
    twice.transaction = None;
    kill(&mut twice.attempts[1]);
    let mut failed_first = landed_later();
    failed_first.attempts[0] = failed().attempts.swap_remove(0);
    for (name, receipt) in [
        ("landed", landed()),
        ("dead", dead()),
        ("failed", failed()),
        ("dead, then landed", landed_later()),
        ("dead twice", twice),
        ("failed, then landed", failed_first),
    ] {
        assert_eq!(doubts(&receipt), [], "{name}");
    }
}

#[test]
fn what_an_independent_sdk_built_and_signed_is_built_again_from_its_receipt() {
    for vector in all() {
        let name = text(&vector, "name");
        let mut receipt = landed_of(&vector);
        receipt.attempts[0].fee_bumps = vec![bump(&vector)];
        assert_eq!(doubts(&receipt), [], "{name}");
        // In its fee bump it landed as well.
        let carrier = Some(bump(&vector).hash);
        receipt.attempts[0]
            .landed
            .as_mut()
            .expect("it landed")
            .fee_bump_hash = carrier;
        receipt
            .transaction
            .as_mut()
            .expect("it landed")
            .fee_bump_hash = carrier;
        assert_eq!(doubts(&receipt), [], "{name}");
    }
}

#[test]
fn all_that_can_be_checked_is_named() {
    let mut receipt = landed_later();
    let vector = payment();
    receipt.attempts[0].fee_bumps = vec![bump(&vector)];
    let expected = [
        "format",
        "signature",
        "tag",
        "attempt 1: transaction",
        "attempt 1: fee bumps",
        "attempt 1: end",
        "attempt 2: transaction",
        "attempt 2: end",
        "at most once",
        "status",
    ];
    assert_eq!(whats(&receipt), expected);
    let once = said(&receipt, "at most once");
    assert!(
        once.starts_with("one of its transactions succeeded"),
        "{once}"
    );
    let status = said(&receipt, "status");
    assert!(status.contains(&second().hash.to_string()), "{status}");
    let none = said(&dead(), "at most once");
    assert!(none.starts_with("none of its transactions"), "{none}");
    let end = said(&failed(), "attempt 1: end");
    assert!(end.contains("tx_failed"), "{end}");
}

#[test]
fn what_was_never_valid_has_nothing_to_build() {
    let mut receipt = dead();
    receipt.status = "failed".to_owned();
    receipt.request = None;
    receipt.enqueued = Some("[]".to_owned());
    receipt.attempts.clear();
    assert_eq!(doubts(&receipt), []);
    let expected = ["format", "signature", "tag", "at most once", "status"];
    assert_eq!(whats(&receipt), expected);
}
