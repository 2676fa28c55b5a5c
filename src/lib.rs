//! Lands Stellar transactions exactly as asked, at most once each, whatever fails.
pub mod sandbox;
