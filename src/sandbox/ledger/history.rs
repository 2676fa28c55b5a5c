//! Closed ledgers and their transactions, with the indexes that Horizon's routes need.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::account::AccountKey;
use super::archive::Archived;
use super::effects::Effects;

/// Bits of a paging token below the ledger's number.
const LEDGER_SHIFT: u32 = 32;
/// Bits of a paging token below the transaction's place.
const TRANSACTION_SHIFT: u32 = 12;
/// The most transactions that one ledger can number, however large it may be: a paging token has 20 bits for them.
pub const MAX_LEDGER_TRANSACTIONS: usize = 0xf_ffff;

/// The number by which Horizon orders ledgers, transactions and operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Toid(pub u64);

impl Toid {
    /// Of a ledger.
    pub fn ledger(ledger: u32) -> Self {
        Self(u64::from(ledger) << LEDGER_SHIFT)
    }

    /// Of a transaction, by its place in the ledger from 1.
    pub fn transaction(ledger: u32, place: u32) -> Self {
        Self(Self::ledger(ledger).0 | (u64::from(place) << TRANSACTION_SHIFT))
    }

    /// Of an operation, by its place in the transaction from 1.
    pub fn operation(self, place: u32) -> Self {
        Self(self.transaction_part().0 | u64::from(place))
    }

    /// The ledger it lies in.
    pub fn ledger_number(self) -> u32 {
        u32::try_from(self.0 >> LEDGER_SHIFT).unwrap_or(u32::MAX)
    }

    /// The transaction's place in the ledger, from 1; 0 for the ledger itself.
    pub fn transaction_place(self) -> u32 {
        u32::try_from((self.0 >> TRANSACTION_SHIFT) & 0xf_ffff).expect("20 bits fit 32")
    }

    /// The operation's place in the transaction, from 1; 0 for the transaction itself.
    pub fn operation_place(self) -> u32 {
        u32::try_from(self.0 & 0xfff).expect("12 bits fit 32")
    }

    /// The transaction that an operation belongs to.
    pub fn transaction_part(self) -> Self {
        Self(self.0 & !0xfff)
    }
}

/// A transaction that a ledger took, successful or failed.
#[derive(Debug)]
pub struct TxRecord {
    /// Its place.
    pub toid: Toid,
    /// The outermost hash.
    pub hash: [u8; 32],
    /// The inner hash of a fee bump.
    pub inner_hash: Option<[u8; 32]>,
    /// XDR of the envelope.
    pub envelope: Box<[u8]>,
    /// XDR of the result.
    pub result: Box<[u8]>,
    /// Stroops taken.
    pub fee_charged: i64,
    /// Whether its operations were done.
    pub successful: bool,
    /// What a contract transaction did; none of others, and of those that are archived.
    pub effects: Option<Box<Effects>>,
}

/// How often each fee an operation occurs, in stroops.
pub type FeeCounts = BTreeMap<i64, u64>;

/// A closed ledger. Amounts in stroops.
#[derive(Debug)]
pub struct LedgerRecord {
    /// Its number.
    pub sequence: u32,
    /// Hash of its header.
    pub hash: [u8; 32],
    /// Hash of the header before.
    pub previous_hash: [u8; 32],
    /// Unix seconds; grows by one at least from ledger to ledger.
    pub close_time: u64,
    /// Successful transactions.
    pub successful: u32,
    /// Failed transactions.
    pub failed: u32,
    /// Operations of the successful ones.
    pub operations: u32,
    /// Operations of all of them.
    pub set_operations: u32,
    /// Lumens in existence.
    pub total_coins: i64,
    /// Fees taken since the beginning.
    pub fee_pool: i64,
    /// The minimum an operation.
    pub base_fee: i64,
    /// The reserve a subentry.
    pub base_reserve: i64,
    /// The most operations that the ledger takes.
    pub max_tx_set_size: u32,
    /// Version of the protocol.
    pub protocol: u32,
    /// XDR of the header.
    pub header: Box<[u8]>,
    /// In the order in which they were applied.
    pub transactions: Vec<Arc<TxRecord>>,
    /// Charged, an operation.
    pub fees_charged: FeeCounts,
    /// Bid, an operation.
    pub fees_bid: FeeCounts,
    /// Charged for the inclusion of contract transactions, which are not among the others.
    pub soroban_fees: FeeCounts,
}

/// What names an account in history.
#[derive(Default)]
struct Mentions {
    transactions: VecDeque<Toid>,
    payments: VecDeque<Toid>,
}

/// A ledger, and the accounts that it named: where to look when it is forgotten.
struct Kept {
    ledger: LedgerRecord,
    named: Vec<usize>,
}

