//! The body of POST /v1/intents: JSON → request → normal form → transaction, and back.

use serde_json::Value;
use stellar_submitter::api::{JsonError, unambiguous};
use stellar_submitter::domain::envelope;
use stellar_submitter::domain::fields::{FieldError, MAX_FIELD_ERRORS};
use stellar_submitter::domain::intent::{
    Accounts, Content, IntentKey, MAX_NAME_CHARACTERS, Request, first_difference, read, read_stored,
};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops,
};
use stellar_submitter::domain::seed::holds_seed;
use stellar_xdr as xdr;

/// The most bytes of an envelope that core takes.
const MAX_ENVELOPE_BYTES: usize = 100 * 1024;

/// The accounts of a submitter whose keys nobody has.
pub fn accounts() -> Accounts {
    Accounts {
        default_source: AccountId([1; 32]),
        other_sources: vec![AccountId([2; 32])],
        contracts: Some(NetworkId::of("fuzz")),
    }
}

/// The network that all targets are on.
pub fn network() -> NetworkId {
    NetworkId::of("Standalone Network ; February 2017")
}

/// Reads a body.
pub fn fuzz_one(data: &[u8]) {
    let ours = unambiguous(data);
    let theirs = serde_json::from_slice::<Value>(data);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "another value than serde_json reads"),
        // They take the last of two; a mistake may also come behind it.
        (Err(JsonError::Twice { .. }), _) | (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{ours:?}, but serde_json says {theirs:?}"),
    }
    let Ok(value) = ours else { return };
    match read(&value, &accounts()) {
        Ok(request) => accepted(&request),
        Err(errors) => refused(&errors),
    }
}

/// A refusal names what is wrong, within limits, and repeats no secret.
pub fn refused(errors: &[FieldError]) {
    assert!(!errors.is_empty(), "refused for no reason");
    assert!(errors.len() <= MAX_FIELD_ERRORS, "{} reasons", errors.len());
    for error in errors {
        let pointer = &error.pointer;
        assert!(
            pointer.is_empty() || pointer.starts_with('/'),
            "{pointer:?}"
        );
        assert!(!error.detail.is_empty(), "no reason at {pointer:?}");
        let shown = holds_seed(pointer) || holds_seed(&error.detail);
        assert!(!shown, "a secret is repeated");
    }
}

/// An accepted request has one normal form, and one transaction that is recognised as its own and as nobody else's.
pub fn accepted(request: &Request) {
    let text = request.to_text();
    assert!(!holds_seed(&text), "a secret is accepted");
    let form = unambiguous(text.as_bytes()).expect("a normal form is JSON that means one thing");
    assert_eq!(form, request.to_json(), "two normal forms");
    let stored = read_stored(&form).expect("a normal form reads back");
    assert_eq!(&stored, request, "another request from the records");
    assert_eq!(first_difference(&stored, request), None);
    let posted = read(&form, &accounts()).expect("a normal form may be posted");
    assert_eq!(&posted, request, "another request when posted again");

    let names = [Some(&request.workflow_id), Some(&request.method)];
    for name in names.into_iter().chain([request.ordering_key.as_ref()]) {
        let characters = name.map_or(1, |name| name.chars().count());
        assert!((1..=MAX_NAME_CHARACTERS).contains(&characters));
    }
    assert!((1..=100).contains(&request.operation_count()));
    if let (Some(from), Some(until)) = (request.not_before, request.valid_until) {
        assert!(from <= until, "never valid");
    }
    transaction(request);
}

fn transaction(request: &Request) {
    let key = |tenant: &str| request.key(tenant);
    let recognised = |key: &IntentKey, transaction: &xdr::Transaction| {
        envelope::recognise(network(), key, request, transaction, None)
    };
    let plan = envelope::Plan {
        channel: AccountId([3; 32]),
        sequence: Sequence(7),
        min_time: ChainTime(request.not_before.map_or(0, |at| at.0)),
        max_time: ChainTime(request.valid_until.map_or(0, |at| at.0)),
        max_ledger: LedgerSeq(1000),
        base_fee: Stroops::new(100).expect("100 is not negative"),
        soroban: None,
    };
    let transaction = envelope::build(request, key("acme").tag(network()), &plan);
    assert!(
        recognised(&key("acme"), &transaction),
        "not recognised as its own"
    );
    let signatures = match &request.content {
        Content::Operations(_) => {
            assert_eq!(envelope::plan_of(&transaction), Some(plan), "another plan");
            assert!(
                !recognised(&key("zenith"), &transaction),
                "taken for another tenant's"
            );
            Vec::new()
        }
        Content::Presigned(presigned) => presigned.envelope().signatures.to_vec(),
    };
    let inner = envelope::attach(transaction, signatures);
    let bytes = envelope::encode(&xdr::TransactionEnvelope::Tx(inner.clone()));
    assert!(
        bytes.len() <= MAX_ENVELOPE_BYTES,
        "{} bytes, which core never takes",
        bytes.len()
    );
    assert_eq!(envelope::decode(&bytes), Ok((inner, None)));
}
