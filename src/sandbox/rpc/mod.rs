//! What a Stellar RPC answers, made from the ledger. Nothing here knows HTTP.

pub mod entries;
pub mod event;
pub mod info;
pub mod simulate;
pub mod transaction;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use stellar_xdr::WriteXdr;

use super::ledger::Ledger;
use super::ledger::entry::bytes;

/// An error of JSON-RPC.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// JSON-RPC's number.
    pub code: i64,
    /// What is wrong.
    pub message: String,
    /// What it is wrong with.
    pub data: Option<Value>,
}

impl Failure {
    /// The text is no JSON.
    pub fn parse(message: String) -> Self {
        Self::new(-32700, message)
    }

    /// The request cannot be answered.
    pub fn request(message: impl Into<String>) -> Self {
        Self::new(-32600, message)
    }

    /// There is no such method.
    pub fn method(name: &str) -> Self {
        Self {
            data: Some(name.into()),
            ..Self::new(-32601, "method not found")
        }
    }

    /// A parameter is not what it should be.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::new(-32602, message)
    }

    /// Nothing is known yet.
    pub fn empty() -> Self {
        Self::new(-32603, "DB is empty")
    }

    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// As JSON-RPC writes it.
    pub fn json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        error
    }
}

/// XDR in base64.
pub fn base64(value: &impl WriteXdr) -> String {
    BASE64.encode(bytes(value))
}

/// The newest ledger that is known, and when it closed (Unix seconds).
pub fn latest(ledger: &Ledger, head: u32) -> Result<(u32, u64), Failure> {
    let record = ledger.history().ledger(head).ok_or_else(Failure::empty)?;
    Ok((head, record.close_time))
}

/// The oldest ledger that is kept, and when it closed (Unix seconds).
pub fn oldest(ledger: &Ledger) -> Result<(u32, u64), Failure> {
    let elder = ledger.history().elder();
    let record = ledger.history().ledger(elder).ok_or_else(Failure::empty)?;
    Ok((elder, record.close_time))
}
