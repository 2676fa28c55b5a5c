//! A Stellar network in one process: a ledger, core's queue and Horizon's face, with faults on request.
pub mod clock;
pub mod core;
pub mod ledger;
pub mod horizon;
pub mod queue;
