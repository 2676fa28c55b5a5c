//! The rules, and nothing but the rules: no network, no database, no clock, no randomness.

pub mod observation;
pub mod primitives;
pub mod result_code;
