//! One transaction in a ledger that closes: its fee, its sequence number, its operations.

use stellar_xdr::{InnerTransactionResultResult as Inner, SignerKey, TransactionResult, Uint256};

use super::account::AccountKey;
use super::frame::Frame;
use super::operation::{self, Place};
use super::preflight::{Reached, Target, check_common, check_signature};
use super::signature::SignatureChecker;
use super::state::State;
use super::verdict::{Charged, Invalid, failed, succeeded, untouched, wrap};

/// Takes the fee at the ledger's rate; what is not there cannot be taken.
pub fn charge_fee(state: &mut State, frame: &Frame, fee_rate: i64) -> Charged {
    let due = frame
        .fee_bid()
        .min(fee_rate * frame.operation_count().max(1));
    let inner_fee = frame
        .inner_fee_bid()
        .min(fee_rate * frame.inner_operation_count().max(1));
    let fee = state.account_mut(frame.fee_source()).map_or(0, |payer| {
        let fee = due.min(payer.balance).max(0);
        payer.balance -= fee;
        fee
    });
    Charged { fee, inner_fee }
}

/// Uses the sequence number and does the operations: all of them, or none.
pub fn apply(
    state: &mut State,
    frame: &Frame,
    target: Target,
    charged: Charged,
) -> TransactionResult {
    if frame.fee_bump().is_some() {
        remove_one_time_signer(state, frame.fee_source(), frame.hash());
    }
    let mut checker = SignatureChecker::inner(frame);
    let valid = check_common(state, frame, target, &mut checker, true);
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
            Ok(()) => apply_operations(state, frame),
        },
    };
    wrap(frame, code, charged)
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
fn apply_operations(state: &mut State, frame: &Frame) -> Inner {
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
        let outcome = if state.account(place.source).is_none() {
            Err(Box::new(stellar_xdr::OperationResult::OpNoAccount))
        } else {
            operation::check(&op.body, place.source)
                .and_then(|()| operation::apply(state, &op.body, place))
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
