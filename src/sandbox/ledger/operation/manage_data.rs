//! Named values on an account.

use stellar_xdr::{ManageDataOp, ManageDataResult};

use super::Failure;
use crate::sandbox::ledger::account::{AccountKey, EntryRefusal};
use crate::sandbox::ledger::state::State;

pub fn check(op: &ManageDataOp) -> Option<ManageDataResult> {
    let name = op.data_name.as_slice();
    (name.is_empty() || !is_printable(name)).then_some(ManageDataResult::InvalidName)
}

pub fn apply(
    state: &mut State,
    op: &ManageDataOp,
    source: AccountKey,
) -> Result<ManageDataResult, Failure<ManageDataResult>> {
    let name = op.data_name.as_slice();
    let there = state
        .account(source)
        .is_some_and(|account| account.data.contains_key(name));
    if op.data_value.is_none() && !there {
        return Err(ManageDataResult::NameNotFound.into());
    }
    let base_reserve = state.base_reserve();
    let account = state
        .account_mut(source)
        .ok_or(ManageDataResult::NameNotFound)?;
    let Some(value) = &op.data_value else {
        account.data.remove(name);
        account.remove_subentry();
        return Ok(ManageDataResult::Success);
    };
    if !there {
        account
            .add_subentry(base_reserve)
            .map_err(|refusal| match refusal {
                EntryRefusal::LowReserve => Failure::Own(ManageDataResult::LowReserve),
                EntryRefusal::TooManySubentries => Failure::TooManySubentries,
            })?;
    }
    account.data.insert(name.to_vec(), value.0.to_vec());
    Ok(ManageDataResult::Success)
}

/// ASCII without control characters: what the network takes as text.
pub fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (0x20..0x7f).contains(byte))
}
