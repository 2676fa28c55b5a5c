//! Lands Stellar transactions exactly as asked, at most once each, whatever fails.

pub mod api;
pub mod dev;
pub mod domain;
pub mod horizon;
pub mod signer;
pub mod store;
