//! The lives of entries, and contracts made by ordinary transactions.

use serde_json::json;
use sha2::{Digest, Sha256};
use stellar_xdr::{
    ContractDataDurability, ContractExecutable, ContractIdPreimage, ContractIdPreimageFromAddress,
    CreateContractArgs, ExtendFootprintTtlOp, ExtensionPoint, Hash, HostFunction,
    InvokeHostFunctionOp, InvokeHostFunctionResult as Outcome, LedgerFootprint, LedgerKey,
    LedgerKeyContractData, OperationBody, OperationResultTr as Tr, RestoreFootprintOp,
    RestoreFootprintResult, ScAddress, ScVal, SorobanResources, SorobanTransactionData,
    SorobanTransactionDataExt, TransactionExt, Uint256, VecM,
};

use super::stage::{Stage, code, data, data_mut, failure, returned, symbol, with_data};
use crate::wallet::{Draft, Wallet, operation};

fn payer() -> Wallet {
    Wallet::new(2)
}

fn counter_key(contract: &ScAddress) -> LedgerKey {
    LedgerKey::ContractData(LedgerKeyContractData {
        contract: contract.clone(),
        key: ScVal::Symbol(symbol("COUNT")),
        durability: ContractDataDurability::Persistent,
    })
}

async fn archive(stage: &Stage, what: &str) -> u64 {
    let path = format!("/sandbox/contract/archive?id={}{what}", stage.counter);
    let (status, body) = stage.town.post(&path).await;
    assert_eq!(status, 200, "{body}");
    stage.town.close(1).await;
    body["archived"].as_u64().unwrap()
}

async fn live_until(stage: &Stage) -> u64 {
    let path = format!("/sandbox/contract?id={}&symbol=COUNT", stage.counter);
    stage.town.get(&path).await.1["live_until"]
        .as_u64()
        .unwrap()
}

/// An operation on the footprint, with nothing but its keys declared.
fn on_footprint(
    stage: &Stage,
    body: OperationBody,
    reads: Vec<LedgerKey>,
    writes: Vec<LedgerKey>,
) -> Draft {
    let mut draft = Draft::new(
        payer().address(),
        stage.sequence(&payer()) + 1,
        vec![operation(None, body)],
    );
    draft.0.ext = TransactionExt::V1(SorobanTransactionData {
        ext: SorobanTransactionDataExt::V0,
        resources: SorobanResources {
            footprint: LedgerFootprint {
                read_only: reads.try_into().unwrap(),
                read_write: writes.try_into().unwrap(),
            },
            instructions: 0,
            disk_read_bytes: 0,
            write_bytes: 0,
        },
        resource_fee: 0,
    });
    draft
}

#[tokio::test]
async fn an_archived_entry_stops_a_call_that_does_not_restore_it_and_no_other() {
    let stage = Stage::start().await;
    let first = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    stage.land(&first.sign(&[&payer()])).await;
    let before = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    assert_eq!(archive(&stage, "").await, 3, "instance, code and counter");

    // As it was simulated before: the call names archived entries, and nothing restores them.
    let found = stage.land(&before.sign(&[&payer()])).await;
    assert_eq!(
        failure(&found),
        Tr::InvokeHostFunction(Outcome::EntryArchived)
    );
    assert_eq!(stage.count().await, 1);

    // The simulation says what has to be restored, and the call does it.
    let draft = stage.call(&payer(), "tick", vec![]);
    let simulated = stage.simulate(&draft).await;
    let plan = data(&simulated);
    let SorobanTransactionDataExt::V1(ext) = &plan.ext else {
        panic!("{plan:?}")
    };
    assert_eq!(ext.archived_soroban_entries.to_vec(), [0, 1, 2]);
    assert!(plan.resources.disk_read_bytes > 0);
    let found = stage.land(&with_data(draft, plan).sign(&[&payer()])).await;
    assert_eq!(returned(&found), ScVal::U32(2));
    assert_eq!(stage.count().await, 2);

    // They live on.
    let next = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    let found = stage.land(&next.sign(&[&payer()])).await;
    assert_eq!(returned(&found), ScVal::U32(3));
}