/// Every ledger since the elder one, and what is left of those before.
///
/// Nothing in here is rebuilt or walked through as a whole when a ledger closes, so that a close takes as long after a million
/// transactions as after none: hence a tree by hash, whose growth has no pauses, and for each ledger the accounts it named.
#[derive(Default)]
pub struct History {
    ledgers: VecDeque<Kept>,
    by_hash: BTreeMap<[u8; 32], Toid>,
    accounts: HashMap<AccountKey, usize>,
    mentions: Vec<Mentions>,
    /// The accounts named by the ledger that is being closed.
    named: Vec<usize>,
    transactions: usize,
    archive: Vec<Arc<Archived>>,
}

impl History {
    /// The newest ledger.
    pub fn latest(&self) -> Option<&LedgerRecord> {
        self.ledgers.back().map(|kept| &kept.ledger)
    }

    /// The oldest ledger still here; 0 when there is none.
    pub fn elder(&self) -> u32 {
        self.ledgers.front().map_or(0, |kept| kept.ledger.sequence)
    }

    /// A ledger by its number.
    pub fn ledger(&self, sequence: u32) -> Option<&LedgerRecord> {
        self.ledgers
            .get(usize::try_from(sequence.checked_sub(self.elder())?).ok()?)
            .map(|kept| &kept.ledger)
    }

    /// A transaction by its outer or inner hash.
    pub fn by_hash(&self, hash: &[u8; 32]) -> Option<&Arc<TxRecord>> {
        self.by_hash
            .get(hash)
            .and_then(|toid| self.transaction(*toid))
    }

    /// A transaction by its place.
    pub fn transaction(&self, toid: Toid) -> Option<&Arc<TxRecord>> {
        let place = usize::try_from(toid.transaction_place().checked_sub(1)?).ok()?;
        self.ledger(toid.ledger_number())?.transactions.get(place)
    }

    /// The transactions that name an account, oldest first; none if nothing here names it.
    pub fn transactions_of(&self, account: AccountKey) -> Option<&VecDeque<Toid>> {
        self.mentions_of(account)
            .map(|mentions| &mentions.transactions)
    }

    /// The payment operations that name an account, oldest first; none if nothing here names it.
    pub fn payments_of(&self, account: AccountKey) -> Option<&VecDeque<Toid>> {
        self.mentions_of(account).map(|mentions| &mentions.payments)
    }

    /// What is left of the ledgers that were forgotten, from a ledger on, oldest first. Empty ledgers leave nothing.
    pub fn archive_from(&self, ledger: u32) -> &[Arc<Archived>] {
        let start = self.archive.partition_point(|old| old.sequence() < ledger);
        &self.archive[start..]
    }

    fn mentions_of(&self, account: AccountKey) -> Option<&Mentions> {
        let mentions = &self.mentions[*self.accounts.get(&account)?];
        (!mentions.transactions.is_empty()).then_some(mentions)
    }

    /// Adds a ledger, which must be the next.
    pub(super) fn push(&mut self, ledger: LedgerRecord) {
        for tx in &ledger.transactions {
            self.by_hash.insert(tx.hash, tx.toid);
            if let Some(inner) = tx.inner_hash {
                self.by_hash.insert(inner, tx.toid);
            }
        }
        self.transactions += ledger.transactions.len();
        let named = std::mem::take(&mut self.named);
        self.ledgers.push_back(Kept { ledger, named });
    }

    /// Notes that a transaction of the ledger that is being closed names an account, and that these payments of it do.
    pub(super) fn mention(&mut self, account: AccountKey, toid: Toid, payments: &[Toid]) {
        let next = self.mentions.len();
        let index = *self.accounts.entry(account).or_insert(next);
        if index == next {
            self.mentions.push(Mentions::default());
        }
        let mentions = &mut self.mentions[index];
        let before = mentions.transactions.back();
        if before.is_none_or(|before| before.ledger_number() != toid.ledger_number()) {
            self.named.push(index);
        }
        mentions.transactions.push_back(toid);
        mentions.payments.extend(payments);
    }

    /// Forgets the oldest ledgers, as a Horizon with a retention does: those before one, and those beyond so many transactions.
    /// The newest ledger stays.
    pub(super) fn reap(&mut self, elder: u32, transactions: usize) {
        while self.ledgers.len() > 1 && (self.elder() < elder || self.transactions > transactions) {
            let Some(Kept { ledger, named }) = self.ledgers.pop_front() else {
                return;
            };
            self.transactions -= ledger.transactions.len();
            for tx in &ledger.transactions {
                self.by_hash.remove(&tx.hash);
                if let Some(inner) = tx.inner_hash {
                    self.by_hash.remove(&inner);
                }
            }
            let first = Toid::ledger(self.elder());
            for index in named {
                let mentions = &mut self.mentions[index];
                for list in [&mut mentions.transactions, &mut mentions.payments] {
                    while list.front().is_some_and(|toid| *toid < first) {
                        list.pop_front();
                    }
                }
            }
            if !ledger.transactions.is_empty() {
                self.archive.push(Arc::new(Archived::of(&ledger)));
            }
        }
    }
}
