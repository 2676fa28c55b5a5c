//! Everything on one machine with nothing to set up.

pub mod postgres;
