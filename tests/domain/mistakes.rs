//! Bad requests: each mistake is named with its pointer, and nothing else is.

use serde_json::{Value, json};
use stellar_submitter::domain::asset::Destination;
use stellar_submitter::domain::fields::{FieldError, MAX_FIELD_ERRORS};
use stellar_submitter::domain::intent::{MAX_METADATA_BYTES, read};
use stellar_submitter::domain::primitives::{AmountError, Stroops};
use stellar_xdr::{
    AccountId as XdrAccountId, AlphaNum4, BumpSequenceOp, ExtendFootprintTtlOp, ExtensionPoint,
    InvokeHostFunctionOp, LedgerBounds, Limits, OperationBody, PaymentOp, Preconditions,
    PreconditionsV2, RestoreFootprintOp, SequenceNumber, SetOptionsOp, Signer, SignerKey,
    TimeBounds, TimePoint, Transaction, TransactionEnvelope, Uint256, WriteXdr as _,
};

use crate::bodies::{KINDS, body, data, encode_signed, good, presigned, usd, xdr_of};
use crate::fixture::{account, accounts, issuer, source, stranger};

fn muxed() -> String {
    Destination(account(7).muxed(77)).to_string()
}

fn contract() -> String {
    stellar_strkey::Contract([7; 32]).to_string().to_string()
}

fn mistakes(body: &Value) -> Vec<FieldError> {
    let errors = read(body, &accounts()).expect_err("a mistake in it");
    assert!(!errors.is_empty());
    errors
}

