//! An account's weights, thresholds, signers, flags and home domain.

use stellar_xdr::{SetOptionsOp, SetOptionsResult, Signer, SignerKey, Uint256};

use super::manage_data::is_printable;
use super::{Failure, Threshold};
use crate::sandbox::ledger::account::{
    Account, AccountKey, AccountSigner, EntryRefusal, MAX_SIGNERS, account_flag,
};
use crate::sandbox::ledger::state::State;

/// The largest weight or threshold.
const MAX_WEIGHT: u32 = 255;

pub fn threshold(op: &SetOptionsOp) -> Threshold {
    let signers = op.master_weight.is_some()
        || op.low_threshold.is_some()
        || op.med_threshold.is_some()
        || op.high_threshold.is_some()
        || op.signer.is_some();
    if signers {
        Threshold::High
    } else {
        Threshold::Medium
    }
}

pub fn check(op: &SetOptionsOp, source: AccountKey) -> Option<SetOptionsResult> {
    let (set, clear) = (op.set_flags.unwrap_or(0), op.clear_flags.unwrap_or(0));
    if (set | clear) & !account_flag::ALL != 0 {
        return Some(SetOptionsResult::UnknownFlag);
    }
    if set & clear != 0 {
        return Some(SetOptionsResult::BadFlags);
    }
    let weights = [
        op.master_weight,
        op.low_threshold,
        op.med_threshold,
        op.high_threshold,
    ];
    if weights
        .into_iter()
        .flatten()
        .any(|weight| weight > MAX_WEIGHT)
    {
        return Some(SetOptionsResult::ThresholdOutOfRange);
    }
    if op
        .signer
        .as_ref()
        .is_some_and(|signer| !is_valid(signer, source))
    {
        return Some(SetOptionsResult::BadSigner);
    }
    let domain = op
        .home_domain
        .as_ref()
        .is_none_or(|domain| is_printable(domain.0.as_slice()));
    (!domain).then_some(SetOptionsResult::InvalidHomeDomain)
}

pub fn apply(
    state: &mut State,
    op: &SetOptionsOp,
    source: AccountKey,
) -> Result<SetOptionsResult, Failure<SetOptionsResult>> {
    let inflation = op.inflation_dest.as_ref().map(AccountKey::from);
    if inflation.is_some_and(|destination| state.account(destination).is_none()) {
        return Err(SetOptionsResult::InvalidInflation.into());
    }
    let base_reserve = state.base_reserve();
    let account = state
        .account_mut(source)
        .ok_or(SetOptionsResult::CantChange)?;
    account.inflation_destination = inflation.or(account.inflation_destination);
    change_flags(account, op)?;
    if let Some(domain) = &op.home_domain {
        account.home_domain = domain.0.to_vec();
    }
    let weights = [
        op.master_weight,
        op.low_threshold,
        op.med_threshold,
        op.high_threshold,
    ];
    for (threshold, weight) in account.thresholds.iter_mut().zip(weights) {
        if let Some(weight) = weight.and_then(|weight| u8::try_from(weight).ok()) {
            *threshold = weight;
        }
    }
    if let Some(signer) = &op.signer {
        change_signer(account, signer, base_reserve)?;
    }
    Ok(SetOptionsResult::Success)
}

fn change_flags(account: &mut Account, op: &SetOptionsOp) -> Result<(), SetOptionsResult> {
    let (set, clear) = (op.set_flags.unwrap_or(0), op.clear_flags.unwrap_or(0));
    if (set | clear) & account_flag::ALL != 0 && account.has_flag(account_flag::AUTH_IMMUTABLE) {
        return Err(SetOptionsResult::CantChange);
    }
    let flags = account.flags & !clear | set;
    if flags & account_flag::AUTH_CLAWBACK_ENABLED != 0 && flags & account_flag::AUTH_REVOCABLE == 0
    {
        return Err(SetOptionsResult::AuthRevocableRequired);
    }
    account.flags = flags;
    Ok(())
}

fn change_signer(
    account: &mut Account,
    signer: &Signer,
    base_reserve: i64,
) -> Result<(), Failure<SetOptionsResult>> {
    let position = account
        .signers
        .iter()
        .position(|known| known.key == signer.key);
    match (position, signer.weight) {
        (Some(position), 0) => {
            account.signers.remove(position);
            account.remove_subentry();
        }
        (Some(position), weight) => account.signers[position].weight = weight,
        (None, 0) => {}
        (None, weight) => {
            if account.signers.len() >= MAX_SIGNERS {
                return Err(SetOptionsResult::TooManySigners.into());
            }
            account
                .add_subentry(base_reserve)
                .map_err(|refusal| match refusal {
                    EntryRefusal::LowReserve => Failure::Own(SetOptionsResult::LowReserve),
                    EntryRefusal::TooManySubentries => Failure::TooManySubentries,
                })?;
            account.signers.push(AccountSigner {
                key: signer.key.clone(),
                weight,
            });
            account.signers.sort_by(|a, b| a.key.cmp(&b.key));
        }
    }
    Ok(())
}

fn is_valid(signer: &Signer, source: AccountKey) -> bool {
    let empty_payload =
        matches!(&signer.key, SignerKey::Ed25519SignedPayload(key) if key.payload.is_empty());
    signer.key != SignerKey::Ed25519(Uint256(source.0))
        && signer.weight <= MAX_WEIGHT
        && !empty_payload
}
