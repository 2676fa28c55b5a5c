//! The sandbox held against what a real network answered, and each of its controls by its effect.
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod apply_vectors;
mod book;
mod captures;
mod contracts;
mod controls;
mod crowd;
mod faults;
mod invariants;
mod python;
mod queue;
mod rules;
mod signature;
mod support;
mod town;
mod wallet;
