//! A new account, funded by the source.

use stellar_xdr::{CreateAccountOp, CreateAccountResult};

use super::Failure;
use crate::sandbox::ledger::account::{Account, AccountKey};
use crate::sandbox::ledger::state::State;

pub fn check(op: &CreateAccountOp, source: AccountKey) -> Option<CreateAccountResult> {
    let malformed = op.starting_balance < 0 || AccountKey::from(&op.destination) == source;
    malformed.then_some(CreateAccountResult::Malformed)
}

pub fn apply(
    state: &mut State,
    op: &CreateAccountOp,
    source: AccountKey,
) -> Result<CreateAccountResult, Failure<CreateAccountResult>> {
    let key = AccountKey::from(&op.destination);
    if state.account(key).is_some() {
        return Err(CreateAccountResult::AlreadyExist.into());
    }
    let (base_reserve, stamp) = (state.base_reserve(), state.stamp());
    let mut account = Account::new(op.starting_balance, starting_sequence(stamp.ledger));
    if account.balance < account.reserve(base_reserve) {
        return Err(CreateAccountResult::LowReserve.into());
    }
    let payer = state
        .account_mut(source)
        .ok_or(CreateAccountResult::Underfunded)?;
    if !payer.add(-op.starting_balance, base_reserve) {
        return Err(CreateAccountResult::Underfunded.into());
    }
    account.modified = stamp.ledger;
    account.modified_at = stamp.close_time;
    state.put_account(key, account);
    Ok(CreateAccountResult::Success)
}

/// What a new account's sequence number starts at, so that an account made again never repeats one.
pub fn starting_sequence(ledger: u32) -> i64 {
    i64::from(ledger) << 32
}
