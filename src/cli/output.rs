//! How commands answer: a table for people, JSON for programs.

use std::fmt::Display;
use std::io::Write as _;

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
/// As [`line`]: what is printed can always be written as JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Prints a line. Not `println!`, which panics where the reader has gone away, as `head` does.
///
/// # Errors
/// What standard output said; a reader that has gone away is no failure of ours, and `complain` says nothing of it.
pub fn line(text: impl Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Whether an error is that nobody reads any more.
#[must_use]
pub fn is_unread(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// An error with its causes, in one line; a cause that the text before already ends with is not said twice.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// A table with a head.
#[must_use]
pub fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(head);
    table
}

#[cfg(test)]
mod tests {
    use super::{is_unread, one_line};

    #[test]
    fn a_cause_is_said_once() {
        let cause = anyhow::anyhow!("address in use");
        let once = cause.context("cannot listen: address in use");
        assert_eq!(one_line(&once), "cannot listen: address in use");
        let both = anyhow::anyhow!("address in use").context("cannot listen");
        assert_eq!(
            one_line(&both.context("the API")),
            "the API: cannot listen: address in use"
        );
    }

    #[test]
    fn only_a_reader_that_left_is_unread() {
        let error = |kind| anyhow::Error::from(std::io::Error::from(kind));
        assert!(is_unread(&error(std::io::ErrorKind::BrokenPipe)));
        assert!(!is_unread(&error(std::io::ErrorKind::StorageFull)));
    }
}
