//! The engine: takes intents up, sends what is on record, follows the ledger, and proves what it cannot see.
//!
//! One task owns what is in flight and decides ([`engine`]); everything that waits for a network or a disk runs beside
//! it and answers by message. What it knows beyond the records may be lost at any moment: then it asks again.

mod accounts;
mod allowance;
mod bump;
mod calls;
mod channels;
mod confirm;
pub mod contracts;
mod current;
mod drift;
mod engine;
mod flight;
mod history;
mod inquire;
mod lease;
mod look;
mod nonces;
mod prepare;
mod presigned;
mod preview;
mod reconcile;
mod recorder;
pub mod records;
mod scan;
mod settings;
mod sign;
mod simulate;
mod status;
mod submit;
mod top_up;
mod tries;
mod ways;

#[cfg(feature = "simulation")]
pub(crate) use accounts::GONE;
pub use allowance::Allowance;
pub use channels::{EnsureReport, SYSTEM_TENANT, ensure_report};
pub use engine::foreign::{SECOND_WRITER, resumes_by_itself};
pub use engine::{Engine, EngineError, Waker};
pub use preview::{PreviewError, Previewing};
pub use settings::{FeePayer, Settings, SubmitMode};
pub use status::{Phase, Status};
pub use ways::Way;

/// Runs what takes milliseconds of computing off the threads that answer. On one thread there is none to spare: there it
/// runs at once, so that a history that is played on one thread has one order.
async fn off_thread<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    use tokio::runtime::{Handle, RuntimeFlavor};
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Ok(compute());
    }
    tokio::task::spawn_blocking(compute).await
}
