//! A Stellar network in one process: a ledger, core's queue and Horizon's face, with faults on request.
//!
//! It imports nothing of the rest of the crate: it is the judge, and a mistake shared with the judged would be invisible.
//!
//! - [`ledger`] and [`queue`] are stellar-core's rules: pure, synchronous, deterministic.
//! - [`horizon`] makes Horizon's resources of them, `rpc` a Stellar RPC's answers; `http` serves these.
//! - [`faults`] and the controls under `/sandbox` are for users' own tests.

pub mod clock;
pub mod config;
pub mod core;
pub mod faults;
mod fees;
pub mod friendbot;
pub mod horizon;
mod http;
pub mod ledger;
pub mod node;
pub mod queue;
pub mod rate_limit;
#[cfg(feature = "contracts")]
pub mod rpc;
mod server;

pub use config::{Config, Pace};
pub use faults::Faults;
#[cfg(feature = "simulation")]
pub use http::{connection::Link, router};
pub use server::{Sandbox, SandboxError, start};
