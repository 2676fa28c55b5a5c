//! Trustlines: made, changed, dropped.

use stellar_xdr::{ChangeTrustOp, ChangeTrustResult};

use super::Failure;
use crate::sandbox::ledger::account::{
    AccountKey, EntryRefusal, TrustLine, account_flag, line_flag,
};
use crate::sandbox::ledger::asset;
use crate::sandbox::ledger::state::State;

pub fn check(op: &ChangeTrustOp, source: AccountKey) -> Option<ChangeTrustResult> {
    let valid = op.limit >= 0
        && asset::of_trust(&op.line).is_some_and(|line| {
            asset::is_valid(&line) && asset::issuer(&line).is_some_and(|issuer| issuer != source)
        });
    (!valid).then_some(ChangeTrustResult::Malformed)
}

pub fn apply(
    state: &mut State,
    op: &ChangeTrustOp,
    source: AccountKey,
) -> Result<ChangeTrustResult, Failure<ChangeTrustResult>> {
    let line = asset::of_trust(&op.line).ok_or(ChangeTrustResult::Malformed)?;
    let issuer = asset::issuer(&line).ok_or(ChangeTrustResult::Malformed)?;
    let issuer_flags = state.account(issuer).map(|account| account.flags);
    let held = state
        .account(source)
        .and_then(|account| account.lines.get(&line));
    match held {
        Some(held) if op.limit < held.balance.saturating_add(held.buying_liabilities) => {
            return Err(ChangeTrustResult::InvalidLimit.into());
        }
        Some(_) if op.limit == 0 => {
            let account = state
                .account_mut(source)
                .ok_or(ChangeTrustResult::Malformed)?;
            account.lines.remove(&line);
            account.remove_subentry();
        }
        Some(_) => {
            issuer_flags.ok_or(ChangeTrustResult::NoIssuer)?;
            let held = state
                .line_mut(source, &line)
                .ok_or(ChangeTrustResult::Malformed)?;
            held.limit = op.limit;
        }
        None if op.limit == 0 => return Err(ChangeTrustResult::InvalidLimit.into()),
        None => {
            let new = new_line(
                op.limit,
                issuer_flags.ok_or(ChangeTrustResult::NoIssuer)?,
                state.stamp().ledger,
            );
            let base_reserve = state.base_reserve();
            let account = state
                .account_mut(source)
                .ok_or(ChangeTrustResult::Malformed)?;
            account
                .add_subentry(base_reserve)
                .map_err(|refusal| match refusal {
                    EntryRefusal::LowReserve => Failure::Own(ChangeTrustResult::LowReserve),
                    EntryRefusal::TooManySubentries => Failure::TooManySubentries,
                })?;
            account.lines.insert(line, new);
        }
    }
    Ok(ChangeTrustResult::Success)
}

fn new_line(limit: i64, issuer_flags: u32, ledger: u32) -> TrustLine {
    let mut flags = 0;
    if issuer_flags & account_flag::AUTH_REQUIRED == 0 {
        flags |= line_flag::AUTHORIZED;
    }
    if issuer_flags & account_flag::AUTH_CLAWBACK_ENABLED != 0 {
        flags |= line_flag::CLAWBACK_ENABLED;
    }
    TrustLine {
        balance: 0,
        limit,
        flags,
        buying_liabilities: 0,
        selling_liabilities: 0,
        modified: ledger,
    }
}
