//! The REST API on a real server and a real PostgreSQL: what `docs` promises, row by row.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod announce;
mod auth;
mod bulk;
mod change;
mod contract;
mod edge;
mod events;
mod idempotency;
mod input;
mod outage;
mod post;
mod read;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod unclaimed;
mod wait;