/// The body has exactly this mistake.
fn only(body: &Value, pointer: &str, detail: &str) {
    let errors = mistakes(body);
    assert!(
        errors.len() == 1 && errors[0].pointer == pointer && errors[0].detail.contains(detail),
        "wanted {pointer:?} {detail:?}, got {errors:?} for {body}"
    );
}

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
    fn bad(self) -> Vec<(Value, &'static str, &'static str)> {
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

/// Texts that are no account's address.
fn addresses() -> Vec<(String, &'static str)> {
    let address = account(7).to_string();
    let pre_authorised = stellar_strkey::PreAuthTx([7; 32]).to_string().to_string();
    let malformed = "is not a Stellar address";
    vec![
        (String::new(), malformed),
        ("GABC".to_owned(), malformed),
        ("alice*example.com".to_owned(), malformed),
        (address.to_lowercase(), malformed),
        (format!(" {address}"), malformed),
        (format!("{address}A"), malformed),
        (
            contract(),
            "is a C… (contract) address where an account is needed",
        ),
        (pre_authorised, "is a different kind of address"),
        (wrong_checksum(&address), "its checksum does not match"),
    ]
}

/// Base64 of the same bytes and four more.
fn with_tail(base64: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut bytes = STANDARD.decode(base64).expect("base64");
    bytes.extend([0; 4]);
    STANDARD.encode(bytes)
}

fn wrong_checksum(address: &str) -> String {
    let mut text = address.to_owned();
    let last = text.pop().expect("a letter");
    text.push(if last == 'A' { 'B' } else { 'A' });
    text
}

fn assets() -> Vec<(Value, &'static str, &'static str)> {
    let issuer = issuer();
    let checksum = wrong_checksum(&issuer.to_string());
    vec![
        (json!(""), "", "is not an asset"),
        (json!("XLM"), "", "is not an asset"),
        (json!("Native"), "", "is not an asset"),
        (
            json!(format!(":{issuer}")),
            "",
            "1 to 12 ASCII letters and digits",
        ),
        (
            json!(format!("ABCDEFGHIJKLM:{issuer}")),
            "",
            "1 to 12 ASCII letters and digits",
        ),
        (
            json!(format!("U D:{issuer}")),
            "",
            "1 to 12 ASCII letters and digits",
        ),
        (
            json!(format!("ÜSD:{issuer}")),
            "",
            "1 to 12 ASCII letters and digits",
        ),
        (
            json!("USD:"),
            "",
            "has an issuer that is not a Stellar address",
        ),
        (
            json!(format!("USD:{checksum}")),
            "",
            "has an issuer that is not a valid address: its checksum",
        ),
        (
            json!(format!("USD:{}", muxed())),
            "",
            "has an issuer that is a M… (muxed)",
        ),
        (
            json!(format!("USD:{}", contract())),
            "",
            "has an issuer that is a C… (contract)",
        ),
        (
            json!(format!("USD:{issuer}:x")),
            "",
            "has an issuer that is not a Stellar address",
        ),
    ]
}

/// A text for each way in which a text is no amount.
fn amounts() -> Vec<(Value, &'static str, &'static str)> {
    let errors = [
        ("", AmountError::Empty),
        ("ten", AmountError::NotDecimal),
        ("1,5", AmountError::NotDecimal),
        ("1e3", AmountError::NotDecimal),
        ("+1", AmountError::NotDecimal),
        (" 1", AmountError::NotDecimal),
        ("1.", AmountError::NotDecimal),
        (".5", AmountError::NotDecimal),
        ("1.2.3", AmountError::NotDecimal),
        ("-", AmountError::NotDecimal),
        ("--1", AmountError::NotDecimal),
        ("１", AmountError::NotDecimal),
        ("0x1", AmountError::NotDecimal),
        ("NaN", AmountError::NotDecimal),
        ("1.00000001", AmountError::TooPrecise),
        ("0.00000000", AmountError::TooPrecise),
        ("922337203685.4775808", AmountError::TooLarge),
        ("99999999999999999999999", AmountError::TooLarge),
        ("-1", AmountError::Negative),
        ("-0.5", AmountError::Negative),
    ];
    errors
        .into_iter()
        .map(|(text, error)| {
            assert_eq!(text.parse::<Stroops>(), Err(error));
            let detail = match error {
                AmountError::Empty => "is empty",
                AmountError::NotDecimal => "is not a decimal number",
                AmountError::TooPrecise => "more than 7 decimal places",
                AmountError::TooLarge => "larger than 922337203685.4775807",
                AmountError::Negative => "is negative",
            };
            (json!(text), "", detail)
        })
        .collect()
}

fn claimants() -> Vec<(Value, &'static str, &'static str)> {
    let one = |destination: Value, predicate: Value| json!([{"destination": destination, "predicate": predicate}]);
    let good = json!(account(7));
    let with = |predicate: Value| one(good.clone(), predicate);
    let many: Vec<Value> = (10..21)
        .map(|byte| json!({"destination": account(byte)}))
        .collect();
    let not = |inner: Value| json!({"not": inner});
    let five_deep = not(not(not(not(json!("unconditional")))));
    vec![
        (json!([]), "", "must have 1 to 10 items, not 0"),
        (json!(many), "", "must have 1 to 10 items, not 11"),
        (json!(["G"]), "/0", "must be an object, not a string"),
        (json!([{}]), "/0/destination", "is required"),
        (
            json!([{"destination": 5}]),
            "/0/destination",
            "must be a string, not a number",
        ),
        (
            one(json!(muxed()), Value::Null),
            "/0/destination",
            "M… (muxed)",
        ),
        (
            json!([{"destination": good}, {"destination": good}]),
            "/1/destination",
            "is named twice",
        ),
        (
            json!([{"destination": good, "when": 1}]),
            "/0/when",
            "is not a field that is known here",
        ),
        (
            with(json!("always")),
            "/0/predicate",
            "must be \"unconditional\"",
        ),
        (with(json!({})), "/0/predicate", "must be \"unconditional\""),
        (with(json!(7)), "/0/predicate", "must be \"unconditional\""),
        (
            with(json!({"not": "unconditional", "or": []})),
            "/0/predicate",
            "must be \"unconditional\"",
        ),
        (
            with(json!({"nor": 1})),
            "/0/predicate/nor",
            "is not a predicate",
        ),
        (
            with(json!({"a/b": 1})),
            "/0/predicate/a~1b",
            "is not a predicate",
        ),
        (
            with(json!({"and": "x"})),
            "/0/predicate/and",
            "must be an array of two",
        ),
        (
            with(json!({"or": ["unconditional"]})),
            "/0/predicate/or",
            "must be an array of two",
        ),
        (
            with(json!({"and": ["unconditional", {"not": 1}]})),
            "/0/predicate/and/1/not",
            "must be \"unconditional\"",
        ),
        (
            with(json!({"before_absolute_time": 5})),
            "/0/predicate/before_absolute_time",
            "whole number of seconds",
        ),
        (
            with(json!({"before_relative_time": "-5"})),
            "/0/predicate/before_relative_time",
            "whole number of seconds",
        ),
        (
            with(json!({"before_relative_time": "+5"})),
            "/0/predicate/before_relative_time",
            "whole number of seconds",
        ),
        (
            with(json!({"before_absolute_time": "9223372036854775808"})),
            "/0/predicate/before_absolute_time",
            "whole number of seconds",
        ),
        (
            with(five_deep),
            "/0/predicate/not/not/not/not",
            "is nested deeper than 4",
        ),
    ]
}

fn xdr_operations() -> Vec<(Value, &'static str, &'static str)> {
    let encode = |body: OperationBody| json!(xdr_of(body, None));
    let good = xdr_of(data("n"), None);
    let muxed = {
        let operation = stellar_xdr::Operation {
            source_account: Some(source().muxed(7)),
            body: data("n"),
        };
        operation.to_xdr_base64(Limits::none()).expect("it encodes")
    };
    let options = |change: fn(&mut SetOptionsOp)| {
        let mut options = SetOptionsOp::default();
        change(&mut options);
        encode(OperationBody::SetOptions(options))
    };
    let signers = "set_options on signers or thresholds, which is refused";
    vec![
        (json!(""), "", "is not the XDR of one Operation"),
        (json!("#"), "", "is not base64"),
        (json!("AAAA"), "", "is not the XDR of one Operation"),
        (
            json!(with_tail(&good)),
            "",
            "is not the XDR of one Operation",
        ),
        (
            json!("AAAA".repeat(6_000)),
            "",
            "is longer than 16384 bytes",
        ),
        (json!(muxed), "", "names a muxed source account"),
        (
            json!(xdr_of(data("n"), Some(stranger()))),
            "",
            "names a source account that is not the intent's source",
        ),
        (
            encode(OperationBody::AccountMerge(stranger().plain())),
            "",
            "is account_merge, which is refused",
        ),
        (
            encode(OperationBody::BumpSequence(BumpSequenceOp {
                bump_to: SequenceNumber(5),
            })),
            "",
            "is bump_sequence, which is refused",
        ),
        (encode(OperationBody::Inflation), "", "is inflation"),
        (options(|o| o.master_weight = Some(0)), "", signers),
        (options(|o| o.low_threshold = Some(1)), "", signers),
        (options(|o| o.med_threshold = Some(1)), "", signers),
        (options(|o| o.high_threshold = Some(1)), "", signers),
        (
            options(|o| {
                o.signer = Some(Signer {
                    key: SignerKey::Ed25519(Uint256([1; 32])),
                    weight: 1,
                });
            }),
            "",
            signers,
        ),
        (
            encode(OperationBody::InvokeHostFunction(
                InvokeHostFunctionOp::default(),
            )),
            "",
            "is a contract operation",
        ),
        (
            encode(OperationBody::ExtendFootprintTtl(ExtendFootprintTtlOp {
                ext: ExtensionPoint::V0,
                extend_to: 1,
            })),
            "",
            "is a contract operation",
        ),
        (
            encode(OperationBody::RestoreFootprint(RestoreFootprintOp {
                ext: ExtensionPoint::V0,
            })),
            "",
            "is a contract operation",
        ),
    ]
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
        (
            json!({"type": "invoke_contract"}),
            "/type",
            "is a contract operation",
        ),
        (
            json!({"type": "extend_footprint_ttl"}),
            "/type",
            "is a contract operation",
        ),
        (
            json!({"type": "restore_footprint"}),
            "/type",
            "is a contract operation",
        ),
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

/// Bad values of the fields of the body itself.
fn top_level() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let long = "x".repeat(256);
    let wide = "é".repeat(256);
    let time = "is not a time of the years 1970 to 9999 in RFC 3339";
    let fee = "a whole number of stroops, 100 to 1000000000";
    let mut cases = Vec::new();
    for field in ["workflow_id", "method", "ordering_key"] {
        cases.extend([
            (field, json!(""), "", "must have 1 to 255 characters, not 0"),
            (
                field,
                json!(long),
                "",
                "must have 1 to 255 characters, not 256",
            ),
            (
                field,
                json!(wide),
                "",
                "must have 1 to 255 characters, not 256",
            ),
            (field, json!("a\nb"), "", "contains a control character"),
            (field, json!("a\u{85}b"), "", "contains a control character"),
            (field, json!("a\0b"), "", "contains a NUL character"),
            (field, json!(5), "", "must be a string, not a number"),
            (field, json!(["a"]), "", "must be a string, not an array"),
        ]);
    }
    for field in ["not_before", "valid_until"] {
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T12:00:00",
            "2026-11-22 12:00",
            "1795348800",
            "2026-02-30T00:00:00Z",
            "2026-11-22T25:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "-0001-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "2026-11-22T12:00:00+24:00",
        ] {
            cases.push((field, json!(text), "", time));
        }
        cases.push((
            field,
            json!(1_795_348_800),
            "",
            "must be a string, not a number",
        ));
        cases.push((field, json!("2026\0"), "", "contains a NUL character"));
    }
    // Rounded up, it would be in the year 10000.
    cases.push(("not_before", json!("9999-12-31T23:59:59.5Z"), "", time));
    for text in [
        "",
        "99",
        "1000000001",
        "-100",
        "+100",
        "1e3",
        "100.0",
        " 100",
        "99999999999999999999",
    ] {
        cases.push(("max_fee_per_operation", json!(text), "", fee));
    }
    cases.extend([
        (
            "source",
            json!(stranger()),
            "",
            "is not an account that is configured here",
        ),
        ("source", json!(muxed()), "", "M… (muxed)"),
        ("source", json!(contract()), "", "C… (contract)"),
        ("source", json!("G"), "", "is not a Stellar address"),
        ("source", json!(7), "", "must be a string, not a number"),
        (
            "max_fee_per_operation",
            json!(100),
            "",
            "must be a string, not a number",
        ),
        ("on_state_error", json!("retry"), "", "must be fail or park"),
        ("on_state_error", json!("Fail"), "", "must be fail or park"),
        (
            "on_state_error",
            json!(false),
            "",
            "must be a string, not a boolean",
        ),
        (
            "operations",
            json!([]),
            "",
            "must have 1 to 100 items, not 0",
        ),
        (
            "operations",
            json!({}),
            "",
            "must be an array, not an object",
        ),
        (
            "operations",
            json!(vec![good("payment"); 101]),
            "",
            "must have 1 to 100 items, not 101",
        ),
        ("metadata", json!("x"), "", "must be an object"),
        ("metadata", json!([]), "", "must be an object"),
        (
            "metadata",
            json!({"a": ["\0"]}),
            "",
            "contains a NUL character",
        ),
        (
            "metadata",
            json!({"a": {"\0": 1}}),
            "",
            "contains a NUL character",
        ),
    ]);
    cases
}

