//! A contract's values as JSON: the form that stellar-xdr gives them (SEP-51), and shorter spellings. Both have one normal
//! form, which is stellar-xdr's.

use std::str::FromStr;

use serde_json::Value;
use stellar_xdr as xdr;
use xdr::ScVal;

use crate::domain::fields::{Errors, join};
use crate::domain::primitives::{AddressError, explain_address};

/// How deep vectors and maps may be nested.
const MAX_DEPTH: usize = 12;
/// The most letters of a symbol.
const MAX_SYMBOL: usize = 32;
const TYPES: &str = "bool, void, u32, i32, u64, i64, timepoint, duration, u128, i128, u256, i256, bytes, string, symbol, \
vec, map, address or error";

/// Reads a value and names every mistake in it.
pub fn read(value: &Value, pointer: String, errors: &mut Errors) -> Option<ScVal> {
    read_at(value, pointer, 1, errors)
}

/// The value in its normal form.
///
/// # Panics
/// Never: every value has one.
#[must_use]
pub fn to_json(value: &ScVal) -> Value {
    serde_json::to_value(value).expect("every value of a contract has a JSON form")
}

/// A signed integer of 128 bits as a contract's value.
#[must_use]
pub const fn of_i128(value: i128) -> ScVal {
    ScVal::I128(xdr::Int128Parts {
        hi: (value >> 64) as i64,
        lo: value as u64,
    })
}

