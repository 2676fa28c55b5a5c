//! Controls for contracts: deploying, looking at what they hold, and letting it be archived.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};
use stellar_xdr::{
    AlphaNum4, AlphaNum12, Asset, AssetCode4, AssetCode12, ContractDataDurability, ContractId,
    Hash, LedgerEntryData, LedgerKey, LedgerKeyContractCode, LedgerKeyContractData, Limits,
    ReadXdr, ScAddress, ScSymbol, ScVal, StringM,
};

use super::ask::Ask;
use super::reply::Reply;
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::entry::ContractEntry;
use crate::sandbox::ledger::genesis::root_key;
use crate::sandbox::ledger::state::State as Entries;
use crate::sandbox::node::Node;

/// The largest code that is read, in bytes.
const MAX_CODE_BYTES: usize = 1 << 20;

type Shared = State<Arc<Node>>;

/// `POST /sandbox/contract`, with code as its body or an asset as a parameter: deploys at once, outside every transaction.
pub async fn deploy(State(node): Shared, ask: Ask, body: Body) -> Result<Reply, Reply> {
    let code = to_bytes(body, MAX_CODE_BYTES).await.map_err(|_| {
        Problem::bad_request("body", "cannot be read, or is larger than a megabyte")
    })?;
    let salt = match ask.parameter("salt") {
        None => [0; 32],
        Some(text) => hash(text).ok_or_else(|| wrong("salt", "must be 64 hex digits"))?,
    };
    let asset = match ask.parameter("asset") {
        None => None,
        Some(text) => {
            Some(asset(text).ok_or_else(|| wrong("asset", "must be native, or CODE:ISSUER"))?)
        }
    };
    let deploying = Arc::clone(&node);
    let code_hash = hex::encode(Sha256::digest(&code));
    let is_asset = asset.is_some();
    let done = tokio::task::spawn_blocking(move || {
        let root = AccountKey(
            root_key(&deploying.config().passphrase)
                .verifying_key()
                .to_bytes(),
        );
        let mut core = deploying.core();
        core.ledger_mut().set_up(|engine, state| match asset {
            Some(asset) => engine.deploy_asset(state, root, asset),
            None => engine.deploy(state, root, code.to_vec(), salt),
        })
    })
    .await
    .map_err(|_| Problem::service_unavailable())?;
    let id = done.map_err(|error| wrong("body", &error))?;
    let mut answer = json!({ "contract": id.to_string() });
    if !is_asset {
        answer["wasm_hash"] = code_hash.into();
    }
    Ok(Reply::ok(answer))
}

/// `GET /sandbox/contract`: what a contract holds under a key, straight from the ledger, whatever faults are set.
pub async fn look(State(node): Shared, ask: Ask) -> Result<Reply, Reply> {
    let contract = contract(&ask)?;
    let key = LedgerKey::ContractData(LedgerKeyContractData {
        contract,
        key: key(&ask)?.unwrap_or(ScVal::LedgerKeyContractInstance),
        durability: durability(&ask)?,
    });
    let core = node.core();
    let ledger = core.ledger();
    let found = ledger
        .state()
        .contract(&key)
        .ok_or_else(Problem::not_found)?;
    let value = match &found.data {
        LedgerEntryData::ContractData(data) => serde_json::to_value(&data.val).ok(),
        _ => None,
    };
    Ok(Reply::ok(json!({
        "value": value,
        "modified": found.modified,
        "live_until": found.live_until,
        "live": found.is_live(ledger.sequence().saturating_add(1)),
        "ledger": ledger.sequence(),
    })))
}

/// `POST /sandbox/contract/archive`: ends the life of what a contract holds under a key; without a key, of all of it and its code.
pub async fn archive(State(node): Shared, ask: Ask) -> Result<Reply, Reply> {
    let contract = contract(&ask)?;
    let key = key(&ask)?;
    let durability = durability(&ask)?;
    let mut core = node.core();
    let archived = core.ledger_mut().set_up(|_, state| {
        let keys = match key {
            Some(key) => vec![LedgerKey::ContractData(LedgerKeyContractData {
                contract,
                key,
                durability,
            })],
            None => all_of(state, &contract),
        };
        keys.iter().filter(|key| end(state, key)).count()
    });
    if archived == 0 {
        return Err(Problem::not_found().into());
    }
    let ledger = core.ledger().sequence();
    Ok(Reply::ok(json!({ "archived": archived, "ledger": ledger })))
}

