//! Why the API did not answer as asked, in one line.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// What begins the type of every problem.
const TYPE_PREFIX: &str = "urn:stellar-submitter:problem:";

/// A problem document (RFC 9457) as the API writes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    /// A sentence about this case.
    pub detail: String,
    /// Everything that is wrong with the request.
    #[serde(default)]
    pub errors: Vec<Violation>,
    /// The intent that it is about.
    pub intent_id: Option<Uuid>,
    request_id: Option<String>,
}

/// One thing that is wrong with a request, and where.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Violation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    detail: String,
}

impl Problem {
    /// Its code, stable, for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        self.kind.strip_prefix(TYPE_PREFIX).unwrap_or(&self.kind)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = [&self.pointer, &self.parameter, &self.header];
        let place = places
            .into_iter()
            .flatten()
            .find(|place| !place.is_empty())
            .map_or("the body", String::as_str);
        write!(f, "{place} {}", self.detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors.len() > 1 {
            for (index, error) in self.errors.iter().enumerate() {
                let separator = if index == 0 { "" } else { "; " };
                write!(f, "{separator}{error}")?;
            }
        } else {
            f.write_str(&self.detail)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

/// Why there is no answer that could be used.
#[derive(Debug, Error)]
pub enum CallError {
    /// No connection: nothing was sent.
    #[error("the API at {api} cannot be reached: {cause}")]
    Unreachable {
        /// Where it was looked for.
        api: String,
        /// What the system said.
        cause: String,
    },
    /// Sent, and no whole answer came.
    #[error("the API at {api} did not answer: {cause}")]
    Cut {
        /// Who was asked.
        api: String,
        /// What the system said.
        cause: String,
    },
    /// The key is not one.
    #[error(
        "the API at {api} refuses the key: {problem}; give one in SUBMITTER_API_KEY or with --key-file"
    )]
    Key {
        /// Who was asked.
        api: String,
        /// Its answer.
        problem: Box<Problem>,
    },
    /// Another problem.
    #[error("{problem} ({} {})", .status.as_u16(), .problem.code())]
    Problem {
        /// The HTTP status.
        status: StatusCode,
        /// After which it may be asked again.
        retry_after: Option<Duration>,
        /// Its answer.
        problem: Box<Problem>,
    },
    /// Not an answer of this API.
    #[error("{api} answers {} and {what}: is that the API of a stellar-submitter?", .status.as_u16())]
    Strange {
        /// Who was asked.
        api: String,
        /// The HTTP status.
        status: StatusCode,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Somebody wanted an end while it waited to ask again.
    #[error("interrupted")]
    Stopped,
}

/// Why asking again could help, and when the API would like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// It lives, and is asked too often, or is answering the same request.
    Busy(Option<Duration>),
    /// It is away, or what it needs is.
    Away(Option<Duration>),
}

impl CallError {
    /// Whether asking the same again could help. Never for a request that must not be repeated: that is the caller's to know.
    #[must_use]
    pub fn passing(&self) -> Option<Passing> {
        match self {
            Self::Unreachable { .. } | Self::Cut { .. } => Some(Passing::Away(None)),
            Self::Problem {
                status,
                retry_after,
                problem,
            } => match *status {
                StatusCode::TOO_MANY_REQUESTS => Some(Passing::Busy(*retry_after)),
                StatusCode::CONFLICT if problem.code() == "request-in-flight" => {
                    Some(Passing::Busy(*retry_after))
                }
                StatusCode::REQUEST_TIMEOUT => Some(Passing::Away(*retry_after)),
                status if status.is_server_error() => Some(Passing::Away(*retry_after)),
                _ => None,
            },
            // A proxy in front answers for an API that is away.
            Self::Strange { status, .. } if status.is_server_error() => Some(Passing::Away(None)),
            Self::Key { .. } | Self::Strange { .. } | Self::Stopped => None,
        }
    }

    /// The code of the problem that was answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } | Self::Key { problem, .. } => Some(problem.code()),
            Self::Unreachable { .. } | Self::Cut { .. } | Self::Strange { .. } | Self::Stopped => {
                None
            }
        }
    }
}
