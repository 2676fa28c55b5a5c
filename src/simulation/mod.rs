//! Whole histories of several daemons, their records, a ledger with its queue, and everything that goes wrong between them,
//! played on one thread out of one seed.

pub mod records;
