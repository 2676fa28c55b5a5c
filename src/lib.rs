//! Lands Stellar transactions exactly as asked, at most once each, whatever fails.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod dev;
pub mod domain;
pub mod horizon;
pub mod retry;
pub mod sandbox;
pub mod signer;
pub mod store;
pub mod telemetry;
pub mod worker;
