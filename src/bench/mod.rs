//! Measures: what an intent costs, how many there can be, and that each landed once while it was measured.
//!
//! Every bench starts a durable PostgreSQL, a sandbox ledger and daemons of its own, each a process, and ends them.

pub mod accept;
pub mod capacity;
pub mod claim;
pub mod drive;
mod ledgers;
mod load;
mod machine;
mod meter;
mod plot;
mod process;
mod progress;
mod report;
mod session;
mod taken;
mod truth;
mod usage;
mod world;

pub use load::Shape;
pub use report::Outcome;
pub use session::{BULK_ROWS, Posting};
