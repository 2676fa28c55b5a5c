//! Balances that wait for a claimant: made, claimed, clawed back.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use stellar_xdr::{
    Asset, ClaimClaimableBalanceOp, ClaimClaimableBalanceResult, ClaimPredicate,
    ClaimableBalanceId, Claimant, ClawbackClaimableBalanceOp, ClawbackClaimableBalanceResult,
    CreateClaimableBalanceOp, CreateClaimableBalanceResult, Hash, HashIdPreimage,
    HashIdPreimageOperationId, Limits, SequenceNumber, WriteXdr,
};

use super::payment::{Refusal, credit, debit};
use super::{Failure, Place};
use crate::sandbox::ledger::account::{AccountKey, ClaimableBalance, account_flag, line_flag};
use crate::sandbox::ledger::asset;
use crate::sandbox::ledger::state::State;

/// How deep a predicate may nest.
const MAX_PREDICATE_DEPTH: u32 = 4;

pub fn check_create(op: &CreateClaimableBalanceOp) -> Option<CreateClaimableBalanceResult> {
    let destinations: BTreeSet<_> = op.claimants.iter().map(|c| parts(c).0).collect();
    let valid = asset::is_valid(&op.asset)
        && op.amount > 0
        && !op.claimants.is_empty()
        && destinations.len() == op.claimants.len()
        && op
            .claimants
            .iter()
            .all(|claimant| is_valid(parts(claimant).1, 1));
    (!valid).then_some(CreateClaimableBalanceResult::Malformed)
}

pub fn apply_create(
    state: &mut State,
    op: &CreateClaimableBalanceOp,
    place: Place,
) -> Result<CreateClaimableBalanceResult, Failure<CreateClaimableBalanceResult>> {
    type Outcome = CreateClaimableBalanceResult;
    let source = place.source;
    debit(state, source, &op.asset, op.amount).map_err(|refusal| match refusal {
        Refusal::NoLine => Outcome::NoTrust,
        Refusal::NotAuthorized => Outcome::NotAuthorized,
        Refusal::DoesNotFit => Outcome::Underfunded,
    })?;
    let claimants = u32::try_from(op.claimants.len()).expect("XDR holds at most 10 claimants");
    let base_reserve = state.base_reserve();
    let clawback_enabled = clawback_enabled(state, source, &op.asset);
    let account = state.account_mut(source).ok_or(Outcome::NoTrust)?;
    if account.available(base_reserve) < i64::from(claimants) * base_reserve {
        return Err(Outcome::LowReserve.into());
    }
    account.sponsoring = account
        .sponsoring
        .checked_add(claimants)
        .ok_or(Failure::TooManySponsoring)?;
    let id = balance_id(place);
    let close_time = state.stamp().close_time;
    let balance = ClaimableBalance {
        asset: op.asset.clone(),
        amount: op.amount,
        claimants: op
            .claimants
            .iter()
            .map(|claimant| absolute_claimant(claimant, close_time))
            .collect(),
        sponsor: source,
        clawback_enabled,
    };
    state.put_claimable(id, balance);
    Ok(Outcome::Success(
        ClaimableBalanceId::ClaimableBalanceIdTypeV0(Hash(id)),
    ))
}

pub fn apply_claim(
    state: &mut State,
    op: &ClaimClaimableBalanceOp,
    source: AccountKey,
) -> Result<ClaimClaimableBalanceResult, Failure<ClaimClaimableBalanceResult>> {
    type Outcome = ClaimClaimableBalanceResult;
    let id = id_of(&op.balance_id);
    let balance = state.claimable(&id).cloned().ok_or(Outcome::DoesNotExist)?;
    let close_time = state.stamp().close_time;
    let mine = balance
        .claimants
        .iter()
        .map(parts)
        .find(|(destination, _)| *destination == source);
    if !mine.is_some_and(|(_, predicate)| holds(predicate, close_time)) {
        return Err(Outcome::CannotClaim.into());
    }
    credit(state, source, &balance.asset, balance.amount).map_err(|refusal| match refusal {
        Refusal::NoLine => Outcome::NoTrust,
        Refusal::NotAuthorized => Outcome::NotAuthorized,
        Refusal::DoesNotFit => Outcome::LineFull,
    })?;
    remove(state, id, &balance);
    Ok(Outcome::Success)
}