/// Whether a text can be a symbol: a contract's function, for example.
#[must_use]
pub fn is_symbol(text: &str) -> bool {
    text.len() <= MAX_SYMBOL
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read_at(value: &Value, pointer: String, depth: usize, errors: &mut Errors) -> Option<ScVal> {
    if depth > MAX_DEPTH {
        errors.add(pointer, format_args!("is nested deeper than {MAX_DEPTH}"));
        return None;
    }
    let (name, inner) = match value {
        Value::Null => return Some(ScVal::Void),
        Value::Bool(bool) => return Some(ScVal::Bool(*bool)),
        Value::String(text) if text == "void" => return Some(ScVal::Void),
        Value::Object(map) if map.len() == 1 => map.iter().next()?,
        Value::Object(_) | Value::Array(_) | Value::Number(_) | Value::String(_) => {
            errors.add(
                pointer,
                format_args!("must say its type, as {{\"u32\": 5}} does: one of {TYPES}"),
            );
            return None;
        }
    };
    let at = join(&pointer, name);
    match name.as_str() {
        "bool" => inner.as_bool().map(ScVal::Bool).or_else(|| {
            errors.add(at, "must be true or false");
            None
        }),
        "u32" => integer(inner, at, errors).map(ScVal::U32),
        "i32" => integer(inner, at, errors).map(ScVal::I32),
        "u64" => integer(inner, at, errors).map(ScVal::U64),
        "i64" => integer(inner, at, errors).map(ScVal::I64),
        "timepoint" => integer(inner, at, errors).map(|at| ScVal::Timepoint(xdr::TimePoint(at))),
        "duration" => integer(inner, at, errors).map(|for_| ScVal::Duration(xdr::Duration(for_))),
        "u128" => integer(inner, at, errors).map(ScVal::U128),
        "i128" => integer(inner, at, errors).map(of_i128),
        "u256" => integer(inner, at, errors).map(ScVal::U256),
        "i256" => integer(inner, at, errors).map(ScVal::I256),
        "bytes" => bytes(inner, at, errors),
        "string" => string(inner, at, errors),
        "symbol" => symbol(inner, at, errors).map(ScVal::Symbol),
        "address" => address(inner, at, errors).map(ScVal::Address),
        "vec" => vec(inner, at, depth, errors),
        "map" => map(inner, at, depth, errors),
        "error" => match serde_json::from_value::<xdr::ScError>(inner.clone()) {
            Ok(error) => Some(ScVal::Error(error)),
            Err(_) => {
                errors.add(at, "is not a contract's error, such as {\"contract\": 7}");
                None
            }
        },
        _ => {
            errors.add(
                at,
                format_args!("is not a type of value that a contract takes: one of {TYPES}"),
            );
            None
        }
    }
}

/// A whole number: as JSON where it is small, or as a string of digits.
fn integer<T: FromStr>(value: &Value, pointer: String, errors: &mut Errors) -> Option<T> {
    let text = match value {
        Value::Number(number) if number.is_u64() || number.is_i64() => number.to_string(),
        // stellar-xdr reads more spellings of the largest ones; here each number has one.
        Value::String(text) if is_decimal(text) => text.clone(),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => String::new(),
    };
    let number = text.parse().ok();
    if number.is_none() {
        errors.add(
            pointer,
            "must be a whole number of this type, as a string or (where it is small) as a number",
        );
    }
    number
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn bytes(value: &Value, pointer: String, errors: &mut Errors) -> Option<ScVal> {
    let bytes = value.as_str().and_then(|text| hex::decode(text).ok());
    let bytes = bytes.and_then(|bytes| xdr::BytesM::try_from(bytes).ok());
    if bytes.is_none() {
        errors.add(pointer, "must be a string of hexadecimal digits");
    }
    bytes.map(|bytes| ScVal::Bytes(xdr::ScBytes(bytes)))
}

/// SEP-51 escapes what is not ASCII; written plainly it means the same.
fn string(value: &Value, pointer: String, errors: &mut Errors) -> Option<ScVal> {
    let escaped = value.as_str().map(|text| {
        let mut escaped = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii() {
                escaped.push(char::from(byte));
            } else {
                escaped.push_str(&format!("\\x{byte:02x}"));
            }
        }
        escaped
    });
    let string = escaped.and_then(|text| text.parse::<xdr::StringM>().ok());
    if string.is_none() {
        errors.add(
            pointer,
            "must be a string, in which a backslash begins an escape: \\\\ or \\xNN",
        );
    }
    string.map(|string| ScVal::String(xdr::ScString(string)))
}

fn symbol(value: &Value, pointer: String, errors: &mut Errors) -> Option<xdr::ScSymbol> {
    let symbol = value.as_str().filter(|text| is_symbol(text));
    let symbol = symbol.and_then(|text| text.as_bytes().try_into().ok());
    if symbol.is_none() {
        errors.add(
            pointer,
            format_args!("must be at most {MAX_SYMBOL} letters, digits and underscores"),
        );
    }
    symbol.map(xdr::ScSymbol)
}

fn address(value: &Value, pointer: String, errors: &mut Errors) -> Option<xdr::ScAddress> {
    let text = value.as_str().unwrap_or_default();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    match explain_address(text) {
        error @ (AddressError::SecretKey | AddressError::Checksum) => errors.add(pointer, error),
        AddressError::Kind(_) | AddressError::Malformed => {
            errors.add(pointer, "is not an address: G…, C… or M…");
        }
    }
    None
}

fn vec(value: &Value, pointer: String, depth: usize, errors: &mut Errors) -> Option<ScVal> {
    let Value::Array(items) = value else {
        errors.add(pointer, "must be an array of values");
        return None;
    };
    let read = items
        .iter()
        .enumerate()
        .map(|(index, item)| read_at(item, join(&pointer, &index.to_string()), depth + 1, errors));
    let read: Vec<Option<ScVal>> = read.collect();
    let items: Option<Vec<ScVal>> = read.into_iter().collect();
    let items = items?.try_into().expect("any number of values fits");
    Some(ScVal::Vec(Some(xdr::ScVec(items))))
}

/// Entries in an array, `{"key": …, "val": …}` each, or an object whose names are symbols. The network wants them in the
/// order of their keys, which is their normal form.
fn map(value: &Value, pointer: String, depth: usize, errors: &mut Errors) -> Option<ScVal> {
    let entries: Vec<Option<(ScVal, ScVal, String)>> = match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let at = join(&pointer, name);
                let key = symbol(&Value::String(name.clone()), at.clone(), errors);
                let value = read_at(value, at.clone(), depth + 1, errors);
                Some((ScVal::Symbol(key?), value?, at))
            });
            fields.collect()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate().map(|(index, item)| {
                let at = join(&pointer, &index.to_string());
                let pair = item.as_object().filter(|map| map.len() == 2);
                let pair = pair.and_then(|map| map.get("key").zip(map.get("val")));
                let Some((key, value)) = pair else {
                    errors.add(at, "must be {\"key\": …, \"val\": …}");
                    return None;
                };
                let key = read_at(key, join(&at, "key"), depth + 1, errors);
                let value = read_at(value, join(&at, "val"), depth + 1, errors);
                Some((key?, value?, at))
            });
            items.collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            errors.add(
                pointer,
                "must be an array of {\"key\": …, \"val\": …}, or an object whose names are symbols",
            );
            return None;
        }
    };
    let entries: Option<Vec<(ScVal, ScVal, String)>> = entries.into_iter().collect();
    let mut entries = entries?;
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    let twice = entries.windows(2).find(|pair| pair[0].0 == pair[1].0);
    if let Some(pair) = twice {
        errors.add(pair[1].2.clone(), "has a key that stands there twice");
        return None;
    }
    let entries = entries
        .into_iter()
        .map(|(key, val, _)| xdr::ScMapEntry { key, val });
    let entries: Vec<xdr::ScMapEntry> = entries.collect();
    let entries = entries.try_into().expect("any number of entries fits");
    Some(ScVal::Map(Some(xdr::ScMap(entries))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::fields::FieldError;

    fn read_one(value: &Value) -> Result<ScVal, Vec<FieldError>> {
        let mut errors = Errors::default();
        let read = read(value, "/a".to_owned(), &mut errors);
        errors.finish(read)
    }

    #[test]
    fn the_normal_form_reads_back_and_is_that_of_the_crate() {
        let address = "CDDY76AYXHVJRAMEJLJT2CVXUHXASQLCPWLQIMDNSS6O7PDZLIAOLZAZ";
        for (given, normal) in [
            (json!(true), json!({"bool": true})),
            (json!(null), json!("void")),
            (json!({"u32": "5"}), json!({"u32": 5})),
            (json!({"u64": 5}), json!({"u64": "5"})),
            (json!({"i64": "-5"}), json!({"i64": "-5"})),
            (json!({"i128": -7}), json!({"i128": "-7"})),
            (
                json!({"u128": "340282366920938463463374607431768211455"}),
                json!({"u128": "340282366920938463463374607431768211455"}),
            ),
            (json!({"i256": "-9"}), json!({"i256": "-9"})),
            (json!({"timepoint": 9}), json!({"timepoint": "9"})),
            (json!({"bytes": "00FF"}), json!({"bytes": "00ff"})),
            (
                json!({"string": "é\\\\"}),
                json!({"string": "\\xc3\\xa9\\\\"}),
            ),
            (json!({"symbol": "inc"}), json!({"symbol": "inc"})),
            (json!({"address": address}), json!({"address": address})),
            (
                json!({"vec": [true, {"u32": 1}]}),
                json!({"vec": [{"bool": true}, {"u32": 1}]}),
            ),
            (
                json!({"map": {"b": {"u32": 2}, "a": null}}),
                json!({"map": [{"key": {"symbol": "a"}, "val": "void"}, {"key": {"symbol": "b"}, "val": {"u32": 2}}]}),
            ),
            (
                json!({"error": {"contract": 7}}),
                json!({"error": {"contract": 7}}),
            ),
        ] {
            let value = read_one(&given).unwrap_or_else(|errors| panic!("{given}: {errors:?}"));
            assert_eq!(to_json(&value), normal, "{given}");
            assert_eq!(read_one(&normal), Ok(value.clone()), "{normal}");
            assert_eq!(
                serde_json::from_value::<ScVal>(normal).expect("its own form"),
                value
            );
        }
    }

    #[test]
    fn each_mistake_has_its_pointer() {
        for (given, pointer) in [
            (json!(5), "/a"),
            (json!("text"), "/a"),
            (json!({"u32": 1, "u64": 1}), "/a"),
            (json!({"u32": 4_294_967_296_u64}), "/a/u32"),
            (json!({"u32": -1}), "/a/u32"),
            (json!({"u64": 1.5}), "/a/u64"),
            (json!({"i128": "0x1"}), "/a/i128"),
            (
                json!({"i128": "170141183460469231731687303715884105728"}),
                "/a/i128",
            ),
            (json!({"bytes": "0"}), "/a/bytes"),
            (json!({"symbol": "a-b"}), "/a/symbol"),
            (json!({"symbol": "a".repeat(33)}), "/a/symbol"),
            (json!({"address": "CNOPE"}), "/a/address"),
            (json!({"vec": [{"u32": 1}, {"u32": "x"}]}), "/a/vec/1/u32"),
            (
                json!({"map": [{"key": {"u32": 1}, "val": {"u33": 1}}]}),
                "/a/map/0/val/u33",
            ),
            (
                json!({"map": [{"key": true, "val": true}, {"key": true, "val": false}]}),
                "/a/map/1",
            ),
            (json!({"map": {"a-b": true}}), "/a/map/a-b"),
            (json!({"contract_instance": {}}), "/a/contract_instance"),
            (json!({"error": 7}), "/a/error"),
        ] {
            let errors = read_one(&given).expect_err("a mistake");
            assert_eq!(errors.len(), 1, "{given}: {errors:?}");
            assert_eq!(errors[0].pointer, pointer, "{given}: {errors:?}");
        }
    }
}
