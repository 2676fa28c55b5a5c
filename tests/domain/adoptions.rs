//! What an earlier life has sent is the attempt that the records lost, as it was signed, ended as the ledger has it.

use serde_json::json;
use stellar_submitter::domain::adoption::{Adopter, first};
use stellar_submitter::domain::attempt::{Bump, Terms};
use stellar_submitter::domain::envelope::{
    Plan, attach, build, encode, fee_bump, fee_bump_hash, inner_hash,
};
use stellar_submitter::domain::intent::{IntentKey, Request};
use stellar_submitter::domain::observation::Landed;
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq, Sequence};
use stellar_submitter::domain::transition::{AttemptEnd, IntentEnd};
use stellar_xdr::{
    DecoratedSignature, FeeBumpTransactionEnvelope, Signature, Transaction, TransactionEnvelope,
    TransactionResultCode as Code, TransactionV1Envelope,
};

use crate::bodies::{body, good, presigned, request};
use crate::fixture::{
    MAX_LEDGER, SIGNED_AT, attempt, end_of, fresh, landed, network, stranger, stroops,
};

/// The number that the records give to what they lacked.
const NUMBER: u32 = 3;

fn sponsor() -> AccountId {
    AccountId([0x66; 32])
}

fn plan() -> Plan {
    Plan {
        base_fee: stroops(250),
        ..attempt().plan
    }
}

fn two_payments() -> Request {
    request(&body(&[good("payment"), good("payment")]))
}

fn key(request: &Request) -> IntentKey {
    request.key("acme")
}

fn built(request: &Request, plan: &Plan) -> Transaction {
    build(request, key(request).tag(network()), plan)
}

fn signed(tx: Transaction) -> TransactionV1Envelope {
    let signature = DecoratedSignature {
        hint: stranger().hint(),
        signature: Signature(vec![9; 64].try_into().expect("64 bytes")),
    };
    attach(tx, vec![signature])
}

/// A transaction as the ledger records it.
fn recorded(envelope: &TransactionV1Envelope, code: Code) -> Landed {
    Landed {
        inner_hash: inner_hash(&envelope.tx, network()),
        source_account: AccountId::of_muxed(&envelope.tx.source_account),
        sequence: Sequence(envelope.tx.seq_num.0),
        envelope_xdr: encode(&TransactionEnvelope::Tx(envelope.clone())),
        ..*landed(code)
    }
}

/// The same, paid for by somebody else.
fn sponsored(envelope: &TransactionV1Envelope, fee: i64) -> Landed {
    let bump = fee_bump(
        envelope.clone(),
        sponsor(),
        key(&two_payments()).tag(network()),
        stroops(fee),
    );
    Landed {
        fee_bump_hash: Some(fee_bump_hash(&bump, network())),
        fee_account: sponsor(),
        envelope_xdr: encode(&TransactionEnvelope::TxFeeBump(
            FeeBumpTransactionEnvelope {
                tx: bump,
                signatures: envelope.signatures.clone(),
            },
        )),
        ..recorded(envelope, Code::TxSuccess)
    }
}

/// What is adopted of these by the intent of a request, after its terms are changed.
fn adopted_by(
    request: &Request,
    landings: &[Landed],
    change: impl FnOnce(&mut Terms),
) -> Option<stellar_submitter::domain::adoption::Adoption> {
    let mut terms = fresh().terms;
    change(&mut terms);
    let adopter = Adopter {
        network: network(),
        key: &key(request),
        request,
        number: NUMBER,
        terms,
    };
    first(&adopter, landings)
}

fn at(ledger: u32, sequence: i64, code: Code) -> Landed {
    let plan = Plan {
        sequence: Sequence(sequence),
        ..plan()
    };
    let envelope = signed(built(&two_payments(), &plan));
    Landed {
        ledger: LedgerSeq(ledger),
        ..recorded(&envelope, code)
    }
}

#[test]
fn it_is_the_attempt_as_it_was_signed() {
    let request = two_payments();
    let envelope = signed(built(&request, &plan()));
    let landing = recorded(&envelope, Code::TxSuccess);
    let adoption = adopted_by(&request, std::slice::from_ref(&landing), |_| {}).expect("its own");
    let attempt = adoption.attempt;
    assert_eq!(attempt.number, NUMBER);
    assert_eq!(attempt.plan, plan());
    assert_eq!(attempt.inner_hash, landing.inner_hash);
    assert_eq!(attempt.operations, 2);
    assert_eq!(attempt.plain_fee, stroops(500));
    assert_eq!(attempt.bumps, []);
    assert!(!attempt.sponsored && !attempt.presigned);
    assert!(attempt.signed_at < landing.ledger && attempt.signed_at.0 >= SIGNED_AT);
    assert_eq!(adoption.envelope, landing.envelope_xdr);
    assert_eq!(adoption.fee_bump, None);
    assert_eq!(adoption.settlement.intent, IntentEnd::Succeeded);
    assert_eq!(
        adoption.settlement.attempt,
        AttemptEnd::Landed(Box::new(landing))
    );
}

