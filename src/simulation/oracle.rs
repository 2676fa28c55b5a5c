//! The judge of a history. It reads the ledger and what was sent to it, with the XDR crate alone: no row and no rule of the
//! judged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stellar_xdr::{
    Asset, FeeBumpTransactionInnerTx, Limits, MuxedAccount, OperationBody, Preconditions, ReadXdr,
    Transaction, TransactionEnvelope, Uint256,
};

use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::account::AccountKey;

/// Envelopes that are remembered, to be sent once more by somebody else.
const SENT: usize = 200;

/// A transaction that was sent, or that landed.
#[derive(Clone, Debug)]
struct Seen {
    hash: [u8; 32],
    account: [u8; 32],
    sequence: i64,
    /// The first ledger that is too late; 0: none.
    max_ledger: u32,
    /// Unix seconds, inclusive; 0: none.
    max_time: u64,
    /// How many operations it has.
    operations: usize,
    /// The amounts that it pays out of the treasury, or in its own name.
    amounts: Vec<i64>,
}

/// A success of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// What was paid: each request has an amount of its own.
    pub amount: i64,
    /// In which ledger.
    pub ledger: u32,
}

struct State {
    network: [u8; 32],
    /// Which workflow a payment belongs to, by its amount.
    workflows: BTreeMap<i64, u64>,
    /// Sent, and perhaps still able to land.
    alive: BTreeMap<[u8; 32], Seen>,
    successes: BTreeMap<u64, Vec<Success>>,
    /// Inner hashes of what landed.
    landed: BTreeSet<[u8; 32]>,
    read: u32,
    /// Sent, when all records were lost before anything had landed: nobody could know of it. What is sent then uses the same
    /// number as it: of two transactions with one number one can land.
    forgotten: BTreeSet<[u8; 32]>,
    /// Envelopes that were sent, in base64, the newest last.
    sent: VecDeque<String>,
    violations: Vec<String>,
}

/// The judge.
#[derive(Clone)]
pub struct Oracle(Arc<Mutex<State>>);

