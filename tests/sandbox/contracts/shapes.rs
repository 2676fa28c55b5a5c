//! Recorded answers of a real Stellar RPC, asked of the sandbox in the order in which they came to be.
//!
//! The recorded envelopes are sent as they are, signatures and all, to a ledger that stands where the recorded one stood. Every
//! answer has the recorded fields; simulations come to the recorded footprints and bytes, and what lands comes to the
//! recorded result byte for byte, so with the recorded fee.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use stellar_submitter::sandbox::clock::Clock;
use stellar_submitter::sandbox::ledger::account::{Account, AccountKey};
use stellar_submitter::sandbox::ledger::entry::ContractEntry;
use stellar_submitter::sandbox::ledger::frame::Frame;
use stellar_submitter::sandbox::ledger::genesis::{Genesis, network_id};
use stellar_xdr::{
    ContractDataDurability, ContractDataEntry, ExtensionPoint, HostFunction, LedgerEntryData,
    LedgerKey, LedgerKeyContractData, OperationBody, ScAddress, ScVal, SorobanTransactionData,
};

use super::stage::{Stage, contract, read, symbol};
use crate::support::{read_json, unbase64};
use crate::wallet::PASSPHRASE;

/// The ledger before the one in which the first call landed, and its close time.
const LEDGER: u32 = 1325;
const CLOSED: u64 = 1_795_323_828;
/// How much more or less a simulation may measure, in percent: the recorded host was six protocols older.
const INSTRUCTIONS_PERCENT: f64 = 20.0;
/// The contract whose entries were archived.
const ARCHIVED: &str = "CA24OWDZHP7WHBQ5EP3LPTNJ46WIOSGRIDOQ2SKKTJHTZY6ML7RILYCV";

fn capture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rpc-captures");
    read_json(&folder.join(format!("{name}.json")))
}

fn sent_frame(name: &str) -> Frame {
    let capture = capture(name);
    let text = capture["request"]["params"]["transaction"]
        .as_str()
        .unwrap();
    Frame::parse(&unbase64(text), network_id(PASSPHRASE)).unwrap()
}

/// The paths of all fields, lists taken together.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            let path = format!("{path}.{name}");
            fields(value, &path, found);
            found.insert(path);
        }),
        Value::Array(list) => list
            .iter()
            .for_each(|value| fields(value, &format!("{path}[]"), found)),
        _ => {}
    }
}

fn assert_alike(name: &str, recorded: &Value, answer: &Value) {
    let (mut wanted, mut found) = (BTreeSet::new(), BTreeSet::new());
    fields(recorded, "", &mut wanted);
    fields(answer, "", &mut found);
    assert_eq!(wanted, found, "{name}: {answer}");
}

/// Asks for a recorded answer, and holds the fields and the error, if there is one, against it.
async fn alike(stage: &Stage, name: &str) -> (Value, Value) {
    let capture = capture(name);
    let request = &capture["request"];
    let method = request["method"].as_str().unwrap();
    let answer = stage.ask(method, request["params"].clone()).await;
    let recorded = capture["response"]["body"].clone();
    assert_alike(name, &recorded, &answer);
    assert_eq!(recorded["error"]["code"], answer["error"]["code"], "{name}");
    let first_line = |body: &Value| {
        let text = body["result"]["error"].as_str()?;
        text.lines().next().map(str::to_owned)
    };
    assert_eq!(first_line(&recorded), first_line(&answer), "{name}");
    let status = |body: &Value| body["result"]["status"].clone();
    assert_eq!(status(&recorded), status(&answer), "{name}: {answer}");
    for code in ["errorResultXdr", "resultXdr", "envelopeXdr"] {
        assert_eq!(recorded["result"][code], answer["result"][code], "{name}");
    }
    (recorded["result"].clone(), answer["result"].clone())
}

