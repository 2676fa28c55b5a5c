//! Bad operations: each field of each type, with each value that it cannot have.

use serde_json::{Value, json};
use stellar_submitter::domain::intent::read;
use stellar_xdr::{AccountId as XdrAccountId, AlphaNum4, OperationBody, PaymentOp};

use crate::bad_values::{
    Bad, addresses, amounts, assets, claimants, muxed, wrong_checksum, xdr_operations,
};
use crate::bodies::{KINDS, body, good, usd, xdr_of};
use crate::fixture::{accounts, stranger};
use crate::mistakes::{mistakes, only};

/// How the value of an operation's field is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Destination,
    Account,
    Asset,
    Credit,
    Amount,
    Balance,
    Limit,
    Path,
    Claimants,
    BalanceId,
    Name,
    Bytes,
    Flags,
    Xdr,
}

/// Every field of every operation, in the order in which it is read.
fn fields(kind: &str) -> Vec<(&'static str, Kind)> {
    match kind {
        "payment" => vec![
            ("destination", Kind::Destination),
            ("asset", Kind::Asset),
            ("amount", Kind::Amount),
        ],
        "path_payment_strict_send" => vec![
            ("destination", Kind::Destination),
            ("send_asset", Kind::Asset),
            ("send_amount", Kind::Amount),
            ("dest_asset", Kind::Asset),
            ("dest_min", Kind::Amount),
            ("path", Kind::Path),
        ],
        "path_payment_strict_receive" => vec![
            ("destination", Kind::Destination),
            ("send_asset", Kind::Asset),
            ("send_max", Kind::Amount),
            ("dest_asset", Kind::Asset),
            ("dest_amount", Kind::Amount),
            ("path", Kind::Path),
        ],
        "create_account" => vec![
            ("destination", Kind::Account),
            ("starting_balance", Kind::Balance),
        ],
        "change_trust" => vec![("asset", Kind::Credit), ("limit", Kind::Limit)],
        "create_claimable_balance" => vec![
            ("asset", Kind::Asset),
            ("amount", Kind::Amount),
            ("claimants", Kind::Claimants),
        ],
        "claim_claimable_balance" => vec![("balance_id", Kind::BalanceId)],
        "clawback" => vec![
            ("asset", Kind::Credit),
            ("from", Kind::Destination),
            ("amount", Kind::Amount),
        ],
        "manage_data" => vec![("name", Kind::Name), ("value", Kind::Bytes)],
        "set_trust_line_flags" => vec![
            ("trustor", Kind::Account),
            ("asset", Kind::Credit),
            ("set_flags", Kind::Flags),
            ("clear_flags", Kind::Flags),
        ],
        "xdr" => vec![("xdr", Kind::Xdr)],
        other => panic!("no operation {other}"),
    }
}

impl Kind {
    const fn is_required(self) -> bool {
        !matches!(self, Self::Limit | Self::Path | Self::Bytes | Self::Flags)
    }

    const fn is_array(self) -> bool {
        matches!(self, Self::Path | Self::Claimants | Self::Flags)
    }