pub fn apply_clawback(
    state: &mut State,
    op: &ClawbackClaimableBalanceOp,
    source: AccountKey,
) -> Result<ClawbackClaimableBalanceResult, Failure<ClawbackClaimableBalanceResult>> {
    type Outcome = ClawbackClaimableBalanceResult;
    let id = id_of(&op.balance_id);
    let balance = state.claimable(&id).cloned().ok_or(Outcome::DoesNotExist)?;
    if asset::issuer(&balance.asset) != Some(source) {
        return Err(Outcome::NotIssuer.into());
    }
    if !balance.clawback_enabled {
        return Err(Outcome::NotClawbackEnabled.into());
    }
    remove(state, id, &balance);
    Ok(Outcome::Success)
}

/// The id under which an operation's balance is found: it depends on the operation's place alone.
pub fn balance_id(place: Place) -> [u8; 32] {
    let preimage = HashIdPreimage::OpId(HashIdPreimageOperationId {
        source_account: place.tx_source.xdr(),
        seq_num: SequenceNumber(place.sequence),
        op_num: place.index,
    });
    let bytes = preimage
        .to_xdr(Limits::none())
        .expect("writing to memory without limits cannot fail");
    Sha256::digest(&bytes).into()
}

fn remove(state: &mut State, id: [u8; 32], balance: &ClaimableBalance) {
    let claimants = u32::try_from(balance.claimants.len()).expect("XDR holds at most 10 claimants");
    if let Some(sponsor) = state.account_mut(balance.sponsor) {
        sponsor.sponsoring = sponsor.sponsoring.saturating_sub(claimants);
    }
    state.remove_claimable(id);
}

fn clawback_enabled(state: &State, source: AccountKey, asset: &Asset) -> bool {
    let Some(account) = state.account(source) else {
        return false;
    };
    if asset::issuer(asset) == Some(source) {
        return account.has_flag(account_flag::AUTH_CLAWBACK_ENABLED);
    }
    account
        .lines
        .get(asset)
        .is_some_and(|line| line.flags & line_flag::CLAWBACK_ENABLED != 0)
}

fn id_of(id: &ClaimableBalanceId) -> [u8; 32] {
    let ClaimableBalanceId::ClaimableBalanceIdTypeV0(Hash(id)) = id;
    *id
}

fn parts(claimant: &Claimant) -> (AccountKey, &ClaimPredicate) {
    let Claimant::ClaimantTypeV0(claimant) = claimant;
    (AccountKey::from(&claimant.destination), &claimant.predicate)
}

fn is_valid(predicate: &ClaimPredicate, depth: u32) -> bool {
    if depth > MAX_PREDICATE_DEPTH {
        return false;
    }
    match predicate {
        ClaimPredicate::Unconditional => true,
        ClaimPredicate::And(both) | ClaimPredicate::Or(both) => {
            both.len() == 2 && both.iter().all(|part| is_valid(part, depth + 1))
        }
        ClaimPredicate::Not(part) => part.as_ref().is_some_and(|part| is_valid(part, depth + 1)),
        ClaimPredicate::BeforeAbsoluteTime(time) | ClaimPredicate::BeforeRelativeTime(time) => {
            *time >= 0
        }
    }
}

fn holds(predicate: &ClaimPredicate, close_time: u64) -> bool {
    match predicate {
        ClaimPredicate::Unconditional => true,
        ClaimPredicate::And(both) => both.iter().all(|part| holds(part, close_time)),
        ClaimPredicate::Or(both) => both.iter().any(|part| holds(part, close_time)),
        ClaimPredicate::Not(part) => part.as_ref().is_some_and(|part| !holds(part, close_time)),
        ClaimPredicate::BeforeAbsoluteTime(time) => {
            u64::try_from(*time).is_ok_and(|time| time > close_time)
        }
        // Never stored: create turns every relative time into an absolute one.
        ClaimPredicate::BeforeRelativeTime(_) => false,
    }
}

fn absolute_claimant(claimant: &Claimant, close_time: u64) -> Claimant {
    let Claimant::ClaimantTypeV0(mut claimant) = claimant.clone();
    make_absolute(&mut claimant.predicate, close_time);
    Claimant::ClaimantTypeV0(claimant)
}

fn make_absolute(predicate: &mut ClaimPredicate, close_time: u64) {
    match predicate {
        ClaimPredicate::And(both) | ClaimPredicate::Or(both) => {
            both.iter_mut()
                .for_each(|part| make_absolute(part, close_time));
        }
        ClaimPredicate::Not(Some(part)) => make_absolute(part, close_time),
        ClaimPredicate::BeforeRelativeTime(seconds) => {
            let now = i64::try_from(close_time).unwrap_or(i64::MAX);
            *predicate = ClaimPredicate::BeforeAbsoluteTime(now.saturating_add(*seconds));
        }
        ClaimPredicate::Unconditional
        | ClaimPredicate::Not(None)
        | ClaimPredicate::BeforeAbsoluteTime(_) => {}
    }
}
