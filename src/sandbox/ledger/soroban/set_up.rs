//! Contracts put into the ledger outside every transaction: for setting up a case.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use soroban_env_host::HostError;
use soroban_env_host::e2e_invoke::{
    RecordingInvocationAuthMode, invoke_host_function_in_recording_mode,
};
use soroban_env_host::storage::{EntryWithLiveUntil, SnapshotSource};
use stellar_xdr::{
    AccountId, Asset, BytesM, ContractExecutable, ContractId, ContractIdPreimage,
    ContractIdPreimageFromAddress, CreateContractArgs, Hash, HostFunction, LedgerKey, ScAddress,
    ScVal, Uint256,
};

use super::{Engine, storage};
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::effects::Effects;
use crate::sandbox::ledger::entry::ContractEntry;
use crate::sandbox::ledger::state::State;

/// Instructions that setting up may take: far more than any transaction.
const SET_UP_INSTRUCTIONS: u32 = u32::MAX;

/// The contracts' entries as they were when setting up began: the host wants to own what it reads.
struct Copied(BTreeMap<LedgerKey, Arc<ContractEntry>>);

impl SnapshotSource for Copied {
    fn get(&self, key: &Rc<LedgerKey>) -> Result<Option<EntryWithLiveUntil>, HostError> {
        let found = self.0.get(key.as_ref());
        Ok(found.map(|entry| (Rc::new(entry.xdr()), Some(entry.live_until))))
    }
}

impl Engine {
    /// Uploads code and makes a contract of it, as an account that need not exist; the contract, or what the host says.
    pub fn deploy(
        &mut self,
        state: &mut State,
        creator: AccountKey,
        code: Vec<u8>,
        salt: [u8; 32],
    ) -> Result<ContractId, String> {
        let code = BytesM::try_from(code).map_err(|error| error.to_string())?;
        let hash = match self.perform(state, creator, HostFunction::UploadContractWasm(code))? {
            ScVal::Bytes(hash) => <[u8; 32]>::try_from(hash.0.as_slice()),
            other => return Err(format!("an upload returned {other:?}")),
        };
        let hash = hash.map_err(|error| error.to_string())?;
        self.create(
            state,
            creator,
            ContractIdPreimage::Address(ContractIdPreimageFromAddress {
                address: ScAddress::Account(creator.xdr()),
                salt: Uint256(salt),
            }),
            ContractExecutable::Wasm(Hash(hash)),
        )
    }

    /// Makes an asset's contract.
    pub fn deploy_asset(
        &mut self,
        state: &mut State,
        creator: AccountKey,
        asset: Asset,
    ) -> Result<ContractId, String> {
        self.create(
            state,
            creator,
            ContractIdPreimage::Asset(asset),
            ContractExecutable::StellarAsset,
        )
    }

    fn create(
        &mut self,
        state: &mut State,
        creator: AccountKey,
        contract_id_preimage: ContractIdPreimage,
        executable: ContractExecutable,
    ) -> Result<ContractId, String> {
        let function = HostFunction::CreateContract(CreateContractArgs {
            contract_id_preimage,
            executable,
        });
        match self.perform(state, creator, function)? {
            ScVal::Address(ScAddress::Contract(id)) => Ok(id),
            other => Err(format!("a creation returned {other:?}")),
        }
    }

    /// Does what a host function does, unmetered and unpaid.
    fn perform(
        &mut self,
        state: &mut State,
        source: AccountKey,
        function: HostFunction,
    ) -> Result<ScVal, String> {
        let (value, changes) = {
            let snapshot: Rc<dyn SnapshotSource> = Rc::new(Copied(state.contracts().clone()));
            let source: AccountId = source.xdr();
            let run = invoke_host_function_in_recording_mode(
                &self.settings.budget(SET_UP_INSTRUCTIONS),
                false,
                &function,
                &source,
                RecordingInvocationAuthMode::recording(true, false),
                self.ledger_info(state),
                snapshot,
                [0; 32],
                &mut Vec::new(),
            )
            .map_err(|error| error.to_string())?;
            let value = run.invoke_result.map_err(|error| error.to_string())?;
            (value, run.ledger_changes)
        };
        let effects = Effects {
            changes: storage::commit(state, &self.settings, &changes, &BTreeSet::new()),
            ..Effects::default()
        };
        self.learn(&effects);
        Ok(value)
    }
}
