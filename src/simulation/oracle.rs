//! The judge of a history. It reads the ledger and what was sent to it, with the XDR crate alone: no row and no rule of the
//! judged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::seen::{Asked, Known, Payment, Seen, Used, What, read, takes_number};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::account::AccountKey;

/// Ledgers after which any Horizon shows what has landed, or nothing begins by what it shows.
const SHOWN_LATE_LEDGERS: u32 = 12;
/// Envelopes that are remembered, to be sent once more by somebody else.
const SENT: usize = 200;

/// A success of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// What was paid: each request has an amount of its own.
    pub amount: i64,
    /// In which ledger.
    pub ledger: u32,
    /// By what, as its inner hash tells.
    pub hash: [u8; 32],
}

struct State {
    network: [u8; 32],
    /// Which workflow a payment belongs to, by its amount, and whom it is for.
    workflows: BTreeMap<i64, Asked>,
    /// The accounts whose keys the daemons hold.
    ours: BTreeSet<[u8; 32]>,
    /// What others signed with keys of ours.
    foreign: BTreeSet<[u8; 32]>,
    /// What was recorded with a sequence number of an account of ours.
    used: Vec<Used>,
    /// Accounts of ours that another account's transaction merged away or had jump.
    moved: BTreeSet<[u8; 32]>,
    /// How often a daemon has sent something.
    posts: u64,
    /// What they have sent.
    on_its_way: BTreeSet<[u8; 32]>,
    /// Sent, and perhaps still able to land.
    alive: BTreeMap<[u8; 32], Seen>,
    successes: BTreeMap<u64, Vec<Success>>,
    /// What the daemons did for themselves, by its label, and in which ledger: channels that were made or topped up.
    own: BTreeMap<u64, u32>,
    /// Inner hashes of what landed.
    landed: BTreeSet<[u8; 32]>,
    read: u32,
    /// Sent, when all records were lost before anything had landed: nobody could know of it. What is sent then uses the same
    /// number as it: of two transactions with one number one can land.
    forgotten: BTreeSet<[u8; 32]>,
    /// Sent, by their hashes, on the chain that there is.
    here: BTreeSet<[u8; 32]>,
    /// Sent on a chain that is no more.
    elsewhere: BTreeSet<[u8; 32]>,
    /// Nobody could know of that chain, nor that what was sent on it may be good on this one.
    unknowable: bool,
    /// Envelopes that were sent, in base64, the newest last.
    sent: VecDeque<String>,
    violations: Vec<String>,
}

/// The judge.
#[derive(Clone)]
pub struct Oracle(Arc<Mutex<State>>);

