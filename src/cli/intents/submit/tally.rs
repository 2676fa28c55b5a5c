//! What became of all rows, counted, and those that went wrong, named.

use std::collections::BTreeMap;

use serde::Serialize;

use super::outcome::{Outcome, RowResult};
use crate::cli::intents::intent::Status;
use crate::cli::output;

/// The most rows that are named; `--output` has them all.
const MAX_NAMED: usize = 1000;

/// The counts, as `--json` prints them.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    /// Of the file.
    pub rows: u64,
    /// Of those, how many say what an earlier row says: both are one intent.
    pub repeated: u64,
    /// Accepted now.
    pub new: u64,
    /// On record before.
    pub replayed: u64,
    /// In conflict with other intents.
    pub conflicts: u64,
    /// Refused.
    pub refused: u64,
    /// Without an answer.
    pub not_posted: u64,
    /// The first thousand conflicts and refusals.
    pub problems: Vec<RowResult>,
    /// Where the intents were at the end; none where nobody waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statuses: Option<BTreeMap<Status, u64>>,
}

impl Tally {
    /// Nothing of so many rows has been answered yet.
    pub fn of(rows: u64, repeated: u64) -> Self {
        Self {
            rows,
            repeated,
            not_posted: rows,
            ..Self::default()
        }
    }

    /// Counts the answer to a row.
    pub fn count(&mut self, result: &RowResult) {
        self.not_posted = self.not_posted.saturating_sub(1);
        match &result.outcome {
            Outcome::New(_) => self.new += 1,
            Outcome::Replayed(_) => self.replayed += 1,
            Outcome::Conflict(_) => self.conflicts += 1,
            Outcome::Refused(_) => self.refused += 1,
        }
        let wrong = matches!(result.outcome, Outcome::Conflict(_) | Outcome::Refused(_));
        if wrong && self.problems.len() < MAX_NAMED {
            self.problems.push(result.clone());
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut table = output::table(&["rows", "count"]);
        for (name, count) in [
            ("new", self.new),
            ("replayed", self.replayed),
            ("conflicts", self.conflicts),
            ("refused", self.refused),
            ("not posted", self.not_posted),
            ("all", self.rows),
        ] {
            table.add_row([name.to_owned(), count.to_string()]);
        }
        let mut text = table.to_string();
        if self.repeated > 0 {
            text.push_str(&format!(
                "\n{} rows repeat earlier ones of the file: each pair is one intent",
                self.repeated
            ));
        }
        let named = self.problems.iter().map(|problem| format!("\n{problem}"));
        text.extend(named);
        let unnamed = (self.conflicts + self.refused).saturating_sub(self.problems.len() as u64);
        if unnamed > 0 {
            text.push_str(&format!("\nand {unnamed} more: --output has them all"));
        }
        if let Some(statuses) = &self.statuses {
            let mut table = output::table(&["intents", "count"]);
            for (status, count) in statuses {
                table.add_row([status.to_string(), count.to_string()]);
            }
            text.push_str(&format!("\n{table}"));
        }
        text
    }

    /// What is not as it should be, in one line; none where all is well.
    pub fn complaint(&self) -> Option<String> {
        let mut parts = Vec::new();
        for (count, what) in [
            (self.conflicts, "in conflict"),
            (self.refused, "refused"),
            (self.not_posted, "not posted"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let statuses = self.statuses.iter().flatten();
        for (status, count) in statuses.filter(|(status, _)| **status != Status::Succeeded) {
            parts.push(format!("{count} {status}"));
        }
        let parts = (!parts.is_empty()).then(|| parts.join(", "))?;
        Some(format!("of {} rows {parts}", self.rows))
    }
}
