//! Results decoded from XDR carry the names that Horizon gives them.

use serde_json::Value;
use stellar_submitter::domain::result_code::{
    TransactionMeaning, TransactionOutcome, transaction_code_name, transaction_meaning,
};
use stellar_xdr::{Limits, ReadXdr, TransactionResult};

use crate::capture::{self, named};

fn decode(result: &str) -> TransactionOutcome {
    let result = TransactionResult::from_xdr_base64(result, Limits::none());
    TransactionOutcome::of(&result.expect("a recorded result decodes"))
}

#[test]
fn names_are_horizons_own() {
    let mut compared = 0;
    for capture in capture::all() {
        let Some(extras) = capture
            .response
            .body
            .as_ref()
            .and_then(|body| body.get("extras"))
        else {
            continue;
        };
        let (Some(Value::String(result)), Some(codes)) =
            (extras.get("result_xdr"), extras.get("result_codes"))
        else {
            continue;
        };
        let outcome = decode(result);
        let text = |key: &str| codes.get(key).and_then(Value::as_str);
        let operations: Vec<&str> = match codes.get("operations") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let ours: Vec<&str> = outcome.operations.iter().map(|one| one.code).collect();
        let name = &capture.name;
        assert_eq!(
            Some(transaction_code_name(outcome.code)),
            text("transaction"),
            "{name}"
        );
        assert_eq!(
            outcome.inner.map(transaction_code_name),
            text("inner_transaction"),
            "{name}"
        );
        assert_eq!(ours, operations, "{name}");
        compared += 1;
    }
    assert!(compared >= 28, "only {compared} captures have result codes");
}

#[test]
fn success_is_horizons_own() {
    let mut compared = 0;
    for capture in capture::all() {
        let Some(body) = &capture.response.body else {
            continue;
        };
        let page = body.pointer("/_embedded/records").and_then(Value::as_array);
        let records = page.map_or_else(|| vec![body], |records| records.iter().collect());
        for record in records {
            let (Some(Value::String(result)), Some(Value::Bool(successful))) =
                (record.get("result_xdr"), record.get("successful"))
            else {
                continue;
            };
            let is_success =
                transaction_meaning(decode(result).code) == TransactionMeaning::Success;
            assert_eq!(is_success, *successful, "{}", capture.name);
            compared += 1;
        }
    }
    assert!(
        compared >= 48,
        "only {compared} recorded results were compared"
    );
}

#[test]
fn a_bid_below_the_queue_is_told_the_fee_that_would_do() {
    let capture = named("surge-low-bid");
    assert_eq!(capture.observed(), "refused: tx_insufficient_fee fee 151");
}
