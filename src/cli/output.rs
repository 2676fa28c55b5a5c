//! How commands answer: a table for people, JSON for programs.

use comfy_table::{Table, presets};
use serde::Serialize;
use thiserror::Error;

/// The command was asked for wrongly, in a way that the parser of arguments cannot know.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Prints JSON, indented.
///
/// # Errors
/// Never in practice: what is printed can be written as JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A table with a head.
#[must_use]
pub fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(head);
    table
}
