//! What the chain, or the way to it, has said: facts with the ledger that they hold for, and everything that proves nothing.

use std::time::Duration;

use super::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, Stroops, TxHash};
use super::result_code::{SequenceEffect, TransactionOutcome};

/// A transaction that is recorded in a closed ledger, successful or not. Final at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// The hash of the inner transaction; for a transaction without a fee bump, its only hash.
    pub inner_hash: TxHash,
    /// The hash of the fee bump that carried it, if one did.
    pub fee_bump_hash: Option<TxHash>,
    /// The ledger that recorded it.
    pub ledger: LedgerSeq,
    /// When that ledger closed.
    pub closed_at: ChainTime,
    /// Whether its operations were applied.
    pub successful: bool,
    /// The recorded result, decoded.
    pub outcome: TransactionOutcome,
    /// What the fee account paid, in stroops.
    pub fee_charged: Stroops,
    /// Whose sequence number it consumed.
    pub source_account: AccountId,
    /// The id on top of the source account, where it was muxed.
    pub source_muxed_id: Option<u64>,
    /// The sequence number that it consumed.
    pub sequence: Sequence,
    /// Who paid the fee.
    pub fee_account: AccountId,
    /// The id on top of the fee account, where it was muxed.
    pub fee_muxed_id: Option<u64>,
    /// The envelope as the ledger has it, XDR.
    pub envelope_xdr: Vec<u8>,
    /// The recorded result, XDR in base64.
    pub result_xdr: String,
}

impl Landed {
    /// What it did to the sequence number that it names.
    #[must_use]
    pub const fn sequence_effect(&self) -> SequenceEffect {
        if self.successful {
            SequenceEffect::Consumed
        } else {
            self.outcome.sequence_effect()
        }
    }
}

/// An account as of exactly one ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSnapshot {
    /// Whose.
    pub account: AccountId,
    /// The ledger whose state this is (header `Latest-Ledger`).
    pub as_of: LedgerSeq,
    /// Its state, or that it did not exist then.
    pub state: Option<AccountState>,
}

/// The state of an account that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The newest sequence number that it has consumed.
    pub sequence: Sequence,
    /// The ledger in which it was consumed; `None` where the ledger has no record of it (before protocol 19).
    pub sequence_ledger: Option<LedgerSeq>,
    /// Lumens, in stroops.
    pub native_balance: Stroops,
    /// Lumens promised to open offers to sell, in stroops.
    pub selling_liabilities: Stroops,
    /// Entries that count for the reserve.
    pub subentries: u32,
    /// Reserves that it pays for others.
    pub sponsoring: u32,
    /// Reserves that others pay for it.
    pub sponsored: u32,
    /// (key in strkey, weight) of every signer, the master key included.
    pub signers: Vec<(String, u32)>,
    /// Weight that a payment needs.
    pub medium_threshold: u32,
    /// Credit balances: (`CODE:ISSUER`, balance, limit, authorized).
    pub trustlines: Vec<Trustline>,
}

impl AccountState {
    /// The ledger in which it consumed its newest sequence number, where that is known.
    #[must_use]
    pub fn used_in(&self) -> Option<LedgerSeq> {
        self.sequence_ledger.filter(|ledger| ledger.0 > 0)
    }
}

/// One credit balance of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trustline {
    /// `CODE:ISSUER`.
    pub asset: String,
    /// What it holds, in stroops.
    pub balance: Stroops,
    /// What it may hold, in stroops.
    pub limit: Stroops,
    /// Whether it may be used.
    pub authorized: bool,
}

/// Where a transaction stands in the chain's order (Horizon's paging token): the next page begins behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub i64);

/// One page of recorded transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionPage {
    /// Those that could be read and verified, in the order asked for.
    pub transactions: Vec<Landed>,
    /// Those that could not: somebody's transaction of a newer protocol must not hide everybody's else.
    /// Of a hash in here nothing is known.
    pub unreadable: Vec<Unreadable>,
    /// How many records there were, read or not.
    pub records: u32,
    /// The last record's place, to ask on from; `None` where the page is empty.
    pub last: Option<Cursor>,
    /// Whether there were fewer records than asked for: nothing came after them then.
    pub is_last: bool,
}

