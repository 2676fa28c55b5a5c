//! The sandbox held against what a real network answered, and each of its controls by its effect.

mod apply_vectors;
mod captures;
mod queue;
mod signature;
mod support;
mod wallet;