#[test]
fn the_fee_bump_that_carried_it_is_its_own_too() {
    let request = two_payments();
    let envelope = signed(built(&request, &plan()));
    let landing = sponsored(&envelope, 1_234);
    let adoption = adopted_by(&request, std::slice::from_ref(&landing), |_| {}).expect("its own");
    let bump = Bump {
        hash: landing.fee_bump_hash.expect("it is one"),
        fee: stroops(1_234),
    };
    assert_eq!(adoption.attempt.bumps, [bump]);
    assert!(adoption.attempt.sponsored && !adoption.attempt.presigned);
    assert_eq!(adoption.attempt.plain_fee, stroops(500));
    let plain = encode(&TransactionEnvelope::Tx(envelope));
    assert_eq!(adoption.envelope, plain);
    assert_eq!(adoption.fee_bump, Some(landing.envelope_xdr.clone()));
    assert_eq!(adoption.settlement.decided_by(), Some(&landing));
}

#[test]
fn one_that_paid_nothing_itself_has_the_least_bid() {
    let request = two_payments();
    let mut tx = built(&request, &plan());
    tx.fee = 0;
    let adoption = adopted_by(&request, &[sponsored(&signed(tx), 1_234)], |_| {});
    let attempt = adoption.expect("its own").attempt;
    assert_eq!(attempt.plan.base_fee, stroops(1));
    assert_eq!(attempt.plain_fee, stroops(100));
}

#[test]
fn what_a_payer_signed_is_taken_as_it_is() {
    let body = json!({"workflow_id": "w", "transaction_xdr": presigned(&good("payment"))});
    let request = request(&body);
    let envelope = signed(built(&request, &plan()));
    let landing = recorded(&envelope, Code::TxSuccess);
    let adoption = adopted_by(&request, &[landing], |_| {}).expect("its own");
    assert!(adoption.attempt.presigned);
    assert_eq!(adoption.attempt.plan.channel, stranger());
    assert_eq!(adoption.attempt.plan.sequence.0, envelope.tx.seq_num.0);
    assert_eq!(adoption.settlement.intent, IntentEnd::Succeeded);
}

#[test]
fn nothing_else_is_adopted() {
    let request = two_payments();
    let own = recorded(&signed(built(&request, &plan())), Code::TxSuccess);
    let another = recorded(
        &signed(built(&self::request(&body(&[good("payment")])), &plan())),
        Code::TxSuccess,
    );
    let unreadable = Landed {
        envelope_xdr: own.envelope_xdr[1..].to_vec(),
        ..own.clone()
    };
    // A record that contradicts its own envelope ends nothing.
    let contradicting = Landed {
        sequence: Sequence(own.sequence.0 + 1),
        ..own.clone()
    };
    for landing in [another, unreadable, contradicting] {
        assert!(
            adopted_by(&request, std::slice::from_ref(&landing), |_| {}).is_none(),
            "{landing:?}"
        );
        let adoption = adopted_by(&request, &[landing, own.clone()], |_| {});
        assert_eq!(
            adoption.expect("its own").settlement.decided_by(),
            Some(&own)
        );
    }
    assert!(adopted_by(&request, &[], |_| {}).is_none());
}

#[test]
fn of_several_it_is_the_oldest() {
    let request = two_payments();
    let [early, late] = [at(1_002, 90, Code::TxFailed), at(1_003, 7, Code::TxFailed)];
    let same_ledger = at(1_002, 91, Code::TxFailed);
    for landings in [
        [early.clone(), same_ledger.clone(), late.clone()],
        [late.clone(), same_ledger.clone(), early.clone()],
        [same_ledger, late, early.clone()],
    ] {
        let adoption = adopted_by(&request, &landings, |_| {}).expect("its own");
        assert_eq!(adoption.settlement.decided_by(), Some(&early));
        assert_ne!(adoption.settlement.intent, IntentEnd::Succeeded);
    }
}

#[test]
fn a_failure_is_no_end_where_another_succeeded() {
    let request = two_payments();
    let failed = at(1_002, 90, Code::TxFailed);
    let succeeded = at(1_009, 91, Code::TxSuccess);
    // Alone it ends as the intent says.
    let canceled = |terms: &mut Terms| terms.cancel_requested = true;
    let alone = adopted_by(&request, std::slice::from_ref(&failed), canceled);
    let end = alone.expect("its own").settlement.intent;
    assert_eq!(end_of(&end).0, "canceled");
    let both = [succeeded.clone(), failed.clone()];
    let adoption = adopted_by(&request, &both, canceled).expect("its own");
    assert_eq!(adoption.settlement.intent, IntentEnd::Requeued);
    assert_eq!(adoption.settlement.decided_by(), Some(&failed));
    // What failed after the success says nothing.
    let afterwards = at(MAX_LEDGER - 1, 92, Code::TxFailed);
    let adoption = adopted_by(&request, &[afterwards, succeeded.clone()], canceled);
    let settlement = adoption.expect("its own").settlement;
    assert_eq!(settlement.intent, IntentEnd::Succeeded);
    assert_eq!(settlement.decided_by(), Some(&succeeded));
}
