//! Ledger entries by their keys, to and from the network's form.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use soroban_env_host::e2e_invoke::LedgerEntryChange as Change;
use stellar_xdr::{
    Asset, LedgerEntry, LedgerEntryChange, LedgerEntryChanges, LedgerEntryData, LedgerKey,
    LedgerKeyTrustLine, Limits, ReadXdr, TrustLineAsset, TrustLineEntry, TtlEntry, VecM,
};

use super::settings::Settings;
use crate::sandbox::ledger::account::{Account, AccountKey, TrustLine};
use crate::sandbox::ledger::entry::{self, ContractEntry, durability};
use crate::sandbox::ledger::state::State;

/// An entry, and the last ledger in which it is alive if it has one.
pub type Found = (LedgerEntry, Option<u32>);

/// What stands under a key: now, or as it was after a ledger. Archived entries are found; so are temporary ones that are over.
pub fn read(
    state: &State,
    settings: &Settings,
    key: &LedgerKey,
    after: Option<u32>,
) -> Option<Found> {
    match key {
        LedgerKey::Account(named) => {
            let key = AccountKey::from(&named.account_id);
            with_account(state, key, after, |found| entry::account(key, found))
                .map(|found| (found, None))
        }
        LedgerKey::Trustline(named) => {
            let key = AccountKey::from(&named.account_id);
            with_account(state, key, after, |found| line_of(key, found, named))
                .flatten()
                .map(|found| (found, None))
        }
        LedgerKey::ContractData(_) | LedgerKey::ContractCode(_) => {
            let found = match after {
                None => state.contract(key).cloned(),
                Some(ledger) => state.contract_at(key, ledger),
            };
            found.map(|found| (found.xdr(), Some(found.live_until)))
        }
        LedgerKey::ConfigSetting(named) => {
            let setting = settings.entry(named.config_setting_id)?;
            Some((
                entry::wrap(LedgerEntryData::ConfigSetting(setting), 1),
                None,
            ))
        }
        _ => None,
    }
}

fn with_account<T>(
    state: &State,
    key: AccountKey,
    after: Option<u32>,
    look: impl FnOnce(&Account) -> T,
) -> Option<T> {
    match after {
        None => state.account(key).map(look),
        Some(ledger) => state.account_at(key, ledger).map(|found| look(&found)),
    }
}

fn line_of(
    holder: AccountKey,
    account: &Account,
    named: &LedgerKeyTrustLine,
) -> Option<LedgerEntry> {
    let line = account.lines.get(&classic(&named.asset)?)?;
    Some(entry::line(holder, named.asset.clone(), line))
}

fn classic(asset: &TrustLineAsset) -> Option<Asset> {
    match asset {
        TrustLineAsset::CreditAlphanum4(credit) => Some(Asset::CreditAlphanum4(credit.clone())),
        TrustLineAsset::CreditAlphanum12(credit) => Some(Asset::CreditAlphanum12(credit.clone())),
        TrustLineAsset::Native | TrustLineAsset::PoolShare(_) => None,
    }
}

/// Does what a call did to the ledger, and tells it as the network's meta does. Entries that were `restored` are alive again.
pub fn commit(
    state: &mut State,
    settings: &Settings,
    changes: &[Change],
    restored: &BTreeSet<LedgerKey>,
) -> LedgerEntryChanges {
    let mut told = Vec::new();
    for change in changes {
        let key = LedgerKey::from_xdr(&change.encoded_key, Limits::none())
            .expect("the host writes keys that can be read");
        let before = read(state, settings, &key, None);
        let ledger = state.stamp().ledger;
        // What is over and was not restored has left nothing behind.
        let before = before.filter(|(_, live_until)| {
            live_until.is_none_or(|last| last >= ledger) || restored.contains(&key)
        });
        let back = restored.contains(&key);
        let live_until = change
            .ttl_change
            .as_ref()
            .map(|lives| lives.new_live_until_ledger);
        if !change.read_only {
            match &change.encoded_new_value {
                Some(bytes) => {
                    let after = LedgerEntry::from_xdr(bytes, Limits::none())
                        .expect("the host writes entries that can be read");
                    write(state, &key, &after.data, live_until);
                    tell(&mut told, before.as_ref(), back, &after.data, ledger);
                }
                None if before.is_some() => {
                    remove(state, &key);
                    if let Some((old, _)) = &before {
                        told.push(LedgerEntryChange::State(old.clone()));
                    }
                    told.push(LedgerEntryChange::Removed(key.clone()));
                }
                None => {}
            }
        }
        let lives_longer = live_until.filter(|last| {
            let was = before.as_ref().and_then(|(_, old)| *old);
            *last >= ledger && was.is_none_or(|old| old < *last)
        });
        if let (Some(last), Some(_)) = (lives_longer, durability(&key)) {
            extend(state, &key, last, &mut told);
        }
    }
    list(told)
}