    /// Bad values, the pointer below the field, and what is said.
    fn bad(self) -> Vec<Bad> {
        let here = |cases: &[(&str, &'static str)]| {
            cases
                .iter()
                .map(|(text, detail)| (json!(text), "", *detail))
                .collect::<Vec<_>>()
        };
        let addresses = || {
            addresses()
                .into_iter()
                .map(|(text, detail)| (json!(text), "", detail))
                .collect::<Vec<_>>()
        };
        match self {
            Self::Destination => {
                let mut cases = addresses();
                cases.extend(here(&[(
                    &wrong_checksum(&muxed()),
                    "its checksum does not match",
                )]));
                cases
            }
            Self::Account => {
                let mut cases = addresses();
                cases.extend(here(&[(&muxed(), "M… (muxed)")]));
                cases
            }
            Self::Asset => assets(),
            Self::Credit => {
                let mut cases = assets();
                cases.extend(here(&[("native", "must be CODE:ISSUER here, not native")]));
                cases
            }
            Self::Amount => {
                let mut cases = amounts();
                cases.extend(here(&[
                    ("0", "must be more than 0"),
                    ("0.0000000", "must be more than 0"),
                    ("000", "must be more than 0"),
                ]));
                cases
            }
            Self::Balance | Self::Limit => amounts(),
            Self::Path => {
                let asset = usd();
                vec![
                    (
                        json!(vec![asset.clone(); 6]),
                        "",
                        "must have 0 to 5 items, not 6",
                    ),
                    (json!([asset, 5]), "/1", "must be a string"),
                    (json!(["native", "EUR"]), "/1", "is not an asset"),
                    (json!([null]), "/0", "must be a string"),
                ]
            }
            Self::Claimants => claimants(),
            Self::BalanceId => {
                let odd = "00000000".to_owned() + &"a".repeat(63);
                let other_type = "00000001".to_owned() + &"a".repeat(64);
                let letters = "00000000".to_owned() + &"g".repeat(64);
                here(&[
                    ("", "72 hexadecimal digits"),
                    (&odd, "72 hexadecimal digits"),
                    (&other_type, "72 hexadecimal digits"),
                    (&letters, "72 hexadecimal digits"),
                ])
            }
            Self::Name => {
                let long = "n".repeat(65);
                here(&[
                    ("", "1 to 64 printable ASCII"),
                    (&long, "1 to 64 printable ASCII"),
                    ("näme", "1 to 64 printable ASCII"),
                    ("line\nbreak", "1 to 64 printable ASCII"),
                    ("a\u{7f}", "1 to 64 printable ASCII"),
                    ("nul\0", "contains a NUL character"),
                ])
            }
            Self::Bytes => {
                let long = "AAAA".repeat(22);
                here(&[
                    ("", "base64 of 1 to 64 bytes"),
                    ("!", "base64 of 1 to 64 bytes"),
                    ("aGVsbG8", "base64 of 1 to 64 bytes"),
                    (&long, "base64 of 1 to 64 bytes"),
                ])
            }
            Self::Flags => {
                let names =
                    "must be authorized, authorized_to_maintain_liabilities or clawback_enabled";
                vec![
                    (json!(["authorised"]), "/0", names),
                    (json!([1]), "/0", names),
                    (json!([null]), "/0", names),
                    (
                        json!(vec!["authorized"; 4]),
                        "",
                        "must have 0 to 3 items, not 4",
                    ),
                ]
            }
            Self::Xdr => xdr_operations(),
        }
    }
}

/// A body whose second operation is this one.
fn second(operation: Value) -> Value {
    body(&[good("payment"), operation])
}

#[test]
fn every_bad_value_of_every_field_of_every_operation_is_named() {
    let mut cases = 0;
    for kind in KINDS {
        for (field, read_as) in fields(kind) {
            let at = format!("/operations/1/{field}");
            for (value, below, detail) in read_as.bad() {
                let mut operation = good(kind);
                operation[field] = value;
                only(&second(operation), &format!("{at}{below}"), detail);
                cases += 1;
            }
        }
    }
    assert!(cases > 300, "only {cases} cases");
}

#[test]
fn every_field_of_a_wrong_type_is_named() {
    for kind in KINDS {
        for (field, read_as) in fields(kind) {
            let wanted = if read_as.is_array() {
                "an array"
            } else {
                "a string"
            };
            let others = [
                (json!(5), "a number"),
                (json!(true), "a boolean"),
                (json!({}), "an object"),
                (json!([]), "an array"),
                (json!("text"), "a string"),
            ];
            for (value, name) in others {
                if name == wanted {
                    continue;
                }
                let mut operation = good(kind);
                operation[field] = value;
                let detail = format!("must be {wanted}, not {name}");
                only(
                    &second(operation),
                    &format!("/operations/1/{field}"),
                    &detail,
                );
            }
        }
    }
}

#[test]
fn every_missing_field_is_named_and_null_is_missing() {
    for kind in KINDS {
        for (field, read_as) in fields(kind) {
            let mut absent = good(kind);
            absent.as_object_mut().expect("an object").remove(field);
            let mut null = good(kind);
            null[field] = Value::Null;
            for operation in [absent, null] {
                let body = second(operation);
                if read_as.is_required() {
                    only(&body, &format!("/operations/1/{field}"), "is required");
                } else {
                    assert!(read(&body, &accounts()).is_ok(), "{field} of {kind}");
                }
            }
        }
    }
}

#[test]
fn every_mistake_of_an_operation_is_named_at_once() {
    for kind in KINDS {
        let empty = json!({"type": kind});
        let errors = mistakes(&second(empty));
        let found: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        let expected: Vec<String> = fields(kind)
            .into_iter()
            .filter(|(_, read_as)| read_as.is_required())
            .map(|(field, _)| format!("/operations/1/{field}"))
            .collect();
        assert_eq!(found, expected, "{kind}");
    }
}

#[test]
fn an_unknown_field_is_named_at_each_level() {
    let unknown = "is not a field that is known here";
    for kind in KINDS {
        let mut operation = good(kind);
        operation["extra"] = json!(1);
        only(&second(operation), "/operations/1/extra", unknown);
    }
    let mut top = body(&[good("payment")]);
    top["a/b~c"] = json!(null);
    only(&top, "/a~1b~0c", unknown);
    let mut memo = body(&[good("payment")]);
    memo["memo"] = json!({"type": "id", "value": "1", "extra": 1});
    only(&memo, "/memo/extra", unknown);
    memo["memo"] = json!({"type": "none", "value": "1"});
    only(&memo, "/memo/value", unknown);
}

#[test]
fn an_operation_is_an_object_of_a_known_type() {
    let cases = [
        (json!("payment"), "", "must be an object, not a string"),
        (json!(null), "", "must be an object, not null"),
        (json!({}), "/type", "is required"),
        (
            json!({"type": 5}),
            "/type",
            "must be a string, not a number",
        ),
        (
            json!({"type": "pay"}),
            "/type",
            "must be payment, path_payment_strict_send",
        ),
        (json!({"type": "account_merge"}), "/type", "must be payment"),
    ];
    for (operation, below, detail) in cases {
        only(&second(operation), &format!("/operations/1{below}"), detail);
    }
}

#[test]
fn flags_that_the_ledger_never_takes_are_refused() {
    let with = |set: Value, clear: Value| {
        let mut operation = good("set_trust_line_flags");
        operation["set_flags"] = set;
        operation["clear_flags"] = clear;
        second(operation)
    };
    only(
        &with(json!(["authorized"]), json!(["authorized"])),
        "/operations/1/clear_flags",
        "names a flag that set_flags sets",
    );
    only(
        &with(json!(["clawback_enabled"]), json!([])),
        "/operations/1/set_flags",
        "cannot set clawback_enabled",
    );
    only(
        &with(
            json!(["authorized_to_maintain_liabilities", "authorized"]),
            json!([]),
        ),
        "/operations/1/set_flags",
        "the ledger allows one",
    );
}

#[test]
fn an_asset_of_xdr_with_any_code_is_written_without_panic() {
    // Assets in a given operation are kept as they are; they are never read as text.
    let operation = OperationBody::Payment(PaymentOp {
        destination: stranger().plain(),
        asset: stellar_xdr::Asset::CreditAlphanum4(AlphaNum4 {
            asset_code: stellar_xdr::AssetCode4([0xff; 4]),
            issuer: XdrAccountId::default(),
        }),
        amount: -1,
    });
    let given = body(&[json!({"type": "xdr", "xdr": xdr_of(operation, None)})]);
    let request = read(&given, &accounts()).expect("the ledger judges it, not we");
    assert_eq!(request.to_json()["operations"][0]["type"], "xdr");
}
