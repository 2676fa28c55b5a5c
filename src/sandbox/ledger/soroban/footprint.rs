//! Extending and restoring what a footprint names.

use soroban_env_host::fees::{LedgerEntryRentChange, compute_rent_fee};
use stellar_xdr::{
    ExtendFootprintTtlOp, ExtendFootprintTtlResult as Extended, LedgerEntry, LedgerEntryChange,
    LedgerKey, RestoreFootprintResult as Restored, ScErrorCode, ScVal,
};

use super::event::complaint;
use super::invoke::pay;
use super::{Call, storage};
use crate::sandbox::ledger::effects::Effects;
use crate::sandbox::ledger::entry::{is_persistent, size};
use crate::sandbox::ledger::state::State;

/// Lets what is alive live longer; what is not there, or over, is passed over.
pub fn extend(
    call: &Call<'_>,
    state: &mut State,
    op: &ExtendFootprintTtlOp,
    effects: &mut Effects,
) -> Result<Extended, Extended> {
    let ledger = state.stamp().ledger;
    let wanted = ledger.saturating_add(op.extend_to);
    let (mut told, mut rents) = (Vec::new(), Vec::new());
    for key in call.data.resources.footprint.read_only.iter() {
        let Some((entry, Some(last))) = storage::read(state, &call.engine.settings, key, None)
        else {
            continue;
        };
        if last < ledger || last >= wanted {
            continue;
        }
        rents.push(rent(call, key, &entry, last, wanted));
        storage::extend(state, key, wanted, &mut told);
    }
    let rent = compute_rent_fee(&rents, &call.engine.settings.rent(), ledger);
    pay(call, effects, rent, rent).map_err(|()| Extended::InsufficientRefundableFee)?;
    effects.changes = storage::list(told);
    Ok(Extended::Success)
}

/// Brings back what is archived; what is not there, or alive, is passed over.
pub fn restore(
    call: &Call<'_>,
    state: &mut State,
    effects: &mut Effects,
) -> Result<Restored, Restored> {
    let ledger = state.stamp().ledger;
    let wanted = call.engine.first_life(ledger);
    let (mut told, mut rents, mut bytes) = (Vec::new(), Vec::new(), 0u32);
    let resources = &call.data.resources;
    for key in resources.footprint.read_write.iter() {
        let Some((entry, Some(last))) = storage::read(state, &call.engine.settings, key, None)
        else {
            continue;
        };
        if last >= ledger {
            continue;
        }
        bytes = bytes.saturating_add(size(&entry));
        if bytes > resources.disk_read_bytes || bytes > resources.write_bytes {
            effects.diagnostics.push(complaint(
                ScErrorCode::ExceededLimit,
                "operation byte-read resources exceeds amount specified",
                &[
                    ScVal::U64(u64::from(bytes)),
                    ScVal::U64(u64::from(
                        resources.disk_read_bytes.min(resources.write_bytes),
                    )),
                ],
            ));
            return Err(Restored::ResourceLimitExceeded);
        }
        let mut change = rent(call, key, &entry, 0, wanted);
        change.old_size_bytes = 0;
        rents.push(change);
        told.push(LedgerEntryChange::Restored(entry));
        storage::extend(state, key, wanted, &mut told);
    }
    let rent = compute_rent_fee(&rents, &call.engine.settings.rent(), ledger);
    pay(call, effects, rent, rent).map_err(|()| Restored::InsufficientRefundableFee)?;
    effects.changes = storage::list(told);
    Ok(Restored::Success)
}

fn rent(
    call: &Call<'_>,
    key: &LedgerKey,
    entry: &LedgerEntry,
    from: u32,
    to: u32,
) -> LedgerEntryRentChange {
    let bytes = call.rented(entry);
    LedgerEntryRentChange {
        is_persistent: is_persistent(key),
        is_code_entry: matches!(key, LedgerKey::ContractCode(_)),
        old_size_bytes: bytes,
        new_size_bytes: bytes,
        old_live_until_ledger: from,
        new_live_until_ledger: to,
    }
}