impl Oracle {
    /// Of a network.
    pub fn new(network: [u8; 32]) -> Self {
        Self(Arc::new(Mutex::new(State {
            network,
            workflows: BTreeMap::new(),
            alive: BTreeMap::new(),
            successes: BTreeMap::new(),
            landed: BTreeSet::new(),
            read: 1,
            forgotten: BTreeSet::new(),
            sent: VecDeque::new(),
            violations: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Payments of this amount are this workflow's.
    pub fn watch_for(&self, amount: i64, workflow: u64) {
        self.state().workflows.insert(amount, workflow);
    }

    /// Something was sent.
    pub fn posted(&self, envelope: &str) {
        let mut state = self.state();
        let bytes = STANDARD.decode(envelope).ok();
        let Some(seen) = bytes.and_then(|bytes| read(&bytes, state.network)) else {
            return;
        };
        if !state.landed.contains(&seen.hash) {
            state.alive.insert(seen.hash, seen);
        }
        if state.sent.len() == SENT {
            state.sent.pop_front();
        }
        state.sent.push_back(envelope.to_owned());
    }

    /// How many envelopes were sent and are remembered.
    pub fn sent(&self) -> usize {
        self.state().sent.len()
    }

    /// One of them.
    pub fn sent_at(&self, place: usize) -> Option<String> {
        self.state().sent.get(place).cloned()
    }

    /// All records were lost, and nothing of a workflow's is in any ledger.
    pub fn all_is_lost(&self) {
        let mut state = self.state();
        if state.successes.is_empty() {
            state.forgotten = state.alive.keys().copied().collect();
        }
    }

    /// A ledger has closed.
    pub fn closed(&self, ledger: &Ledger) {
        let mut state = self.state();
        while state.read < ledger.sequence() {
            state.read += 1;
            let number = state.read;
            let Some(record) = ledger.history().ledger(number) else {
                continue;
            };
            for tx in &record.transactions {
                let Some(seen) = read(&tx.envelope, state.network) else {
                    continue;
                };
                state.alive.remove(&seen.hash);
                state.landed.insert(seen.hash);
                if tx.successful {
                    state.succeeded(&seen, number);
                }
            }
        }
        let (number, time) = (ledger.sequence(), ledger.close_time());
        state.alive.retain(|_, seen| {
            let account = ledger.state().account(AccountKey(seen.account));
            account.is_some_and(|account| account.sequence < seen.sequence)
                && (seen.max_ledger == 0 || number + 1 < seen.max_ledger)
                && (seen.max_time == 0 || time <= seen.max_time)
        });
        state.compare_living();
    }

    /// The network begins anew: what landed before is another chain's.
    pub fn begin_anew(&self) {
        let mut state = self.state();
        state.read = 1;
        state.successes.clear();
        state.landed.clear();
        // What was signed on the old chain may be good on the new one: nobody can undo that.
        state.alive.clear();
    }

    /// Every success of a workflow.
    pub fn successes(&self, workflow: u64) -> Vec<Success> {
        self.state()
            .successes
            .get(&workflow)
            .cloned()
            .unwrap_or_default()
    }

    /// Says that something must not be.
    pub fn violated(&self, what: String) {
        let mut state = self.state();
        if !state.violations.contains(&what) {
            state.violations.push(what);
        }
    }

    /// Everything that must not have been.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }
}

impl State {
    fn violated(&mut self, what: String) {
        if !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    fn succeeded(&mut self, seen: &Seen, ledger: u32) {
        for amount in &seen.amounts {
            let Some(workflow) = self.workflows.get(amount).copied() else {
                continue;
            };
            if seen.operations != 1 {
                self.violated(format!(
                    "a transaction that pays workflow {workflow} has {} operations",
                    seen.operations
                ));
            }
            let successes = self.successes.entry(workflow).or_default();
            successes.push(Success {
                amount: *amount,
                ledger,
            });
            if successes.len() > 1 {
                let what = format!("workflow {workflow} was paid {} times", successes.len());
                self.violated(what);
            }
        }
    }

    /// No two transactions that can still land pay the same workflow, or use the same number of the same account.
    fn compare_living(&mut self) {
        let mut payers: BTreeMap<u64, &Seen> = BTreeMap::new();
        let mut numbers: BTreeMap<([u8; 32], i64), &Seen> = BTreeMap::new();
        let excused = |one: &Seen, other: &Seen| {
            let forgotten = |seen: &Seen| self.forgotten.contains(&seen.hash);
            one.account == other.account
                && one.sequence == other.sequence
                && (forgotten(one) || forgotten(other))
        };
        let mut found = Vec::new();
        for seen in self.alive.values() {
            let ours = seen.amounts.iter().find_map(|a| self.workflows.get(a));
            let Some(workflow) = ours.copied() else {
                continue;
            };
            let other = payers.insert(workflow, seen);
            if other.is_some_and(|other| !excused(seen, other)) {
                found.push(format!(
                    "two transactions that may still land pay workflow {workflow}"
                ));
            }
            if self
                .successes
                .get(&workflow)
                .is_some_and(|paid| !paid.is_empty())
            {
                found.push(format!(
                    "workflow {workflow} was paid, and another transaction that pays it may still land"
                ));
            }
            let other = numbers.insert((seen.account, seen.sequence), seen);
            if other.is_some_and(|other| !excused(seen, other)) {
                found.push(format!(
                    "two transactions of workflows use sequence number {} of one account",
                    seen.sequence
                ));
            }
        }
        for what in found {
            self.violated(what);
        }
    }
}

/// What an envelope is.
fn read(bytes: &[u8], network: [u8; 32]) -> Option<Seen> {
    let envelope = TransactionEnvelope::from_xdr(bytes, Limits::len(bytes.len())).ok()?;
    let tx = match envelope {
        TransactionEnvelope::Tx(envelope) => envelope.tx,
        TransactionEnvelope::TxFeeBump(bump) => {
            let FeeBumpTransactionInnerTx::Tx(inner) = bump.tx.inner_tx;
            inner.tx
        }
        TransactionEnvelope::TxV0(_) => return None,
    };
    let (max_ledger, max_time) = bounds(&tx);
    Some(Seen {
        hash: tx.hash(network).ok()?,
        account: key(&tx.source_account),
        sequence: tx.seq_num.0,
        max_ledger,
        max_time,
        operations: tx.operations.len(),
        amounts: tx
            .operations
            .iter()
            .filter_map(|operation| match &operation.body {
                OperationBody::Payment(payment) if payment.asset == Asset::Native => {
                    Some(payment.amount)
                }
                _ => None,
            })
            .collect(),
    })
}

fn key(account: &MuxedAccount) -> [u8; 32] {
    match account {
        MuxedAccount::Ed25519(Uint256(key)) => *key,
        MuxedAccount::MuxedEd25519(muxed) => muxed.ed25519.0,
    }
}

fn bounds(tx: &Transaction) -> (u32, u64) {
    match &tx.cond {
        Preconditions::None => (0, 0),
        Preconditions::Time(bounds) => (0, bounds.max_time.0),
        Preconditions::V2(conditions) => (
            conditions
                .ledger_bounds
                .as_ref()
                .map_or(0, |bounds| bounds.max_ledger),
            conditions
                .time_bounds
                .as_ref()
                .map_or(0, |bounds| bounds.max_time.0),
        ),
    }
}
