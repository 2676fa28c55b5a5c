//! How large operations are as a transaction: one that core never takes must not be accepted.

use stellar_xdr as xdr;
use xdr::{Limits, WriteXdr};

use super::Operation;
use super::contract::MAX_CONTRACT_BYTES;
use crate::domain::primitives::AccountId;

/// The most bytes of a transaction's operations: core takes no transaction above 100 KiB, and signatures and a fee bump come on top.
const MAX_BYTES: usize = 96 * 1024;
/// So few are never too large together: none of them is above 16 KiB.
const FEW: usize = 5;
/// The bytes of an operation's own source.
const SOURCE_BYTES: usize = 36;

/// Whether they fit into a transaction.
///
/// # Errors
/// A sentence that says that they do not.
///
/// # Panics
/// Never: what was read can be encoded.
pub fn check(operations: &[Operation]) -> Result<(), String> {
    let contract = matches!(operations, [Operation::Contract(_)]);
    if operations.len() <= FEW && !contract {
        return Ok(());
    }
    let encoded = |operation: &Operation| {
        let operation = xdr::Operation {
            source_account: None,
            // Whoever it is, as many bytes.
            body: operation.to_xdr(AccountId([0; 32])),
        };
        let bytes = operation.to_xdr(Limits::none());
        bytes.expect("an operation that was read encodes").len() + SOURCE_BYTES
    };
    let bytes: usize = operations.iter().map(encoded).sum();
    let most = if contract {
        MAX_CONTRACT_BYTES
    } else {
        MAX_BYTES
    };
    if bytes <= most {
        return Ok(());
    }
    Err(format!(
        "are {bytes} bytes as a transaction, and the network takes at most {most}: give fewer"
    ))
}
