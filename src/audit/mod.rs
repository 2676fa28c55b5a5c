//! What the ledger's own history proves: read whole, whoever's records say what.
//!
//! [`history`] reads what an account took part in, and knows whether anything is missing; [`verify()`] judges it: at most one
//! success a tag, each recognised, and the records against it; [`receipt`] asks the ledger about what a receipt says.

mod findings;
pub mod history;
mod numbers;
mod patience;
mod rebuilt;
pub mod receipt;
pub mod reconcile;
mod records;
pub mod report;
pub mod tail;
mod tally;
mod verify;

pub use findings::{Finding, Findings};
pub use history::{HistoryError, Listing, Page, Span};
pub use numbers::{Gap, Numbers, Start};
pub use patience::{covers, status};
pub use report::{Report, Verdict};
pub use verify::{Progress, Question, VerifyError, verify};
