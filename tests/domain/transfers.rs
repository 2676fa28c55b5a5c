//! Transfers of tokens: how much of what, to whom.

use serde_json::{Value, json};
use stellar_submitter::domain::intent::{Request, read_stored};
use stellar_xdr::{
    HostFunction, Int128Parts, MuxedEd25519Account, OperationBody, ScAddress, ScVal, Uint256,
};

use crate::bad_values::{contract, muxed};
use crate::bodies::body;
use crate::contracts::request;
use crate::fixture::{account, source};
use crate::mistakes::only;

/// A body that transfers a token, with these fields.
fn transfer(fields: &[(&str, Value)]) -> Value {
    let mut operation = json!({"type": "token_transfer", "to": account(7)});
    for (name, value) in fields {
        operation[*name] = value.clone();
    }
    body(&[operation])
}

/// What a transfer of a contract's own token asks for.
fn of_contract(amount: Value) -> Value {
    transfer(&[("contract", json!(contract())), ("amount", amount)])
}

/// The contract that is called, and the arguments of its `transfer`.
fn called(request: &Request) -> (ScAddress, Vec<ScVal>) {
    let operations = request.operations().expect("operations");
    let OperationBody::InvokeHostFunction(operation) = operations[0].to_xdr(source()) else {
        panic!("no call");
    };
    let HostFunction::InvokeContract(call) = operation.host_function else {
        panic!("no call of a contract");
    };
    assert_eq!(call.function_name.0.as_slice(), b"transfer");
    (call.contract_address, call.args.to_vec())
}

#[test]
fn a_contracts_token_is_counted_in_its_smallest_units() {
    for (amount, written, hi, lo) in [
        ("1", "1", 0, 1),
        ("0015", "15", 0, 15),
        // 2^64 + 5: more than any amount of an asset.
        ("18446744073709551621", "18446744073709551621", 1, 5),
        (
            "170141183460469231731687303715884105727",
            "170141183460469231731687303715884105727",
            i64::MAX,
            u64::MAX,
        ),
    ] {
        let request = request(&of_contract(json!(amount)));
        let (called, args) = called(&request);
        assert_eq!(called.to_string(), contract());
        let expected = [
            ScVal::Address(ScAddress::Account(source().to_xdr())),
            ScVal::Address(ScAddress::Account(account(7).to_xdr())),
            ScVal::I128(Int128Parts { hi, lo }),
        ];
        assert_eq!(args, expected, "{amount}");
        let form = request.to_json();
        assert_eq!(form["operations"][0]["asset"], Value::Null);
        assert_eq!(form["operations"][0]["contract"], json!(contract()));
        assert_eq!(form["operations"][0]["amount"], json!(written));
        assert_eq!(read_stored(&form), Ok(request));
    }
    for amount in [
        "",
        "0",
        "000",
        "-1",
        "+1",
        "1.0",
        "1.5",
        "1e3",
        "0x1",
        " 1",
        "170141183460469231731687303715884105728",
    ] {
        only(
            &of_contract(json!(amount)),
            "/operations/0/amount",
            "must be a string with a whole number of the token's smallest units, more than 0",
        );
    }
    only(
        &of_contract(json!(5)),
        "/operations/0/amount",
        "must be a string",
    );
    only(
        &of_contract(Value::Null),
        "/operations/0/amount",
        "is required",
    );
}

#[test]
fn an_asset_is_counted_with_seven_decimal_places() {
    for (amount, stroops) in [
        ("0.0000001", 1),
        ("1.5", 15_000_000),
        ("922337203685.4775807", u64::MAX / 2),
    ] {
        let given = transfer(&[("asset", json!("native")), ("amount", json!(amount))]);
        let request = request(&given);
        let (_, args) = called(&request);
        let expected = Int128Parts { hi: 0, lo: stroops };
        assert_eq!(args[2], ScVal::I128(expected), "{amount}");
        let form = request.to_json();
        assert_eq!(form["operations"][0]["asset"], json!("native"));
        assert_eq!(form["operations"][0]["amount"], json!(amount));
        assert_eq!(read_stored(&form), Ok(request));
    }
}

#[test]
fn a_token_is_named_by_its_contract_or_by_its_asset() {
    let amount = || ("amount", json!("1"));
    only(
        &transfer(&[amount()]),
        "/operations/0/contract",
        "is required: a token's contract, or else its asset",
    );
    only(
        &transfer(&[amount(), ("contract", json!(account(7)))]),
        "/operations/0/contract",
        "is not a contract's address",
    );
    only(
        &transfer(&[amount(), ("asset", json!("XLM"))]),
        "/operations/0/asset",
        "is not an asset",
    );
    request(&transfer(&[amount(), ("contract", json!(contract()))]));
    request(&transfer(&[amount(), ("asset", json!("native"))]));
}

#[test]
fn an_account_that_receives_a_token_is_named_muxed_or_not() {
    for (to, address, receives) in [
        (
            account(7).to_string(),
            ScAddress::Account(account(7).to_xdr()),
            vec![account(7)],
        ),
        (
            muxed(),
            ScAddress::MuxedAccount(MuxedEd25519Account {
                id: 77,
                ed25519: Uint256(account(7).0),
            }),
            vec![account(7)],
        ),
        (
            contract(),
            contract().parse().expect("a contract's address"),
            Vec::new(),
        ),
    ] {
        let given = transfer(&[
            ("contract", json!(contract())),
            ("amount", json!("1")),
            ("to", json!(to)),
        ]);
        let request = request(&given);
        assert_eq!(called(&request).1[1], ScVal::Address(address), "{to}");
        assert_eq!(request.destinations(), receives, "{to}");
    }
    // Only a transfer has somebody who receives.
    let call = json!({"type": "invoke_contract", "contract": contract(), "function": "f"});
    assert_eq!(request(&body(&[call])).destinations(), []);
}
