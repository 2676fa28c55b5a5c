//! What the tests speak about: a channel, an attempt, ledgers, records of the chain.

use stellar_submitter::domain::attempt::{Attempt, Bump, Head, Progress, Snapshot, Terms};
use stellar_submitter::domain::envelope::Plan;
use stellar_submitter::domain::fee::FeeCap;
use stellar_submitter::domain::intent::{Accounts, OnStateError};
use stellar_submitter::domain::observation::{
    AccountSnapshot, AccountState, Landed, SubmitAnswer, Unknown, UnknownKind,
};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash,
};
use stellar_submitter::domain::result_code::{
    OperationOutcome, TransactionCode, TransactionOutcome,
};
use stellar_submitter::domain::transition::{
    Evidence, Impossible, IntentEnd, Observed, Pace, SequenceUse, Settlement, Transition, absorb,
};
use stellar_xdr::TransactionResultCode as Code;

/// The ledger at which attempts are signed here.
pub const SIGNED_AT: u32 = 1_000;
/// The first ledger that is too late for them.
pub const MAX_LEDGER: u32 = 1_013;
/// The last close time that is good for them.
pub const MAX_TIME: u64 = 100_000;
/// The sequence number that they use.
pub const SEQUENCE: i64 = 77;
/// Ledgers from a send that was taken to the next look-up.
pub const PACE: Pace = Pace { resubmit_after: 3 };
/// The hash of the attempt.
pub const INNER: TxHash = TxHash([0x11; 32]);

pub fn account(byte: u8) -> AccountId {
    AccountId([byte; 32])
}

pub fn source() -> AccountId {
    account(1)
}

pub fn channel() -> AccountId {
    account(2)
}

pub fn issuer() -> AccountId {
    account(4)
}

pub fn stranger() -> AccountId {
    account(9)
}

pub fn network() -> NetworkId {
    NetworkId::of("Standalone Network ; February 2017")
}

pub fn accounts() -> Accounts {
    Accounts {
        default_source: source(),
        other_sources: vec![account(5)],
        contracts: Some(network()),
    }
}

pub fn stroops(amount: i64) -> Stroops {
    Stroops::new(amount).expect("an amount")
}

/// A ledger whose close time is far from every bound.
pub fn head(ledger: u32) -> Head {
    Head {
        ledger: LedgerSeq(ledger),
        closed_at: ChainTime(u64::from(ledger) * 5),
    }
}

pub fn attempt() -> Attempt {
    Attempt {
        number: 1,
        plan: Plan {
            channel: channel(),
            sequence: Sequence(SEQUENCE),
            min_time: ChainTime(0),
            max_time: ChainTime(MAX_TIME),
            max_ledger: LedgerSeq(MAX_LEDGER),
            base_fee: stroops(100),
            soroban: None,
        },
        inner_hash: INNER,
        operations: 1,
        plain_fee: stroops(100),
        bumps: Vec::new(),
        sponsored: false,
        presigned: false,
        signed_at: LedgerSeq(SIGNED_AT),
    }
}

/// An attempt that was just signed.
pub fn fresh() -> Snapshot {
    Snapshot {
        terms: Terms {
            cancel_requested: false,
            valid_until: None,
            on_state_error: OnStateError::Fail,
            cap: FeeCap(stroops(10_000)),
            parked_times: 0,
        },
        attempt: attempt(),
        progress: Progress::fresh(),
    }
}

/// An attempt that may have been sent by a process before this one.
pub fn recovered() -> Snapshot {
    Snapshot {
        progress: Progress::recovered(),
        ..fresh()
    }
}

/// A transaction that somebody else signed; its fee bump is on record.
pub fn presigned() -> Snapshot {
    let mut snapshot = fresh();
    snapshot.attempt.presigned = true;
    snapshot.attempt.sponsored = true;
    snapshot.attempt.bumps = vec![Bump {
        hash: TxHash([0x22; 32]),
        fee: stroops(200),
    }];
    snapshot
}

pub fn outcome(code: Code) -> TransactionOutcome {
    TransactionOutcome {
        code: TransactionCode::Known(code),
        inner: None,
        fee_charged: 100,
        operations: Vec::new(),
    }
}

/// A result that failed in its first operation.
pub fn operation_failed(operation: OperationOutcome) -> TransactionOutcome {
    TransactionOutcome {
        operations: vec![operation],
        ..outcome(Code::TxFailed)
    }
}

