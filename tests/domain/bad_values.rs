//! Values that no field takes: each with what is said about it.

use serde_json::{Value, json};
use stellar_submitter::domain::asset::Destination;
use stellar_submitter::domain::primitives::{AmountError, Stroops};
use stellar_xdr::{
    BumpSequenceOp, ExtendFootprintTtlOp, ExtensionPoint, InvokeHostFunctionOp, Limits,
    OperationBody, RestoreFootprintOp, SequenceNumber, SetOptionsOp, Signer, SignerKey, Uint256,
    WriteXdr as _,
};

use crate::bodies::{data, xdr_of};
use crate::fixture::{account, issuer, source, stranger};

/// A value, the pointer below its field, and what is said.
pub type Bad = (Value, &'static str, &'static str);

pub fn muxed() -> String {
    Destination(account(7).muxed(77)).to_string()
}

pub fn contract() -> String {
    stellar_strkey::Contract([7; 32]).to_string().to_string()
}

/// Texts that are no account's address.
pub fn addresses() -> Vec<(String, &'static str)> {
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
pub fn with_tail(base64: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut bytes = STANDARD.decode(base64).expect("base64");
    bytes.extend([0; 4]);
    STANDARD.encode(bytes)
}

pub fn wrong_checksum(address: &str) -> String {
    let mut text = address.to_owned();
    let last = text.pop().expect("a letter");
    text.push(if last == 'A' { 'B' } else { 'A' });
    text
}

pub fn assets() -> Vec<Bad> {
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
pub fn amounts() -> Vec<Bad> {
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

pub fn claimants() -> Vec<Bad> {
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

pub fn xdr_operations() -> Vec<Bad> {
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
