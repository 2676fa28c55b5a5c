//! Everything on one machine with nothing to set up.

pub mod demo;
pub mod postgres;
pub mod report;
pub mod stack;
