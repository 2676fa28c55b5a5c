//! One request, one normal form: it reads back, and equal requests are equal in it.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use stellar_submitter::domain::intent::{
    Content, OnStateError, Request, first_difference, read, read_stored,
};
use stellar_submitter::domain::memo::Memo;
use stellar_submitter::domain::primitives::ChainTime;

use crate::bodies::{KINDS, any_body, body, body_of, good, operation, presigned, request, usd};
use crate::fixture::{account, accounts, source, stranger};

/// Generated bodies for each type of operation.
const CASES_OF_A_KIND: u32 = 40;

/// The request after a way through the records: as text, and read again.
fn through_the_records(request: &Request) -> Request {
    let text = request.to_json().to_string();
    let stored = serde_json::from_str(&text).expect("JSON");
    read_stored(&stored).unwrap_or_else(|errors| panic!("{text} does not read back: {errors:?}"))
}

fn is_fixpoint(body: &Value) {
    let request = request(body);
    let again = through_the_records(&request);
    assert_eq!(again, request);
    assert_eq!(again.to_json(), request.to_json());
    assert_eq!(first_difference(&again, &request), None);
    let form = request.to_json();
    let mut names: Vec<&str> = Request::FIELDS.to_vec();
    names.sort_unstable();
    let mut written: Vec<&String> = form.as_object().expect("an object").keys().collect();
    written.sort_unstable();
    assert_eq!(written, names, "every field of the form is compared");
}

#[test]
fn every_operation_reads_back_from_its_normal_form() {
    for kind in KINDS {
        is_fixpoint(&body(&[good(kind)]));
        let config = Config {
            cases: CASES_OF_A_KIND,
            ..Config::default()
        };
        let strategy = body_of(proptest::collection::vec(operation(kind), 1..4));
        let done = TestRunner::new(config).run(&strategy, |body| {
            is_fixpoint(&body);
            Ok(())
        });
        if let Err(error) = done {
            panic!("{kind}: {error}");
        }
    }
}

#[test]
fn a_presigned_transaction_reads_back() {
    for kind in KINDS {
        let body = json!({"workflow_id": "w", "transaction_xdr": presigned(&good(kind))});
        is_fixpoint(&body);
        let request = request(&body);
        assert_eq!(request.source, stranger());
        let default = if kind == "xdr" { "manage_data" } else { kind };
        assert_eq!(request.method, default);
    }
}

#[test]
fn what_is_stored_reads_back_whatever_is_configured() {
    let mut other = accounts();
    other.default_source = account(6);
    let given = json!({"workflow_id": "w", "operations": [good("payment")]});
    let request = read(&given, &other).expect("a body");
    let errors = read(&request.to_json(), &accounts()).expect_err("a source of the past");
    assert_eq!(errors[0].pointer, "/source");
    assert_eq!(through_the_records(&request), request);
}

proptest! {
    #[test]
    fn nulls_defaults_and_order_change_nothing(body in any_body()) {
        let first = request(&body);
        let form = first.to_json();

        let mut sparse = body.clone();
        let fields = sparse.as_object_mut().expect("an object");
        fields.retain(|_, value| !value.is_null());
        prop_assert_eq!(&request(&sparse), &first, "null is absent");
        prop_assert_eq!(&request(&form), &first, "the normal form is a body");

        // The same fields from the last to the first.
        let fields = form.as_object().expect("an object");
        let members: Vec<String> = fields
            .iter()
            .rev()
            .map(|(name, value)| format!("{}:{value}", json!(name)))
            .collect();
        let turned: Value =
            serde_json::from_str(&format!("{{{}}}", members.join(","))).expect("JSON");
        prop_assert_eq!(first_difference(&request(&turned), &first), None);
    }

    #[test]
    fn a_fraction_in_metadata_is_the_same_after_the_records(number in proptest::num::f64::NORMAL) {
        let mut given = body(&[good("payment")]);
        given["metadata"] = json!({"n": number});
        let first = request(&given);
        prop_assert_eq!(first_difference(&first, &through_the_records(&first)), None);
        given["metadata"] = json!({"n": number * 1.000_001});
        prop_assert!(first_difference(&first, &request(&given)).is_some());
    }

    #[test]
    fn two_bodies_differ_where_their_forms_first_do(left in any_body(), right in any_body()) {
        let (left, right) = (request(&left), request(&right));
        let found = first_difference(&left, &right);
        let (a, b) = (left.to_json(), right.to_json());
        let expected = Request::FIELDS.iter().find(|name| a[**name] != b[**name]);
        match (found, expected) {
            (None, None) => prop_assert_eq!(left, right),
            (Some(found), Some(name)) => {
                let field = format!("/{name}");
                let below = format!("{field}/");
                prop_assert!(found == field || found.starts_with(&below));
                // The pointer leads to values that differ, or that only one of the two has.
                prop_assert_ne!(a.pointer(&found), b.pointer(&found));
            }
            (found, expected) => prop_assert!(false, "{found:?} but {expected:?}"),
        }
    }
}

