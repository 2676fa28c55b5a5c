//! Contract calls: from the answer of a simulation to what is signed. Pure: who simulates is another room's matter.
//!
//! The way of a call: simulate it without authorisation, and the entries to sign come back with random nonces → put the
//! tag in their place ([`auth::set_nonces`]) → sign ([`auth::payload`], [`auth::attach`]) → simulate again with the
//! signed entries, which meters their signatures too → [`plan::resources`], stored before the transaction is signed.

pub mod auth;
pub mod limits;
pub mod meta;
pub mod need;
pub mod nonce;
pub mod plan;
pub mod simulation;

pub use auth::AuthError;
pub use limits::{InclusionFees, LimitExceeded, MissingSetting, NetworkLimits, Resource};
pub use meta::CallRecord;
pub use need::Need;
pub use nonce::Nonce;
pub use plan::Margin;
pub use simulation::{Failure, FailureKind, Restoration, Simulated, Simulation, SimulationOutcome};
