//! One transaction in a ledger that closes: its fee, its sequence number, its operations.

use stellar_xdr::{InnerTransactionResultResult as Inner, SignerKey, TransactionResult, Uint256};

use super::account::AccountKey;
use super::effects::Effects;
use super::frame::Frame;
use super::operation::{self, Place};
use super::preflight::{Reached, Target, check_common, check_signature};
use super::signature::SignatureChecker;
use super::soroban::Engine;
use super::state::State;
use super::verdict::{self, Charged, Invalid, failed, succeeded, untouched, wrap};

/// Takes the fee at the ledger's rate; what is not there cannot be taken.
pub fn charge_fee(state: &mut State, frame: &Frame, fee_rate: i64) -> Charged {
    let due = frame
        .inclusion_bid()
        .min(fee_rate * frame.operation_count().max(1))
        + frame.resource_fee();
    let inner_fee = frame
        .inner_inclusion_bid()
        .min(fee_rate * frame.inner_operation_count().max(1))
        + frame.resource_fee();
    let fee = state.account_mut(frame.fee_source()).map_or(0, |payer| {
        let fee = due.min(payer.balance).max(0);
        payer.balance -= fee;
        fee
    });
    Charged { fee, inner_fee }
}

/// What came of a transaction.
pub struct Applied {
    /// What everybody sees.
    pub result: TransactionResult,
    /// What was charged.
    pub charged: Charged,
    /// What a contract transaction did besides.
    pub effects: Option<Box<Effects>>,
}

/// Uses the sequence number and does the operations: all of them, or none.
pub fn apply(
    engine: &Engine,
    state: &mut State,
    frame: &Frame,
    target: Target,
    charged: Charged,
) -> Applied {
    let mut effects = engine.effects(frame).map(Box::new);
    if frame.fee_bump().is_some() {
        remove_one_time_signer(state, frame.fee_source(), frame.hash());
    }
    let mut checker = SignatureChecker::inner(frame);
    let valid = check_common(engine, state, frame, target, &mut checker, true);
    let reached = valid
        .as_ref()
        .map_or_else(|(reached, _)| *reached, |()| Reached::Signature);
    if reached >= Reached::Sequence {
        use_sequence(state, frame);
    }
    let code = match valid {
        Err((reached, invalid)) => {
            if reached >= Reached::Signature {
                remove_one_time_signers(state, frame);
            }
            inner_code(invalid)
        }
        Ok(()) => match check_signatures(state, frame, &mut checker) {
            Err(code) => code,
            Ok(()) => apply_operations(engine, state, frame, effects.as_deref_mut()),
        },
    };
    Applied {
        result: wrap(frame, code, charged),
        charged,
        effects,
    }
}

/// Gives back what a contract transaction declared and did not use, if the account that paid is still there.
pub fn refund(state: &mut State, frame: &Frame, applied: &mut Applied) {
    let Some(effects) = &mut applied.effects else {
        return;
    };
    let unused = frame.resource_fee() - effects.non_refundable - effects.refundable;
    let unused = unused.clamp(0, applied.charged.fee.max(0));
    if unused == 0 {
        return;
    }
    let Some(payer) = state.account_mut(frame.fee_source()) else {
        return;
    };
    payer.balance += unused;
    effects.refund = unused;
    applied.charged.fee -= unused;
    applied.charged.inner_fee -= unused;
    verdict::recharge(&mut applied.result, applied.charged);
}

fn inner_code(invalid: Invalid) -> Inner {
    match invalid {
        Invalid::Inner(code) => *code,
        // Only the fee bump's own checks say these, and they are not repeated here.
        Invalid::Outer(_) | Invalid::BumpTooLow(_) => Inner::TxInternalError,
    }
}

fn use_sequence(state: &mut State, frame: &Frame) {
    let stamp = state.stamp();
    if let Some(account) = state.account_mut(frame.source()) {
        account.sequence = frame.sequence();
        account.sequence_ledger = stamp.ledger;
        account.sequence_time = stamp.close_time;
    }
}

fn check_signatures(
    state: &mut State,
    frame: &Frame,
    checker: &mut SignatureChecker<'_>,
) -> Result<(), Inner> {
    let mut results = untouched(frame);
    let mut signed = true;
    for (index, result) in results.iter_mut().enumerate() {
        if let Err(refusal) = check_signature(state, frame, index, checker) {
            *result = *refusal;
            signed = false;
        }
    }
    remove_one_time_signers(state, frame);
    if !signed {
        return Err(failed(results));
    }
    if !checker.all_used() {
        return Err(Inner::TxBadAuthExtra);
    }
    Ok(())
}

/// After a failure the rest is tried all the same, for its results; then everything is undone.
fn apply_operations(
    engine: &Engine,
    state: &mut State,
    frame: &Frame,
    mut effects: Option<&mut Effects>,
) -> Inner {
    let start = state.savepoint();
    let mut success = true;
    let mut results = Vec::with_capacity(frame.operations().len());
    for (index, op) in (0u32..).zip(frame.operations()) {
        let place = Place {
            source: frame.operation_source(op),
            tx_source: frame.source(),
            sequence: frame.sequence(),
            index,
        };
        let before = state.savepoint();
        let outcome = match &mut effects {
            _ if state.account(place.source).is_none() => {
                Err(Box::new(stellar_xdr::OperationResult::OpNoAccount))
            }
            Some(effects) => engine
                .check_operation(frame, &op.body)
                .and_then(|()| engine.apply(state, frame, op, place, effects)),
            None => operation::check(&op.body, place.source)
                .and_then(|()| operation::apply(state, &op.body, place)),
        };
        results.push(outcome.unwrap_or_else(|failure| {
            state.rollback(before);
            success = false;
            *failure
        }));
    }
    if success {
        succeeded(results)
    } else {
        state.rollback(start);
        if let Some(effects) = effects {
            effects.undo();
        }
        failed(results)
    }
}

fn remove_one_time_signers(state: &mut State, frame: &Frame) {
    let mut accounts = vec![frame.source()];
    accounts.extend(
        frame
            .operations()
            .iter()
            .map(|op| frame.operation_source(op)),
    );
    accounts.sort_unstable();
    accounts.dedup();
    for account in accounts {
        remove_one_time_signer(state, account, frame.contents_hash());
    }
}

fn remove_one_time_signer(state: &mut State, account: AccountKey, hash: [u8; 32]) {
    let key = SignerKey::PreAuthTx(Uint256(hash));
    if !state
        .account(account)
        .is_some_and(|account| account.signers.iter().any(|signer| signer.key == key))
    {
        return;
    }
    if let Some(account) = state.account_mut(account) {
        account.signers.retain(|signer| signer.key != key);
        account.remove_subentry();
    }
}
