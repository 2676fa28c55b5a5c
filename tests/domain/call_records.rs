//! What a call that landed left in its ledger: value, events, and the error that it failed with.

use stellar_submitter::domain::soroban::meta::error_in;
use stellar_submitter::domain::soroban::simulation::HostError;
use stellar_submitter::domain::soroban::{CallRecord, FailureKind};
use stellar_xdr::{
    self as xdr, DiagnosticEvent, OperationMeta, ScError, ScErrorCode, ScVal,
    SorobanTransactionMeta, TransactionMeta, TransactionMetaV3,
};

use crate::recorded::meta;

fn record(name: &str) -> CallRecord {
    CallRecord::of(&meta(name))
}

#[test]
fn the_recorded_ledgers_say_what_a_call_returned_and_told() {
    for (name, value, events) in [
        ("get-transaction-success", Some(ScVal::U32(1)), 0),
        ("get-transaction-autorestore", Some(ScVal::U32(2)), 0),
        // A transfer of lumens returns nothing, and tells of itself.
        ("get-transaction-sac-transfer", Some(ScVal::Void), 1),
        ("get-transaction-nonce-used", None, 0),
        // A payment called nothing.
        ("get-transaction-classic-failed", None, 0),
    ] {
        let record = record(name);
        assert_eq!(record.value, value, "{name}");
        assert_eq!(record.events.len(), events, "{name}");
    }
    let transfer = record("get-transaction-sac-transfer");
    let xdr::ContractEventBody::V0(body) = &transfer.events[0].body;
    let name = xdr::ScSymbol("transfer".try_into().expect("short"));
    assert_eq!(body.topics[0], ScVal::Symbol(name));
}

#[test]
fn the_recorded_ledgers_say_what_a_call_failed_with() {
    for (name, error, kind) in [
        (
            "get-transaction-nonce-used",
            Some(ScError::Auth(ScErrorCode::ExistingValue)),
            Some(FailureKind::NonceExists),
        ),
        (
            "get-transaction-resource-limit",
            Some(ScError::Budget(ScErrorCode::ExceededLimit)),
            Some(FailureKind::Budget),
        ),
        (
            "get-transaction-entry-archived",
            Some(ScError::Value(ScErrorCode::InvalidInput)),
            Some(FailureKind::Host(HostError {
                kind: "Value",
                code: "InvalidInput",
            })),
        ),
        ("get-transaction-success", None, None),
    ] {
        let record = record(name);
        assert!(!record.diagnostics.is_empty(), "{name}");
        assert_eq!(record.error(), error.as_ref(), "{name}");
        assert_eq!(record.failure(), kind, "{name}");
    }
    let payment = record("get-transaction-classic-failed");
    assert_eq!((payment.error(), payment.failure()), (None, None));
}

/// A diagnostic event with these topics.
fn event(topics: Vec<ScVal>) -> DiagnosticEvent {
    let mut event = DiagnosticEvent::default();
    event.event.body = xdr::ContractEventBody::V0(xdr::ContractEventV0 {
        topics: topics.try_into().expect("few"),
        data: ScVal::Void,
    });
    event
}

fn symbol(name: &str) -> ScVal {
    ScVal::Symbol(xdr::ScSymbol(name.try_into().expect("short")))
}

fn error(number: u32) -> ScVal {
    ScVal::Error(ScError::Contract(number))
}

#[test]
fn the_last_event_that_is_called_an_error_is_the_one_that_counts() {
    let first = event(vec![symbol("error"), error(1)]);
    let last = event(vec![symbol("error"), error(2), symbol("more")]);
    // Of these, none is.
    let others = [
        event(vec![symbol("errors"), error(3)]),
        event(vec![symbol("fn_call"), error(4)]),
        event(vec![symbol("error")]),
        event(vec![error(5), symbol("error")]),
        event(vec![symbol("error"), symbol("error"), error(6)]),
        event(Vec::new()),
    ];
    assert_eq!(error_in(&others), None);
    let mut all = vec![first, last];
    all.extend(others);
    assert_eq!(error_in(&all), Some(&ScError::Contract(2)));
    all.remove(1);
    assert_eq!(error_in(&all), Some(&ScError::Contract(1)));
}

#[test]
fn a_ledger_before_protocol_23_says_the_same_in_its_own_place() {
    let told = xdr::ContractEvent::default();
    let called = |soroban_meta| {
        TransactionMeta::V3(TransactionMetaV3 {
            soroban_meta,
            ..Default::default()
        })
    };
    let failed = event(vec![symbol("error"), error(7)]);
    let meta = called(Some(SorobanTransactionMeta {
        events: vec![told.clone()].try_into().expect("one"),
        return_value: ScVal::U32(9),
        diagnostic_events: vec![failed.clone()].try_into().expect("one"),
        ..Default::default()
    }));
    let record = CallRecord::of(&meta);
    let expected = CallRecord {
        value: Some(ScVal::U32(9)),
        events: vec![told],
        diagnostics: vec![failed],
    };
    assert_eq!(record, expected);
    assert_eq!(record.failure(), Some(FailureKind::Contract(7)));
    // What called nothing, and what is older than contracts, says nothing.
    let older = TransactionMeta::V0(vec![OperationMeta::default()].try_into().expect("one"));
    for meta in [called(None), older] {
        assert_eq!(CallRecord::of(&meta), CallRecord::default());
    }
}
