//! Secrets in a body, wherever they stand in it.

use serde_json::Value;

use crate::domain::fields::{Errors, join};
use crate::domain::seed::holds_seed;

/// The most levels of arrays and objects in a body.
const MAX_DEPTH: usize = 32;

/// A seed has no place anywhere in an intent: what is accepted here would be stored and shown.
pub(super) fn refuse_secrets(body: &Value, errors: &mut Errors) {
    refuse_below(body, &Place::Body, 0, errors);
}

/// Where a value stands. Written out only for a mistake: most values have none.
enum Place<'a> {
    Body,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// As a JSON pointer.
    fn pointer(&self) -> String {
        match self {
            Self::Body => String::new(),
            Self::Field(parent, name) => join(&parent.pointer(), name),
            Self::Item(parent, index) => join(&parent.pointer(), &index.to_string()),
        }
    }
}

fn refuse_below(value: &Value, place: &Place<'_>, depth: usize, errors: &mut Errors) {
    if depth > MAX_DEPTH {
        errors.add(
            place.pointer(),
            format_args!("is nested deeper than {MAX_DEPTH} levels"),
        );
        return;
    }
    match value {
        Value::String(text) if holds_seed(text) => {
            errors.add(
                place.pointer(),
                "holds a secret key: it must never be sent; treat it as exposed",
            );
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_below(item, &Place::Item(place, index), depth + 1, errors);
            }
        }
        Value::Object(map) => {
            for (name, item) in map {
                if holds_seed(name) {
                    errors.add(
                        place.pointer(),
                        "has a field that is named by a secret key: it must never be sent; treat it as exposed",
                    );
                }
                refuse_below(item, &Place::Field(place, name), depth + 1, errors);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
