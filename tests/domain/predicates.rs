//! When a claimable balance may be claimed: how conditions are nested.

use serde_json::{Value, json};
use stellar_xdr::{ClaimPredicate, Claimant, OperationBody};

use crate::bodies::{body, good, request};
use crate::fixture::{account, source};
use crate::mistakes::mistakes;

/// A body with one balance that may be claimed under this condition.
fn claimed_when(predicate: &Value) -> Value {
    let mut operation = good("create_claimable_balance");
    operation["claimants"] = json!([{"destination": account(8), "predicate": predicate}]);
    body(&[operation])
}

/// The condition in XDR.
fn predicate_of(predicate: &Value) -> ClaimPredicate {
    let request = request(&claimed_when(predicate));
    let operations = request.operations().expect("operations");
    let OperationBody::CreateClaimableBalance(balance) = operations[0].to_xdr(source()) else {
        panic!("another operation");
    };
    let Claimant::ClaimantTypeV0(claimant) = balance.claimants[0].clone();
    claimant.predicate
}

#[test]
fn conditions_are_nested_four_deep_and_no_deeper_as_the_ledger_takes_them() {
    type Around = fn(Value) -> Value;
    let ways: [(&str, Around); 5] = [
        ("/not", |inner| json!({"not": inner})),
        ("/and/0", |inner| json!({"and": [inner, "unconditional"]})),
        ("/and/1", |inner| json!({"and": ["unconditional", inner]})),
        ("/or/0", |inner| json!({"or": [inner, "unconditional"]})),
        ("/or/1", |inner| json!({"or": ["unconditional", inner]})),
    ];
    let nested = |around: Around, levels: usize| {
        // The innermost one is a level, too.
        (1..levels).fold(json!("unconditional"), |inner, _| around(inner))
    };
    for (below, around) in ways {
        request(&claimed_when(&nested(around, 4)));
        let errors = mistakes(&claimed_when(&nested(around, 5)));
        let pointer = format!("/operations/0/claimants/0/predicate{}", below.repeat(4));
        assert!(errors.iter().any(|error| error.pointer == pointer));
        // What stands beside the innermost one is as deep.
        for error in errors {
            assert_eq!(error.detail, "is nested deeper than 4", "{}", error.pointer);
        }
    }
}

#[test]
fn each_condition_is_that_of_the_protocol() {
    use ClaimPredicate as P;
    let absolute = json!({"before_absolute_time": "1900000000"});
    let relative = json!({"before_relative_time": "60"});
    let both = || {
        let both = vec![
            P::BeforeAbsoluteTime(1_900_000_000),
            P::BeforeRelativeTime(60),
        ];
        both.try_into().expect("two")
    };
    for (given, expected) in [
        (Value::Null, P::Unconditional),
        (json!("unconditional"), P::Unconditional),
        (
            json!({"not": relative}),
            P::Not(Some(Box::new(P::BeforeRelativeTime(60)))),
        ),
        (json!({"and": [absolute, relative]}), P::And(both())),
        (json!({"or": [absolute, relative]}), P::Or(both())),
    ] {
        assert_eq!(predicate_of(&given), expected, "{given}");
    }
}
