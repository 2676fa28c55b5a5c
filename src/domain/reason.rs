//! Why an intent is where it is: a code for programs, a sentence for people.

use serde::{Deserialize, Serialize};

/// Why an intent failed, expired, was canceled or is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable, for programs: a Horizon code such as `op_underfunded`, or one of ours.
    pub code: String,
    /// A few words.
    pub title: String,
    /// A sentence about this case.
    pub detail: String,
    /// Whether the same intent could still succeed later.
    pub retryable: bool,
}

impl Reason {
    /// A reason.
    #[must_use]
    pub fn new(code: &str, title: &str, detail: impl Into<String>, retryable: bool) -> Self {
        Self {
            code: code.to_owned(),
            title: title.to_owned(),
            detail: detail.into(),
            retryable,
        }
    }

    /// It was canceled before it landed.
    #[must_use]
    pub fn canceled() -> Self {
        Self::new(
            "canceled",
            "Canceled",
            "canceled on request, and proven not to have landed",
            false,
        )
    }

    /// Its time was over before it landed.
    #[must_use]
    pub fn expired() -> Self {
        Self::new(
            "expired",
            "Expired",
            "valid_until passed on the ledger before it landed",
            false,
        )
    }

    /// The stored body is no request.
    #[must_use]
    pub fn invalid_intent(detail: impl Into<String>) -> Self {
        Self::new("invalid_intent", "The intent is not valid", detail, false)
    }
}
