//! What a call would do, read, write and cost: the network's own simulation over a ledger as it was.

use std::rc::Rc;

use soroban_env_host::e2e_invoke::RecordingInvocationAuthMode;
use soroban_env_host::storage::{EntryWithLiveUntil, SnapshotSource};
use soroban_env_host::{HostError, LedgerInfo};
use soroban_simulation::AutoRestoringSnapshotSource;
use soroban_simulation::simulation::{
    LedgerEntryDiff, SimulationAdjustmentConfig, simulate_extend_ttl_op,
    simulate_invoke_host_function_op, simulate_restore_op,
};
use stellar_xdr::{
    AccountId, DiagnosticEvent, InvokeHostFunctionOp, LedgerEntry, LedgerKey, OperationBody, ScVal,
    SorobanAuthorizationEntry, SorobanTransactionData,
};

use super::Engine;
use super::settings::Settings;
use super::storage::Found;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::frame::Frame;

/// Whose authorisation is asked for, and whether it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Entries that are given must be right; where there are none, what is needed is recorded.
    Usual,
    /// They must be right.
    Enforce,
    /// What is needed is recorded.
    Record,
    /// The same, also where not the first contract asks for it.
    RecordNonRoot,
}

/// What a simulation came to.
pub enum Simulated {
    /// It would fail, or cannot be simulated.
    Failed {
        /// Why.
        error: String,
        /// What the host told.
        events: Vec<DiagnosticEvent>,
    },
    /// It would do.
    Done(Box<Plan>),
}

/// What a transaction has to declare, and what its operation would do.
pub struct Plan {
    /// Footprint, resources and fee.
    pub data: SorobanTransactionData,
    /// What the host told.
    pub events: Vec<DiagnosticEvent>,
    /// Authorisation and return value of a call.
    pub result: Option<(Vec<SorobanAuthorizationEntry>, ScVal)>,
    /// What it would change: before and after.
    pub changes: Vec<(Option<LedgerEntry>, Option<LedgerEntry>)>,
    /// What has to be restored before, by a transaction of its own.
    pub restoration: Option<SorobanTransactionData>,
}

/// Simulates against the ledger after one that has closed, outside every lock.
pub struct Simulator {
    settings: Settings,
    info: LedgerInfo,
    restores_before: bool,
}

/// The ledger as somebody reads it.
struct Snapshot<R>(R);

impl<R: Fn(&LedgerKey) -> Option<Found>> SnapshotSource for Snapshot<R> {
    fn get(&self, key: &Rc<LedgerKey>) -> Result<Option<EntryWithLiveUntil>, HostError> {
        Ok((self.0)(key).map(|(entry, live_until)| (Rc::new(entry), live_until)))
    }
}

impl Engine {
    /// A simulation of what comes after a ledger, at a time (Unix seconds).
    pub fn simulator(&self, after: u32, now: u64, base_reserve: i64) -> Simulator {
        Simulator {
            settings: self.settings.clone(),
            info: self.info_at(after.saturating_add(1), now, base_reserve),
            restores_before: self.restores_before,
        }
    }
}

impl Simulator {
    /// Simulates a transaction's only operation; `read` is the ledger.
    pub fn simulate<R>(&self, frame: &Frame, mode: AuthMode, seed: [u8; 32], read: R) -> Simulated
    where
        R: Fn(&LedgerKey) -> Option<Found> + 'static,
    {
        let failed = |error: String| Simulated::Failed {
            error,
            events: Vec::new(),
        };
        let [operation] = frame.operations() else {
            return failed("Transaction contains more than one operation".to_owned());
        };
        let source = frame.operation_source(operation);
        let needs = "To perform a SimulateTransaction for ExtendFootprintTtl or RestoreFootprint operations, SorobanTransactionData must be provided";
        match &operation.body {
            OperationBody::InvokeHostFunction(op) => {
                let ledger = Rc::new(Snapshot(read));
                if !self.restores_before {
                    return self.call(op, source, mode, seed, ledger);
                }
                match AutoRestoringSnapshotSource::new(ledger, &self.info) {
                    Ok(restored) => self.call_restored(op, source, mode, seed, Rc::new(restored)),
                    Err(error) => failed(error.to_string()),
                }
            }
            OperationBody::ExtendFootprintTtl(op) => {
                let Some(data) = frame.soroban_data() else {
                    return failed(needs.to_owned());
                };
                let keys = &data.resources.footprint.read_only;
                let done = simulate_extend_ttl_op(
                    &Snapshot(read),
                    &self.settings.network(),
                    &SimulationAdjustmentConfig::default_adjustment(),
                    &self.info,
                    keys,
                    op.extend_to,
                );
                footprint_plan(done.map(|done| done.transaction_data))
            }
            OperationBody::RestoreFootprint(_) => {
                let Some(data) = frame.soroban_data() else {
                    return failed(needs.to_owned());
                };
                let keys = &data.resources.footprint.read_write;
                let done = simulate_restore_op(
                    &Snapshot(read),
                    &self.settings.network(),
                    &SimulationAdjustmentConfig::default_adjustment(),
                    &self.info,
                    keys,
                );
                footprint_plan(done.map(|done| done.transaction_data))
            }
            other => failed(format!(
                "transaction contains unsupported operation type: OperationType{}",
                other.name()
            )),
        }
    }