/// The same of a simulation: what it declares is what was recorded.
async fn simulated(stage: &Stage, name: &str) {
    let (recorded, answer) = alike(stage, name).await;
    let data = |result: &Value| -> SorobanTransactionData {
        read(result["transactionData"].as_str().unwrap())
    };
    let (wanted, found) = (data(&recorded), data(&answer));
    assert_eq!(wanted.ext, found.ext, "{name}");
    let (wanted, found) = (wanted.resources, found.resources);
    let known = |keys: &[LedgerKey]| -> Vec<LedgerKey> {
        let fixed = |key: &&LedgerKey| !matches!(key, LedgerKey::ContractData(data) if matches!(data.key, ScVal::LedgerKeyNonce(_)));
        keys.iter().filter(fixed).cloned().collect()
    };
    assert_eq!(
        wanted.footprint.read_only, found.footprint.read_only,
        "{name}"
    );
    assert_eq!(
        known(&wanted.footprint.read_write),
        known(&found.footprint.read_write),
        "{name}"
    );
    assert_eq!(wanted.disk_read_bytes, found.disk_read_bytes, "{name}");
    assert_eq!(wanted.write_bytes, found.write_bytes, "{name}");
    let percent = 100.0 * f64::from(found.instructions) / f64::from(wanted.instructions) - 100.0;
    assert!(
        percent.abs() < INSTRUCTIONS_PERCENT,
        "{name}: {} instructions, not {}",
        found.instructions,
        wanted.instructions
    );
    assert_eq!(
        recorded["results"][0]["xdr"], answer["results"][0]["xdr"],
        "{name}"
    );
}

/// Asks Horizon's face for what a real Horizon told of the same transaction.
async fn alike_in_horizon(stage: &Stage, name: &str) {
    let capture = crate::captures::capture::Capture::read(name);
    let path = capture.json["request"]["path"].as_str().unwrap();
    let request = stage.town.client.get(stage.town.url(path));
    let response = request.header("Host", "horizon").send().await.unwrap();
    assert_eq!(response.status(), 200, "{name}");
    let body = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    capture.compare_body(&body).unwrap();
}

/// A ledger with the accounts that the recorded envelopes need, and the contracts at their recorded addresses.
async fn recorded_network() -> Stage {
    let (clock, _) = Clock::manual(CLOSED);
    let mut genesis = Genesis::standalone(PASSPHRASE, CLOSED);
    genesis.ledger = LEDGER;
    let mut accounts = std::collections::BTreeMap::<AccountKey, i64>::new();
    for name in [
        "send-pending",
        "send-nonce-used",
        "send-fee-bump-muxed",
        "send-resource-limit",
        "send-error-resource-fee",
        "send-sac-transfer",
        "send-classic",
        "send-archived-autorestore",
        "send-entry-archived",
        "simulate-sac-transfer",
    ] {
        let frame = sent_frame(name);
        let before = frame.sequence() - 1;
        let sequence = accounts.entry(frame.source()).or_insert(before);
        *sequence = before.min(*sequence);
        accounts.entry(frame.fee_source()).or_insert(0);
    }
    let source: AccountKey = "GAS6FCRZ47IGCFJCGMYOHD22K63J45K7QJRIGKZW7BKJK2ZYFNWC6SPA"
        .parse()
        .unwrap();
    accounts.entry(source).or_insert(0);
    for name in ["simulate-sac-transfer", "simulate-sac-transfer-underfunded"] {
        for key in named_accounts(&sent_frame(name)) {
            accounts.entry(key).or_insert(0);
        }
    }
    for (key, sequence) in accounts {
        let mut account = Account::new(100_000_000_000, sequence);
        // Its extension is there, as that of every account that has sent something.
        account.sequence_ledger = 1300;
        account.sequence_time = CLOSED - 24;
        genesis.accounts.push((key, account));
    }
    let town = crate::town::Town::start(|config| {
        config.clock = clock;
        config.genesis = Some(genesis);
    })
    .await;
    let deployed = contract(&super::stage::deploy(&town).await);
    let named = capture_contract("counter");
    for id in [named.as_str(), ARCHIVED] {
        rename(&town, &deployed, &contract(id));
    }
    Stage {
        town,
        counter: contract(&named),
    }
}

/// The accounts among a call's arguments.
fn named_accounts(frame: &Frame) -> Vec<AccountKey> {
    let OperationBody::InvokeHostFunction(op) = &frame.operations()[0].body else {
        panic!("a call")
    };
    let HostFunction::InvokeContract(call) = &op.host_function else {
        panic!("a call")
    };
    call.args
        .iter()
        .filter_map(|arg| match arg {
            ScVal::Address(ScAddress::Account(id)) => Some(AccountKey::from(id)),
            _ => None,
        })
        .collect()
}

