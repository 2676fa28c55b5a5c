//! An issuer says what a holder of its asset may do.

use stellar_xdr::{SetTrustLineFlagsOp, SetTrustLineFlagsResult};

use super::Failure;
use crate::sandbox::ledger::account::{AccountKey, account_flag, line_flag};
use crate::sandbox::ledger::asset;
use crate::sandbox::ledger::state::State;

pub fn check(op: &SetTrustLineFlagsOp, source: AccountKey) -> Option<SetTrustLineFlagsResult> {
    let (set, clear) = (op.set_flags, op.clear_flags);
    let valid = asset::is_valid(&op.asset)
        && asset::issuer(&op.asset) == Some(source)
        && AccountKey::from(&op.trustor) != source
        && set & clear == 0
        && set & !line_flag::AUTH == 0
        && !is_contradiction(set)
        && clear & !line_flag::ALL == 0;
    (!valid).then_some(SetTrustLineFlagsResult::Malformed)
}

pub fn apply(
    state: &mut State,
    op: &SetTrustLineFlagsOp,
    source: AccountKey,
) -> Result<SetTrustLineFlagsResult, Failure<SetTrustLineFlagsResult>> {
    let revocable = state
        .account(source)
        .is_some_and(|account| account.has_flag(account_flag::AUTH_REVOCABLE));
    let revokes =
        op.clear_flags & line_flag::AUTH != 0 && op.set_flags & line_flag::AUTHORIZED == 0;
    if revokes && !revocable {
        return Err(SetTrustLineFlagsResult::CantRevoke.into());
    }
    let line = state
        .line_mut(AccountKey::from(&op.trustor), &op.asset)
        .ok_or(SetTrustLineFlagsResult::NoTrustLine)?;
    let flags = line.flags & !op.clear_flags | op.set_flags;
    if is_contradiction(flags) {
        return Err(SetTrustLineFlagsResult::InvalidState.into());
    }
    line.flags = flags;
    Ok(SetTrustLineFlagsResult::Success)
}

fn is_contradiction(flags: u32) -> bool {
    flags & line_flag::AUTH == line_flag::AUTH
}
