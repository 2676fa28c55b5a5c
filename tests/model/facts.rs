//! The model's small numbers as the domain's values.

use stellar_submitter::domain::attempt::{Attempt, Bump, Head, Snapshot, Terms};
use stellar_submitter::domain::envelope::Plan;
use stellar_submitter::domain::fee::FeeCap;
use stellar_submitter::domain::intent::OnStateError;
use stellar_submitter::domain::observation::{AccountSnapshot, AccountState, Landed};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, Sequence, Stroops, TxHash,
};
use stellar_submitter::domain::result_code::{
    OperationMeaning, OperationOutcome, TransactionCode, TransactionOutcome,
};
use stellar_submitter::domain::transition::{Evidence, Pace, SequenceUse};
use stellar_xdr::TransactionResultCode as Code;

use crate::setting::{Bug, Setting};
use crate::state::{Landing, Mind, State};

/// Ledgers of a step: as many as lie between two sights of a missing account, and more than any other pause but one.
const STEP_LEDGERS: u32 = 10;
/// The ledger of step 0.
const FIRST_LEDGER: u32 = 1_000;
/// Seconds of a ledger.
const LEDGER_SECONDS: u64 = 5;
/// Steps that the wall clock is ahead of the chain's time, where it is trusted.
const WALL_IS_AHEAD: u8 = 2;
/// Stroops of the plain envelope.
const PLAIN_FEE: i64 = 100;
/// The cap that allows one fee bump: it bids twice as much.
const CAP_FOR_A_BUMP: i64 = 200;
/// Ledgers from a send that was taken to the next look-up.
pub const PACE: Pace = Pace { resubmit_after: 3 };

pub fn ledger(step: u8) -> LedgerSeq {
    LedgerSeq(FIRST_LEDGER + u32::from(step) * STEP_LEDGERS)
}

/// The newest ledger as a worker has it; who trusts the wall clock takes the time from that.
pub fn head(setting: &Setting, step: u8) -> Head {
    let wall = match setting.bug {
        Bug::TrustWallClock => step + WALL_IS_AHEAD,
        _ => step,
    };
    Head {
        ledger: ledger(step),
        closed_at: closed_at(wall),
    }
}

pub fn closed_at(step: u8) -> ChainTime {
    ChainTime(u64::from(ledger(step).0) * LEDGER_SECONDS)
}

fn stroops(amount: i64) -> Stroops {
    Stroops::new(amount).expect("an amount")
}

fn channel(number: u8) -> AccountId {
    AccountId([0x40 + number; 32])
}

fn inner_hash(attempt: u8) -> TxHash {
    TxHash([1 + attempt; 32])
}

fn bump_hash(attempt: u8) -> TxHash {
    TxHash([0x80 + attempt; 32])
}

/// The plan's bounds. The ledger bound is exact: the state after the last ledger that may take it is past the fence.
fn plan(setting: &Setting, state: &State, number: u8) -> Plan {
    let attempt = state.attempt(number);
    let until = setting.valid_until.filter(|_| attempt.intent == 0);
    Plan {
        channel: channel(attempt.channel),
        sequence: Sequence(i64::from(attempt.sequence)),
        min_time: ChainTime(0),
        max_time: until.map_or(ChainTime(u64::MAX), closed_at),
        max_ledger: ledger(attempt.signed + setting.validity).plus(1),
        base_fee: stroops(PLAIN_FEE),
        soroban: None,
    }
}

/// Whether a ledger of a step may take an attempt, whatever its sequence number.
pub fn is_in_time(setting: &Setting, state: &State, attempt: u8, step: u8) -> bool {
    let plan = plan(setting, state, attempt);
    ledger(step) < plan.max_ledger && closed_at(step) <= plan.max_time
}