fn capture_contract(name: &str) -> String {
    capture("contracts")[name].as_str().unwrap().to_owned()
}

fn instance(contract: &ScAddress) -> LedgerKey {
    data_key(contract, ScVal::LedgerKeyContractInstance)
}

fn data_key(contract: &ScAddress, key: ScVal) -> LedgerKey {
    LedgerKey::ContractData(LedgerKeyContractData {
        contract: contract.clone(),
        key,
        durability: ContractDataDurability::Persistent,
    })
}

fn entry(contract: &ScAddress, key: ScVal, val: ScVal, live_until: u32) -> ContractEntry {
    ContractEntry {
        data: LedgerEntryData::ContractData(ContractDataEntry {
            ext: ExtensionPoint::V0,
            contract: contract.clone(),
            key,
            durability: ContractDataDurability::Persistent,
            val,
        }),
        modified: LEDGER,
        live_until,
    }
}

/// The same contract at another address.
fn rename(town: &crate::town::Town, from: &ScAddress, to: &ScAddress) {
    let mut core = town.sandbox.node().core();
    core.ledger_mut().set_up(|_, state| {
        let LedgerEntryData::ContractData(data) = &state.contract(&instance(from)).unwrap().data
        else {
            panic!("an instance is data")
        };
        let key = ScVal::LedgerKeyContractInstance;
        let renamed = entry(to, key, data.val.clone(), LEDGER + 100_000);
        state.put_contract(instance(to), renamed);
    });
}

#[tokio::test]
async fn recorded_calls_come_out_as_recorded() {
    let stage = recorded_network().await;
    for name in [
        "simulate-inc-source-is-operation-source",
        "simulate-inc-address-credentials",
        "simulate-tick-no-auth",
        "simulate-get-read-only",
        "simulate-sac-transfer",
        "simulate-again-inc",
    ] {
        simulated(&stage, name).await;
    }
    for name in [
        "simulate-boom-trap",
        "simulate-fail-contract-error",
        "simulate-unknown-function",
        "simulate-unknown-contract",
        "simulate-wrong-argument",
        "simulate-sac-transfer-underfunded",
        "simulate-classic",
        "simulate-malformed",
        "send-pending",
        "send-duplicate",
        "send-try-again-later",
    ] {
        alike(&stage, name).await;
    }
    stage.town.close(1).await;
    alike(&stage, "get-transaction-success").await;
    alike_in_horizon(&stage, "transaction-contract-call").await;
    alike(&stage, "send-after-landed").await;
    alike(&stage, "simulate-nonce-used").await;
    alike(&stage, "send-nonce-used").await;
    stage.town.close(1).await;
    alike(&stage, "get-transaction-nonce-used").await;
    alike_in_horizon(&stage, "transaction-contract-call-failed").await;
    let (recorded, answer) = alike(&stage, "get-ledger-entries-nonce").await;
    assert_eq!(recorded["entries"][0]["xdr"], answer["entries"][0]["xdr"]);
    simulated(&stage, "simulate-again-tick").await;
    alike(&stage, "send-fee-bump-muxed").await;
    stage.town.close(1).await;
    alike_in_horizon(&stage, "transaction-contract-call-fee-bump").await;
    for name in [
        "get-transaction-fee-bump-outer",
        "get-transaction-fee-bump-inner",
        "send-error-bad-seq",
        "send-error-bad-auth",
        "send-error-resource-fee",
        "send-error-soroban-invalid",
        "send-malformed",
        "send-resource-limit",
    ] {
        alike(&stage, name).await;
    }
    stage.town.close(1).await;
    alike(&stage, "get-transaction-resource-limit").await;
    alike(&stage, "send-classic").await;
    stage.town.close(1).await;
    alike(&stage, "get-transaction-classic-failed").await;
    simulated(&stage, "simulate-again-sac-transfer").await;
    alike(&stage, "send-sac-transfer").await;
    stage.town.close(1).await;
    alike(&stage, "get-transaction-sac-transfer").await;
    // Pages, but of the ledgers that are here.
    for (name, limit) in [("get-transactions-page", 1), ("get-events", 2)] {
        let recorded = capture(name);
        let mut params = recorded["request"]["params"].clone();
        params["startLedger"] = stage.town.sandbox.node().core().ledger().sequence().into();
        params["pagination"]["limit"] = limit.into();
        let method = recorded["request"]["method"].as_str().unwrap();
        let answer = stage.ask(method, params).await;
        assert_alike(name, &recorded["response"]["body"], &answer);
    }
}

