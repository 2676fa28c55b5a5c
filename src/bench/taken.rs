//! Attempts and landings as the store sees them, without a chain: for measuring the store alone.

use sha2::{Digest as _, Sha256};
use stellar_xdr as xdr;

use crate::domain::attempt::Attempt;
use crate::domain::envelope::Plan;
use crate::domain::observation::Landed;
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, Stroops, TxHash};
use crate::domain::result_code::TransactionOutcome;
use crate::domain::transition::{AttemptEnd, IntentEnd, Settlement};
use crate::store::prepare::{Claimed, NewAttempt};
use crate::store::settle::NewSettlement;

/// Bytes of the envelope of a payment with one signature for the channel and one for the source.
const ENVELOPE_BYTES: usize = 340;
/// The ledger in which everything is signed, and after which everything has landed.
const LEDGER: u32 = 1_000;
/// What is bid, in stroops.
const BID: i64 = 100;

/// An attempt for what was claimed: its hash is nobody else's, its envelope is as long as real ones.
///
/// # Errors
/// Where the channel's account cannot be read.
pub fn attempt(claimed: &Claimed) -> anyhow::Result<NewAttempt> {
    let channel: AccountId = claimed.channel.parse()?;
    let fee = Stroops::new(BID)?;
    Ok(NewAttempt {
        intent_id: claimed.id,
        attempt: Attempt {
            number: u32::try_from(claimed.attempt_count)? + 1,
            plan: Plan {
                channel,
                sequence: Sequence(claimed.sequence).next(),
                min_time: ChainTime(0),
                max_time: ChainTime(4_000_000_000),
                max_ledger: LedgerSeq(LEDGER + 30),
                base_fee: fee,
                soroban: None,
            },
            inner_hash: TxHash(Sha256::digest(claimed.id.as_bytes()).into()),
            operations: 1,
            plain_fee: fee,
            bumps: Vec::new(),
            sponsored: false,
            presigned: false,
            signed_at: LedgerSeq(LEDGER),
        },
        envelope: vec![7; ENVELOPE_BYTES],
    })
}

/// That it has landed.
pub fn settlement(new: &NewAttempt) -> NewSettlement {
    let plan = &new.attempt.plan;
    let landed = Landed {
        inner_hash: new.attempt.inner_hash,
        fee_bump_hash: None,
        ledger: LedgerSeq(LEDGER + 1),
        closed_at: ChainTime(1_800_000_000),
        successful: true,
        outcome: TransactionOutcome::of(&xdr::TransactionResult {
            fee_charged: BID,
            result: xdr::TransactionResultResult::TxSuccess(xdr::VecM::default()),
            ext: xdr::TransactionResultExt::V0,
        }),
        fee_charged: plan.base_fee,
        source_account: plan.channel,
        source_muxed_id: Some(1),
        sequence: plan.sequence,
        fee_account: plan.channel,
        fee_muxed_id: None,
        envelope_xdr: Vec::new(),
        result_xdr: String::new(),
    };
    NewSettlement {
        call: None,
        intent_id: new.intent_id,
        number: new.attempt.number,
        settlement: Settlement {
            attempt: AttemptEnd::Landed(Box::new(landed)),
            intent: IntentEnd::Succeeded,
            channel_sequence: Some(plan.sequence),
            adopted: None,
            channel_lost: false,
        },
    }
}
