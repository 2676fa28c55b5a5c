//! Contract data and code.

use std::collections::BTreeMap;
use std::sync::Arc;

use stellar_xdr::{ContractDataDurability, LedgerKey, LedgerKeyContractData, ScAddress, ScVal};

use super::{MAX_READ_LAG_LEDGERS, State, Undo, version_at};
use crate::sandbox::ledger::entry::{ContractEntry, durability};

impl State {
    /// A contract's entry as it is now, whether alive or archived.
    pub fn contract(&self, key: &LedgerKey) -> Option<&Arc<ContractEntry>> {
        self.contracts.get(key)
    }

    /// Every contract's entries as they are now.
    pub fn contracts(&self) -> &BTreeMap<LedgerKey, Arc<ContractEntry>> {
        &self.contracts
    }

    /// Puts a contract's entry there, new or instead of what was.
    pub fn put_contract(&mut self, key: LedgerKey, entry: ContractEntry) {
        if durability(&key) == Some(ContractDataDurability::Temporary) {
            self.expiring
                .entry(entry.live_until)
                .or_default()
                .push(key.clone());
        }
        let before = self.contracts.insert(key.clone(), Arc::new(entry));
        self.journal.push(Undo::Contract(Box::new(key), before));
    }

    /// Takes a contract's entry away.
    pub fn remove_contract(&mut self, key: &LedgerKey) {
        let before = self.contracts.remove(key);
        self.journal
            .push(Undo::Contract(Box::new(key.clone()), before));
    }

    /// A contract's entry as it was after a ledger, at most [`MAX_READ_LAG_LEDGERS`] ago.
    pub fn contract_at(&self, key: &LedgerKey, ledger: u32) -> Option<Arc<ContractEntry>> {
        version_at(self.contract_versions.get(key)?, ledger)
    }

    /// The keys of a contract's data, instance included.
    pub fn data_of(&self, contract: &ScAddress) -> Vec<LedgerKey> {
        let first = LedgerKey::ContractData(LedgerKeyContractData {
            contract: contract.clone(),
            key: ScVal::Bool(false),
            durability: ContractDataDurability::Temporary,
        });
        self.contracts
            .range(first..)
            .map(|(key, _)| key)
            .take_while(
                |key| matches!(key, LedgerKey::ContractData(data) if data.contract == *contract),
            )
            .cloned()
            .collect()
    }

    /// The contract entries that this ledger has changed.
    pub(super) fn changed_contracts(&self) -> Vec<LedgerKey> {
        let mut changed: Vec<_> = self
            .journal
            .iter()
            .filter_map(|undo| match undo {
                Undo::Contract(key, _) => Some((**key).clone()),
                Undo::Account(..) | Undo::Claimable(..) => None,
            })
            .collect();
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Forgets temporary entries that have been over for longer than any read goes back.
    pub(super) fn forget_expired(&mut self) {
        let Some(last) = self.stamp.ledger.checked_sub(MAX_READ_LAG_LEDGERS + 1) else {
            return;
        };
        let kept = self.expiring.split_off(&(last + 1));
        for key in std::mem::replace(&mut self.expiring, kept)
            .into_values()
            .flatten()
        {
            // One that lives longer now is listed under its new ledger, too.
            if self
                .contracts
                .get(&key)
                .is_none_or(|entry| entry.live_until <= last)
            {
                self.contracts.remove(&key);
                self.contract_versions.remove(&key);
            }
        }
    }
}