#[test]
fn every_bad_value_of_the_body_itself_is_named() {
    for (field, value, below, detail) in top_level() {
        let mut given = body(&[good("payment")]);
        given[field] = value;
        only(&given, &format!("/{field}{below}"), detail);
    }
    only(
        &json!({"operations": [good("payment")]}),
        "/workflow_id",
        "is required",
    );
    only(&json!({"workflow_id": "w"}), "/operations", "is required");
    only(
        &json!({"workflow_id": "w", "operations": null}),
        "/operations",
        "is required",
    );
    only(&json!("text"), "", "must be an object, not a string");
    only(&json!(null), "", "must be an object, not null");
}

#[test]
fn bounds_that_leave_no_time_are_refused() {
    let mut given = body(&[good("payment")]);
    given["not_before"] = json!("2026-11-22T12:00:00Z");
    given["valid_until"] = json!("2026-11-22T11:59:59Z");
    only(&given, "/valid_until", "is before not_before");
    // No whole second lies between them.
    given["not_before"] = json!("2026-11-22T12:00:00.1Z");
    given["valid_until"] = json!("2026-11-22T12:00:00.9Z");
    only(&given, "/valid_until", "is before not_before");
    given["not_before"] = json!("2026-11-22T12:00:00.0Z");
    assert!(read(&given, &accounts()).is_ok());
}

