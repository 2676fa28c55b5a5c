//! Transactions by their hashes, and by their ledgers.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stellar_xdr::{
    AccountId, Asset, ContractEvent, ContractEventBody, ContractEventType, ContractEventV0,
    ContractId, ContractIdPreimage, ExtensionPoint, Hash, HashIdPreimage, HashIdPreimageContractId,
    Int128Parts, ScAddress, ScSymbol, ScVal, StringM, TransactionEvent, TransactionEventStage,
    TransactionMeta, TransactionMetaV4, VecM,
};

use super::{Failure, base64, latest, oldest};
use crate::sandbox::horizon::page;
use crate::sandbox::horizon::transaction::Landed;
use crate::sandbox::ledger::Ledger;
use crate::sandbox::ledger::entry::bytes;
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::history::Toid;

/// Transactions a page when nothing is said.
const DEFAULT_ITEMS: u64 = 50;
/// The most transactions a page.
const MAX_ITEMS: u64 = 200;

/// How XDR is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In base64, in fields that end with `Xdr`.
    Base64,
    /// As JSON, in fields that end with `Json`.
    Json,
}

impl Form {
    /// Reads the parameter `xdrFormat`.
    pub fn of(params: &Value) -> Result<Self, Failure> {
        match params["xdrFormat"].as_str() {
            None | Some("" | "base64") => Ok(Self::Base64),
            Some("json") => Ok(Self::Json),
            Some(_) => Err(Failure::parameter(
                "expected xdrFormat to be \"base64\" or \"json\"",
            )),
        }
    }

    /// Puts a value under a name, with the form's ending.
    pub fn put<T>(self, into: &mut Map<String, Value>, name: &str, value: &T)
    where
        T: stellar_xdr::WriteXdr + serde::Serialize,
    {
        let (ending, value) = match self {
            Self::Base64 => ("Xdr", base64(value).into()),
            Self::Json => ("Json", serde_json::to_value(value).unwrap_or(Value::Null)),
        };
        into.insert(format!("{name}{ending}"), value);
    }

    /// A list of values.
    pub fn list<T>(self, values: &[T]) -> Value
    where
        T: stellar_xdr::WriteXdr + serde::Serialize,
    {
        values
            .iter()
            .map(|value| match self {
                Self::Base64 => base64(value).into(),
                Self::Json => serde_json::to_value(value).unwrap_or(Value::Null),
            })
            .collect::<Vec<Value>>()
            .into()
    }

    /// What the names of such fields end with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Base64 => "Xdr",
            Self::Json => "Json",
        }
    }
}

/// Reads the parameter `hash`.
pub fn hash(params: &Value) -> Result<[u8; 32], Failure> {
    let text = params["hash"].as_str().unwrap_or_default();
    if text.len() != 64 {
        return Err(Failure::parameter(format!(
            "unexpected hash length ({})",
            text.len()
        )));
    }
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash)
        .map_err(|error| Failure::parameter(format!("incorrect hash: {error}")))?;
    Ok(hash)
}

/// `getTransaction`: by the inner or the outer hash. What is not found is not between the oldest and the latest ledger.
pub fn by_hash(ledger: &Ledger, head: u32, asked: [u8; 32], form: Form) -> Result<Value, Failure> {
    let ((head, closed), (elder, elder_closed)) = (latest(ledger, head)?, oldest(ledger)?);
    let mut answer = Map::new();
    answer.insert("latestLedger".to_owned(), head.into());
    answer.insert(
        "latestLedgerCloseTime".to_owned(),
        closed.to_string().into(),
    );
    answer.insert("oldestLedger".to_owned(), elder.into());
    answer.insert(
        "oldestLedgerCloseTime".to_owned(),
        elder_closed.to_string().into(),
    );
    let found = ledger
        .history()
        .by_hash(&asked)
        .filter(|tx| tx.toid.ledger_number() <= head)
        .and_then(|tx| page::landed(ledger.history(), tx.toid));
    match found {
        Some(landed) => {
            put(&mut answer, ledger, &landed, asked, form);
            answer.insert("createdAt".to_owned(), landed.close_time.to_string().into());
        }
        None => {
            let rest = json!({
                "status": "NOT_FOUND",
                "txHash": hex::encode(asked),
                "applicationOrder": 0,
                "feeBump": false,
                "events": {},
                "ledger": 0,
                "createdAt": "0",
            });
            if let Value::Object(rest) = rest {
                answer.extend(rest);
            }
        }
    }
    Ok(answer.into())
}

