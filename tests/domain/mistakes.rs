//! Bad requests: each mistake is named with its pointer, and nothing else is.

use serde_json::{Value, json};
use stellar_submitter::domain::fields::{FieldError, MAX_FIELD_ERRORS};
use stellar_submitter::domain::intent::{MAX_METADATA_BYTES, read};

use crate::bad_values::{contract, muxed};
use crate::bodies::{body, good};
use crate::fixture::{accounts, stranger};

pub fn mistakes(body: &Value) -> Vec<FieldError> {
    let errors = read(body, &accounts()).expect_err("a mistake in it");
    assert!(!errors.is_empty());
    errors
}

/// The body has exactly this mistake.
pub fn only(body: &Value, pointer: &str, detail: &str) {
    let errors = mistakes(body);
    assert!(
        errors.len() == 1 && errors[0].pointer == pointer && errors[0].detail.contains(detail),
        "wanted {pointer:?} {detail:?}, got {errors:?} for {body}"
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
fn a_name_has_up_to_255_characters_however_many_bytes_they_are() {
    for field in ["workflow_id", "method", "ordering_key"] {
        for letter in ["x", "é", "\u{1f600}"] {
            let mut given = body(&[good("payment")]);
            given[field] = json!(letter.repeat(255));
            assert!(read(&given, &accounts()).is_ok(), "{field} of {letter}");
            given[field] = json!(letter.repeat(256));
            let detail = "must have 1 to 255 characters, not 256";
            only(&given, &format!("/{field}"), detail);
        }
    }
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
