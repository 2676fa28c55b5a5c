//! Where two requests differ.

use serde_json::{Number, Value};

use super::Request;
use crate::domain::fields::join;

/// The JSON pointer to the first field that differs, in the order of [`Request::FIELDS`]; `None` for equal requests.
#[must_use]
pub fn first_difference(left: &Request, right: &Request) -> Option<String> {
    first_difference_of_forms(&left.to_json(), &right.to_json())
}

/// The same for two normal forms: what is on record may no longer be a request that would be accepted.
#[must_use]
pub fn first_difference_of_forms(left: &Value, right: &Value) -> Option<String> {
    Request::FIELDS
        .iter()
        .find_map(|name| difference(&left[*name], &right[*name], join("", name)))
}

fn difference(left: &Value, right: &Value, pointer: String) -> Option<String> {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a
                .keys()
                .chain(b.keys().filter(|name| !a.contains_key(*name)));
            let mut names = names;
            names.find_map(|name| match (a.get(name), b.get(name)) {
                (Some(a), Some(b)) => difference(a, b, join(&pointer, name)),
                _ => Some(join(&pointer, name)),
            })
        }
        (Value::Array(a), Value::Array(b)) => {
            let shared = a.iter().zip(b).enumerate();
            let mut shared = shared;
            let inner =
                shared.find_map(|(i, (a, b))| difference(a, b, join(&pointer, &i.to_string())));
            let longer = || {
                let end = a.len().min(b.len());
                (a.len() != b.len()).then(|| join(&pointer, &end.to_string()))
            };
            inner.or_else(longer)
        }
        (Value::Number(a), Value::Number(b)) => (!same_number(a, b)).then_some(pointer),
        _ => (left != right).then_some(pointer),
    }
}

/// How far apart two spellings of one number may be read, as a share of it: parsing is exact to the last bit or two.
const SAME_FRACTION: f64 = 4.0 * f64::EPSILON;

/// `1e2` comes back from the records as `100`, which is read as an integer; and a fraction that is written and read again
/// may be off by its last bit. Two integers are compared exactly.
fn same_number(left: &Number, right: &Number) -> bool {
    if left == right || !(left.is_f64() || right.is_f64()) {
        return left == right;
    }
    let (Some(left), Some(right)) = (left.as_f64(), right.as_f64()) else {
        return false;
    };
    (left - right).abs() <= SAME_FRACTION * left.abs().max(right.abs())
}
