//! Payments, plain and along a path. There is no order book here, so a path that converts finds no offers.

use stellar_xdr::{
    Asset, PathPaymentStrictReceiveOp, PathPaymentStrictReceiveResult as Receive,
    PathPaymentStrictReceiveResultSuccess, PathPaymentStrictSendOp,
    PathPaymentStrictSendResult as Send, PathPaymentStrictSendResultSuccess, PaymentOp,
    PaymentResult, SimplePaymentResult, VecM,
};

use super::Failure;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::asset;
use crate::sandbox::ledger::state::State;

pub fn check(op: &PaymentOp) -> Option<PaymentResult> {
    (op.amount <= 0 || !asset::is_valid(&op.asset)).then_some(PaymentResult::Malformed)
}

pub fn check_receive(op: &PathPaymentStrictReceiveOp) -> Option<Receive> {
    let amounts = op.dest_amount > 0 && op.send_max > 0;
    let assets = [&op.send_asset, &op.dest_asset]
        .into_iter()
        .chain(op.path.iter())
        .all(asset::is_valid);
    (!amounts || !assets).then_some(Receive::Malformed)
}

pub fn check_send(op: &PathPaymentStrictSendOp) -> Option<Send> {
    let amounts = op.send_amount > 0 && op.dest_min > 0;
    let assets = [&op.send_asset, &op.dest_asset]
        .into_iter()
        .chain(op.path.iter())
        .all(asset::is_valid);
    (!amounts || !assets).then_some(Send::Malformed)
}

pub fn apply(
    state: &mut State,
    op: &PaymentOp,
    source: AccountKey,
) -> Result<PaymentResult, Failure<PaymentResult>> {
    let destination = AccountKey::of(&op.destination);
    if destination == source && op.asset == Asset::Native {
        return Ok(PaymentResult::Success);
    }
    if !pays_issuer(&op.asset, destination) && state.account(destination).is_none() {
        return Err(PaymentResult::NoDestination.into());
    }
    credit(state, destination, &op.asset, op.amount).map_err(|refusal| match refusal {
        Refusal::NoLine => PaymentResult::NoTrust,
        Refusal::NotAuthorized => PaymentResult::NotAuthorized,
        Refusal::DoesNotFit => PaymentResult::LineFull,
    })?;
    debit(state, source, &op.asset, op.amount).map_err(|refusal| match refusal {
        Refusal::NoLine => PaymentResult::SrcNoTrust,
        Refusal::NotAuthorized => PaymentResult::SrcNotAuthorized,
        Refusal::DoesNotFit => PaymentResult::Underfunded,
    })?;
    Ok(PaymentResult::Success)
}

pub fn apply_receive(
    state: &mut State,
    op: &PathPaymentStrictReceiveOp,
    source: AccountKey,
) -> Result<Receive, Failure<Receive>> {
    let destination = AccountKey::of(&op.destination);
    let direct = op.send_asset == op.dest_asset && op.path.is_empty();
    if !(direct && pays_issuer(&op.dest_asset, destination)) && state.account(destination).is_none()
    {
        return Err(Receive::NoDestination.into());
    }
    credit(state, destination, &op.dest_asset, op.dest_amount).map_err(
        |refusal| match refusal {
            Refusal::NoLine => Receive::NoTrust,
            Refusal::NotAuthorized => Receive::NotAuthorized,
            Refusal::DoesNotFit => Receive::LineFull,
        },
    )?;
    if converts(&op.send_asset, &op.dest_asset, &op.path) {
        return Err(Receive::TooFewOffers.into());
    }
    if op.dest_amount > op.send_max {
        return Err(Receive::OverSendmax.into());
    }
    debit(state, source, &op.send_asset, op.dest_amount).map_err(|refusal| match refusal {
        Refusal::NoLine => Receive::SrcNoTrust,
        Refusal::NotAuthorized => Receive::SrcNotAuthorized,
        Refusal::DoesNotFit => Receive::Underfunded,
    })?;
    Ok(Receive::Success(PathPaymentStrictReceiveResultSuccess {
        offers: VecM::default(),
        last: received(destination, &op.dest_asset, op.dest_amount),
    }))
}

pub fn apply_send(
    state: &mut State,
    op: &PathPaymentStrictSendOp,
    source: AccountKey,
) -> Result<Send, Failure<Send>> {
    let destination = AccountKey::of(&op.destination);
    let direct = op.send_asset == op.dest_asset && op.path.is_empty();
    if !(direct && pays_issuer(&op.dest_asset, destination)) && state.account(destination).is_none()
    {
        return Err(Send::NoDestination.into());
    }
    debit(state, source, &op.send_asset, op.send_amount).map_err(|refusal| match refusal {
        Refusal::NoLine => Send::SrcNoTrust,
        Refusal::NotAuthorized => Send::SrcNotAuthorized,
        Refusal::DoesNotFit => Send::Underfunded,
    })?;
    if converts(&op.send_asset, &op.dest_asset, &op.path) {
        return Err(Send::TooFewOffers.into());
    }
    if op.send_amount < op.dest_min {
        return Err(Send::UnderDestmin.into());
    }
    credit(state, destination, &op.dest_asset, op.send_amount).map_err(
        |refusal| match refusal {
            Refusal::NoLine => Send::NoTrust,
            Refusal::NotAuthorized => Send::NotAuthorized,
            Refusal::DoesNotFit => Send::LineFull,
        },
    )?;
    Ok(Send::Success(PathPaymentStrictSendResultSuccess {
        offers: VecM::default(),
        last: received(destination, &op.dest_asset, op.send_amount),
    }))
}

/// Why an amount could not be moved into or out of an account.
pub enum Refusal {
    NoLine,
    NotAuthorized,
    DoesNotFit,
}

/// Adds to an account; an issuer takes its own asset back without end.
pub fn credit(
    state: &mut State,
    account: AccountKey,
    asset: &Asset,
    amount: i64,
) -> Result<(), Refusal> {
    move_amount(state, account, asset, amount)
}

/// Takes from an account; an issuer gives its own asset without end.
pub fn debit(
    state: &mut State,
    account: AccountKey,
    asset: &Asset,
    amount: i64,
) -> Result<(), Refusal> {
    move_amount(state, account, asset, -amount)
}

fn move_amount(
    state: &mut State,
    account: AccountKey,
    asset: &Asset,
    amount: i64,
) -> Result<(), Refusal> {
    let base_reserve = state.base_reserve();
    if *asset == Asset::Native {
        let account = state.account_mut(account).ok_or(Refusal::NoLine)?;
        return if account.add(amount, base_reserve) {
            Ok(())
        } else {
            Err(Refusal::DoesNotFit)
        };
    }
    if pays_issuer(asset, account) {
        return Ok(());
    }
    let line = state.line_mut(account, asset).ok_or(Refusal::NoLine)?;
    if !line.authorized() {
        return Err(Refusal::NotAuthorized);
    }
    if line.add(amount) {
        Ok(())
    } else {
        Err(Refusal::DoesNotFit)
    }
}

fn pays_issuer(asset: &Asset, account: AccountKey) -> bool {
    asset::issuer(asset) == Some(account)
}

fn converts(from: &Asset, to: &Asset, path: &[Asset]) -> bool {
    path.iter().chain([to]).any(|asset| asset != from)
}

fn received(destination: AccountKey, asset: &Asset, amount: i64) -> SimplePaymentResult {
    SimplePaymentResult {
        destination: destination.xdr(),
        asset: asset.clone(),
        amount,
    }
}