fn put(
    into: &mut Map<String, Value>,
    ledger: &Ledger,
    landed: &Landed,
    asked: [u8; 32],
    form: Form,
) {
    let tx = &landed.tx;
    let frame = landed.frame();
    let status = if tx.successful { "SUCCESS" } else { "FAILED" };
    into.insert("status".to_owned(), status.into());
    into.insert("txHash".to_owned(), hex::encode(asked).into());
    into.insert(
        "applicationOrder".to_owned(),
        tx.toid.transaction_place().into(),
    );
    into.insert("feeBump".to_owned(), tx.inner_hash.is_some().into());
    form.put(into, "envelope", frame.envelope());
    form.put(into, "result", &landed.result());
    let fees = fee_events(ledger, landed, &frame);
    form.put(into, "resultMeta", &meta(landed, &fees));
    let told = tx.effects.as_deref().map(|effects| &*effects.diagnostics);
    if let Some(told) = told.filter(|told| !told.is_empty()) {
        into.insert(
            format!("diagnosticEvents{}", form.ending()),
            form.list(told),
        );
    }
    let mut events = Map::new();
    events.insert(
        format!("transactionEvents{}", form.ending()),
        form.list(&fees),
    );
    if tx.successful {
        let of_operations: Vec<_> = frame
            .operations()
            .iter()
            .map(|_| {
                form.list(
                    tx.effects
                        .as_deref()
                        .map_or(&[][..], |effects| &effects.events),
                )
            })
            .collect();
        events.insert(
            format!("contractEvents{}", form.ending()),
            of_operations.into(),
        );
    }
    into.insert("events".to_owned(), events.into());
    into.insert("ledger".to_owned(), tx.toid.ledger_number().into());
}

/// The meta of a transaction; of a classic one only its fee is told.
fn meta(landed: &Landed, fees: &[TransactionEvent]) -> TransactionMeta {
    let mut meta = match &landed.tx.effects {
        Some(effects) => effects.meta(landed.tx.successful),
        None => TransactionMeta::V4(TransactionMetaV4::default()),
    };
    if let TransactionMeta::V4(meta) = &mut meta {
        meta.events = VecM::try_from(fees.to_vec()).unwrap_or_default();
    }
    meta
}

/// What was charged, and what was given back, as the events that the network makes of them.
fn fee_events(ledger: &Ledger, landed: &Landed, frame: &Frame) -> Vec<TransactionEvent> {
    let refund = landed
        .tx
        .effects
        .as_ref()
        .map_or(0, |effects| effects.refund);
    let payer = frame.fee_source().xdr();
    let event = |stage, stroops: i64| TransactionEvent {
        stage,
        event: fee_event(ledger.network_id(), &payer, stroops),
    };
    let mut events = vec![event(
        TransactionEventStage::BeforeAllTxs,
        landed.tx.fee_charged + refund,
    )];
    if refund > 0 {
        events.push(event(TransactionEventStage::AfterAllTxs, -refund));
    }
    events
}

fn fee_event(network_id: [u8; 32], payer: &AccountId, stroops: i64) -> ContractEvent {
    let topics = vec![
        ScVal::Symbol(ScSymbol(StringM::try_from("fee").unwrap_or_default())),
        ScVal::Address(ScAddress::Account(payer.clone())),
    ];
    let wide = i128::from(stroops);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the lower half of 128 bits"
    )]
    let lo = wide as u64;
    ContractEvent {
        ext: ExtensionPoint::V0,
        contract_id: Some(asset_contract(network_id, Asset::Native)),
        type_: ContractEventType::Contract,
        body: ContractEventBody::V0(ContractEventV0 {
            topics: VecM::try_from(topics).unwrap_or_default(),
            data: ScVal::I128(Int128Parts {
                hi: if stroops < 0 { -1 } else { 0 },
                lo,
            }),
        }),
    }
}