/// Changes as a list without a limit.
pub fn list(changes: Vec<LedgerEntryChange>) -> LedgerEntryChanges {
    LedgerEntryChanges(
        VecM::try_from(changes).expect("a list without a limit holds what is in memory"),
    )
}

fn tell(
    told: &mut Vec<LedgerEntryChange>,
    before: Option<&Found>,
    restored: bool,
    after: &LedgerEntryData,
    ledger: u32,
) {
    let after = entry::wrap(after.clone(), ledger);
    match before {
        Some((old, _)) if restored => {
            told.push(LedgerEntryChange::Restored(old.clone()));
            told.push(LedgerEntryChange::State(old.clone()));
            told.push(LedgerEntryChange::Updated(after));
        }
        Some((old, _)) => {
            told.push(LedgerEntryChange::State(old.clone()));
            told.push(LedgerEntryChange::Updated(after));
        }
        None => told.push(LedgerEntryChange::Created(after)),
    }
}

/// Lets an entry live up to a ledger, and tells so; an entry that is not there stays so.
pub fn extend(
    state: &mut State,
    key: &LedgerKey,
    live_until: u32,
    told: &mut Vec<LedgerEntryChange>,
) {
    let Some(found) = state.contract(key) else {
        return;
    };
    let mut longer = ContractEntry::clone(found);
    longer.live_until = live_until;
    state.put_contract(key.clone(), longer);
    let entry = TtlEntry {
        key_hash: stellar_xdr::Hash(Sha256::digest(entry::bytes(key)).into()),
        live_until_ledger_seq: live_until,
    };
    told.push(LedgerEntryChange::Updated(entry::wrap(
        LedgerEntryData::Ttl(entry),
        state.stamp().ledger,
    )));
}

fn write(state: &mut State, key: &LedgerKey, data: &LedgerEntryData, live_until: Option<u32>) {
    match data {
        LedgerEntryData::Account(new) => {
            if let Some(account) = state.account_mut(AccountKey::from(&new.account_id)) {
                account.balance = new.balance;
                account.subentries = new.num_sub_entries;
            }
        }
        LedgerEntryData::Trustline(new) => write_line(state, new),
        LedgerEntryData::ContractData(_) | LedgerEntryData::ContractCode(_) => {
            let modified = state.stamp().ledger;
            let old = state.contract(key).map_or(0, |old| old.live_until);
            let entry = ContractEntry {
                data: data.clone(),
                modified,
                live_until: live_until.unwrap_or(old),
            };
            state.put_contract(key.clone(), entry);
        }
        // A footprint cannot name anything else.
        _ => {}
    }
}

fn write_line(state: &mut State, new: &TrustLineEntry) {
    let holder = AccountKey::from(&new.account_id);
    let Some(asset) = classic(&new.asset) else {
        return;
    };
    let modified = state.stamp().ledger;
    if let Some(line) = state.line_mut(holder, &asset) {
        line.balance = new.balance;
        line.flags = new.flags;
        line.limit = new.limit;
    } else if let Some(account) = state.account_mut(holder) {
        account.lines.insert(
            asset,
            TrustLine {
                balance: new.balance,
                limit: new.limit,
                flags: new.flags,
                buying_liabilities: 0,
                selling_liabilities: 0,
                modified,
            },
        );
    }
}

fn remove(state: &mut State, key: &LedgerKey) {
    match key {
        LedgerKey::ContractData(_) | LedgerKey::ContractCode(_) => state.remove_contract(key),
        LedgerKey::Trustline(named) => {
            if let (Some(asset), Some(account)) = (
                classic(&named.asset),
                state.account_mut(AccountKey::from(&named.account_id)),
            ) {
                account.lines.remove(&asset);
            }
        }
        // No contract can take an account away.
        _ => {}
    }
}