/// A record of a page that is no fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The hash that the record claims, if it does.
    pub hash: Option<TxHash>,
    /// The inner hash that the record claims, if it does.
    pub inner_hash: Option<TxHash>,
    /// What is wrong with it, for people.
    pub detail: String,
}

/// One look for a transaction by hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// It is recorded.
    Landed(Box<Landed>),
    /// Not in this Horizon's history now: proves nothing alone.
    Absent,
    /// No answer that says either.
    Unknown(Unknown),
}

/// One answer to one POST of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitAnswer {
    /// 200: it is recorded, successful.
    Landed(Box<Landed>),
    /// In core's queue (PENDING, or DUPLICATE: it was there already). The outcome is unknown.
    Queued {
        /// The same bytes were there already.
        duplicate: bool,
    },
    /// Core would not queue it now: another transaction of the account is queued, the queue is full, or its hash is
    /// banned, which it also is for ten ledgers after it has landed.
    TryAgainLater,
    /// 400: core refused it, or it is recorded as failed. Which of the two is not known.
    Refused(TransactionOutcome),
    /// The bytes were not understood: nothing reached core.
    Malformed(String),
    /// Nothing that says what became of it.
    Unknown(Unknown),
}

/// Why there is no answer. It has one meaning: nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What happened instead.
    pub kind: UnknownKind,
    /// HTTP status, if there was one.
    pub status: Option<u16>,
    /// A short text for people: a problem's type or an error's first line. Never a body.
    pub detail: String,
    /// How long the server asks us to wait.
    pub retry_after: Option<Duration>,
}

/// The kinds of no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnknownKind {
    /// The connection could not be made: for a POST, nothing was sent.
    Unreachable,
    /// The connection ended without a whole answer.
    Cut,
    /// Our own deadline passed.
    Deadline,
    /// 504: Horizon stopped waiting.
    Timeout,
    /// 429.
    RateLimited,
    /// 503: behind, ingesting, or over capacity.
    Unavailable,
    /// Another 5xx, or 499.
    ServerError,
    /// 403: this Horizon takes no transactions.
    SubmissionDisabled,
    /// 400, 404 of a route, 405, 415 and the like: our own request was wrong, or something in between refused it.
    BadRequest,
    /// 410: before the oldest ledger that this Horizon keeps.
    Gone,
    /// A status, a body or a field that we do not understand.
    Unparsable,
    /// An answer that cannot be true: another hash, another network, a body beyond the limit.
    Lying,
    /// Our own request budget is used up.
    Budget,
}

/// A closed ledger's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerHeader {
    /// Its number.
    pub sequence: LedgerSeq,
    /// Its hash.
    pub hash: [u8; 32],
    /// The hash of the ledger before it.
    pub previous: [u8; 32],
    /// How many transactions it recorded, failed ones too.
    pub transactions: u32,
    /// When it closed.
    pub closed_at: ChainTime,
    /// The smallest fee an operation, in stroops.
    pub base_fee: Stroops,
    /// Stroops of reserve an entry.
    pub base_reserve: Stroops,
    /// How many operations it takes.
    pub max_tx_set_size: u32,
    /// The protocol's version.
    pub protocol_version: u32,
}

/// What a Horizon says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkStatus {
    /// The network's passphrase.
    pub passphrase: String,
    /// Newest ledger in its history (0: none yet).
    pub latest: LedgerSeq,
    /// When that closed, if it says.
    pub latest_closed_at: Option<ChainTime>,
    /// Oldest ledger in its history.
    pub elder: LedgerSeq,
    /// Newest ledger of its core.
    pub core_latest: LedgerSeq,
    /// The protocol's version.
    pub protocol_version: u32,
    /// Horizon's version.
    pub horizon_version: String,
}

/// Fees of the last ledgers, in stroops an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeStats {
    /// Base fee of the newest ledger.
    pub last_ledger_base_fee: i64,
    /// Share of the last ledgers' capacity that was used, in thousandths.
    pub capacity_usage_permille: u32,
    /// Percentiles of what was charged: 50, 80, 95.
    pub charged: [i64; 3],
    /// Percentiles of what was bid: 50, 80, 95.
    pub bid: [i64; 3],
}
