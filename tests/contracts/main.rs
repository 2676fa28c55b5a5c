//! Contract calls: real processes, a real PostgreSQL, and a ledger that runs contracts as the only witness.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod authorized;
mod calls;
mod copied;
mod ended;
mod once;
mod outcomes;
mod preview;
mod rebuilt;
mod restored;
mod rpc;
mod stage;
mod tokens;
mod told;

#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;