#[test]
fn every_bad_memo_is_named() {
    let hash = "ab".repeat(32);
    let long = "x".repeat(29);
    let wide = "é".repeat(15);
    let cases = [
        (json!("text"), "", "must be an object, not a string"),
        (json!({}), "/type", "is required"),
        (
            json!({"type": 1, "value": "x"}),
            "/type",
            "must be a string, not a number",
        ),
        (
            json!({"type": "note", "value": "x"}),
            "/type",
            "must be text, id, hash or return",
        ),
        (json!({"type": "text"}), "/value", "is required"),
        (
            json!({"type": "text", "value": 5}),
            "/value",
            "must be a string, not a number",
        ),
        (
            json!({"type": "text", "value": long}),
            "/value",
            "is 29 bytes long; a text memo has at most 28",
        ),
        (
            json!({"type": "text", "value": wide}),
            "/value",
            "is 30 bytes long; a text memo has at most 28",
        ),
        (
            json!({"type": "text", "value": "a\0"}),
            "/value",
            "contains a NUL character",
        ),
        (
            json!({"type": "id", "value": ""}),
            "/value",
            "must be a decimal number of 0 to 18446744073709551615",
        ),
        (
            json!({"type": "id", "value": "-1"}),
            "/value",
            "must be a decimal number",
        ),
        (
            json!({"type": "id", "value": "+1"}),
            "/value",
            "must be a decimal number",
        ),
        (
            json!({"type": "id", "value": "1.0"}),
            "/value",
            "must be a decimal number",
        ),
        (
            json!({"type": "id", "value": "18446744073709551616"}),
            "/value",
            "must be a decimal number",
        ),
        (
            json!({"type": "id", "value": 7}),
            "/value",
            "must be a string, not a number",
        ),
        (
            json!({"type": "hash", "value": &hash[1..]}),
            "/value",
            "must be 64 hexadecimal digits",
        ),
        (
            json!({"type": "hash", "value": format!("{hash}ab")}),
            "/value",
            "must be 64 hexadecimal digits",
        ),
        (
            json!({"type": "return", "value": "xy".repeat(32)}),
            "/value",
            "must be 64 hexadecimal digits",
        ),
    ];
    for (memo, below, detail) in cases {
        let mut given = body(&[good("payment")]);
        given["memo"] = memo;
        only(&given, &format!("/memo{below}"), detail);
    }
}

