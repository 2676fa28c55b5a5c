//! One row: an intent that the API would take, and the key under which it may be posted any number of times.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::fields::FieldError;
use crate::domain::intent::{Accounts, read};
use crate::domain::primitives::{AccountId, NetworkId};

/// Stands for the source that only the daemon knows. Nobody has its key.
const NOBODY: AccountId = AccountId([0; 32]);

/// Stands for the network that only the daemon knows.
const NOWHERE: NetworkId = NetworkId([0; 32]);

/// An intent to be posted.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it begins, from 1.
    pub line: u64,
    /// The business workflow.
    pub workflow_id: String,
    /// What of that workflow.
    pub method: String,
    /// Rows with the same one are posted in the order of the file.
    pub ordering_key: Option<String>,
    /// SHA-256 of its normal form: the same for the same row in whatever file, and however its numbers are written.
    pub content: [u8; 32],
    /// The body.
    pub body: String,
}

impl Row {
    /// The row that this body is.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(line: u64, value: &Value, body: String) -> Result<Self, BadRow> {
        let accounts = Accounts {
            default_source: source(value).unwrap_or(NOBODY),
            other_sources: Vec::new(),
            contracts: Some(NOWHERE),
        };
        let request = read(value, &accounts).map_err(|errors| BadRow {
            line,
            mistakes: errors.into_iter().map(Mistake::from).collect(),
        })?;
        let mut form = request.to_json();
        if request.source == NOBODY {
            form["source"] = Value::Null;
        }
        Ok(Self {
            line,
            content: Sha256::digest(form.to_string().as_bytes()).into(),
            workflow_id: request.workflow_id,
            method: request.method,
            ordering_key: request.ordering_key,
            body,
        })
    }

    /// The Idempotency-Key.
    pub fn idempotency_key(&self) -> String {
        format!("row-{}", hex::encode(self.content))
    }

    /// What is unique for ever, as a hash: the workflow and the method.
    pub fn identity(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update((self.workflow_id.len() as u64).to_be_bytes());
        hash.update(self.workflow_id.as_bytes());
        hash.update(self.method.as_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        half
    }
}

/// The source that the row names. Of a signed transaction it is the transaction's own, and must not be one of ours.
fn source(value: &Value) -> Option<AccountId> {
    let given = |name: &str| value.get(name).filter(|value| !value.is_null());
    if given("transaction_xdr").is_some() {
        return None;
    }
    given("source")?.as_str()?.parse().ok()
}

/// A row that cannot be posted.
#[derive(Clone, Debug, Serialize)]
pub struct BadRow {
    /// Where it begins, from 1.
    pub line: u64,
    /// Everything that is wrong with it.
    #[serde(rename = "errors")]
    pub mistakes: Vec<Mistake>,
}

/// One thing that is wrong with a row.
#[derive(Clone, Debug, Serialize)]
pub struct Mistake {
    /// JSON pointer into the intent; empty for the whole row.
    pub pointer: String,
    /// The column of a CSV file that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<&'static str>,
    /// What is wrong. Never repeats what may be a secret.
    pub detail: String,
}

impl From<FieldError> for Mistake {
    fn from(error: FieldError) -> Self {
        Self {
            pointer: error.pointer,
            column: None,
            detail: error.detail,
        }
    }
}

impl BadRow {
    /// A row with one mistake that is the whole row's.
    pub fn whole(line: u64, detail: impl Into<String>) -> Self {
        Self {
            line,
            mistakes: vec![Mistake {
                pointer: String::new(),
                column: None,
                detail: detail.into(),
            }],
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.column, self.pointer.as_str()) {
            (Some(column), pointer) => write!(f, "{column} {} ({pointer})", self.detail),
            (None, "") => f.write_str(&self.detail),
            (None, pointer) => write!(f, "{pointer} {}", self.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Row;

    const ISSUER: &str = "GAQHWQYBBW272OOXNQMMLCA5WY2XAZPODGB7Q3S5OKKIXVESKO55ZQ7C";

    fn row(value: &Value) -> Row {
        Row::read(1, value, value.to_string()).expect("the row is right")
    }

    fn payment(amount: &str) -> Value {
        json!({"workflow_id": "w", "operations": [
            {"type": "payment", "destination": ISSUER, "asset": "native", "amount": amount},
        ]})
    }

    #[test]
    fn the_key_depends_on_what_is_asked_for_and_on_nothing_else() {
        let first = row(&payment("12.5"));
        let again = Row::read(99, &payment("12.50"), "written in another way".to_owned());
        assert_eq!(
            first.idempotency_key(),
            again.expect("it is right").idempotency_key()
        );
        let mut named = payment("12.5");
        named["method"] = json!("payment");
        assert_eq!(first.idempotency_key(), row(&named).idempotency_key());
        for (field, value) in [
            ("workflow_id", json!("v")),
            ("method", json!("refund")),
            ("source", json!(ISSUER)),
            ("valid_until", json!("2030-01-01T00:00:00Z")),
            ("metadata", json!({"a": 1})),
        ] {
            let mut other = payment("12.5");
            other[field] = value;
            assert_ne!(
                first.idempotency_key(),
                row(&other).idempotency_key(),
                "{field}"
            );
        }
        assert_ne!(
            first.idempotency_key(),
            row(&payment("12.6")).idempotency_key()
        );
    }

    #[test]
    fn identity_is_workflow_and_method() {
        let named = |workflow: &str, method: &str| {
            let mut value = payment("1");
            value["workflow_id"] = json!(workflow);
            value["method"] = json!(method);
            row(&value).identity()
        };
        assert_eq!(named("ab", "c"), named("ab", "c"));
        assert_ne!(named("ab", "c"), named("a", "bc"));
    }

    #[test]
    fn every_mistake_has_its_pointer() {
        let value = json!({"workflow_id": "w", "source": "G", "operations": [
            {"type": "payment", "destination": ISSUER, "asset": "native", "amount": "1.00000001"},
        ], "colour": "red"});
        let bad = Row::read(7, &value, value.to_string()).expect_err("three things are wrong");
        let pointers: Vec<&str> = bad
            .mistakes
            .iter()
            .map(|one| one.pointer.as_str())
            .collect();
        assert_eq!(
            pointers,
            ["/source", "/operations/0/amount", "/colour"],
            "{bad:?}"
        );
    }
}
