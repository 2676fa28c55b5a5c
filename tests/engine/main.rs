//! The daemon against everything that can go wrong: real processes, a real PostgreSQL, and the ledger as the only witness.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod configuration;
mod faults;
mod fees;
mod first_start;
mod fleet;
mod loss;
mod old_state;
mod operations;
mod order;
mod payers;
mod poor;
mod preview;
mod reach;
mod rivals;
mod sql;
mod states;

#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;
