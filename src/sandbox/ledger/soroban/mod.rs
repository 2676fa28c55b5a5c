//! Contracts: what makes a contract transaction valid, and what it does, with the network's own host.
//!
//! Every check and its order follow stellar-core: protocol 23's rules for archived entries and refunds, and protocol 25's
//! that a call has neither memo nor muxed source.

mod check;
mod event;
mod fee;
mod footprint;
mod invoke;
mod set_up;
pub mod settings;
pub mod simulate;
pub mod storage;

use std::sync::OnceLock;

use soroban_env_host::{Host, LedgerInfo, ModuleCache};
use stellar_xdr::{
    DiagnosticEvent, InnerTransactionResultResult as Inner, LedgerEntryChange, LedgerEntryData,
    Operation, OperationBody, OperationResult, OperationResultTr as Tr, SorobanTransactionData,
};

use super::effects::Effects;
use super::frame::Frame;
use super::load::Load;
use super::operation::Place;
use super::state::State;
use settings::Settings;

/// The protocol that the host is asked to keep: a host keeps its own and no older one.
const HOST_PROTOCOL: u32 = soroban_env_host::meta::INTERFACE_VERSION.protocol;

/// Runs the ledger's contracts.
pub struct Engine {
    network_id: [u8; 32],
    settings: Settings,
    /// Parsed code of earlier ledgers; a call of code that is newer parses it itself, and pays for that.
    modules: OnceLock<Option<ModuleCache>>,
    restores_before: bool,
}

/// A contract transaction that is being applied.
struct Call<'a> {
    engine: &'a Engine,
    frame: &'a Frame,
    data: &'a SorobanTransactionData,
    place: Place,
}

impl Engine {
    /// With the settings of the recorded network.
    pub fn new(network_id: [u8; 32]) -> Self {
        let settings = Settings::default();
        Self {
            network_id,
            settings,
            modules: OnceLock::new(),
            restores_before: false,
        }
    }

    /// The network's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The network's settings, to be set otherwise.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Whether simulations want archived entries restored by a transaction of its own before the call, as servers did before
    /// protocol 23. The ledger itself takes both.
    pub fn restores_before(&self) -> bool {
        self.restores_before
    }

    /// Lets simulations do so, or not.
    pub fn set_restores_before(&mut self, before: bool) {
        self.restores_before = before;
    }

    /// The most contract transactions a ledger.
    pub fn max_transactions(&self) -> u32 {
        self.settings.lanes.ledger_max_tx_count
    }

    /// Sets the most contract transactions a ledger. Its other limits grow with it, in the proportion that they have.
    pub fn set_max_transactions(&mut self, count: u32) {
        let usual = Settings::default();
        let scaled = |limit: i64| {
            let each = limit / i64::from(usual.lanes.ledger_max_tx_count);
            limit.max(each.saturating_mul(i64::from(count)))
        };
        let small = |limit: u32| u32::try_from(scaled(i64::from(limit))).unwrap_or(u32::MAX);
        self.settings.lanes.ledger_max_tx_count = count;
        self.settings.compute.ledger_max_instructions =
            scaled(usual.compute.ledger_max_instructions);
        self.settings.bandwidth.ledger_max_txs_size_bytes =
            small(usual.bandwidth.ledger_max_txs_size_bytes);
        let cost = &mut self.settings.ledger_cost;
        cost.ledger_max_disk_read_bytes = small(usual.ledger_cost.ledger_max_disk_read_bytes);
        cost.ledger_max_write_bytes = small(usual.ledger_cost.ledger_max_write_bytes);
        cost.ledger_max_disk_read_entries = small(usual.ledger_cost.ledger_max_disk_read_entries);
        cost.ledger_max_write_ledger_entries =
            small(usual.ledger_cost.ledger_max_write_ledger_entries);
    }

    /// What a ledger takes of contract transactions.
    pub fn ledger_limit(&self) -> Load {
        self.settings.ledger_limit()
    }

    /// Checks a transaction's form as far as contracts are concerned.
    pub fn check(&self, frame: &Frame) -> Result<(), Inner> {
        check::check(frame, &self.settings).map_err(|refusal| refusal.code)
    }

    /// Why a transaction's form is refused, where core tells why.
    pub fn reason(&self, frame: &Frame) -> Option<DiagnosticEvent> {
        check::check(frame, &self.settings)
            .err()?
            .reason
            .map(|reason| *reason)
    }