/// `operation` with one field in another spelling.
fn with(kind: &str, field: &str, value: Value) -> Value {
    let mut operation = good(kind);
    operation[field] = value;
    operation
}

fn without(kind: &str, field: &str) -> Value {
    let mut operation = good(kind);
    operation.as_object_mut().expect("an object").remove(field);
    operation
}

#[test]
fn spellings_of_the_same_are_the_same() {
    let upper = format!("00000000{}", "AB".repeat(32));
    let claimants = |predicate: &[(&str, Value)]| {
        let mut claimant = json!({"destination": account(8)});
        for (name, value) in predicate {
            claimant[*name] = value.clone();
        }
        json!([claimant])
    };
    let unconditional = claimants(&[("predicate", json!("unconditional"))]);
    let pairs = [
        (with("payment", "amount", json!("12.50")), good("payment")),
        (
            with("payment", "amount", json!("0012.5000000")),
            good("payment"),
        ),
        (
            with("change_trust", "limit", json!("922337203685.4775807")),
            without("change_trust", "limit"),
        ),
        (
            with("change_trust", "limit", Value::Null),
            without("change_trust", "limit"),
        ),
        (
            with("path_payment_strict_send", "path", json!([])),
            without("path_payment_strict_send", "path"),
        ),
        (
            with("manage_data", "value", Value::Null),
            without("manage_data", "value"),
        ),
        (
            with("claim_claimable_balance", "balance_id", json!(upper)),
            good("claim_claimable_balance"),
        ),
        (
            with("set_trust_line_flags", "clear_flags", json!([])),
            without("set_trust_line_flags", "clear_flags"),
        ),
        (
            with(
                "set_trust_line_flags",
                "clear_flags",
                json!(["clawback_enabled", "authorized_to_maintain_liabilities"]),
            ),
            with(
                "set_trust_line_flags",
                "clear_flags",
                json!([
                    "authorized_to_maintain_liabilities",
                    "clawback_enabled",
                    "clawback_enabled"
                ]),
            ),
        ),
        (
            with("create_claimable_balance", "claimants", unconditional),
            with("create_claimable_balance", "claimants", claimants(&[])),
        ),
    ];
    for (left, right) in pairs {
        let (a, b) = (
            request(&body(std::slice::from_ref(&left))),
            request(&body(std::slice::from_ref(&right))),
        );
        assert_eq!(a, b, "{left} and {right}");
        assert_eq!(a.to_json(), b.to_json());
    }
}

#[test]
fn explicit_defaults_are_the_same_as_none() {
    let bare = request(&body(&[good("payment")]));
    let defaults = [
        ("method", json!("payment")),
        ("source", json!(source())),
        ("memo", Value::Null),
        ("memo", json!({"type": "none"})),
        ("on_state_error", json!("fail")),
        ("transaction_xdr", Value::Null),
        ("ordering_key", Value::Null),
        ("metadata", Value::Null),
    ];
    for (name, value) in defaults {
        let mut explicit = body(&[good("payment")]);
        explicit[name] = value.clone();
        assert_eq!(request(&explicit), bare, "{name}: {value}");
    }
    assert_eq!(bare.memo, Memo::None);
    assert_eq!(bare.on_state_error, OnStateError::Fail);
    assert!(matches!(bare.content, Content::Operations(_)));
}

#[test]
fn times_stay_within_the_bounds_that_were_meant() {
    let cases = [
        ("2026-11-22T12:00:00Z", 1_795_348_800, 1_795_348_800),
        ("2026-11-22T12:00:00.000Z", 1_795_348_800, 1_795_348_800),
        ("2026-11-22T12:00:00.001Z", 1_795_348_801, 1_795_348_800),
        (
            "2026-11-22T12:00:00.999999999Z",
            1_795_348_801,
            1_795_348_800,
        ),
        ("2026-11-22T13:30:00+01:30", 1_795_348_800, 1_795_348_800),
        ("2026-11-22T07:00:00.5-05:00", 1_795_348_801, 1_795_348_800),
        ("1970-01-01T00:00:00Z", 0, 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799, 253_402_300_799),
    ];
    for (text, up, down) in cases {
        let mut given = body(&[good("payment")]);
        given["not_before"] = json!(text);
        let from = request(&given);
        assert_eq!(from.not_before, Some(ChainTime(up)), "{text}");
        assert_eq!(through_the_records(&from), from);
        let mut given = body(&[good("payment")]);
        given["valid_until"] = json!(text);
        let until = request(&given);
        assert_eq!(until.valid_until, Some(ChainTime(down)), "{text}");
        assert_eq!(through_the_records(&until), until);
    }
}

