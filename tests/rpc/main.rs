//! Stellar RPC: what a real server answered, what rude ones may answer, the plan that comes of a simulation, and the way of
//! envelopes over it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod call;
mod capture;
mod expected;
mod observations;
mod plans;
mod rude;
#[path = "../support/mod.rs"]
mod support;
mod ways;
#[path = "../world/mod.rs"]
mod world;
