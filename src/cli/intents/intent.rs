//! An intent as the API shows it, and as people read it.

use std::fmt;

use clap::ValueEnum;
use comfy_table::Table;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::api::{Answer, Api};
use super::problem::CallError;
use crate::cli::output;

/// Letters of a result that a row has room for.
const MAX_RESULT_LETTERS: usize = 80;

/// Where an intent is. The last four are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Status {
    Queued,
    InFlight,
    Parked,
    Succeeded,
    Failed,
    Expired,
    Canceled,
}

impl Status {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight => "in_flight",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }

    /// Whether it never changes again.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::InFlight | Self::Parked => false,
            Self::Succeeded | Self::Failed | Self::Expired | Self::Canceled => true,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What commands need to know of an intent.
#[derive(Clone, Debug, Deserialize)]
pub struct Intent {
    /// Its id.
    pub id: Uuid,
    /// The business workflow.
    pub workflow_id: String,
    /// What of that workflow.
    pub method: String,
    /// Where it is.
    pub status: Status,
    /// The recorded transaction that decided it, or null.
    pub transaction: Value,
    /// Why it is where it is, or null.
    pub reason: Value,
}

impl Intent {
    /// Reads it from an answer.
    ///
    /// # Errors
    /// [`CallError::Strange`] where it is none.
    pub fn of(api: &Api, answer: &Answer) -> Result<Self, CallError> {
        Self::deserialize(&answer.body).map_err(|_| api.strange(answer.status, "no intent"))
    }

    /// Why it is where it is, for people.
    pub fn because(&self) -> String {
        because(&self.reason)
    }
}

fn because(reason: &Value) -> String {
    match (text(reason, "/code"), text(reason, "/detail")) {
        (code, detail) if code.is_empty() || detail.is_empty() => format!("{code}{detail}"),
        (code, detail) => format!("{code}: {detail}"),
    }
}

/// A field as text: empty for null, JSON for what is no text.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// One intent, a field a line; what it does not have is left out.
pub fn details(intent: &Value) -> Table {
    let mut rows = Vec::new();
    for name in ["workflow_id", "method", "status", "tag", "source"] {
        rows.push((name.to_owned(), text(intent, &format!("/{name}"))));
    }
    let none = Vec::new();
    for operation in intent["operations"].as_array().unwrap_or(&none) {
        rows.push(("operation".to_owned(), what(operation)));
    }
    let memo = &intent["memo"];
    if memo.is_object() {
        let memo = format!("{} {}", text(memo, "/type"), text(memo, "/value"));
        rows.push(("memo".to_owned(), memo));
    }
    for name in [
        "transaction_xdr",
        "not_before",
        "valid_until",
        "ordering_key",
        "on_state_error",
        "max_fee_per_operation",
        "metadata",
    ] {
        rows.push((name.to_owned(), text(intent, &format!("/{name}"))));
    }
    for name in [
        "hash",
        "fee_bump_hash",
        "ledger",
        "closed_at",
        "fee_charged",
        "channel",
        "sequence",
    ] {
        rows.push((
            name.to_owned(),
            text(intent, &format!("/transaction/{name}")),
        ));
    }
    rows.push(("result".to_owned(), text(intent, "/result")));
    rows.push(("attempts".to_owned(), text(intent, "/attempt_count")));
    if intent["cancel_requested"] == true {
        rows.push(("cancel_requested".to_owned(), "true".to_owned()));
    }
    rows.push(("reason".to_owned(), because(&intent["reason"])));
    for name in ["next_action_at", "created_at", "updated_at", "finished_at"] {
        rows.push((name.to_owned(), text(intent, &format!("/{name}"))));
    }
    let mut table = output::table(&["intent", &text(intent, "/id")]);
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        table.add_row([name, value]);
    }
    table
}

/// An operation in a line: its type, then its fields.
fn what(operation: &Value) -> String {
    let kind = text(operation, "/type");
    match kind.as_str() {
        "payment" => format!(
            "payment of {} {} to {}",
            text(operation, "/amount"),
            text(operation, "/asset"),
            text(operation, "/destination")
        ),
        _ => particulars(operation),
    }
}

/// The fields of an object in a line.
pub fn particulars(value: &Value) -> String {
    let Value::Object(fields) = value else {
        return value.to_string();
    };
    let fields = fields.iter().filter(|(_, value)| !value.is_null());
    let fields = fields.map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    fields.collect::<Vec<_>>().join(" ")
}

/// What a call returned, as far as it fits a row.
fn returned(intent: &Value) -> Option<String> {
    let mut result = text(intent, "/result");
    if let Some((end, _)) = result.char_indices().nth(MAX_RESULT_LETTERS) {
        result.truncate(end);
        result.push('…');
    }
    Some(result).filter(|result| !result.is_empty())
}

/// Intents, one a row.
pub fn overview(intents: &[Value]) -> Table {
    let mut table = output::table(&[
        "id",
        "workflow",
        "method",
        "status",
        "operation",
        "created",
        "hash or reason",
    ]);
    for intent in intents {
        let operations = intent["operations"].as_array();
        let first = operations.and_then(|all| all.first());
        let first = first.map_or_else(|| "transaction_xdr".to_owned(), what);
        let more = operations.map_or(0, Vec::len).saturating_sub(1);
        let operation = if more > 0 {
            format!("{first} and {more} more")
        } else {
            first
        };
        let hash = text(intent, "/transaction/hash");
        let outcome = if intent["status"] == Status::Succeeded.as_str() {
            match returned(intent) {
                Some(result) => format!("{hash} returned {result}"),
                None => hash,
            }
        } else {
            because(&intent["reason"])
        };
        table.add_row([
            text(intent, "/id"),
            text(intent, "/workflow_id"),
            text(intent, "/method"),
            text(intent, "/status"),
            operation,
            text(intent, "/created_at"),
            outcome,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use serde_json::json;

    use super::{Status, particulars, text};

    #[test]
    fn statuses_are_written_as_the_api_and_the_flag_write_them() {
        for status in Status::value_variants() {
            assert_eq!(json!(status), status.as_str());
            let flag = status.to_possible_value().expect("every status is a value");
            assert_eq!(flag.get_name(), status.as_str());
        }
    }

    #[test]
    fn fields_become_text() {
        let value = json!({"a": {"b": "c", "n": 7, "none": null}});
        assert_eq!(text(&value, "/a/b"), "c");
        assert_eq!(text(&value, "/a/n"), "7");
        assert_eq!(text(&value, "/a/none"), "");
        assert_eq!(text(&value, "/x/y"), "");
        assert_eq!(particulars(&value["a"]), "b=c n=7");
    }
}