#[test]
fn numbers_in_metadata_are_compared_by_value() {
    let with = |metadata: &str| {
        let text = format!(
            r#"{{"workflow_id":"w","operations":[{}],"metadata":{metadata}}}"#,
            good("payment")
        );
        request(&serde_json::from_str(&text).expect("JSON"))
    };
    // PostgreSQL's jsonb gives 1e2 back as 100.
    for (left, right) in [
        ("1e2", "100"),
        ("-0.0", "0"),
        ("1.50", "1.5"),
        ("1e20", "100000000000000000000"),
    ] {
        let (a, b) = (
            with(&format!("{{\"n\":{left}}}")),
            with(&format!("{{\"n\":{right}}}")),
        );
        assert_eq!(first_difference(&a, &b), None, "{left} and {right}");
    }
    for (left, right) in [
        ("1", "2"),
        ("1.5", "1"),
        ("9007199254740993", "9007199254740992"),
        ("1", "\"1\""),
    ] {
        let (a, b) = (
            with(&format!("{{\"n\":{left}}}")),
            with(&format!("{{\"n\":{right}}}")),
        );
        assert_eq!(
            first_difference(&a, &b).as_deref(),
            Some("/metadata/n"),
            "{left} and {right}"
        );
    }
}

#[test]
fn the_first_difference_is_named_in_the_order_of_the_fields() {
    let full = json!({
        "workflow_id": "w", "method": "m", "source": source(),
        "operations": [good("payment"), good("manage_data")],
        "memo": {"type": "text", "value": "a"},
        "not_before": "2026-01-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z",
        "ordering_key": "o", "on_state_error": "fail", "max_fee_per_operation": "200",
        "metadata": {"a/b": {"c~d": [1, 2]}},
    });
    let mut changed_operation = good("payment");
    changed_operation["amount"] = json!("12.51");
    let changes = [
        ("workflow_id", json!("v"), "/workflow_id"),
        ("method", json!("n"), "/method"),
        ("source", json!(account(5)), "/source"),
        (
            "operations",
            json!([changed_operation, good("manage_data")]),
            "/operations/0/amount",
        ),
        ("memo", json!({"type": "text", "value": "b"}), "/memo/value"),
        ("not_before", json!("2026-01-01T00:00:01Z"), "/not_before"),
        ("valid_until", json!("2027-01-01T00:00:01Z"), "/valid_until"),
        ("ordering_key", json!("p"), "/ordering_key"),
        ("on_state_error", json!("park"), "/on_state_error"),
        (
            "max_fee_per_operation",
            json!("201"),
            "/max_fee_per_operation",
        ),
        (
            "metadata",
            json!({"a/b": {"c~d": [1, 3]}}),
            "/metadata/a~1b/c~0d/1",
        ),
    ];
    let base = request(&full);
    for (index, (name, value, pointer)) in changes.iter().enumerate() {
        let mut changed = full.clone();
        changed[*name] = value.clone();
        let found = first_difference(&base, &request(&changed));
        assert_eq!(found.as_deref(), Some(*pointer));
        for (later, value, _) in &changes[index + 1..] {
            changed[*later] = value.clone();
            let found = first_difference(&base, &request(&changed));
            assert_eq!(found.as_deref(), Some(*pointer), "{name} before {later}");
            let found = first_difference(&request(&changed), &base);
            assert_eq!(found.as_deref(), Some(*pointer), "either way round");
        }
    }
}

#[test]
fn what_only_one_has_is_a_difference() {
    let base = body(&[good("payment")]);
    let longer = body(&[good("payment"), good("clawback")]);
    let mut with_memo = base.clone();
    with_memo["memo"] = json!({"type": "id", "value": "1"});
    let mut with_metadata = base.clone();
    with_metadata["metadata"] = json!({});
    let mut of_other_type = base.clone();
    of_other_type["operations"] = json!([good("change_trust")]);
    of_other_type["method"] = json!("payment");
    let cases = [
        (longer, "/operations/1"),
        (with_memo, "/memo"),
        (with_metadata, "/metadata"),
        (of_other_type, "/operations/0/amount"),
    ];
    for (other, pointer) in cases {
        let found = first_difference(&request(&base), &request(&other));
        assert_eq!(found.as_deref(), Some(pointer));
    }
    let usd_payment = with("payment", "asset", json!(usd()));
    let found = first_difference(&request(&base), &request(&body(&[usd_payment])));
    assert_eq!(found.as_deref(), Some("/operations/0/asset"));
    let presigned_body = |kind| json!({"workflow_id": "w", "method": "m", "transaction_xdr": presigned(&good(kind))});
    let found = first_difference(
        &request(&presigned_body("payment")),
        &request(&presigned_body("clawback")),
    );
    assert_eq!(found.as_deref(), Some("/transaction_xdr"));
}
