//! Contract calls: real processes, a real PostgreSQL, and a ledger that runs contracts as the only witness.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod calls;
mod once;
mod outcomes;
mod preview;
mod stage;
mod tokens;

#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;
