//! An issuer takes its asset back.

use stellar_xdr::{Asset, ClawbackOp, ClawbackResult};

use super::Failure;
use crate::sandbox::ledger::account::{AccountKey, line_flag};
use crate::sandbox::ledger::asset;
use crate::sandbox::ledger::state::State;

pub fn check(op: &ClawbackOp, source: AccountKey) -> Option<ClawbackResult> {
    let valid = AccountKey::of(&op.from) != source
        && op.amount >= 1
        && op.asset != Asset::Native
        && asset::is_valid(&op.asset)
        && asset::issuer(&op.asset) == Some(source);
    (!valid).then_some(ClawbackResult::Malformed)
}

pub fn apply(
    state: &mut State,
    op: &ClawbackOp,
) -> Result<ClawbackResult, Failure<ClawbackResult>> {
    let line = state
        .line_mut(AccountKey::of(&op.from), &op.asset)
        .ok_or(ClawbackResult::NoTrust)?;
    if line.flags & line_flag::CLAWBACK_ENABLED == 0 {
        return Err(ClawbackResult::NotClawbackEnabled.into());
    }
    if !line.add(-op.amount) {
        return Err(ClawbackResult::Underfunded.into());
    }
    Ok(ClawbackResult::Success)
}
