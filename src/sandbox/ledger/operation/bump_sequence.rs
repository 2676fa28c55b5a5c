//! Skips sequence numbers.

use stellar_xdr::{BumpSequenceOp, BumpSequenceResult};

use super::Failure;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::state::State;

pub fn check(op: &BumpSequenceOp) -> Option<BumpSequenceResult> {
    (op.bump_to.0 < 0).then_some(BumpSequenceResult::BadSeq)
}

/// A number that has passed already is no failure: nothing happens, but the account counts as used.
pub fn apply(
    state: &mut State,
    op: &BumpSequenceOp,
    source: AccountKey,
) -> Result<BumpSequenceResult, Failure<BumpSequenceResult>> {
    let stamp = state.stamp();
    let account = state
        .account_mut(source)
        .ok_or(BumpSequenceResult::BadSeq)?;
    account.sequence = account.sequence.max(op.bump_to.0);
    account.sequence_ledger = stamp.ledger;
    account.sequence_time = stamp.close_time;
    Ok(BumpSequenceResult::Success)
}
