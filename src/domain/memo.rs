//! The user's memo.

use serde_json::{Value, json};
use stellar_xdr as xdr;

use super::fields::{Errors, Fields};

/// The most bytes of a text memo.
pub const MAX_MEMO_TEXT_BYTES: usize = 28;

/// A memo, exactly as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memo {
    /// No memo.
    None,
    /// At most 28 bytes of UTF-8.
    Text(String),
    /// A number.
    Id(u64),
    /// 32 bytes.
    Hash([u8; 32]),
    /// 32 bytes: the hash of the transaction that is paid back.
    Return([u8; 32]),
}

impl Memo {
    /// Reads `{"type": …, "value": …}`.
    pub fn read(value: &Value, pointer: String, errors: &mut Errors) -> Option<Self> {
        let mut fields = Fields::of(value, pointer, errors)?;
        let kind = fields.text("type", errors)?;
        if kind == "none" {
            fields.end(errors);
            return Some(Self::None);
        }
        let text = fields.text("value", errors);
        let (type_at, value_at) = (fields.at("type"), fields.at("value"));
        fields.end(errors);
        let text = text?;
        let bytes = |errors: &mut Errors| {
            let mut bytes = [0; 32];
            if hex::decode_to_slice(text, &mut bytes).is_err() {
                errors.add(value_at.clone(), "must be 64 hexadecimal digits");
                return None;
            }
            Some(bytes)
        };
        match kind {
            "text" if text.len() > MAX_MEMO_TEXT_BYTES => {
                let detail = format_args!(
                    "is {} bytes long; a text memo has at most {MAX_MEMO_TEXT_BYTES}",
                    text.len()
                )
                .to_string();
                errors.add(value_at, detail);
                None
            }
            "text" => Some(Self::Text(text.to_owned())),
            "id" => match text.parse() {
                Ok(id) if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Self::Id(id)),
                _ => {
                    errors.add(
                        value_at,
                        "must be a decimal number of 0 to 18446744073709551615",
                    );
                    None
                }
            },
            "hash" => bytes(errors).map(Self::Hash),
            "return" => bytes(errors).map(Self::Return),
            _ => {
                errors.add(type_at, "must be text, id, hash or return");
                None
            }
        }
    }

    /// The memo in its normal form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Text(text) => json!({"type": "text", "value": text}),
            Self::Id(id) => json!({"type": "id", "value": id.to_string()}),
            Self::Hash(bytes) => json!({"type": "hash", "value": hex::encode(bytes)}),
            Self::Return(bytes) => json!({"type": "return", "value": hex::encode(bytes)}),
        }
    }

    /// The memo in XDR.
    #[must_use]
    pub fn to_xdr(&self) -> xdr::Memo {
        match self {
            Self::None => xdr::Memo::None,
            Self::Text(text) => xdr::Memo::Text(
                text.as_bytes()
                    .try_into()
                    .expect("a text memo of at most 28 bytes was checked"),
            ),
            Self::Id(id) => xdr::Memo::Id(*id),
            Self::Hash(bytes) => xdr::Memo::Hash(xdr::Hash(*bytes)),
            Self::Return(bytes) => xdr::Memo::Return(xdr::Hash(*bytes)),
        }
    }
}