#[test]
fn metadata_is_limited_in_bytes_and_in_depth() {
    let with = |metadata: Value| {
        let mut given = body(&[good("payment")]);
        given["metadata"] = metadata;
        given
    };
    let overhead = json!({"a": ""}).to_string().len();
    let fits = "x".repeat(MAX_METADATA_BYTES - overhead);
    assert!(read(&with(json!({"a": fits})), &accounts()).is_ok());
    only(
        &with(json!({"a": format!("{fits}x")})),
        "/metadata",
        "is 4097 bytes of JSON; at most 4096 are kept",
    );
    // Two bytes each: it is bytes that count.
    let wide = "é".repeat(MAX_METADATA_BYTES / 2);
    only(
        &with(json!({"a": wide})),
        "/metadata",
        "at most 4096 are kept",
    );
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    assert!(read(&with(json!({"a": nested(30)})), &accounts()).is_ok());
    let errors = mistakes(&with(json!({"a": nested(31)})));
    assert!(errors[0].pointer.starts_with("/metadata/a/0/0"));
    assert_eq!(errors[0].detail, "is nested deeper than 32 levels");
    // A backslash before u0000 is no NUL.
    assert!(read(&with(json!({"a": "\\u0000"})), &accounts()).is_ok());
}

#[test]
fn a_hundred_operations_are_taken_and_a_hundred_mistakes_are_listed() {
    assert!(read(&body(&vec![good("payment"); 100]), &accounts()).is_ok());
    let errors = mistakes(&body(&vec![json!({"type": "payment"}); 100]));
    assert_eq!(errors.len(), MAX_FIELD_ERRORS);
    assert_eq!(errors[0].pointer, "/operations/0/destination");
}

