//! What is wrong with a configuration.

use thiserror::Error;

use super::variable;

/// One thing that is wrong. Its text never holds a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The value of a key.
    #[error("{key} ({}): {what}", variable(.key))]
    Value {
        /// `section.key`.
        key: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// Something in a file, a variable or a flag, before its value is looked at.
    #[error("{place}: {what}")]
    Place {
        /// The file, variable or flag.
        place: String,
        /// What is wrong, and what would be right.
        what: String,
    },
}

impl ConfigError {
    pub(super) fn value(key: &str, what: impl ToString) -> Self {
        Self::Value {
            key: key.to_owned(),
            what: what.to_string(),
        }
    }

    pub(super) fn place(place: impl ToString, what: impl ToString) -> Self {
        Self::Place {
            place: place.to_string(),
            what: what.to_string(),
        }
    }
}

/// Everything that is wrong, a line each.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", lines(.0))]
pub struct ConfigErrors(pub Vec<ConfigError>);

fn lines(errors: &[ConfigError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
