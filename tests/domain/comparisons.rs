//! Records that say of what only made a call ready that it was the call.

use serde_json::json;
use stellar_submitter::audit::reconcile::compare::{
    Judgement, REPORTED_OTHERWISE, WITHOUT_ATTEMPT, with_attempt, with_tag_of,
};
use stellar_submitter::domain::intent::Request;
use stellar_submitter::domain::observation::Landed;
use stellar_submitter::domain::primitives::TxHash;
use stellar_submitter::store::audit::{AuditedAttempt, AuditedIntent};
use stellar_xdr::TransactionResultCode as Code;

use crate::contracts::soroban;
use crate::fixture::network;
use crate::sequence_users::{
    EARLIER, TENANT, built, call, of_call, of_restoration, recorded, restoration,
};

/// An intent on record as succeeded by this transaction.
fn done_by(request: &Request, hash: TxHash) -> AuditedIntent {
    AuditedIntent {
        id: uuid::Uuid::nil(),
        tenant: TENANT.to_owned(),
        workflow_id: request.workflow_id.clone(),
        method: request.method.clone(),
        tag: None,
        status: "succeeded".to_owned(),
        request: Some(request.to_json()),
        transaction: Some(json!({"hash": hash.to_string()})),
        source: Some(request.source.to_string()),
    }
}

/// The kinds of what is found, by the attempt that it was and by its tag alone.
fn found(request: &Request, said: TxHash, landed: &Landed) -> [Vec<&'static str>; 2] {
    let kinds = |judgement| match judgement {
        Judgement::Found(found) => found.into_iter().map(|one| one.kind).collect(),
        Judgement::Matched => Vec::new(),
        Judgement::Pending => panic!("pending"),
    };
    let intent = done_by(request, said);
    let attempt = AuditedAttempt {
        hash: landed.inner_hash.0.to_vec(),
        state: "landed".to_owned(),
        intent: done_by(request, said),
    };
    [
        kinds(with_attempt(network(), &attempt, landed, landed.ledger)),
        kinds(with_tag_of(network(), &intent, landed)),
    ]
}

#[test]
fn who_says_that_a_restoration_was_the_call_is_found_out() {
    let request = call();
    let restored = built(&request, of_restoration(), EARLIER);
    let restored = recorded(&restored, Code::TxSuccess);
    let called = recorded(&built(&request, of_call(), EARLIER), Code::TxSuccess);
    let by_itself = found(&request, restored.inner_hash, &restored);
    assert_eq!(by_itself, [[REPORTED_OTHERWISE], [REPORTED_OTHERWISE]]);
    let by_the_call = found(&request, called.inner_hash, &restored);
    assert_eq!(by_the_call, [vec![], vec![WITHOUT_ATTEMPT]]);
    let nothing: [Vec<&str>; 2] = Default::default();
    let right = found(&request, called.inner_hash, &called);
    assert_eq!(right, nothing);
    // Where that was asked for it is right.
    let asked = restoration();
    let made = recorded(
        &built(&asked, soroban(false, "w-1"), EARLIER),
        Code::TxSuccess,
    );
    assert_eq!(found(&asked, made.inner_hash, &made), nothing);
}
