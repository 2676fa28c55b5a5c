//! How large a contract operation may be, and what is not read at all.

use serde_json::{Value, json};
use stellar_submitter::domain::fields::{Errors, FieldError};
use stellar_submitter::domain::intent::read;
use stellar_submitter::domain::operation::{Contracts, Operation};
use stellar_xdr::{
    ContractDataDurability, LedgerKey, LedgerKeyContractData, Limits, ScAddress, ScBytes, ScVal,
    WriteXdr as _,
};

use crate::bad_values::contract;
use crate::bodies::good;
use crate::contracts::inc;
use crate::fixture::{accounts, network};
use crate::mistakes::only;

const MOST: usize = 64 * 1024;

/// One operation by itself, with its mistakes.
fn operation(given: &Value) -> (Option<Operation>, Vec<FieldError>) {
    let mut errors = Errors::default();
    let contracts = Contracts::On(network());
    let read = Operation::read(given, "/o".to_owned(), contracts, &mut errors);
    (read, errors.finish(None::<()>).expect_err("the mistakes"))
}

/// A call of `inc` with arguments of so many bytes each, as XDR.
fn call(arguments: &[usize]) -> Value {
    // Four bytes say the type, four the length.
    let argument = |bytes: &usize| json!({"bytes": "ab".repeat(bytes - 8)});
    inc(&arguments.iter().map(argument).collect())
}

#[test]
fn the_arguments_of_a_call_are_taken_up_to_a_size_together() {
    for arguments in [[MOST / 2, MOST / 2], [8, MOST - 8]] {
        let (read, errors) = operation(&call(&arguments)["operations"][0]);
        assert!(read.is_some());
        assert_eq!(errors, []);
    }
    let (read, errors) = operation(&call(&[MOST / 2, MOST / 2 + 4])["operations"][0]);
    assert_eq!(read, None);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].pointer, "/o/args");
    let detail = &errors[0].detail;
    assert!(
        detail.contains("65540 bytes") && detail.contains("at most 65536"),
        "{detail}"
    );
}

#[test]
fn a_call_is_taken_up_to_a_size_with_all_that_belongs_to_it() {
    // A source of its own 36, whether it has one 4, the types of the operation and of the function 8, the contract 36, the
    // name 8, the numbers of arguments and of authorisations 8.
    const AROUND: usize = 100;
    assert!(read(&call(&[MOST - AROUND]), &accounts()).is_ok());
    only(
        &call(&[MOST - AROUND + 4]),
        "/operations",
        "are 65540 bytes as a transaction, and the network takes at most 65536",
    );
}

#[test]
fn a_key_is_taken_up_to_a_size_and_not_beyond() {
    // The kind of entry 4, the contract 36, the key's type and length 8, the durability 4.
    const AROUND: usize = 52;
    let restore = |bytes: usize| {
        let key = vec![7; bytes - AROUND].try_into().expect("below 4 GiB");
        let key = LedgerKey::ContractData(LedgerKeyContractData {
            contract: ScAddress::Contract(contract().parse().expect("a contract's address")),
            key: ScVal::Bytes(ScBytes(key)),
            durability: ContractDataDurability::Persistent,
        });
        assert_eq!(key.to_xdr(Limits::none()).expect("it encodes").len(), bytes);
        let key = key.to_xdr_base64(Limits::none()).expect("it encodes");
        operation(&json!({"type": "restore_footprint", "keys": [key]}))
    };
    let (read, errors) = restore(MOST);
    assert!(read.is_some());
    assert_eq!(errors, []);
    for more in [4, MOST] {
        let (read, errors) = restore(MOST + more);
        assert_eq!(read, None);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].pointer, "/o/keys/0");
        assert!(errors[0].detail.contains("is not a LedgerKey"));
    }
}

#[test]
fn what_cannot_be_read_is_never_taken_for_what_its_absence_means() {
    let invoke = json!({"type": "invoke_contract", "contract": contract(), "function": "f"});
    let optional = [
        // Its absence deletes the entry.
        (good("manage_data"), "value"),
        // Its absence is the largest limit.
        (good("change_trust"), "limit"),
        (good("path_payment_strict_send"), "path"),
        (good("path_payment_strict_receive"), "path"),
        (good("set_trust_line_flags"), "set_flags"),
        (good("set_trust_line_flags"), "clear_flags"),
        (invoke.clone(), "args"),
        (invoke.clone(), "auth"),
        (invoke, "auth_entries"),
    ];
    for (mut given, field) in optional {
        given[field] = Value::Null;
        let (read, errors) = operation(&given);
        assert!(read.is_some(), "{field} may be absent: {errors:?}");
        for wrong in [json!(5), json!({}), json!(true)] {
            given[field] = wrong;
            let (read, errors) = operation(&given);
            assert_eq!(read, None, "{given}");
            assert_eq!(errors.len(), 1, "{given}: {errors:?}");
            assert_eq!(errors[0].pointer, format!("/o/{field}"));
        }
    }
}
