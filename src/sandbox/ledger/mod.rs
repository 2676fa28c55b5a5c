//! The ledger: accounts, transactions and closed ledgers. Pure and synchronous; time is an argument.

pub mod account;
mod apply;
pub mod archive;
pub mod asset;
pub mod frame;
pub mod genesis;
pub mod history;
pub mod operation;
mod preflight;
pub mod signature;
pub mod state;
pub mod verdict;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stellar_xdr::{
    Hash, LedgerHeader, LedgerHeaderExt, Limits, StellarValue, StellarValueExt, TimePoint,
    TransactionResult, VecM, WriteXdr,
};

use account::{Account, AccountKey, ClaimableBalance};
use frame::Frame;
use genesis::{Genesis, PROTOCOL_VERSION, TOTAL_COINS};
use history::{FeeCounts, History, LedgerRecord, Toid, TxRecord};
pub use preflight::Target;
use state::{Savepoint, Stamp, State};

/// How long, in seconds, a transaction must still be valid to be queued: twice a ledger of five seconds.
const LATE_MARGIN_SECONDS: u64 = 10;

/// How much history is kept; what is older is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// So many ledgers.
    pub ledgers: u32,
    /// Whole ledgers of at most so many transactions together.
    pub transactions: usize,
}

/// Everything.
impl Default for Retention {
    fn default() -> Self {
        Self {
            ledgers: u32::MAX,
            transactions: usize::MAX,
        }
    }
}

/// A chain of ledgers and the state after the newest.
pub struct Ledger {
    network_id: [u8; 32],
    passphrase: String,
    state: State,
    history: History,
    retention: Retention,
    sequence: u32,
    close_time: u64,
    hash: [u8; 32],
    fee_pool: i64,
    base_fee: i64,
    max_tx_set_size: u32,
}

impl Ledger {
    /// The first ledger.
    pub fn new(genesis: Genesis) -> Self {
        let stamp = Stamp {
            ledger: genesis.ledger,
            close_time: genesis.close_time,
        };
        let mut state = State::new(stamp, genesis.base_reserve);
        for (key, account) in genesis.accounts {
            state.put_account(key, account);
        }
        for (id, balance) in genesis.claimables {
            state.put_claimable(id, balance);
        }
        state.commit_ledger();
        let mut ledger = Self {
            network_id: genesis::network_id(&genesis.passphrase),
            passphrase: genesis.passphrase,
            state,
            history: History::default(),
            retention: Retention::default(),
            sequence: genesis.ledger,
            close_time: genesis.close_time,
            hash: Sha256::digest(genesis.chain.to_be_bytes()).into(),
            fee_pool: 0,
            base_fee: genesis.base_fee,
            max_tx_set_size: genesis.max_tx_set_size,
        };
        ledger.record(Vec::new(), Fees::default());
        ledger
    }

    /// SHA-256 of the passphrase.
    pub fn network_id(&self) -> [u8; 32] {
        self.network_id
    }

    /// What names the network.
    pub fn passphrase(&self) -> &str {
        &self.passphrase
    }

    /// The newest ledger's number.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Its close time, Unix seconds.
    pub fn close_time(&self) -> u64 {
        self.close_time
    }

    /// The minimum fee an operation, in stroops.
    pub fn base_fee(&self) -> i64 {
        self.base_fee
    }

    /// Sets the minimum fee an operation, in stroops, from the next ledger on.
    pub fn set_base_fee(&mut self, stroops: i64) {
        self.base_fee = stroops;
    }

    /// The most operations a ledger.
    pub fn max_tx_set_size(&self) -> u32 {
        self.max_tx_set_size
    }

    /// Sets the most operations a ledger, from the next on.
    pub fn set_max_tx_set_size(&mut self, operations: u32) {
        self.max_tx_set_size = operations;
    }