/// The contract of an asset.
pub fn asset_contract(network_id: [u8; 32], asset: Asset) -> ContractId {
    let preimage = HashIdPreimage::ContractId(HashIdPreimageContractId {
        network_id: Hash(network_id),
        contract_id_preimage: ContractIdPreimage::Asset(asset),
    });
    ContractId(Hash(Sha256::digest(bytes(&preimage)).into()))
}

/// Where a page begins.
pub enum Start {
    /// With a ledger.
    Ledger(u32),
    /// After a transaction.
    After(Toid),
}

/// Reads the parameters `startLedger` and `pagination`: where to begin, and how many.
pub fn start(params: &Value, most: u64) -> Result<(Start, usize), Failure> {
    let pagination = &params["pagination"];
    let limit = match &pagination["limit"] {
        Value::Null => DEFAULT_ITEMS.min(most),
        limit => limit
            .as_u64()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| Failure::parameter(format!("limit must not exceed {most}")))?,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = pagination["cursor"]
        .as_str()
        .filter(|cursor| !cursor.is_empty());
    let start = match cursor {
        Some(cursor) => {
            let number = cursor.split('-').next().unwrap_or_default();
            let toid = number
                .parse()
                .map_err(|_| Failure::parameter("invalid cursor"))?;
            Start::After(Toid(toid))
        }
        None => Start::Ledger(
            params["startLedger"]
                .as_u64()
                .and_then(|ledger| u32::try_from(ledger).ok())
                .ok_or_else(|| Failure::parameter("startLedger must be a ledger's number"))?,
        ),
    };
    Ok((start, limit))
}

/// Refuses a ledger that is not known, or not any more.
pub fn within(first: u32, elder: u32, head: u32) -> Result<(), Failure> {
    if (elder..=head).contains(&first) {
        return Ok(());
    }
    Err(Failure::request(format!(
        "start ledger ({first}) must be between the oldest ledger: {elder} and the latest ledger: {head} for this rpc instance"
    )))
}

/// `getTransactions`: in the order of the ledgers.
pub fn page(ledger: &Ledger, head: u32, params: &Value) -> Result<Value, Failure> {
    let form = Form::of(params)?;
    let ((head, closed), (elder, elder_closed)) = (latest(ledger, head)?, oldest(ledger)?);
    let (start, limit) = start(params, MAX_ITEMS)?;
    let (first, after) = match start {
        Start::Ledger(first) => {
            within(first, elder, head)?;
            (first, None)
        }
        Start::After(toid) => (toid.ledger_number().max(elder), Some(toid)),
    };
    let mut items = Vec::new();
    let mut last = after.unwrap_or(Toid::ledger(first));
    let places = (first..=head)
        .filter_map(|sequence| ledger.history().ledger(sequence))
        .flat_map(|record| record.transactions.iter().map(|tx| tx.toid))
        .filter(|toid| after.is_none_or(|after| *toid > after.transaction_part()));
    for toid in places.take(limit) {
        let Some(landed) = page::landed(ledger.history(), toid) else {
            continue;
        };
        let mut item = Map::new();
        put(&mut item, ledger, &landed, landed.tx.hash, form);
        item.insert("createdAt".to_owned(), landed.close_time.into());
        items.push(Value::from(item));
        last = toid.operation(1);
    }
    Ok(json!({
        "transactions": items,
        "latestLedger": head,
        "latestLedgerCloseTimestamp": closed,
        "oldestLedger": elder,
        "oldestLedgerCloseTimestamp": elder_closed,
        "cursor": last.0.to_string(),
    }))
}
