//! The flags of a trustline, as the ledger knows them.

use serde_json::{Value, json};
use stellar_submitter::domain::operation::{Operation, TrustLineFlag};
use stellar_xdr::{OperationBody, SetTrustLineFlagsOp};

use crate::bodies::{body, good, request, usd};
use crate::fixture::{account, source};

/// The operation as the ledger is told it.
fn told(operation: &Operation) -> SetTrustLineFlagsOp {
    match operation.to_xdr(source()) {
        OperationBody::SetTrustLineFlags(operation) => operation,
        other => panic!("another operation: {other:?}"),
    }
}

#[test]
fn each_flag_is_the_bit_of_the_protocol() {
    let (authorized, maintain) = ("authorized", "authorized_to_maintain_liabilities");
    let clawback = "clawback_enabled";
    for (set, clear, set_bits, clear_bits) in [
        (json!([]), json!([]), 0, 0),
        (json!([authorized]), json!([]), 1, 0),
        (json!([maintain]), json!([]), 2, 0),
        (json!([]), json!([authorized]), 0, 1),
        (json!([]), json!([maintain]), 0, 2),
        (json!([]), json!([clawback]), 0, 4),
        (json!([authorized]), json!([clawback, maintain]), 1, 6),
        (json!([maintain]), json!([authorized, clawback]), 2, 5),
        (json!([]), json!([clawback, maintain, authorized]), 0, 7),
        (json!([authorized, authorized]), Value::Null, 1, 0),
        (Value::Null, json!([clawback, clawback]), 0, 4),
    ] {
        let mut given = good("set_trust_line_flags");
        given["set_flags"] = set.clone();
        given["clear_flags"] = clear.clone();
        let request = request(&body(&[given]));
        let told = told(&request.operations().expect("operations")[0]);
        assert_eq!(told.trustor, account(7).to_xdr());
        assert_eq!(told.set_flags, set_bits, "{set}");
        assert_eq!(told.clear_flags, clear_bits, "{clear}");
    }
}

#[test]
fn a_flag_that_is_listed_twice_is_told_once() {
    let told = told(&Operation::SetTrustLineFlags {
        trustor: account(7),
        asset: usd().parse().expect("an asset"),
        set: vec![TrustLineFlag::Authorized; 2],
        clear: vec![TrustLineFlag::ClawbackEnabled; 2],
    });
    assert_eq!((told.set_flags, told.clear_flags), (1, 4));
}
