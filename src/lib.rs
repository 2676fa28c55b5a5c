//! Lands Stellar transactions exactly as asked, at most once each, whatever fails.
//!
//! An *intent* is accepted over REST ([`api`]) or SQL, and is on record ([`store`]) before it is answered. The engine
//! ([`worker`]) takes it up: an *attempt* (channel, sequence number, bounds, bytes) is committed, then sent through a
//! Horizon ([`horizon`]), signed by [`signer`]. What the chain says is an *observation*; what it changes is decided by
//! two pure functions in [`domain`]: [`domain::decide::next`] and [`domain::transition::absorb`].
//!
//! # Who may know whom
//!
//! - [`domain`] is pure: no I/O, no clock, no randomness. It knows nobody.
//! - [`store`], [`horizon`], [`rpc`] and [`signer`] know the domain, never each other.
//! - [`api`] knows domain and store: a request cannot reach the chain, but for a preview, which is handed in and sends nothing.
//! - [`worker`] knows these four, and never the API.
//! - [`sandbox`] is the judge of the tests: a ledger with Horizon's API. It knows nobody, and nobody but those who start
//!   it knows it, so no mistake is shared with the judged.
//! - `simulation` plays whole histories of the engine on one thread, and `defect` holds the mistakes by which it shows that
//!   it notices them; both are there only with the feature `simulation`, which no release has.
//! - [`audit`] reads the ledger's history, and judges what is said about it: it knows domain, store, horizon and retry.
//! - [`clock`], [`retry`] and [`telemetry`] know nobody; [`config`] parses into the types of the rooms that use them.
//! - [`daemon`] wires the rooms and runs their tasks, [`dev`] adds an embedded PostgreSQL and the demo, [`bench`]
//!   measures, [`cli`] has one file a command. Nobody imports them.
//!
//! `tests/tidy` fails on any other arrow. `ARCHITECTURE.md` says where each invariant stands, and the limits.

pub mod api;
pub mod audit;
pub mod bench;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
#[cfg(feature = "simulation")]
pub mod defect;
pub mod dev;
pub mod domain;
pub mod horizon;
pub mod http;
pub mod retry;
pub mod rpc;
pub mod sandbox;
pub mod signer;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod store;
pub mod telemetry;
pub mod worker;
