//! What used an attempt's sequence number: a call that an earlier life made ends the intent, what only brought archived entries
//! back for it does not.

use std::sync::Arc;

use serde_json::{Value, json};
use stellar_submitter::domain::attempt::Snapshot;
use stellar_submitter::domain::envelope::{
    Plan, attach, build, encode, fee_bump, fee_bump_hash, inner_hash, sign_fee_bump,
};
use stellar_submitter::domain::intent::Request;
use stellar_submitter::domain::observation::Landed;
use stellar_submitter::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::soroban_plan::SorobanPlan;
use stellar_submitter::domain::transition::{
    AttemptEnd, DeathProof, Evidence, IntentEnd, SequenceUse, Settlement,
};
use stellar_xdr::{Transaction, TransactionEnvelope, TransactionResultCode as Code};

use crate::bodies::presigned;
use crate::contracts::{inc, own, request, soroban};
use crate::fixture::{
    SEQUENCE, SIGNED_AT, attempt, channel, head, landed, network, proof, recovered, seen, settle,
    stroops,
};

/// Another ledger that was too late: what was built for it has another hash than the attempt here.
pub const EARLIER: LedgerSeq = LedgerSeq(SIGNED_AT + 5);
pub const TENANT: &str = "acme";

pub fn call() -> Request {
    request(&inc(&own()))
}

pub fn restoration() -> Request {
    let keys = json!([{"wasm": "ab".repeat(32)}]);
    let operation = json!({"type": "restore_footprint", "keys": keys});
    request(&json!({"workflow_id": "w-1", "operations": [operation]}))
}

pub fn of_call() -> SorobanPlan {
    soroban(true, "w-1")
}

pub fn of_restoration() -> SorobanPlan {
    SorobanPlan {
        restores: true,
        ..soroban(false, "w-1")
    }
}

/// The transaction of a request with the attempt's sequence number.
pub fn built(request: &Request, soroban: SorobanPlan, max_ledger: LedgerSeq) -> Transaction {
    let plan = Plan {
        channel: channel(),
        sequence: Sequence(SEQUENCE),
        max_ledger,
        soroban: Some(Arc::new(soroban)),
        ..attempt().plan
    };
    build(request, request.key(TENANT).tag(network()), &plan)
}

pub fn recorded(tx: &Transaction, code: Code) -> Landed {
    let envelope = attach(tx.clone(), Vec::new());
    Landed {
        inner_hash: inner_hash(tx, network()),
        sequence: Sequence(tx.seq_num.0),
        source_account: AccountId::of_muxed(&tx.source_account),
        envelope_xdr: encode(&TransactionEnvelope::Tx(envelope)),
        ..*landed(code)
    }
}

/// Who used the number, to an attempt of the request with this hash.
fn user(request: &Request, attempt: TxHash, landed: &Landed) -> SequenceUse {
    SequenceUse::of(network(), &request.key(TENANT), request, attempt, landed)
}

/// Where an attempt of the request goes whose number an earlier life's transaction has used, after its state is changed.
fn after(
    request: &Request,
    landed: &Landed,
    change: impl FnOnce(&mut Snapshot),
) -> (SequenceUse, Settlement) {
    let mut snapshot = recovered();
    change(&mut snapshot);
    let user = user(request, snapshot.attempt.inner_hash, landed);
    let evidence = Evidence {
        used_by: Some(user.clone()),
        ..seen(SIGNED_AT + 3, Some(SEQUENCE))
    };
    let settlement = settle(&mut snapshot, proof(evidence), head(SIGNED_AT + 3));
    (user, settlement)
}

#[test]
fn a_call_of_an_earlier_life_ends_the_intent() {
    let request = call();
    let made = recorded(&built(&request, of_call(), EARLIER), Code::TxSuccess);
    let (user, settlement) = after(&request, &made, |_| {});
    assert_eq!((user.hash, user.ledger), (made.inner_hash, made.ledger));
    assert_eq!(user.own.as_deref(), Some(&made));
    assert_eq!(settlement.intent, IntentEnd::Succeeded);
    assert_eq!(settlement.decided_by(), Some(&made));
}