    /// A call as if everything that it needs were alive, and what has to be restored for that.
    fn call_restored<R>(
        &self,
        op: &InvokeHostFunctionOp,
        source: AccountKey,
        mode: AuthMode,
        seed: [u8; 32],
        restored: Rc<AutoRestoringSnapshotSource<Snapshot<R>>>,
    ) -> Simulated
    where
        R: Fn(&LedgerKey) -> Option<Found> + 'static,
    {
        let snapshot: Rc<dyn SnapshotSource> = restored.clone();
        let mut simulated = self.call(op, source, mode, seed, snapshot);
        let restoration = restored.simulate_restore_keys_op(
            &self.settings.network(),
            &SimulationAdjustmentConfig::default_adjustment(),
            &self.info,
        );
        match (&mut simulated, restoration) {
            (Simulated::Done(plan), Ok(restoration)) => {
                plan.restoration = restoration.map(|done| done.transaction_data);
                simulated
            }
            (Simulated::Done(_), Err(error)) => Simulated::Failed {
                error: error.to_string(),
                events: Vec::new(),
            },
            (Simulated::Failed { .. }, _) => simulated,
        }
    }

    fn call(
        &self,
        op: &InvokeHostFunctionOp,
        source: AccountKey,
        mode: AuthMode,
        seed: [u8; 32],
        snapshot: Rc<dyn SnapshotSource>,
    ) -> Simulated {
        let given = || RecordingInvocationAuthMode::Enforcing(op.auth.to_vec());
        let recorded = |non_root: bool| RecordingInvocationAuthMode::recording(!non_root, false);
        let auth = match mode {
            AuthMode::Usual if op.auth.is_empty() => recorded(false),
            AuthMode::Usual | AuthMode::Enforce => given(),
            AuthMode::Record => recorded(false),
            AuthMode::RecordNonRoot => recorded(true),
        };
        let source: AccountId = source.xdr();
        let done = simulate_invoke_host_function_op(
            snapshot,
            &self.settings.network(),
            &SimulationAdjustmentConfig::default_adjustment(),
            &self.info,
            op.host_function.clone(),
            auth,
            &source,
            seed,
            true,
        );
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                return Simulated::Failed {
                    error: error.to_string(),
                    events: Vec::new(),
                };
            }
        };
        match (done.invoke_result, done.transaction_data) {
            (Ok(value), Some(data)) => Simulated::Done(Box::new(Plan {
                data,
                events: done.diagnostic_events,
                result: Some((done.auth, value)),
                changes: done.modified_entries.into_iter().map(pair).collect(),
                restoration: None,
            })),
            (Ok(_), None) => Simulated::Failed {
                error: "the simulation gave no resources".to_owned(),
                events: done.diagnostic_events,
            },
            (Err(error), _) => Simulated::Failed {
                error: format!("{error:?}"),
                events: done.diagnostic_events,
            },
        }
    }
}

fn pair(diff: LedgerEntryDiff) -> (Option<LedgerEntry>, Option<LedgerEntry>) {
    (diff.state_before, diff.state_after)
}

fn footprint_plan<E: ToString>(data: Result<SorobanTransactionData, E>) -> Simulated {
    match data {
        Ok(data) => Simulated::Done(Box::new(Plan {
            data,
            events: Vec::new(),
            result: None,
            changes: Vec::new(),
            restoration: None,
        })),
        Err(error) => Simulated::Failed {
            error: error.to_string(),
            events: Vec::new(),
        },
    }
}
