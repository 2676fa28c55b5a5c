//! What is proven to somebody who believes only the ledger: `verify`, receipts and explanations, as people run them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod explain;
mod history;
mod horizon;
mod program;
mod receipts;
mod verify;

#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;