fn all_of(state: &Entries, contract: &ScAddress) -> Vec<LedgerKey> {
    let mut keys = state.data_of(contract);
    let code = keys.iter().find_map(|key| {
        let LedgerEntryData::ContractData(data) = &state.contract(key)?.data else {
            return None;
        };
        match &data.val {
            ScVal::ContractInstance(instance) => match &instance.executable {
                stellar_xdr::ContractExecutable::Wasm(hash) => Some(hash.clone()),
                stellar_xdr::ContractExecutable::StellarAsset
                | stellar_xdr::ContractExecutable::ExternalRef(_) => None,
            },
            _ => None,
        }
    });
    keys.extend(code.map(|hash| LedgerKey::ContractCode(LedgerKeyContractCode { hash })));
    keys
}

/// From the next ledger on an entry is over; false if there is none.
fn end(state: &mut Entries, key: &LedgerKey) -> bool {
    let Some(found) = state.contract(key) else {
        return false;
    };
    let mut over = ContractEntry::clone(found);
    over.live_until = over.live_until.min(state.stamp().ledger);
    state.put_contract(key.clone(), over);
    true
}

fn wrong(field: &str, reason: &str) -> Problem {
    Problem::bad_request(field, reason)
}

fn contract(ask: &Ask) -> Result<ScAddress, Problem> {
    ask.parameter("id")
        .and_then(|text| stellar_strkey::Contract::from_string(text).ok())
        .map(|id| ScAddress::Contract(ContractId(Hash(id.0))))
        .ok_or_else(|| wrong("id", "must be a contract: C and 55 more letters and digits"))
}

/// The key as a `symbol`, or as `key`, XDR of an SCVal in base64.
fn key(ask: &Ask) -> Result<Option<ScVal>, Problem> {
    if let Some(symbol) = ask.parameter("symbol") {
        let symbol = StringM::try_from(symbol)
            .map_err(|_| wrong("symbol", "must have at most 32 letters"))?;
        return Ok(Some(ScVal::Symbol(ScSymbol(symbol))));
    }
    let Some(text) = ask.parameter("key") else {
        return Ok(None);
    };
    let limits = Limits {
        depth: 500,
        len: MAX_CODE_BYTES,
    };
    BASE64
        .decode(text)
        .ok()
        .and_then(|bytes| ScVal::from_xdr(bytes, limits).ok())
        .map(Some)
        .ok_or_else(|| wrong("key", "must be XDR of an SCVal, in base64"))
}

fn durability(ask: &Ask) -> Result<ContractDataDurability, Problem> {
    match ask.parameter("durability") {
        None | Some("persistent") => Ok(ContractDataDurability::Persistent),
        Some("temporary") => Ok(ContractDataDurability::Temporary),
        Some(_) => Err(wrong("durability", "must be persistent or temporary")),
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn asset(text: &str) -> Option<Asset> {
    if text == "native" {
        return Some(Asset::Native);
    }
    let (code, issuer) = text.split_once(':')?;
    let issuer = issuer.parse::<AccountKey>().ok()?.xdr();
    let (mut short, mut long) = ([0; 4], [0; 12]);
    if let Some(room) = short.get_mut(..code.len()) {
        room.copy_from_slice(code.as_bytes());
        let asset_code = AssetCode4(short);
        return Some(Asset::CreditAlphanum4(AlphaNum4 { asset_code, issuer }));
    }
    long.get_mut(..code.len())?.copy_from_slice(code.as_bytes());
    let asset_code = AssetCode12(long);
    Some(Asset::CreditAlphanum12(AlphaNum12 { asset_code, issuer }))
}
