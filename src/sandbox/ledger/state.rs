//! The entries of the ledger now, a journal to undo with, and the last versions of every account.

mod contracts;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use stellar_xdr::{Asset, LedgerKey};

use super::account::{Account, AccountKey, ClaimableBalance, TrustLine};
use super::entry::ContractEntry;

/// How many ledgers back an account can still be read as it was.
pub const MAX_READ_LAG_LEDGERS: u32 = 100;

/// A ledger's number and close time (Unix seconds), as entries are stamped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the ledger.
    pub ledger: u32,
    /// Its close time in Unix seconds.
    pub close_time: u64,
}

enum Undo {
    Account(AccountKey, Option<Arc<Account>>),
    Claimable([u8; 32], Option<Arc<ClaimableBalance>>),
    Contract(Box<LedgerKey>, Option<Arc<ContractEntry>>),
}

/// What stood there after which ledger, oldest first.
type Versions<T> = VecDeque<(u32, Option<Arc<T>>)>;

/// Every entry of the ledger.
pub struct State {
    stamp: Stamp,
    base_reserve: i64,
    accounts: HashMap<AccountKey, Arc<Account>>,
    claimables: HashMap<[u8; 32], Arc<ClaimableBalance>>,
    journal: Vec<Undo>,
    versions: HashMap<AccountKey, Versions<Account>>,
    /// In order, so that what belongs to one contract stands together.
    contracts: BTreeMap<LedgerKey, Arc<ContractEntry>>,
    contract_versions: HashMap<LedgerKey, Versions<ContractEntry>>,
    /// Temporary entries by the ledger after which they are gone.
    expiring: BTreeMap<u32, Vec<LedgerKey>>,
}

/// A place in the journal to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Savepoint(usize);

impl State {
    /// Nothing at all, as of a ledger.
    pub fn new(stamp: Stamp, base_reserve: i64) -> Self {
        Self {
            stamp,
            base_reserve,
            accounts: HashMap::new(),
            claimables: HashMap::new(),
            journal: Vec::new(),
            versions: HashMap::new(),
            contracts: BTreeMap::new(),
            contract_versions: HashMap::new(),
            expiring: BTreeMap::new(),
        }
    }

    /// Stroops a subentry.
    pub fn base_reserve(&self) -> i64 {
        self.base_reserve
    }

    /// The ledger that changes belong to now.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// From here on, changes belong to this ledger.
    pub fn begin_ledger(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    /// An account as it is now.
    pub fn account(&self, key: AccountKey) -> Option<&Account> {
        self.accounts.get(&key).map(Arc::as_ref)
    }

    /// An account to be changed; it is stamped with the ledger.
    pub fn account_mut(&mut self, key: AccountKey) -> Option<&mut Account> {
        let stamp = self.stamp;
        let account = self.touch(key)?;
        account.modified = stamp.ledger;
        account.modified_at = stamp.close_time;
        Some(account)
    }

    /// A trustline to be changed; only the line is stamped, as on the network.
    pub fn line_mut(&mut self, key: AccountKey, asset: &Asset) -> Option<&mut TrustLine> {
        if !self.account(key)?.lines.contains_key(asset) {
            return None;
        }
        let ledger = self.stamp.ledger;
        let line = self.touch(key)?.lines.get_mut(asset)?;
        line.modified = ledger;
        Some(line)
    }

    /// Puts an account there, new or instead of what was.
    pub fn put_account(&mut self, key: AccountKey, account: Account) {
        let before = self.accounts.insert(key, Arc::new(account));
        self.journal.push(Undo::Account(key, before));
    }

    /// Takes an account away.
    pub fn remove_account(&mut self, key: AccountKey) {
        let before = self.accounts.remove(&key);
        self.journal.push(Undo::Account(key, before));
    }

    /// A claimable balance by its id.
    pub fn claimable(&self, id: &[u8; 32]) -> Option<&Arc<ClaimableBalance>> {
        self.claimables.get(id)
    }

    /// Puts a claimable balance there.
    pub fn put_claimable(&mut self, id: [u8; 32], balance: ClaimableBalance) {
        let before = self.claimables.insert(id, Arc::new(balance));
        self.journal.push(Undo::Claimable(id, before));
    }

    /// Takes a claimable balance away.
    pub fn remove_claimable(&mut self, id: [u8; 32]) {
        let before = self.claimables.remove(&id);
        self.journal.push(Undo::Claimable(id, before));
    }

    /// Where to go back to if what follows fails.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.journal.len())
    }

    /// Undoes everything since the savepoint.
    pub fn rollback(&mut self, to: Savepoint) {
        while self.journal.len() > to.0 {
            match self.journal.pop() {
                Some(Undo::Account(key, Some(before))) => drop(self.accounts.insert(key, before)),
                Some(Undo::Account(key, None)) => drop(self.accounts.remove(&key)),
                Some(Undo::Claimable(id, Some(before))) => drop(self.claimables.insert(id, before)),
                Some(Undo::Claimable(id, None)) => drop(self.claimables.remove(&id)),
                Some(Undo::Contract(key, Some(before))) => {
                    drop(self.contracts.insert(*key, before))
                }
                Some(Undo::Contract(key, None)) => drop(self.contracts.remove(&key)),
                None => break,
            }
        }
    }

    /// The accounts changed since the savepoint, some perhaps more than once.
    pub fn changed_since(&self, from: Savepoint) -> Vec<AccountKey> {
        self.journal[from.0..]
            .iter()
            .filter_map(|undo| match undo {
                Undo::Account(key, _) => Some(*key),
                Undo::Claimable(..) | Undo::Contract(..) => None,
            })
            .collect()
    }

    /// Ends the ledger: what it changed becomes a version that later reads can go back to.
    pub fn commit_ledger(&mut self) {
        let mut changed = self.changed_since(Savepoint(0));
        changed.sort_unstable();
        changed.dedup();
        let contracts = self.changed_contracts();
        self.journal.clear();
        let ledger = self.stamp.ledger;
        for key in changed {
            let now = self.accounts.get(&key).cloned();
            remember(self.versions.entry(key).or_default(), ledger, now);
        }
        for key in contracts {
            let now = self.contracts.get(&key).cloned();
            remember(self.contract_versions.entry(key).or_default(), ledger, now);
        }
        self.forget_expired();
    }

    /// An account as it was after a ledger, at most [`MAX_READ_LAG_LEDGERS`] ago.
    pub fn account_at(&self, key: AccountKey, ledger: u32) -> Option<Arc<Account>> {
        version_at(self.versions.get(&key)?, ledger)
    }

    /// How many accounts there are.
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    fn touch(&mut self, key: AccountKey) -> Option<&mut Account> {
        let entry = self.accounts.get_mut(&key)?;
        self.journal
            .push(Undo::Account(key, Some(Arc::clone(entry))));
        Some(Arc::make_mut(entry))
    }
}

/// Adds what stands there after a ledger, and drops what no read goes back to.
fn remember<T>(versions: &mut Versions<T>, ledger: u32, now: Option<Arc<T>>) {
    let horizon = ledger.saturating_sub(MAX_READ_LAG_LEDGERS);
    if versions.back().is_some_and(|(at, _)| *at == ledger) {
        versions.pop_back();
    }
    versions.push_back((ledger, now));
    while versions.get(1).is_some_and(|(at, _)| *at <= horizon) {
        versions.pop_front();
    }
}

fn version_at<T>(versions: &Versions<T>, ledger: u32) -> Option<Arc<T>> {
    versions
        .iter()
        .rev()
        .find(|(at, _)| *at <= ledger)
        .and_then(|(_, value)| value.clone())
}