impl Oracle {
    /// Of a network, where these accounts are ours.
    pub fn new(network: [u8; 32], ours: BTreeSet<[u8; 32]>) -> Self {
        Self(Arc::new(Mutex::new(State {
            network,
            workflows: BTreeMap::new(),
            ours,
            foreign: BTreeSet::new(),
            used: Vec::new(),
            moved: BTreeSet::new(),
            posts: 0,
            on_its_way: BTreeSet::new(),
            alive: BTreeMap::new(),
            successes: BTreeMap::new(),
            own: BTreeMap::new(),
            landed: BTreeSet::new(),
            read: 1,
            forgotten: BTreeSet::new(),
            here: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            unknowable: false,
            sent: VecDeque::new(),
            violations: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Payments of this amount are this workflow's, and for this account.
    pub fn watch_for(&self, amount: i64, workflow: u64, to: [u8; 32]) {
        let asked = Asked { workflow, to };
        self.state().workflows.insert(amount, asked);
    }

    /// Somebody else has signed this with a key of ours.
    pub fn signed_elsewhere(&self, hash: [u8; 32]) {
        self.state().foreign.insert(hash);
    }

    /// What was recorded with a sequence number of an account of ours, and was not signed elsewhere.
    pub fn used(&self) -> Vec<Used> {
        let state = self.state();
        let ours = |used: &&Used| !state.foreign.contains(&used.hash);
        state.used.iter().filter(ours).copied().collect()
    }

    /// Whether another account's transaction has merged this one away, or had it jump: then no number tells what it did before.
    pub fn was_moved(&self, account: &[u8; 32]) -> bool {
        self.state().moved.contains(account)
    }

    /// How often a daemon has sent something.
    pub fn posts(&self) -> u64 {
        self.state().posts
    }

    /// A daemon has sent something; it may come late, or never.
    pub fn on_its_way(&self, envelope: &str) {
        let mut state = self.state();
        state.posts += 1;
        let bytes = STANDARD.decode(envelope).ok();
        if let Some(seen) = bytes.and_then(|bytes| read(&bytes, &state.known())) {
            state.on_its_way.insert(seen.hash);
        }
    }

    /// Something has arrived.
    pub fn posted(&self, envelope: &str) {
        let mut state = self.state();
        let bytes = STANDARD.decode(envelope).ok();
        let Some(seen) = bytes.and_then(|bytes| read(&bytes, &state.known())) else {
            return;
        };
        state.check_asked(&seen);
        // What was sent on a chain that is no more may be good on this one: nobody can call it back.
        if !state.elsewhere.contains(&seen.hash) {
            state.here.insert(seen.hash);
            if !state.landed.contains(&seen.hash) {
                state.alive.insert(seen.hash, seen);
            }
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

    /// All records were lost: where nothing has landed that any Horizon need show by now, nobody can know of what was sent.
    pub fn all_is_lost(&self) {
        let mut state = self.state();
        let landed = state.successes.values().flatten();
        let mut landed = landed
            .map(|success| success.ledger)
            .chain(state.own.values().copied());
        if landed.all(|ledger| ledger + SHOWN_LATE_LEDGERS >= state.read) {
            let alive = state.alive.keys().copied();
            state.forgotten = alive.chain(state.on_its_way.iter().copied()).collect();
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
                let Some(seen) = read(&tx.envelope, &state.known()) else {
                    continue;
                };
                if state.ours.contains(&seen.account) {
                    state.used.push(Used {
                        account: seen.account,
                        sequence: seen.sequence,
                        hash: seen.hash,
                        taken: takes_number(&tx.result),
                    });
                }
                state.alive.remove(&seen.hash);
                state.landed.insert(seen.hash);
                if tx.successful {
                    state.moved.extend(&seen.moved);
                }
                if tx.successful && !state.is_excused(&seen) {
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
        state.own.clear();
        state.landed.clear();
        state.used.clear();
        // What was signed on the old chain may be good on the new one: nobody can undo that.
        state.alive.clear();
        let mut here = std::mem::take(&mut state.here);
        state.elsewhere.append(&mut here);
    }

    /// The records remember nothing of the chain before this one: nobody can know what was sent on it.
    pub fn old_chain_is_forgotten(&self) {
        self.state().unknowable = true;
    }

    /// They remember it again.
    pub fn old_chain_is_known(&self) {
        self.state().unknowable = false;
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
    fn known(&self) -> Known<'_> {
        Known {
            network: self.network,
            ours: &self.ours,
            amounts: &self.workflows,
        }
    }

    /// Sent on a chain of which nobody could know.
    fn is_excused(&self, seen: &Seen) -> bool {
        self.unknowable && self.elsewhere.contains(&seen.hash)
    }

    fn violated(&mut self, what: String) {
        if !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    /// Whether it does only what somebody asked for.
    fn check_asked(&mut self, seen: &Seen) {
        for payment in &seen.payments {
            let asked = self.workflows.get(&payment.amount).copied();
            if let Some(asked) = asked.filter(|asked| asked.to != payment.to) {
                let workflow = asked.workflow;
                self.violated(format!("workflow {workflow} pays somebody else"));
            }
        }
        if let Some(strange) = &seen.strange
            && !self.foreign.contains(&seen.hash)
        {
            let what = format!("nobody asked for this: {strange}");
            self.violated(what);
        }
    }

    fn succeeded(&mut self, seen: &Seen, ledger: u32) {
        self.check_asked(seen);
        if let Some(What::Own(label)) = self.what(seen) {
            let before = self.own.insert(label, ledger);
            if let Some(before) = before {
                self.violated(format!(
                    "what the daemons asked for themselves was done twice, in ledgers {before} and {ledger}"
                ));
            }
        }
        for Payment { amount, .. } in &seen.payments {
            let Some(Asked { workflow, .. }) = self.workflows.get(amount).copied() else {
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
                hash: seen.hash,
            });
            if successes.len() > 1 {
                let what = format!("workflow {workflow} was paid {} times", successes.len());
                self.violated(what);
            }
        }
    }

    /// What it is sent for; nothing where nobody asked for it.
    fn what(&self, seen: &Seen) -> Option<What> {
        let mut payments = seen.payments.iter();
        let asked = payments.find_map(|payment| self.workflows.get(&payment.amount));
        asked
            .map(|asked| What::Workflow(asked.workflow))
            .or_else(|| seen.label.map(What::Own))
    }

    fn is_done(&self, what: What) -> bool {
        match what {
            What::Workflow(workflow) => self.successes.contains_key(&workflow),
            What::Own(label) => self.own.contains_key(&label),
        }
    }

    /// No two transactions that can still land are sent for the same, or use the same number of the same account.
    fn compare_living(&mut self) {
        let mut payers: BTreeMap<What, &Seen> = BTreeMap::new();
        let mut numbers: BTreeMap<([u8; 32], i64), &Seen> = BTreeMap::new();
        let excused = |one: &Seen, other: &Seen| {
            let forgotten = |seen: &Seen| self.forgotten.contains(&seen.hash);
            one.account == other.account
                && one.sequence == other.sequence
                && (forgotten(one) || forgotten(other))
        };
        let mut found = Vec::new();
        for seen in self.alive.values() {
            let other = numbers.insert((seen.account, seen.sequence), seen);
            if other.is_some_and(|other| !excused(seen, other)) {
                found.push(format!(
                    "two transactions that may still land use sequence number {} of one account",
                    seen.sequence
                ));
            }
            let Some(what) = self.what(seen) else {
                continue;
            };
            let other = payers.insert(what, seen);
            if other.is_some_and(|other| !excused(seen, other)) {
                found.push(format!(
                    "two transactions that may still land are sent for {what}"
                ));
            }
            if self.is_done(what) {
                found.push(format!(
                    "{what} was done, and another transaction for it may still land"
                ));
            }
        }
        for what in found {
            self.violated(what);
        }
    }
}
