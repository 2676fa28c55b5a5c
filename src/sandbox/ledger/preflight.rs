//! Whether a transaction could go into the next ledger: stellar-core's `checkValid`, in its order.

use stellar_xdr::{
    InnerTransactionResultResult as Inner, OperationResult, SignerKey, TransactionResult,
    TransactionResultResult as Outer,
};

use super::account::Account;
use super::frame::Frame;
use super::operation::create_account::starting_sequence;
use super::operation::{self, Threshold};
use super::signature::SignatureChecker;
use super::soroban::Engine;
use super::state::State;
use super::verdict::{Charged, Invalid, failed, refused, untouched};

/// The ledger that a transaction is checked for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its number.
    pub ledger: u32,
    /// The earliest close time it may get, Unix seconds: lower bounds are held against it.
    pub earliest_close: u64,
    /// The latest close time it is expected to get, Unix seconds: upper bounds are held against it.
    pub latest_close: u64,
    /// Stroops an operation.
    pub base_fee: i64,
}

/// How far a transaction got before it was found invalid; each step includes those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Nothing of it counts.
    Nothing,
    /// Its sequence number is used all the same.
    Sequence,
    /// Its signature is good too.
    Signature,
}

/// Checks a transaction before it is queued; an error is the result that the sender gets.
pub fn preflight(
    engine: &Engine,
    state: &State,
    frame: &Frame,
    target: Target,
) -> Result<(), Box<TransactionResult>> {
    let charged = Charged {
        fee: target.base_fee * frame.operation_count().max(1) + frame.resource_fee(),
        inner_fee: 0,
    };
    check_bump(state, frame, target)
        .and_then(|()| check_transaction(engine, state, frame, target))
        .map_err(|invalid| Box::new(refused(frame, invalid, charged)))
}

fn check_bump(state: &State, frame: &Frame, target: Target) -> Result<(), Invalid> {
    if frame.fee_bump().is_none() {
        return Ok(());
    }
    if frame.fee_bid() < 0 {
        return Err(Outer::TxMalformed.into());
    }
    let minimum = target.base_fee * frame.operation_count();
    if frame.inclusion_bid() < minimum {
        return Err(Outer::TxInsufficientFee.into());
    }
    let inner_minimum = target.base_fee * frame.inner_operation_count().max(1);
    let needed = div_ceil(
        i128::from(frame.inner_inclusion_bid()) * i128::from(minimum),
        i128::from(inner_minimum),
    );
    if i128::from(frame.inclusion_bid()) < needed {
        let needed = i64::try_from(needed).unwrap_or(i64::MAX);
        return Err(Invalid::BumpTooLow(
            needed.saturating_add(frame.resource_fee()),
        ));
    }
    let payer = state
        .account(frame.fee_source())
        .ok_or(Outer::TxNoAccount)?;
    let mut checker = SignatureChecker::outer(frame);
    if !checker.account(
        frame.fee_source(),
        payer,
        payer.thresholds[Threshold::Low as usize],
    ) {
        return Err(Outer::TxBadAuth.into());
    }
    if payer.available(state.base_reserve()) < frame.fee_bid() {
        return Err(Outer::TxInsufficientBalance.into());
    }
    if !checker.all_used() {
        return Err(Outer::TxBadAuthExtra.into());
    }
    Ok(())
}

fn check_transaction(
    engine: &Engine,
    state: &State,
    frame: &Frame,
    target: Target,
) -> Result<(), Invalid> {
    let mut checker = SignatureChecker::inner(frame);
    check_common(engine, state, frame, target, &mut checker, false).map_err(|(_, code)| code)?;
    for (index, op) in frame.operations().iter().enumerate() {
        let source = frame.operation_source(op);
        let signed = check_signature(state, frame, index, &mut checker);
        signed
            .and_then(|()| {
                if frame.is_soroban() {
                    engine.check_operation(frame, &op.body)
                } else {
                    operation::check(&op.body, source)
                }
            })
            .map_err(|result| {
                let mut results = untouched(frame);
                results[index] = *result;
                Invalid::from(failed(results))
            })?;
    }
    if !checker.all_used() {
        return Err(Inner::TxBadAuthExtra.into());
    }
    Ok(())
}