#[tokio::test]
async fn one_entry_is_restored_by_an_operation_and_lives_longer_by_another() {
    let stage = Stage::start().await;
    let first = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    stage.land(&first.sign(&[&payer()])).await;
    assert_eq!(archive(&stage, "&symbol=COUNT").await, 1);
    let key = counter_key(&stage.counter);
    let restore = || {
        OperationBody::RestoreFootprint(RestoreFootprintOp {
            ext: ExtensionPoint::V0,
        })
    };
    let mut low = stage
        .prepared(on_footprint(&stage, restore(), vec![], vec![key.clone()]))
        .await;
    data_mut(&mut low).resources.disk_read_bytes = 10;
    assert_eq!(
        failure(&stage.land(&low.sign(&[&payer()])).await),
        Tr::RestoreFootprint(RestoreFootprintResult::ResourceLimitExceeded)
    );
    let good = stage
        .prepared(on_footprint(&stage, restore(), vec![], vec![key.clone()]))
        .await;
    let found = stage.land(&good.sign(&[&payer()])).await;
    assert_eq!(found["status"], "SUCCESS", "{found}");
    let ledger = found["ledger"].as_u64().unwrap();
    assert_eq!(live_until(&stage).await, ledger + 120_960 - 1);
    assert_eq!(stage.count().await, 1);

    let extend = OperationBody::ExtendFootprintTtl(ExtendFootprintTtlOp {
        ext: ExtensionPoint::V0,
        extend_to: 200_000,
    });
    let longer = stage
        .prepared(on_footprint(&stage, extend, vec![key], vec![]))
        .await;
    let found = stage.land(&longer.sign(&[&payer()])).await;
    assert_eq!(found["status"], "SUCCESS", "{found}");
    let ledger = found["ledger"].as_u64().unwrap();
    assert_eq!(live_until(&stage).await, ledger + 200_000);
}

#[tokio::test]
async fn a_consumed_nonce_is_gone_from_answers_once_its_time_is_over() {
    let stage = Stage::start().await;
    let (who, channel) = (Wallet::new(1), payer());
    let draft = stage.inc(&channel, &who, 5, 30).await;
    stage.land(&draft.sign(&[&channel])).await;
    let key = super::stage::nonce_key(&who, 5);
    let asked = json!({ "keys": [stellar_xdr::WriteXdr::to_xdr_base64(&key, stellar_xdr::Limits::none()).unwrap()] });
    let found = async || stage.rpc("getLedgerEntries", asked.clone()).await["entries"].clone();
    let entries = found().await;
    // As on the network, a nonce is kept for as long as any temporary entry at least.
    assert_eq!(entries[0]["liveUntilLedgerSeq"], 2 + 720 - 1);
    stage.town.close(730).await;
    assert_eq!(found().await, json!([]));
    stage.town.close(110).await;
    assert!(
        stage
            .town
            .sandbox
            .node()
            .core()
            .ledger()
            .state()
            .contract(&key)
            .is_none(),
        "and from memory later"
    );
}

#[tokio::test]
async fn code_is_uploaded_and_a_contract_made_of_it_by_transactions() {
    let town = crate::town::Town::start(|_| {}).await;
    let stage = Stage {
        town,
        counter: ScAddress::Account(payer().key().xdr()),
    };
    let submit = async |function: HostFunction| {
        let body = OperationBody::InvokeHostFunction(InvokeHostFunctionOp {
            host_function: function,
            auth: VecM::default(),
        });
        let mut draft = Draft::new(
            payer().address(),
            stage.sequence(&payer()) + 1,
            vec![operation(None, body)],
        );
        let simulated = stage.simulate(&draft).await;
        let auth = simulated["results"][0]["auth"].as_array();
        let auth = auth.unwrap_or_else(|| panic!("{simulated}"));
        let auth = auth
            .iter()
            .map(|entry| super::stage::read(entry.as_str().unwrap()))
            .collect();
        super::stage::set_auth(&mut draft, auth);
        let draft = with_data(draft, data(&simulated));
        stage.land(&draft.sign(&[&payer()])).await
    };
    let uploaded = submit(HostFunction::UploadContractWasm(code().try_into().unwrap())).await;
    let hash: [u8; 32] = Sha256::digest(code()).into();
    assert_eq!(
        returned(&uploaded),
        ScVal::Bytes(hash.to_vec().try_into().unwrap())
    );
    let created = submit(HostFunction::CreateContract(CreateContractArgs {
        contract_id_preimage: ContractIdPreimage::Address(ContractIdPreimageFromAddress {
            address: ScAddress::Account(payer().key().xdr()),
            salt: Uint256([9; 32]),
        }),
        executable: ContractExecutable::Wasm(Hash(hash)),
    }))
    .await;
    let ScVal::Address(counter) = returned(&created) else {
        panic!("{created}")
    };
    let stage = Stage { counter, ..stage };
    let draft = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    let found = stage.land(&draft.sign(&[&payer()])).await;
    assert_eq!(returned(&found), ScVal::U32(1));
    assert_eq!(stage.count().await, 1);
    // In Horizon, too.
    let (status, operations) = stage.town.get("/operations?order=desc&limit=1").await;
    assert_eq!(status, 200);
    let shown = &operations["_embedded"]["records"][0];
    assert_eq!(shown["type"], "invoke_host_function");
    assert_eq!(
        shown["function"],
        "HostFunctionTypeHostFunctionTypeInvokeContract"
    );
    assert_eq!(shown["parameters"][0]["type"], "Address");
    assert_eq!(shown["parameters"][1]["type"], "Sym");
}

