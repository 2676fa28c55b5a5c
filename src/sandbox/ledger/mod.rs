//! The ledger: accounts, transactions and closed ledgers. Pure and synchronous; time is an argument.

pub mod account;
mod apply;
pub mod archive;
pub mod asset;
pub mod effects;
pub mod entry;
pub mod frame;
pub mod genesis;
mod header;
pub mod history;
pub mod load;
pub mod operation;
mod preflight;
pub mod signature;
#[cfg(feature = "contracts")]
pub mod soroban;
#[cfg(not(feature = "contracts"))]
#[path = "no_soroban.rs"]
pub mod soroban;
pub mod state;
mod supported;
mod tally;
pub mod verdict;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stellar_xdr::TransactionResult;

use account::{Account, AccountKey, ClaimableBalance};
use apply::Applied;
use frame::Frame;
use genesis::{Genesis, PROTOCOL_VERSION, TOTAL_COINS};
use history::{History, LedgerRecord, Toid, TxRecord};
use load::Load;
pub use preflight::Target;
use soroban::Engine;
use state::{Savepoint, Stamp, State};
use tally::Tally;

/// Whether this build runs contracts.
pub const CONTRACTS: bool = cfg!(feature = "contracts");

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

/// What everybody in a ledger pays for being included, in stroops an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Classic transactions.
    pub classic: i64,
    /// Contract transactions.
    pub soroban: i64,
}

/// The same for all.
impl From<i64> for Rates {
    fn from(rate: i64) -> Self {
        Self {
            classic: rate,
            soroban: rate,
        }
    }
}

impl Rates {
    /// What a transaction pays.
    pub fn of(self, frame: &Frame) -> i64 {
        if frame.is_soroban() {
            self.soroban
        } else {
            self.classic
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
    engine: Engine,
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
        let network_id = genesis::network_id(&genesis.passphrase);
        let mut ledger = Self {
            network_id,
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
            engine: Engine::new(network_id),
        };
        ledger.record(Vec::new(), Tally::default());
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

    /// What runs the contracts.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The contracts and their ledger, to be set up or set otherwise, outside every transaction.
    pub fn set_up<T>(&mut self, set_up: impl FnOnce(&mut Engine, &mut State) -> T) -> T {
        let done = set_up(&mut self.engine, &mut self.state);
        self.state.commit_ledger();
        done
    }

    /// What a ledger takes of a kind of transactions.
    pub fn limit(&self, soroban: bool) -> Load {
        if soroban {
            self.engine.ledger_limit()
        } else {
            Load::classic(i64::from(self.max_tx_set_size))
        }
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
        preflight::preflight(&self.engine, &self.state, frame, target)
    }

    /// The close time of the next ledger, if it closes at a time (Unix seconds): it grows by one at least.
    pub fn next_close_time(&self, now: u64) -> u64 {
        now.max(self.close_time + 1)
    }

    /// Closes a ledger over a set of transactions, all of a kind at the same rate (stroops an operation).
    pub fn close(&mut self, close_time: u64, mut frames: Vec<Arc<Frame>>, rates: impl Into<Rates>) {
        let (rates, target) = (rates.into(), self.closing_target(close_time));
        let previous = self.hash;
        // Contract transactions come after all others.
        frames.sort_by_cached_key(|frame| (frame.is_soroban(), mixed(frame.hash(), previous)));
        self.sequence += 1;
        self.close_time = close_time;
        self.state.begin_ledger(Stamp {
            ledger: self.sequence,
            close_time,
        });
        // As on the network: first every fee is taken, then one transaction after the other is applied, and at the end what
        // contracts did not use is given back.
        let charges: Vec<_> = frames
            .iter()
            .map(|frame| apply::charge_fee(&mut self.state, frame, rates.of(frame)))
            .collect();
        let mut done = Vec::with_capacity(frames.len());
        for (place, (frame, charged)) in (1u32..).zip(frames.iter().zip(charges)) {
            let before = self.state.savepoint();
            let applied = apply::apply(&self.engine, &mut self.state, frame, target, charged);
            let toid = Toid::transaction(self.sequence, place);
            self.mention(frame, toid, before);
            done.push((toid, frame, applied));
        }
        let (mut tally, mut records) = (Tally::default(), Vec::with_capacity(frames.len()));
        for (toid, frame, mut applied) in done {
            apply::refund(&mut self.state, frame, &mut applied);
            let Applied {
                result,
                charged,
                effects,
            } = applied;
            let successful = verdict::is_success(&result);
            self.fee_pool += charged.fee;
            tally.add(frame, charged.fee, effects.as_deref(), successful);
            if let Some(effects) = &effects {
                self.engine.learn(effects);
            }
            records.push(Arc::new(TxRecord {
                toid,
                hash: frame.hash(),
                inner_hash: frame.inner_hash(),
                envelope: frame.bytes().into(),
                successful,
                result: verdict::to_bytes(&result),
                fee_charged: charged.fee,
                effects,
            }));
        }
        self.state.commit_ledger();
        self.record(records, tally);
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

    fn record(&mut self, transactions: Vec<Arc<TxRecord>>, tally: Tally) {
        let previous_hash = self.hash;
        let header = self.header(&transactions);
        self.hash = Sha256::digest(&header).into();
        self.history.push(LedgerRecord {
            sequence: self.sequence,
            hash: self.hash,
            previous_hash,
            close_time: self.close_time,
            successful: tally.successful,
            failed: tally.failed,
            operations: tally.operations,
            set_operations: tally.set_operations,
            total_coins: TOTAL_COINS,
            fee_pool: self.fee_pool,
            base_fee: self.base_fee,
            base_reserve: self.state.base_reserve(),
            max_tx_set_size: self.max_tx_set_size,
            protocol: PROTOCOL_VERSION,
            header,
            transactions,
            fees_charged: tally.charged,
            fees_bid: tally.bid,
            soroban_fees: tally.soroban,
        });
        self.reap();
    }

    fn reap(&mut self) {
        let elder = (self.sequence + 1).saturating_sub(self.retention.ledgers);
        self.history.reap(elder, self.retention.transactions);
    }
}

/// The order of application: nobody can choose it, and everybody gets the same.
fn mixed(hash: [u8; 32], with: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|i| hash[i] ^ with[i])
}