    /// Checks the operation of a contract transaction.
    pub fn check_operation(
        &self,
        frame: &Frame,
        body: &OperationBody,
    ) -> Result<(), Box<OperationResult>> {
        let Some(data) = frame.soroban_data() else {
            return Err(Box::new(OperationResult::OpNotSupported));
        };
        check::malformed(body, data, &self.settings).map_or(Ok(()), |result| {
            Err(Box::new(OperationResult::OpInner(result)))
        })
    }

    /// What is kept of a transaction's fee whatever it does, before it is done.
    pub fn effects(&self, frame: &Frame) -> Option<Effects> {
        let data = frame.soroban_data().filter(|_| frame.is_soroban())?;
        Some(Effects {
            non_refundable: fee::before(frame, data, &self.settings).min(data.resource_fee),
            ..Effects::default()
        })
    }

    /// Does the operation of a contract transaction. On failure the caller undoes what was changed.
    pub fn apply(
        &self,
        state: &mut State,
        frame: &Frame,
        op: &Operation,
        place: Place,
        effects: &mut Effects,
    ) -> Result<OperationResult, Box<OperationResult>> {
        let Some(data) = frame.soroban_data() else {
            return Err(Box::new(OperationResult::OpNotSupported));
        };
        let call = Call {
            engine: self,
            frame,
            data,
            place,
        };
        match &op.body {
            OperationBody::InvokeHostFunction(op) => finish(
                invoke::invoke(&call, state, op, effects),
                Tr::InvokeHostFunction,
            ),
            OperationBody::ExtendFootprintTtl(op) => finish(
                footprint::extend(&call, state, op, effects),
                Tr::ExtendFootprintTtl,
            ),
            OperationBody::RestoreFootprint(_) => finish(
                footprint::restore(&call, state, effects),
                Tr::RestoreFootprint,
            ),
            _ => Err(Box::new(OperationResult::OpNotSupported)),
        }
    }

    /// Parses code that a ledger brought, for the ledgers after it.
    pub fn learn(&mut self, effects: &Effects) {
        for change in effects.changes.0.iter() {
            if let LedgerEntryChange::Created(entry)
            | LedgerEntryChange::Updated(entry)
            | LedgerEntryChange::Restored(entry) = change
            {
                self.learn_entry(&entry.data);
            }
        }
    }

    /// The parsed code; most ledgers of tests never need it.
    fn modules(&self) -> Option<&ModuleCache> {
        self.modules
            .get_or_init(|| ModuleCache::new(&Host::default()).ok())
            .as_ref()
    }

    fn learn_entry(&self, data: &LedgerEntryData) {
        let LedgerEntryData::ContractCode(code) = data else {
            return;
        };
        if let Some(modules) = self.modules() {
            // What cannot be parsed has not been let in; were it here, its calls would parse it themselves, and fail.
            let _ =
                modules.parse_and_cache_module_simple(&Host::default(), HOST_PROTOCOL, &code.code);
        }
    }

    /// The ledger as its contracts see it.
    fn ledger_info(&self, state: &State) -> LedgerInfo {
        let stamp = state.stamp();
        self.info_at(stamp.ledger, stamp.close_time, state.base_reserve())
    }

    fn info_at(&self, ledger: u32, close_time: u64, base_reserve: i64) -> LedgerInfo {
        LedgerInfo {
            protocol_version: HOST_PROTOCOL,
            sequence_number: ledger,
            timestamp: close_time,
            network_id: self.network_id,
            base_reserve: u32::try_from(base_reserve).unwrap_or(u32::MAX),
            min_temp_entry_ttl: self.settings.archival.min_temporary_ttl,
            min_persistent_entry_ttl: self.settings.archival.min_persistent_ttl,
            max_entry_ttl: self.settings.archival.max_entry_ttl,
        }
    }

    /// The last ledger in which an entry is alive that is made or restored in a ledger.
    fn first_life(&self, ledger: u32) -> u32 {
        ledger.saturating_add(self.settings.archival.min_persistent_ttl - 1)
    }
}

fn finish<R>(
    outcome: Result<R, R>,
    wrap: impl Fn(R) -> Tr,
) -> Result<OperationResult, Box<OperationResult>> {
    match outcome {
        Ok(result) => Ok(OperationResult::OpInner(wrap(result))),
        Err(result) => Err(Box::new(OperationResult::OpInner(wrap(result)))),
    }
}
