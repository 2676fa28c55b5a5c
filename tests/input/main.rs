//! Bad input: bytes that mean nothing, requests that the description does not allow, clients that take their time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod bounds;
mod contract;
mod fuzz;
#[allow(dead_code, reason = "this test binary uses a part of it")]
#[path = "../api/server.rs"]
mod server;
mod slow;
#[path = "../support/mod.rs"]
mod support;
