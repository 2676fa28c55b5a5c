//! The canonical form of JSON by RFC 8785, for values without fractions: of those nobody need know how to write them.

use serde_json::Value;
use thiserror::Error;

/// The largest whole number that every reader of JSON keeps.
const MAX_WHOLE: u64 = (1 << 53) - 1;

/// Why there is no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotCanonical {
    /// A fraction, or a number beyond 2^53.
    #[error("it holds a number that is not whole, or beyond 2^53")]
    Number,
    /// A name with other letters than ASCII's, which RFC 8785 sorts in its own way.
    #[error("it holds a name with other letters than ASCII's")]
    Name,
}

/// The canonical text: no spaces, names in order, strings with the fewest escapes.
///
/// # Errors
/// [`NotCanonical`].
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Null | Value::Bool(_) => text.push_str(&value.to_string()),
        Value::Number(number) => {
            let whole = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs));
            if whole.is_none_or(|whole| whole > MAX_WHOLE) {
                return Err(NotCanonical::Number);
            }
            text.push_str(&number.to_string());
        }
        // What serde_json escapes is what RFC 8785 escapes, and as it does.
        Value::String(_) => text.push_str(&value.to_string()),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if !name.is_ascii() {
                    return Err(NotCanonical::Name);
                }
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                write(&fields[name], text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NotCanonical, canonical};

    #[test]
    fn it_is_the_form_of_rfc_8785() {
        // The strings of its section 3.2.2, and names in the order of section 3.2.3, as far as they are ASCII's.
        let value = json!({
            "b": [56, {"d": true, "10": null, "1": []}], "a": "\u{20ac}$\u{000f}\nA'B\"\\\"/", "": -7,
        });
        let text = "{\"\":-7,\"a\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\"/\",\"b\":[56,{\"1\":[],\"10\":null,\"d\":true}]}";
        assert_eq!(canonical(&value).unwrap(), text);
    }

    #[test]
    fn what_has_several_forms_is_refused() {
        let largest = (1_u64 << 53) - 1;
        assert!(canonical(&json!([largest, -7])).is_ok());
        for number in [json!(1.5), json!(1e3), json!(largest + 1), json!(i64::MIN)] {
            assert_eq!(canonical(&number), Err(NotCanonical::Number), "{number}");
        }
        assert_eq!(canonical(&json!({"é": 1})), Err(NotCanonical::Name));
    }
}