/// The attempt as the ledger records it.
pub fn landed(code: Code) -> Box<Landed> {
    landed_with(outcome(code))
}

pub fn landed_with(outcome: TransactionOutcome) -> Box<Landed> {
    let successful = matches!(
        outcome.code,
        TransactionCode::Known(Code::TxSuccess | Code::TxFeeBumpInnerSuccess)
    );
    Box::new(Landed {
        inner_hash: INNER,
        fee_bump_hash: None,
        ledger: LedgerSeq(SIGNED_AT + 2),
        closed_at: ChainTime(5_010),
        successful,
        outcome,
        fee_charged: stroops(100),
        source_account: channel(),
        source_muxed_id: None,
        sequence: Sequence(SEQUENCE),
        fee_account: channel(),
        fee_muxed_id: None,
        envelope_xdr: Vec::new(),
        result_xdr: String::new(),
    })
}

/// Another transaction with the attempt's sequence number, sent by an earlier life of the submitter.
pub fn earlier_life(code: Code) -> Box<Landed> {
    Box::new(Landed {
        inner_hash: TxHash([0x33; 32]),
        ..*landed(code)
    })
}

/// The channel as of a ledger; `None`: it does not exist.
pub fn seen(as_of: u32, sequence: Option<i64>) -> Evidence {
    Evidence {
        snapshot: AccountSnapshot {
            account: channel(),
            as_of: LedgerSeq(as_of),
            state: sequence.map(|sequence| AccountState {
                sequence: Sequence(sequence),
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

pub fn found(as_of: u32, sequence: Option<i64>, landed: Box<Landed>) -> Evidence {
    Evidence {
        found: Some(landed),
        ..seen(as_of, sequence)
    }
}

/// The sequence number was used by this transaction.
pub fn used(as_of: u32, hash: TxHash, own: Option<Box<Landed>>) -> Evidence {
    Evidence {
        used_by: Some(SequenceUse {
            hash,
            ledger: LedgerSeq(SIGNED_AT + 2),
            own,
        }),
        ..seen(as_of, Some(SEQUENCE))
    }
}

pub fn unknown(kind: UnknownKind) -> Unknown {
    Unknown {
        kind,
        status: None,
        detail: String::new(),
        retry_after: None,
    }
}

pub fn refused(code: Code) -> Observed {
    Observed::Answered(SubmitAnswer::Refused(outcome(code)))
}

pub fn proof(evidence: Evidence) -> Observed {
    Observed::Evidence(Box::new(evidence))
}

pub fn take(snapshot: &mut Snapshot, observed: Observed, head: Head) -> Transition {
    try_take(snapshot, observed, head).expect("an observation about this attempt")
}

pub fn try_take(
    snapshot: &mut Snapshot,
    observed: Observed,
    head: Head,
) -> Result<Transition, Impossible> {
    absorb(snapshot, observed, head, PACE)
}

/// The settlement that an observation leads to.
pub fn settle(snapshot: &mut Snapshot, observed: Observed, head: Head) -> Settlement {
    match take(snapshot, observed, head) {
        Transition::Settled(settlement) => *settlement,
        other => panic!("not settled but {other:?}"),
    }
}

/// Where an intent goes, in one word and the reason's code.
pub fn end_of(end: &IntentEnd) -> (&'static str, String) {
    match end {
        IntentEnd::Succeeded => ("succeeded", String::new()),
        IntentEnd::Failed(reason) => ("failed", reason.code.clone()),
        IntentEnd::Expired => ("expired", String::new()),
        IntentEnd::Canceled => ("canceled", String::new()),
        IntentEnd::Parked { reason, .. } => ("parked", reason.code.clone()),
        IntentEnd::Requeued => ("requeued", String::new()),
    }
}

/// Every result code of a transaction that the protocol has.
pub fn every_code() -> Vec<Code> {
    Code::VARIANTS.to_vec()
}

/// Every way in which an answer can be none.
pub const EVERY_UNKNOWN: [UnknownKind; 13] = [
    UnknownKind::Unreachable,
    UnknownKind::Cut,
    UnknownKind::Deadline,
    UnknownKind::Timeout,
    UnknownKind::RateLimited,
    UnknownKind::Unavailable,
    UnknownKind::ServerError,
    UnknownKind::SubmissionDisabled,
    UnknownKind::BadRequest,
    UnknownKind::Gone,
    UnknownKind::Unparsable,
    UnknownKind::Lying,
    UnknownKind::Budget,
];
