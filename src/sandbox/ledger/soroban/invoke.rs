//! One call in a ledger that closes: what it reads, the run itself, and what it may leave behind.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use soroban_env_host::e2e_invoke::{
    InvokeHostFunctionResult as Run, LedgerEntryChange as Change, TtlLedgerEntryMeta,
    entry_size_for_rent, extract_rent_changes, invoke_host_function,
};
use soroban_env_host::fees::compute_rent_fee;
use stellar_xdr::{
    ContractEvent, Hash, InvokeHostFunctionOp, InvokeHostFunctionResult as Outcome,
    InvokeHostFunctionSuccessPreImage, LedgerEntry, LedgerKey, Limits, ReadXdr, ScErrorCode, ScVal,
    SorobanTransactionDataExt, VecM,
};

use super::event::complaint;
use super::{Call, fee, storage};
use crate::sandbox::ledger::effects::Effects;
use crate::sandbox::ledger::entry::{bytes, durability, is_persistent, size};
use crate::sandbox::ledger::state::State;

/// The most that is kept of what the host tells of one call.
const MAX_DIAGNOSTICS: usize = 500;

type Input = (Option<Vec<u8>>, Option<TtlLedgerEntryMeta>);

/// What a call may read, and the keys of what it restored.
struct Inputs {
    entries: Vec<Input>,
    restored: BTreeSet<LedgerKey>,
    restored_places: Vec<u32>,
}

/// Runs a call; on failure the caller undoes what was changed.
pub fn invoke(
    call: &Call<'_>,
    state: &mut State,
    op: &InvokeHostFunctionOp,
    effects: &mut Effects,
) -> Result<Outcome, Outcome> {
    let settings = &call.engine.settings;
    let resources = &call.data.resources;
    let inputs = gather(call, state, effects)?;
    let budget = settings.budget(resources.instructions);
    let run = invoke_host_function(
        &budget,
        true,
        bytes(&op.host_function),
        bytes(resources),
        &inputs.restored_places,
        bytes(&call.place.source.xdr()),
        op.auth.iter().map(bytes).collect::<Vec<_>>().into_iter(),
        call.engine.ledger_info(state),
        inputs.entries.into_iter(),
        seed(call, state).to_vec(),
        &mut effects.diagnostics,
        None,
        call.engine.modules().cloned(),
    );
    effects.diagnostics.truncate(MAX_DIAGNOSTICS);
    let (value, run) = match run {
        Ok(Run {
            encoded_invoke_result: Ok(value),
            ledger_changes,
            encoded_contract_events,
        }) => (value, (ledger_changes, encoded_contract_events)),
        Ok(_) | Err(_) => {
            let used = budget.get_cpu_insns_consumed().unwrap_or(u64::MAX);
            let memory = budget.get_mem_bytes_consumed().unwrap_or(u64::MAX);
            return Err(if used > u64::from(resources.instructions) {
                effects.diagnostics.push(complaint(
                    ScErrorCode::ExceededLimit,
                    "operation instructions exceeds amount specified",
                    &[
                        ScVal::U64(used),
                        ScVal::U64(u64::from(resources.instructions)),
                    ],
                ));
                Outcome::ResourceLimitExceeded
            } else if memory > u64::from(settings.compute.tx_memory_limit) {
                Outcome::ResourceLimitExceeded
            } else {
                Outcome::Trapped
            });
        }
    };
    let (changes, events) = run;
    check_writes(call, &changes, effects)?;
    let event_bytes = events.iter().map(Vec::len).sum::<usize>() + value.len();
    let event_bytes = u32::try_from(event_bytes).unwrap_or(u32::MAX);
    if event_bytes > settings.events.tx_max_contract_events_size_bytes {
        return Err(limit(
            effects,
            "total events size exceeds network config maximum",
            event_bytes,
            settings.events.tx_max_contract_events_size_bytes,
        ));
    }
    let rent = compute_rent_fee(
        &extract_rent_changes(&changes),
        &settings.rent(),
        state.stamp().ledger,
    );
    let spent = rent.saturating_add(fee::of_events(call.frame, call.data, settings, event_bytes));
    pay(call, effects, rent, spent).map_err(|()| Outcome::InsufficientRefundableFee)?;
    effects.changes = storage::commit(state, settings, &changes, &inputs.restored);
    Ok(succeed(effects, &value, &events))
}

/// Takes what was used of what may be given back, in stroops; an error if more was used than declared.
pub fn pay(call: &Call<'_>, effects: &mut Effects, rent: i64, spent: i64) -> Result<(), ()> {
    let most = call
        .data
        .resource_fee
        .saturating_sub(effects.non_refundable);
    if spent > most {
        effects.diagnostics.push(complaint(
            ScErrorCode::ExceededLimit,
            "refundable resource fee was not sufficient to cover the ledger storage rent and contract events",
            &[ScVal::I64(spent), ScVal::I64(most)],
        ));
        return Err(());
    }
    effects.rent = rent;
    effects.refundable = spent;
    Ok(())
}