#[test]
fn a_restoration_of_an_earlier_life_leaves_its_call_to_be_made() {
    let request = call();
    let restored = built(&request, of_restoration(), EARLIER);
    let restored = recorded(&restored, Code::TxSuccess);
    type Case = (IntentEnd, fn(&mut Snapshot));
    let cases: [Case; 3] = [
        (IntentEnd::Requeued, |_| {}),
        (IntentEnd::Canceled, |snapshot| {
            snapshot.terms.cancel_requested = true;
        }),
        (IntentEnd::Expired, |snapshot| {
            snapshot.terms.valid_until = Some(ChainTime(1));
        }),
    ];
    for (end, change) in cases {
        let (user, settlement) = after(&request, &restored, change);
        assert_eq!(user.own, None);
        assert_eq!(settlement.intent, end);
        assert_eq!(settlement.adopted, None);
        let expected = AttemptEnd::Dead(DeathProof::Foreign {
            hash: restored.inner_hash,
            ledger: restored.ledger,
        });
        assert_eq!(settlement.attempt, expected);
        assert_eq!(settlement.channel_sequence, Some(Sequence(SEQUENCE)));
    }
}

#[test]
fn a_restoration_that_was_asked_for_ends_the_intent() {
    let request = restoration();
    let made = built(&request, soroban(false, "w-1"), EARLIER);
    let made = recorded(&made, Code::TxSuccess);
    let (user, settlement) = after(&request, &made, |_| {});
    assert_eq!(user.own.as_deref(), Some(&made));
    assert_eq!(settlement.intent, IntentEnd::Succeeded);
}

#[test]
fn a_restoration_that_is_this_attempt_is_its_end_and_the_call_comes_next() {
    let request = call();
    let tx = built(&request, of_restoration(), EARLIER);
    let restored = recorded(&tx, Code::TxSuccess);
    let (user, settlement) = after(&request, &restored, |snapshot| {
        snapshot.attempt.inner_hash = restored.inner_hash;
        snapshot.attempt.plan.soroban = Some(Arc::new(of_restoration()));
    });
    assert_eq!(user.own.as_deref(), Some(&restored));
    let landed = AttemptEnd::Landed(Box::new(restored));
    assert_eq!(settlement.attempt, landed);
    assert_eq!(settlement.intent, IntentEnd::Requeued);
}

#[test]
fn this_attempt_is_itself_whoever_paid_for_it() {
    // A call that only its fee bump gives to its workflow, taken out of that, and put into somebody else's.
    let mut body: Value = inc(&own());
    body["operations"][0]["auth"] = json!("source_account");
    let request = request(&body);
    let tx = built(&request, soroban(false, "w-1"), EARLIER);
    let other = AccountId([0x77; 32]);
    let tag = request.key("somebody").tag(network());
    let bump = fee_bump(attach(tx.clone(), Vec::new()), other, tag, stroops(20_000));
    let paid = Landed {
        fee_bump_hash: Some(fee_bump_hash(&bump, network())),
        envelope_xdr: encode(&sign_fee_bump(bump, Vec::new())),
        ..recorded(&tx, Code::TxSuccess)
    };
    assert!(user(&request, paid.inner_hash, &paid).own.is_some());
    // To any other attempt it says nothing of whose it is.
    assert_eq!(user(&request, TxHash([1; 32]), &paid).own, None);
}

#[test]
fn what_is_of_another_workflow_or_of_nobody_is_foreign() {
    let request = call();
    let made = built(&request, of_call(), EARLIER);
    let mut other = request.clone();
    other.workflow_id = "w-2".to_owned();
    let made = recorded(&made, Code::TxSuccess);
    let (user, settlement) = after(&other, &made, |_| {});
    assert_eq!(user.own, None);
    assert_eq!(settlement.intent, IntentEnd::Requeued);
    let unreadable = Landed {
        envelope_xdr: Vec::new(),
        ..made
    };
    assert_eq!(after(&request, &unreadable, |_| {}).0.own, None);
    // A payment that its payer signed has no tag inside.
    let body = json!({"workflow_id": "w-1", "transaction_xdr": presigned(&crate::bodies::good("payment"))});
    let sponsored = crate::bodies::request(&body);
    let tx = build(
        &sponsored,
        request.key(TENANT).tag(network()),
        &attempt().plan,
    );
    let paid = recorded(&tx, Code::TxSuccess);
    assert!(self::user(&sponsored, paid.inner_hash, &paid).own.is_some());
}