/// What queue and ledger both ask; `applying` when the fee has been taken already.
pub fn check_common(
    engine: &Engine,
    state: &State,
    frame: &Frame,
    target: Target,
    checker: &mut SignatureChecker<'_>,
    applying: bool,
) -> Result<(), (Reached, Invalid)> {
    let nothing = |code: Inner| (Reached::Nothing, Invalid::from(code));
    check_form(frame).map_err(nothing)?;
    engine.check(frame).map_err(nothing)?;
    check_bounds(frame, target).map_err(nothing)?;
    let pays = frame.fee_bump().is_none();
    let least = if pays {
        target.base_fee * frame.operation_count()
    } else {
        0
    };
    if frame.inner_inclusion_bid() < least {
        return Err(nothing(Inner::TxInsufficientFee));
    }
    let account = state
        .account(frame.source())
        .ok_or(nothing(Inner::TxNoAccount))?;
    if is_bad_sequence(frame, account, target) {
        return Err(nothing(Inner::TxBadSeq));
    }
    let sequence = |code: Inner| (Reached::Sequence, Invalid::from(code));
    if !has_rested(frame, account, target) {
        return Err(sequence(Inner::TxBadMinSeqAgeOrGap));
    }
    let low = account.thresholds[Threshold::Low as usize];
    if !checker.account(frame.source(), account, low) || !checker.extra(frame.extra_signers()) {
        return Err(sequence(Inner::TxBadAuth));
    }
    let to_pay = if applying { 0 } else { frame.fee_bid() };
    if pays && account.available(state.base_reserve()) < to_pay {
        return Err((Reached::Signature, Inner::TxInsufficientBalance.into()));
    }
    Ok(())
}

/// Whether the source of an operation has signed; an account that does not exist yet may sign ahead, but not act.
pub fn check_signature(
    state: &State,
    frame: &Frame,
    index: usize,
    checker: &mut SignatureChecker<'_>,
) -> Result<(), Box<OperationResult>> {
    let op = &frame.operations()[index];
    let source = frame.operation_source(op);
    let signed = match state.account(source) {
        Some(account) => checker.account(
            source,
            account,
            account.thresholds[operation::threshold(&op.body) as usize],
        ),
        None if op.source_account.is_none() => return Err(Box::new(OperationResult::OpNoAccount)),
        None => checker.missing_account(source),
    };
    if signed {
        Ok(())
    } else {
        Err(Box::new(OperationResult::OpBadAuth))
    }
}

fn check_form(frame: &Frame) -> Result<(), Inner> {
    let extra = frame.extra_signers();
    let twice = extra.len() == 2 && extra[0] == extra[1];
    let empty = extra.iter().any(
        |key| matches!(key, SignerKey::Ed25519SignedPayload(signed) if signed.payload.is_empty()),
    );
    if twice || empty {
        return Err(Inner::TxMalformed);
    }
    if frame.operations().is_empty() {
        return Err(Inner::TxMissingOperation);
    }
    Ok(())
}

/// `maxTime` is inclusive, `minLedger` too; `maxLedger` is exclusive.
fn check_bounds(frame: &Frame, target: Target) -> Result<(), Inner> {
    let time = frame.time_bounds();
    let ledger = frame.ledger_bounds();
    if time.is_some_and(|bounds| bounds.min_time.0 > target.earliest_close)
        || ledger.is_some_and(|bounds| bounds.min_ledger > target.ledger)
    {
        return Err(Inner::TxTooEarly);
    }
    if time.is_some_and(|bounds| bounds.max_time.0 != 0 && bounds.max_time.0 < target.latest_close)
        || ledger.is_some_and(|bounds| bounds.max_ledger != 0 && bounds.max_ledger <= target.ledger)
    {
        return Err(Inner::TxTooLate);
    }
    Ok(())
}

fn is_bad_sequence(frame: &Frame, account: &Account, target: Target) -> bool {
    if frame.sequence() == starting_sequence(target.ledger) {
        return true;
    }
    match frame.min_sequence() {
        Some(minimum) => account.sequence < minimum || account.sequence >= frame.sequence(),
        None => account.sequence.checked_add(1) != Some(frame.sequence()),
    }
}

fn has_rested(frame: &Frame, account: &Account, target: Target) -> bool {
    let (seconds, ledgers) = frame.min_sequence_rest();
    let time = target
        .earliest_close
        .checked_sub(seconds)
        .is_some_and(|since| since >= account.sequence_time);
    time && target
        .ledger
        .checked_sub(ledgers)
        .is_some_and(|since| since >= account.sequence_ledger)
}

/// Division of numbers that are not negative, rounded up.
fn div_ceil(number: i128, by: i128) -> i128 {
    (number + by - 1) / by
}