fn succeed(effects: &mut Effects, value: &[u8], events: &[Vec<u8>]) -> Outcome {
    let value = ScVal::from_xdr(value, Limits::none()).expect("the host writes a value");
    effects.events = events
        .iter()
        .map(|event| {
            ContractEvent::from_xdr(event, Limits::none()).expect("the host writes events")
        })
        .collect();
    effects.return_value = Some(value.clone());
    let image = InvokeHostFunctionSuccessPreImage {
        return_value: value,
        events: VecM::try_from(effects.events.clone())
            .expect("a list without a limit holds what is in memory"),
    };
    Outcome::Success(Hash(Sha256::digest(bytes(&image)).into()))
}

/// Reads the footprint, and restores what the transaction says.
fn gather(call: &Call<'_>, state: &State, effects: &mut Effects) -> Result<Inputs, Outcome> {
    let settings = &call.engine.settings;
    let footprint = &call.data.resources.footprint;
    let named: &[u32] = match &call.data.ext {
        SorobanTransactionDataExt::V0 => &[],
        SorobanTransactionDataExt::V1(ext) => &ext.archived_soroban_entries,
    };
    let ledger = state.stamp().ledger;
    let mut inputs = Inputs {
        entries: Vec::new(),
        restored: BTreeSet::new(),
        restored_places: Vec::new(),
    };
    let mut disk_bytes = 0u32;
    let reads = footprint.read_only.iter().map(|key| (None, key));
    let writes = (0u32..).zip(footprint.read_write.iter());
    for (place, key) in reads.chain(writes.map(|(place, key)| (Some(place), key))) {
        let Some((entry, live_until)) = storage::read(state, settings, key, None) else {
            inputs.entries.push((None, None));
            continue;
        };
        let mut live_until = live_until;
        let over = live_until.is_some_and(|last| last < ledger);
        if over && !is_persistent(key) {
            inputs.entries.push((None, None));
            continue;
        }
        if over {
            let place = place
                .filter(|place| named.contains(place))
                .ok_or_else(|| archived(effects, key))?;
            inputs.restored.insert(key.clone());
            inputs.restored_places.push(place);
            live_until = Some(call.engine.first_life(ledger));
        }
        if over || durability(key).is_none() {
            disk_bytes = disk_bytes.saturating_add(size(&entry));
            if disk_bytes > call.data.resources.disk_read_bytes {
                return Err(limit(
                    effects,
                    "operation byte-read resources exceeds amount specified",
                    disk_bytes,
                    call.data.resources.disk_read_bytes,
                ));
            }
        }
        let lives = live_until.map(|last| call.lives(&entry, last));
        inputs.entries.push((Some(bytes(&entry)), lives));
    }
    Ok(inputs)
}

impl Call<'_> {
    fn lives(&self, entry: &LedgerEntry, live_until: u32) -> TtlLedgerEntryMeta {
        TtlLedgerEntryMeta {
            live_until_ledger: live_until,
            entry_size_for_rent: self.rented(entry),
        }
    }

    /// The bytes of an entry that rent is paid for.
    pub fn rented(&self, entry: &LedgerEntry) -> u32 {
        let settings = &self.engine.settings;
        let budget = settings.budget(u32::MAX);
        entry_size_for_rent(&budget, entry, size(entry)).unwrap_or(u32::MAX)
    }
}

fn archived(effects: &mut Effects, key: &LedgerKey) -> Outcome {
    let (text, values) = match key {
        LedgerKey::ContractData(data) => (
            "trying to access an archived contract data entry",
            vec![ScVal::Address(data.contract.clone()), data.key.clone()],
        ),
        _ => (
            "trying to access an archived contract code entry",
            Vec::new(),
        ),
    };
    effects
        .diagnostics
        .push(complaint(ScErrorCode::ExceededLimit, text, &values));
    Outcome::EntryArchived
}

fn limit(effects: &mut Effects, text: &str, used: u32, most: u32) -> Outcome {
    effects.diagnostics.push(complaint(
        ScErrorCode::ExceededLimit,
        text,
        &[ScVal::U64(u64::from(used)), ScVal::U64(u64::from(most))],
    ));
    Outcome::ResourceLimitExceeded
}

fn check_writes(call: &Call<'_>, changes: &[Change], effects: &mut Effects) -> Result<(), Outcome> {
    let settings = &call.engine.settings;
    let mut written = 0u32;
    for change in changes.iter().filter(|change| !change.read_only) {
        let Some(bytes) = &change.encoded_new_value else {
            continue;
        };
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let key = LedgerKey::from_xdr(&change.encoded_key, Limits::none());
        let most = match key {
            Ok(LedgerKey::ContractCode(_)) => settings.max_code_bytes,
            Ok(LedgerKey::ContractData(_)) => settings.max_entry_bytes,
            Ok(_) | Err(_) => u32::MAX,
        };
        if length > most {
            return Err(limit(
                effects,
                "ledger entry size exceeds network config maximum",
                length,
                most,
            ));
        }
        written = written.saturating_add(length);
        if written > call.data.resources.write_bytes {
            return Err(limit(
                effects,
                "operation byte-write resources exceeds amount specified",
                written,
                call.data.resources.write_bytes,
            ));
        }
    }
    Ok(())
}

/// Where a contract's random numbers start: the same for the same transaction in the same ledger.
fn seed(call: &Call<'_>, state: &State) -> [u8; 32] {
    Sha256::new()
        .chain_update(call.frame.hash())
        .chain_update(state.stamp().ledger.to_be_bytes())
        .finalize()
        .into()
}