#[tokio::test]
async fn recorded_calls_of_archived_entries_come_out_as_recorded() {
    let stage = recorded_network().await;
    let archived = contract(ARCHIVED);
    let count = ScVal::Symbol(symbol("COUNT"));
    {
        let mut core = stage.town.sandbox.node().core();
        core.ledger_mut().set_up(|_, state| {
            let one = entry(&archived, count.clone(), ScVal::U32(1), LEDGER + 100);
            state.put_contract(data_key(&archived, count), one);
        });
    }
    simulated(&stage, "simulate-before-archival").await;
    // The recorded network had been told to let entries live for 16 ledgers, so that some were over soon.
    stage
        .town
        .sandbox
        .node()
        .core()
        .ledger_mut()
        .set_up(|engine, _| engine.settings_mut().archival.min_persistent_ttl = 16);
    let path = format!("/sandbox/contract/archive?id={archived}");
    // The code is another contract's, too, and stays.
    for key in ["&symbol=COUNT", "&key=AAAAFA=="] {
        let (status, body) = stage.town.post(&format!("{path}{key}")).await;
        assert_eq!((status, &body["archived"]), (200, &json!(1)), "{body}");
    }
    stage.town.close(1).await;
    simulated(&stage, "simulate-archived").await;
    alike(&stage, "send-archived-autorestore").await;
    stage.town.close(1).await;
    alike(&stage, "get-transaction-autorestore").await;

    // Archived once more, and nothing restores them.
    let (status, body) = stage.town.post(&format!("{path}&symbol=COUNT")).await;
    assert_eq!(status, 200, "{body}");
    let again = sent_frame("send-entry-archived");
    {
        let mut core = stage.town.sandbox.node().core();
        let ledger = core.ledger_mut();
        let mut account = ledger.state().account(again.source()).unwrap().clone();
        account.sequence = again.sequence() - 1;
        ledger.import_account(again.source(), Some(account));
    }
    alike(&stage, "send-entry-archived").await;
    stage.town.close(1).await;
    alike(&stage, "get-transaction-entry-archived").await;
}

#[tokio::test]
async fn xdr_comes_as_json_where_it_is_asked_for() {
    let stage = recorded_network().await;
    let frame = sent_frame("send-fee-bump-muxed");
    {
        let mut core = stage.town.sandbox.node().core();
        let ledger = core.ledger_mut();
        let mut account = ledger.state().account(frame.source()).unwrap().clone();
        account.sequence = frame.sequence() - 1;
        ledger.import_account(frame.source(), Some(account));
    }
    alike(&stage, "send-fee-bump-muxed").await;
    stage.town.close(1).await;
    let name = "get-transaction-success-json";
    let recorded = capture(name);
    let answer = stage
        .rpc("getTransaction", recorded["request"]["params"].clone())
        .await;
    let recorded = &recorded["response"]["body"]["result"];
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(recorded), names(&answer));
    assert_eq!(recorded["envelopeJson"], answer["envelopeJson"]);
    let first =
        |value: &Value| value["events"]["transactionEventsJson"][0]["event"]["body"].clone();
    assert_eq!(first(recorded), first(&answer), "the fee that was taken");
}

#[tokio::test]
async fn what_else_is_asked_has_the_recorded_fields() {
    let stage = recorded_network().await;
    stage.town.close(12).await;
    for name in [
        "get-network",
        "get-health",
        "get-latest-ledger",
        "get-version-info",
        "get-fee-stats",
        "get-ledger-entries-account",
        "get-ledger-entries-bad-key",
        "get-transaction-not-found",
        "get-transaction-bad-hash",
        "get-transactions-too-old",
        "unknown-method",
    ] {
        alike(&stage, name).await;
    }
    let network = stage.rpc("getNetwork", Value::Null).await;
    assert_eq!(
        network,
        capture("get-network")["response"]["body"]["result"]
    );
}
