//! A secret seed, wherever it stands: refused, and never repeated.

use serde_json::{Map, Value, json};
use stellar_submitter::domain::fields::FieldError;
use stellar_submitter::domain::intent::read;
use stellar_submitter::domain::seed::holds_seed;

use crate::bodies::{KINDS, good};
use crate::fixture::{accounts, source};

/// A seed of the vectors: nobody's.
const SEED: &str = "SBA46Z4UXJBABOBZYU2TCVK7B44ZRX2MXMA2JVOLBOKOHSS6EOKH2JNS";
/// The same with its last letter mistyped.
const MISTYPED: &str = "SBA46Z4UXJBABOBZYU2TCVK7B44ZRX2MXMA2JVOLBOKOHSS6EOKH2JNT";

fn full(operation: Value) -> Value {
    json!({
        "workflow_id": "w", "method": "m", "source": source(), "operations": [operation],
        "transaction_xdr": "AAAA",
        "memo": {"type": "text", "value": "a"}, "not_before": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z", "ordering_key": "o", "on_state_error": "fail",
        "max_fee_per_operation": "200", "metadata": {"deep": [{"er": "x"}]},
    })
}

fn refused(body: &Value) -> Vec<FieldError> {
    let errors = read(body, &accounts()).expect_err("a seed in it");
    let shown = serde_json::to_string(&errors).expect("JSON");
    for secret in [SEED, MISTYPED] {
        // Not even a part that would be enough to find the rest.
        for part in [&secret[..20], &secret[20..40], &secret[36..]] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
    errors
}

fn says_secret(errors: &[FieldError], pointer: &str) -> bool {
    errors
        .iter()
        .any(|error| error.pointer == pointer && error.detail.contains("secret key"))
}

/// Calls `with` for each place of a value and the body in which the place holds something else.
fn each_place(body: &Value, put: &Value, with: &mut impl FnMut(&str, Value)) {
    fn places(value: &Value, at: &str, all: &mut Vec<String>) {
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(map) => map
                .iter()
                .map(|(name, value)| (name.clone(), value))
                .collect(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| (index.to_string(), value))
                .collect(),
            _ => Vec::new(),
        };
        for (name, value) in inner {
            let at = format!("{at}/{name}");
            places(value, &at, all);
            all.push(at);
        }
    }
    let mut all = Vec::new();
    places(body, "", &mut all);
    for place in all {
        let mut changed = body.clone();
        *changed.pointer_mut(&place).expect("a place") = put.clone();
        with(&place, changed);
    }
}

#[test]
fn a_seed_in_any_place_is_refused_there() {
    let mut places = 0;
    for kind in KINDS {
        for written in [SEED.to_owned(), format!(" {SEED}\n"), SEED.to_lowercase()] {
            each_place(&full(good(kind)), &json!(written), &mut |place, body| {
                assert!(says_secret(&refused(&body), place), "{place} of {kind}");
                places += 1;
            });
        }
    }
    assert!(places > 300, "only {places} places");
}

#[test]
fn a_seed_within_a_text_is_refused() {
    for text in [
        format!("the key is {SEED}, keep it"),
        format!("USD:{SEED}"),
        format!("é{SEED}é"),
        format!("{SEED}{SEED}"),
        format!("SSSS{SEED}"),
    ] {
        let mut body = full(good("payment"));
        body["metadata"] = json!({"note": [text]});
        assert!(says_secret(&refused(&body), "/metadata/note/0"), "{text}");
    }
}

#[test]
fn a_seed_as_the_name_of_a_field_is_refused_and_not_repeated() {
    let named = |value: Value| Value::Object(Map::from_iter([(SEED.to_owned(), value)]));
    let mut body = full(good("payment"));
    body["metadata"] = json!({"inner": named(json!({"x": 1}))});
    assert!(says_secret(&refused(&body), "/metadata/inner"));
    for name in [SEED, MISTYPED] {
        let mut body = full(good("payment"));
        body[name] = json!(1);
        refused(&body);
        let mut body = full(good("payment"));
        body["operations"][0][name] = json!({name: [name]});
        refused(&body);
        let mut body = full(good("payment"));
        body["memo"][name] = json!(name);
        refused(&body);
        let mut body = full(good("create_claimable_balance"));
        body["operations"][0]["claimants"][0]["predicate"] = json!({name: {name: 1}});
        refused(&body);
    }
}

#[test]
fn a_mistyped_seed_for_an_address_is_called_one() {
    let addresses = [
        ("payment", "destination"),
        ("create_account", "destination"),
        ("clawback", "from"),
        ("set_trust_line_flags", "trustor"),
        ("payment", "asset"),
        ("change_trust", "asset"),
    ];
    let full = |operation| {
        let mut body = full(operation);
        body.as_object_mut()
            .expect("an object")
            .remove("transaction_xdr");
        body
    };
    for (kind, field) in addresses {
        let mut body = full(good(kind));
        body["operations"][0][field] = json!(MISTYPED);
        let pointer = format!("/operations/0/{field}");
        assert!(says_secret(&refused(&body), &pointer), "{pointer}");
    }
    let mut body = full(good("payment"));
    body["source"] = json!(MISTYPED);
    assert!(says_secret(&refused(&body), "/source"));
}

#[test]
fn what_is_no_seed_is_none() {
    assert!(holds_seed(SEED));
    let address = source().to_string();
    for text in ["", "S", MISTYPED, address.as_str(), &SEED[1..], &SEED[..55]] {
        assert!(!holds_seed(text), "{text}");
    }
    assert!(!holds_seed(&"SBA46Z4".repeat(2_000)));
    assert!(!holds_seed(&"é".repeat(100)));
}
