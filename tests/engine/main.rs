//! The daemon against everything that can go wrong: real processes, a real PostgreSQL, and the ledger as the only witness.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod faults;
mod first_start;

#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;