/// What a worker would load and remember of the attempt in its hands.
pub fn snapshot(setting: &Setting, state: &State, intent: u8, mind: &Mind) -> Snapshot {
    let until = setting.valid_until.filter(|_| intent == 0);
    let bump = Bump {
        hash: bump_hash(mind.attempt),
        fee: stroops(2 * CAP_FOR_A_BUMP),
    };
    Snapshot {
        terms: Terms {
            cancel_requested: mind.canceled,
            valid_until: until.map(closed_at),
            on_state_error: if intent == 0 {
                OnStateError::Fail
            } else {
                OnStateError::Park
            },
            cap: FeeCap(stroops(if setting.bumps {
                CAP_FOR_A_BUMP
            } else {
                PLAIN_FEE
            })),
            parked_times: 0,
        },
        attempt: Attempt {
            number: 1,
            plan: plan(setting, state, mind.attempt),
            inner_hash: inner_hash(mind.attempt),
            operations: 1,
            plain_fee: stroops(PLAIN_FEE),
            bumps: Vec::from_iter(mind.bumped.then_some(bump)),
            sponsored: false,
            presigned: false,
            signed_at: ledger(state.attempt(mind.attempt).signed),
        },
        progress: mind.known.0.clone(),
    }
}

pub fn refused(code: Code) -> TransactionOutcome {
    TransactionOutcome {
        code: TransactionCode::Known(code),
        inner: None,
        fee_charged: 0,
        operations: Vec::new(),
    }
}

/// A recorded result, or what core says of a transaction that would fail now.
pub fn outcome(success: bool) -> TransactionOutcome {
    if success {
        return refused(Code::TxSuccess);
    }
    TransactionOutcome {
        operations: vec![OperationOutcome {
            code: "op_underfunded",
            meaning: OperationMeaning::State,
        }],
        ..refused(Code::TxFailed)
    }
}

/// The hash of what landed: a stranger's is nobody's of ours.
fn landed_hash(landing: &Landing) -> TxHash {
    landing.attempt.map_or(TxHash([0xff; 32]), inner_hash)
}

/// A landing as a Horizon shows it to who asks about an attempt.
pub fn landed(setting: &Setting, state: &State, asked: u8, landing: &Landing) -> Box<Landed> {
    let plan = plan(setting, state, asked);
    Box::new(Landed {
        inner_hash: landed_hash(landing),
        fee_bump_hash: landing.attempt.filter(|_| landing.bump).map(bump_hash),
        ledger: ledger(landing.step),
        closed_at: closed_at(landing.step),
        successful: landing.success,
        outcome: outcome(landing.success),
        fee_charged: stroops(PLAIN_FEE),
        source_account: plan.channel,
        source_muxed_id: None,
        sequence: plan.sequence,
        fee_account: plan.channel,
        fee_muxed_id: None,
        envelope_xdr: Vec::new(),
        result_xdr: String::new(),
    })
}

/// Who used the sequence number, as found in the channel's history. `own`: tag and rebuilt hash agree.
pub fn sequence_use(landing: &Landing, own: Option<Box<Landed>>) -> SequenceUse {
    SequenceUse {
        hash: landed_hash(landing),
        ledger: ledger(landing.step),
        own,
    }
}

/// The same, by who knows the fee bump's hash alone and so takes the user for a stranger.
pub fn foreign_use(landing: &Landing) -> SequenceUse {
    SequenceUse {
        hash: TxHash([0xfe; 32]),
        ledger: ledger(landing.step),
        own: None,
    }
}

/// Evidence with an attempt's channel as of a step, and nothing found yet.
pub fn evidence(state: &State, attempt: u8, as_of: u8) -> Evidence {
    let number = state.attempt(attempt).channel;
    let sequence = state.channel(number).sequence_at(as_of);
    account(number, sequence, ledger(as_of))
}

/// Evidence with a channel that has used so many sequence numbers.
pub fn account(number: u8, sequence: u8, as_of: LedgerSeq) -> Evidence {
    Evidence {
        snapshot: AccountSnapshot {
            account: channel(number),
            as_of,
            state: Some(AccountState {
                sequence: Sequence(i64::from(sequence)),
                sequence_ledger: None,
                native_balance: stroops(100_000_000),
                selling_liabilities: Stroops::ZERO,
                subentries: 0,
                sponsoring: 0,
                sponsored: 0,
                signers: Vec::new(),
                medium_threshold: 0,
                trustlines: Vec::new(),
            }),
        },
        found: None,
        used_by: None,
        skipped: false,
    }
}