    /// Says how much history is kept.
    pub fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
        self.reap();
    }

    /// The entries as they are now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The closed ledgers.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Puts an account there (or takes it away), outside every transaction: for setting up a case.
    pub fn import_account(&mut self, key: AccountKey, account: Option<Account>) {
        match account {
            Some(account) => self.state.put_account(key, account),
            None => self.state.remove_account(key),
        }
        self.state.commit_ledger();
    }

    /// Puts a claimable balance there, outside every transaction: for setting up a case.
    pub fn import_claimable(&mut self, id: [u8; 32], balance: ClaimableBalance) {
        self.state.put_claimable(id, balance);
        self.state.commit_ledger();
    }

    /// The next ledger as far as it is known at a time (Unix seconds).
    pub fn next_target(&self, now: u64) -> Target {
        let drift = now.saturating_sub(self.close_time);
        Target {
            ledger: self.sequence + 1,
            earliest_close: self.close_time,
            latest_close: self.close_time + LATE_MARGIN_SECONDS + drift,
            base_fee: self.base_fee,
        }
    }

    /// The next ledger if it closes at a time (Unix seconds).
    pub fn closing_target(&self, close_time: u64) -> Target {
        Target {
            ledger: self.sequence + 1,
            earliest_close: close_time,
            latest_close: close_time,
            base_fee: self.base_fee,
        }
    }

    /// Checks a transaction before it is queued; an error is the result that the sender gets.
    pub fn preflight(&self, frame: &Frame, target: Target) -> Result<(), Box<TransactionResult>> {
        preflight::preflight(&self.state, frame, target)
    }

    /// The close time of the next ledger, if it closes at a time (Unix seconds): it grows by one at least.
    pub fn next_close_time(&self, now: u64) -> u64 {
        now.max(self.close_time + 1)
    }

    /// Closes a ledger over a set of transactions, all of which pay the same rate (stroops an operation).
    pub fn close(&mut self, close_time: u64, mut frames: Vec<Arc<Frame>>, fee_rate: i64) {
        let target = self.closing_target(close_time);
        let previous = self.hash;
        frames.sort_by_cached_key(|frame| mixed(frame.hash(), previous));
        self.sequence += 1;
        self.close_time = close_time;
        self.state.begin_ledger(Stamp {
            ledger: self.sequence,
            close_time,
        });
        // As on the network: first every fee is taken, then one transaction after the other is applied.
        let charges: Vec<_> = frames
            .iter()
            .map(|frame| apply::charge_fee(&mut self.state, frame, fee_rate))
            .collect();
        let mut fees = Fees::default();
        let mut records = Vec::with_capacity(frames.len());
        for (place, (frame, charged)) in (1u32..).zip(frames.iter().zip(charges)) {
            let before = self.state.savepoint();
            let result = apply::apply(&mut self.state, frame, target, charged);
            let toid = Toid::transaction(self.sequence, place);
            self.mention(frame, toid, before);
            self.fee_pool += charged.fee;
            fees.add(frame, charged.fee);
            records.push(Arc::new(TxRecord {
                toid,
                hash: frame.hash(),
                inner_hash: frame.inner_hash(),
                envelope: frame.bytes().into(),
                successful: verdict::is_success(&result),
                result: verdict::to_bytes(&result),
                fee_charged: charged.fee,
            }));
            fees.count(frame, verdict::is_success(&result));
        }
        self.state.commit_ledger();
        self.record(records, fees);
    }

    /// Notes under which accounts history lists a transaction: those it changed, and those it or its operations name.
    fn mention(&mut self, frame: &Frame, tx: Toid, before: Savepoint) {
        let mut named = self.state.changed_since(before);
        named.extend([frame.source(), frame.fee_source()]);
        let mut payments: Vec<(AccountKey, Toid)> = Vec::new();
        for (place, op) in (1u32..).zip(frame.operations()) {
            let participants = operation::participants(op, frame.operation_source(op));
            if operation::is_payment(&op.body) {
                let of = |account: &AccountKey| (*account, tx.operation(place));
                payments.extend(participants.iter().map(of));
            }
            named.extend(participants);
        }
        named.sort_unstable();
        named.dedup();
        payments.sort_unstable();
        for account in named {
            let first = payments.partition_point(|(of, _)| *of < account);
            let own: Vec<Toid> = payments[first..]
                .iter()
                .take_while(|(of, _)| *of == account)
                .map(|(_, toid)| *toid)
                .collect();
            self.history.mention(account, tx, &own);
        }
    }

    fn record(&mut self, transactions: Vec<Arc<TxRecord>>, fees: Fees) {
        let previous_hash = self.hash;
        let header = self.header(&transactions);
        self.hash = Sha256::digest(&header).into();
        self.history.push(LedgerRecord {
            sequence: self.sequence,
            hash: self.hash,
            previous_hash,
            close_time: self.close_time,
            successful: fees.successful,
            failed: fees.failed,
            operations: fees.operations,
            set_operations: fees.set_operations,
            total_coins: TOTAL_COINS,
            fee_pool: self.fee_pool,
            base_fee: self.base_fee,
            base_reserve: self.state.base_reserve(),
            max_tx_set_size: self.max_tx_set_size,
            protocol: PROTOCOL_VERSION,
            header,
            transactions,
            fees_charged: fees.charged,
            fees_bid: fees.bid,
        });
        self.reap();
    }

    fn reap(&mut self) {
        let elder = (self.sequence + 1).saturating_sub(self.retention.ledgers);
        self.history.reap(elder, self.retention.transactions);
    }

    /// A header as the network's; where a real one has the hash of its buckets, this has one of the results.
    fn header(&self, transactions: &[Arc<TxRecord>]) -> Box<[u8]> {
        let mut set = Sha256::new();
        let mut results = Sha256::new();
        for tx in transactions {
            set.update(tx.hash);
            results.update(&tx.result);
        }
        let header = LedgerHeader {
            ledger_version: PROTOCOL_VERSION,
            previous_ledger_hash: Hash(self.hash),
            scp_value: StellarValue {
                tx_set_hash: Hash(set.finalize().into()),
                close_time: TimePoint(self.close_time),
                upgrades: VecM::default(),
                ext: StellarValueExt::Basic,
            },
            tx_set_result_hash: Hash(results.clone().finalize().into()),
            bucket_list_hash: Hash(results.chain_update(self.hash).finalize().into()),
            ledger_seq: self.sequence,
            total_coins: TOTAL_COINS,
            fee_pool: self.fee_pool,
            inflation_seq: 0,
            id_pool: 0,
            base_fee: u32::try_from(self.base_fee).unwrap_or(u32::MAX),
            base_reserve: u32::try_from(self.state.base_reserve()).unwrap_or(u32::MAX),
            max_tx_set_size: self.max_tx_set_size,
            skip_list: [const { Hash([0; 32]) }; 4],
            ext: LedgerHeaderExt::V0,
        };
        header
            .to_xdr(Limits::none())
            .expect("writing to memory without limits cannot fail")
            .into_boxed_slice()
    }
}

/// The order of application: nobody can choose it, and everybody gets the same.
fn mixed(hash: [u8; 32], with: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|i| hash[i] ^ with[i])
}

/// What a ledger's transactions add up to.
#[derive(Default)]
struct Fees {
    successful: u32,
    failed: u32,
    operations: u32,
    set_operations: u32,
    charged: FeeCounts,
    bid: FeeCounts,
}

impl Fees {
    fn add(&mut self, frame: &Frame, charged: i64) {
        let operations = frame.operation_count().max(1);
        *self
            .charged
            .entry((charged + operations - 1) / operations)
            .or_default() += 1;
        *self
            .bid
            .entry((frame.fee_bid() + operations - 1) / operations)
            .or_default() += 1;
    }

    fn count(&mut self, frame: &Frame, success: bool) {
        let operations =
            u32::try_from(frame.inner_operation_count()).expect("XDR holds at most 100 operations");
        self.set_operations += operations;
        if success {
            self.successful += 1;
            self.operations += operations;
        } else {
            self.failed += 1;
        }
    }
}
