//! The rules, and nothing but the rules: no network, no database, no clock, no randomness.

pub mod adoption;
pub mod asset;
pub mod attempt;
pub mod continuity;
pub mod decide;
pub mod envelope;
pub mod event;
pub mod explain;
pub mod fee;
pub mod fields;
pub mod intent;
pub mod landed;
pub mod memo;
pub mod observation;
pub mod operation;
pub mod preview;
pub mod primitives;
pub mod reason;
pub mod receipt;
pub mod result_code;
pub mod seed;
pub mod soroban;
pub mod soroban_plan;
pub mod tag;
pub mod tagged;
pub mod transition;