#[tokio::test]
async fn what_nobody_extends_is_archived_when_its_time_is_over() {
    let town = crate::town::Town::start(|_| {}).await;
    town.sandbox
        .node()
        .core()
        .ledger_mut()
        .set_up(|engine, _| engine.settings_mut().archival.min_persistent_ttl = 16);
    let id = super::stage::deploy(&town).await;
    let stage = Stage {
        counter: super::stage::contract(&id),
        town,
    };
    let first = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    let found = stage.land(&first.sign(&[&payer()])).await;
    // Made in ledger 2: alive up to ledger 17.
    assert_eq!(found["ledger"], 2);
    assert_eq!(live_until(&stage).await, 17);
    let archived = async || {
        let simulated = stage.simulate(&stage.call(&payer(), "tick", vec![])).await;
        match data(&simulated).ext {
            SorobanTransactionDataExt::V0 => 0,
            SorobanTransactionDataExt::V1(ext) => ext.archived_soroban_entries.len(),
        }
    };
    stage.town.close(13).await;
    assert_eq!(archived().await, 0, "the next ledger is 16");
    stage.town.close(1).await;
    assert_eq!(
        archived().await,
        2,
        "instance and code were made a ledger before the counter"
    );
    stage.town.close(1).await;
    assert_eq!(archived().await, 3);
    let again = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    let found = stage.land(&again.sign(&[&payer()])).await;
    assert_eq!(returned(&found), ScVal::U32(2));
}

#[tokio::test]
async fn an_older_server_wants_entries_restored_before_the_call() {
    let stage = Stage::start().await;
    let first = stage.prepared(stage.call(&payer(), "tick", vec![])).await;
    stage.land(&first.sign(&[&payer()])).await;
    archive(&stage, "").await;
    let old = json!({ "restore_preamble": true });
    let (status, told) = stage.town.put("/sandbox/ledger", old).await;
    assert_eq!((status, &told["restore_preamble"]), (200, &json!(true)));
    let simulated = stage.simulate(&stage.call(&payer(), "tick", vec![])).await;
    let plan = data(&simulated);
    assert_eq!(plan.ext, SorobanTransactionDataExt::V0);
    let preamble = data(&simulated["restorePreamble"]);
    assert_eq!(preamble.resources.footprint.read_write.len(), 3);
    let restore = OperationBody::RestoreFootprint(RestoreFootprintOp {
        ext: ExtensionPoint::V0,
    });
    let draft = on_footprint(&stage, restore, vec![], vec![]);
    let found = stage
        .land(&with_data(draft, preamble).sign(&[&payer()]))
        .await;
    assert_eq!(found["status"], "SUCCESS", "{found}");
    // The plan that came with it is good now, and nothing is left to be restored.
    let draft = stage.call(&payer(), "tick", vec![]);
    assert!(stage.simulate(&draft).await["restorePreamble"].is_null());
    let found = stage.land(&with_data(draft, plan).sign(&[&payer()])).await;
    assert_eq!(returned(&found), ScVal::U32(2));
}
