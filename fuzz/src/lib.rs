//! Everything that is read from outside, each as a function of bytes that panics where an answer cannot be right.
//!
//! The tests include this file (`tests/input`), so it names its modules by `super`, and nothing that only this workspace has.

pub mod bulk;
pub mod captures;
pub mod envelope;
pub mod horizon;
pub mod intent;
pub mod rows;
pub mod rpc;
pub mod seeds;

/// One thing to be fuzzed.
pub struct Target {
    /// As its file under `fuzz_targets` is called.
    pub name: &'static str,
    /// Reads the bytes; panics where what comes of them cannot be right.
    pub fuzz_one: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "intent",
        fuzz_one: intent::fuzz_one,
        seeds: seeds::intents,
    },
    Target {
        name: "bulk",
        fuzz_one: bulk::fuzz_one,
        seeds: seeds::bulks,
    },
    Target {
        name: "horizon",
        fuzz_one: horizon::fuzz_one,
        seeds: horizon::seeds,
    },
    Target {
        name: "envelope",
        fuzz_one: envelope::fuzz_one,
        seeds: seeds::envelopes,
    },
    Target {
        name: "rows",
        fuzz_one: rows::fuzz_one,
        seeds: seeds::rows,
    },
    Target {
        name: "rpc",
        fuzz_one: rpc::fuzz_one,
        seeds: rpc::seeds,
    },
];
