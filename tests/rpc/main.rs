//! Stellar RPC: what a real server answered, what rude ones may answer, and the plan that comes of a simulation.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod capture;
mod expected;
mod observations;
mod plans;
mod rude;
