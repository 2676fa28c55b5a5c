//! An account is merged into another, and is gone.

use stellar_xdr::{AccountMergeResult, MuxedAccount};

use super::Failure;
use super::create_account::starting_sequence;
use crate::sandbox::ledger::account::{AccountKey, account_flag};
use crate::sandbox::ledger::state::State;

pub fn check(to: &MuxedAccount, source: AccountKey) -> Option<AccountMergeResult> {
    (AccountKey::of(to) == source).then_some(AccountMergeResult::Malformed)
}

pub fn apply(
    state: &mut State,
    to: &MuxedAccount,
    source: AccountKey,
) -> Result<AccountMergeResult, Failure<AccountMergeResult>> {
    let destination = AccountKey::of(to);
    if state.account(destination).is_none() {
        return Err(AccountMergeResult::NoAccount.into());
    }
    let account = state.account(source).ok_or(AccountMergeResult::NoAccount)?;
    if account.has_flag(account_flag::AUTH_IMMUTABLE) {
        return Err(AccountMergeResult::ImmutableSet.into());
    }
    if account.subentries as usize != account.signers.len() {
        return Err(AccountMergeResult::HasSubEntries.into());
    }
    if account.sequence >= starting_sequence(state.stamp().ledger) {
        return Err(AccountMergeResult::SeqnumTooFar.into());
    }
    if account.sponsoring != 0 {
        return Err(AccountMergeResult::IsSponsor.into());
    }
    let (balance, base_reserve) = (account.balance, state.base_reserve());
    let heir = state
        .account_mut(destination)
        .ok_or(AccountMergeResult::NoAccount)?;
    if !heir.add(balance, base_reserve) {
        return Err(AccountMergeResult::DestFull.into());
    }
    state.remove_account(source);
    Ok(AccountMergeResult::Success(balance))
}
