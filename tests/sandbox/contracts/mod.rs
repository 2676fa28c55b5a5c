//! Contracts in the sandbox's ledger, over RPC and Horizon.

mod calls;
mod entries;
mod faults;
mod shapes;
mod stage;
mod tokens;