/// The stranger's transaction, changed.
fn signed(change: impl FnOnce(&mut Transaction)) -> String {
    let envelope = {
        use stellar_xdr::ReadXdr as _;
        let given = presigned(&good("payment"));
        TransactionEnvelope::from_xdr_base64(given, Limits::none()).expect("an envelope")
    };
    let TransactionEnvelope::Tx(envelope) = envelope else {
        panic!("not a version 1 envelope");
    };
    let mut tx = envelope.tx;
    change(&mut tx);
    encode_signed(tx)
}

#[test]
fn every_bad_presigned_transaction_is_named() {
    let unsigned = {
        use stellar_xdr::ReadXdr as _;
        let given =
            TransactionEnvelope::from_xdr_base64(presigned(&good("payment")), Limits::none());
        let Ok(TransactionEnvelope::Tx(mut envelope)) = given else {
            panic!("not a version 1 envelope");
        };
        envelope.signatures = Default::default();
        TransactionEnvelope::Tx(envelope)
            .to_xdr_base64(Limits::none())
            .expect("it encodes")
    };
    let unbounded = |time: u64, ledger: u32| {
        signed(|tx| {
            tx.cond = Preconditions::V2(PreconditionsV2 {
                time_bounds: Some(TimeBounds {
                    min_time: TimePoint(5),
                    max_time: TimePoint(time),
                }),
                ledger_bounds: Some(LedgerBounds {
                    min_ledger: 5,
                    max_ledger: ledger,
                }),
                ..PreconditionsV2::default()
            });
        })
    };
    let vectors: Value =
        serde_json::from_str(include_str!("../fixtures/vectors/envelopes.json")).expect("JSON");
    let fee_bump = vectors["envelopes"][0]["fee_bump_envelope_xdr"]
        .as_str()
        .expect("text");
    let no_bound = "has no upper time or ledger bound";
    let cases = [
        (json!(5), "must be a string, not a number"),
        (json!("#"), "is not base64"),
        (json!("AAAA"), "is not the XDR of a TransactionEnvelope"),
        (json!("AAAA".repeat(40_000)), "is longer than 102400 bytes"),
        (
            json!(with_tail(&presigned(&good("payment")))),
            "is not the XDR of a TransactionEnvelope",
        ),
        (json!(fee_bump), "is a fee bump"),
        (json!(unsigned), "carries no signature"),
        (
            json!(signed(|tx| tx.operations = Default::default())),
            "has no operation",
        ),
        (json!(signed(|tx| tx.fee = 0)), "bids no fee"),
        (json!(signed(|tx| tx.cond = Preconditions::None)), no_bound),
        (json!(unbounded(0, 0)), no_bound),
        (
            json!(signed(|tx| tx.source_account = source().plain())),
            "is managed here",
        ),
        (
            json!(signed(|tx| tx.source_account = source().muxed(9))),
            "is managed here",
        ),
    ];
    for (given, detail) in cases {
        let given = json!({"workflow_id": "w", "transaction_xdr": given});
        only(&given, "/transaction_xdr", detail);
    }
    for bounds in [unbounded(9, 0), unbounded(0, 9)] {
        let given = json!({"workflow_id": "w", "transaction_xdr": bounds});
        assert!(read(&given, &accounts()).is_ok(), "either bound is enough");
    }
}

#[test]
fn what_a_presigned_transaction_says_itself_cannot_be_said_beside_it() {
    let beside = "cannot be given beside transaction_xdr";
    let values = [
        ("operations", json!([good("payment")])),
        ("memo", json!({"type": "text", "value": "x"})),
        ("source", json!(source())),
        ("not_before", json!("2026-01-01T00:00:00Z")),
        ("valid_until", json!("2027-01-01T00:00:00Z")),
    ];
    for (name, value) in values {
        let mut given = json!({"workflow_id": "w", "transaction_xdr": presigned(&good("payment"))});
        given[name] = value;
        only(&given, &format!("/{name}"), beside);
    }
    let both = json!({"workflow_id": "w", "transaction_xdr": "#", "operations": [good("payment")]});
    let errors = mistakes(&both);
    let found: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(found, ["/transaction_xdr", "/operations"]);
    let own = json!({
        "workflow_id": "w", "transaction_xdr": presigned(&good("payment")), "source": stranger(),
    });
    assert!(
        read(&own, &accounts()).is_ok(),
        "its own source may be named"
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
