//! Answers → what they say. Pure: what an answer proves, and that everything else proves nothing.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use stellar_xdr as xdr;
use xdr::{Limits, WriteXdr};

use super::reply::{INVALID_PARAMS, decode, lying, refused, reply, result, tidy};
use super::wire;
use crate::domain::landed::{self, Facts, LandedError, Record, envelope_hashes};
use crate::domain::observation::{LookUp, SubmitAnswer, Unknown, UnknownKind};
use crate::domain::primitives::{LedgerSeq, NetworkId, TxHash};
use crate::domain::soroban::{
    CallRecord, Failure, InclusionFees, Restoration, Simulated, Simulation, SimulationOutcome,
};
use crate::http::{Answer, NamesNetwork};

/// Events of one answer that are read at most.
const MAX_EVENTS: usize = 1000;
/// Authorisation entries of one answer that are read at most.
const MAX_AUTH_ENTRIES: usize = 1000;

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The network's passphrase.
    pub passphrase: String,
    /// The protocol's version.
    pub protocol_version: u32,
}

impl NamesNetwork for Network {
    fn passphrase(&self) -> &str {
        &self.passphrase
    }
}

/// The newest ledger of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Its number.
    pub ledger: LedgerSeq,
    /// Its hash.
    pub hash: [u8; 32],
    /// The protocol's version.
    pub protocol_version: u32,
}

/// The ledgers that a server knows, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The oldest.
    pub oldest: LedgerSeq,
    /// The newest.
    pub latest: LedgerSeq,
}

impl Span {
    /// Whether all ledgers from `from` to `to` are in it: only then does an absence say something of them.
    #[must_use]
    pub const fn holds(self, from: LedgerSeq, to: LedgerSeq) -> bool {
        self.oldest.0 <= from.0 && to.0 <= self.latest.0
    }
}

/// A look for a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What was found, or that nothing was within `span`.
    pub look_up: LookUp,
    /// The ledgers that were looked through; `None` where the answer does not say.
    pub span: Option<Span>,
    /// What the ledger says of a landed call beyond its result; `None` where it does not.
    pub call: Option<CallRecord>,
}

/// Ledger entries as of one ledger. Those that do not exist are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntries {
    /// The ledger whose state this is.
    pub as_of: LedgerSeq,
    /// Those that exist.
    pub entries: Vec<Entry>,
}

/// One ledger entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: xdr::LedgerKey,
    /// What it holds.
    pub data: xdr::LedgerEntryData,
    /// The ledger that changed it last.
    pub modified: LedgerSeq,
    /// The last ledger in which a contract's entry is live; `None` for what lives for ever.
    pub live_until: Option<LedgerSeq>,
}

/// `getNetwork`.
///
/// # Errors
/// [`Unknown`] for everything but a whole result.
pub fn network(id: u64, answer: &Answer) -> Result<Network, Unknown> {
    let network: wire::Network = result(id, answer, "a network")?;
    Ok(Network {
        passphrase: network.passphrase,
        protocol_version: network.protocol_version,
    })
}

/// `getLatestLedger`.
///
/// # Errors
/// [`Unknown`] for everything but a whole result.
pub fn latest_ledger(id: u64, answer: &Answer) -> Result<Watermark, Unknown> {
    let ledger: wire::LatestLedger = result(id, answer, "a ledger")?;
    Ok(Watermark {
        ledger: LedgerSeq(ledger.sequence),
        hash: ledger.id.0,
        protocol_version: ledger.protocol_version,
    })
}

/// `getHealth`: which ledgers it knows. One that is not healthy is behind, and answers with an error.
///
/// # Errors
/// [`Unknown`] for everything but a whole result that says `healthy`.
pub fn health(id: u64, answer: &Answer) -> Result<Span, Unknown> {
    let health: wire::Health = result(id, answer, "the state of a server")?;
    if health.status != "healthy" {
        return Err(answer.unknown(UnknownKind::Unavailable, "it says that it is not healthy"));
    }
    Ok(Span {
        oldest: LedgerSeq(health.oldest_ledger),
        latest: LedgerSeq(health.latest_ledger),
    })
}

/// `getVersionInfo`: the server's version, for people.
///
/// # Errors
/// [`Unknown`] for everything but a whole result.
pub fn version(id: u64, answer: &Answer) -> Result<String, Unknown> {
    let version: wire::Version = result(id, answer, "a version")?;
    Ok(tidy(&version.version))
}

/// `getFeeStats`, of contract calls.
///
/// # Errors
/// [`Unknown`] for everything but a whole result.
pub fn fee_stats(id: u64, answer: &Answer) -> Result<InclusionFees, Unknown> {
    let stats: wire::FeeStats = result(id, answer, "fee statistics")?;
    let fees = stats.soroban_inclusion_fee;
    let count = |number: i64| u32::try_from(number).unwrap_or(0);
    Ok(InclusionFees {
        percentiles: [fees.p50, fees.p80, fees.p95],
        max: fees.max,
        transactions: count(fees.transaction_count),
        ledgers: count(fees.ledger_count),
    })
}

/// `getLedgerEntries` of these keys.
///
/// # Errors
/// [`Unknown`] for everything but a whole result, without entries that nobody asked for.
pub fn ledger_entries(
    id: u64,
    asked: &[xdr::LedgerKey],
    answer: &Answer,
) -> Result<LedgerEntries, Unknown> {
    let found: wire::LedgerEntries = result(id, answer, "ledger entries")?;
    let entries = found.entries.unwrap_or_default();
    if entries.len() > asked.len() {
        return Err(lying(answer, "more ledger entries than asked for"));
    }
    let entries: Vec<Entry> = entries
        .into_iter()
        .map(|entry| {
            Ok(Entry {
                key: decode(answer, &entry.key, "a ledger key")?,
                data: decode(answer, &entry.xdr, "a ledger entry")?,
                modified: LedgerSeq(entry.last_modified_ledger_seq),
                live_until: entry.live_until_ledger_seq.map(LedgerSeq),
            })
        })
        .collect::<Result<_, Unknown>>()?;
    let is_asked = |entry: &Entry| asked.contains(&entry.key) && entry.data.to_key() == entry.key;
    if !entries.iter().all(is_asked) {
        return Err(lying(answer, "another ledger entry than asked for"));
    }
    Ok(LedgerEntries {
        as_of: LedgerSeq(found.latest_ledger),
        entries,
    })
}

/// `simulateTransaction`.
///
/// # Errors
/// [`Unknown`] for everything but a whole result, be it that the call runs or that it fails.
pub fn simulation(id: u64, answer: &Answer) -> Result<Simulation, Unknown> {
    let said: wire::Simulated = result(id, answer, "a simulation")?;
    let latest_ledger = LedgerSeq(said.latest_ledger);
    let events = events(answer, said.events.unwrap_or_default())?;
    let outcome = match said.error {
        Some(text) => SimulationOutcome::Fails(Failure::of(&text, events)),
        None => {
            let unfit = |what: &str| answer.unknown(UnknownKind::Unparsable, what);
            let data = said
                .transaction_data
                .ok_or_else(|| unfit("a simulation without transactionData"))?;
            let fee = said
                .min_resource_fee
                .ok_or_else(|| unfit("a simulation without minResourceFee"))?;
            let mut results = said.results.unwrap_or_default().into_iter();
            let (first, second) = (results.next(), results.next());
            if second.is_some() {
                return Err(lying(answer, "a simulation of more than one operation"));
            }
            let (auth, value) = first.map_or((None, None), |one| (one.auth, one.xdr));
            let restoration = said.restore_preamble.map(|restore| {
                Ok(Restoration {
                    data: decode(answer, &restore.transaction_data, "what is to be restored")?,
                    min_resource_fee: fee_of(answer, &restore.min_resource_fee)?,
                })
            });
            SimulationOutcome::Runs(Box::new(Simulated {
                data: decode(answer, &data, "transaction data")?,
                min_resource_fee: fee_of(answer, &fee)?,
                auth: auth_entries(answer, auth.unwrap_or_default())?,
                value: value
                    .map(|value| decode(answer, &value, "a return value"))
                    .transpose()?,
                events,
                restoration: restoration.transpose()?,
            }))
        }
    };
    Ok(Simulation {
        latest_ledger,
        outcome,
    })
}

fn auth_entries(
    answer: &Answer,
    entries: Vec<String>,
) -> Result<Vec<xdr::SorobanAuthorizationEntry>, Unknown> {
    if entries.len() > MAX_AUTH_ENTRIES {
        return Err(lying(answer, "more authorisations than fit a transaction"));
    }
    let entries = entries.iter();
    entries
        .map(|entry| decode(answer, entry, "an authorisation"))
        .collect()
}

/// The events that can be read: they are for people, and one of a newer protocol must not hide the answer.
fn events(answer: &Answer, events: Vec<String>) -> Result<Vec<xdr::DiagnosticEvent>, Unknown> {
    if events.len() > MAX_EVENTS {
        return Err(lying(answer, "more events than fit a transaction"));
    }
    let events = events.iter();
    Ok(events
        .filter_map(|event| decode(answer, event, "an event").ok())
        .collect())
}

fn fee_of(answer: &Answer, text: &str) -> Result<i64, Unknown> {
    let fee = text.parse::<i64>().ok().filter(|fee| *fee >= 0);
    fee.ok_or_else(|| answer.unknown(UnknownKind::Unparsable, "a resource fee that is no fee"))
}

/// `getTransaction` by inner or outer hash: NOT_FOUND is [`LookUp::Absent`] within the span of the same answer, and proves nothing alone.
#[must_use]
pub fn look_up(network: NetworkId, asked: TxHash, id: u64, answer: &Answer) -> Found {
    match found(network, asked, id, answer) {
        Ok(found) => found,
        Err(unknown) => Found {
            look_up: LookUp::Unknown(unknown),
            span: None,
            call: None,
        },
    }
}

fn found(network: NetworkId, asked: TxHash, id: u64, answer: &Answer) -> Result<Found, Unknown> {
    let said: wire::Transaction = result(id, answer, "a transaction")?;
    let span = Some(Span {
        oldest: LedgerSeq(said.oldest_ledger),
        latest: LedgerSeq(said.latest_ledger),
    });
    if said.tx_hash.is_some_and(|hash| hash != asked) {
        return Err(lying(answer, "another transaction than asked for"));
    }
    let successful = match said.status.as_str() {
        "NOT_FOUND" => {
            return Ok(Found {
                look_up: LookUp::Absent,
                span,
                call: None,
            });
        }
        "SUCCESS" => true,
        "FAILED" => false,
        _ => return Err(answer.unknown(UnknownKind::Unparsable, "a status that is not known")),
    };
    let envelope = in_xdr::<xdr::TransactionEnvelope>(said.envelope_xdr, said.envelope_json);
    let result = in_xdr::<xdr::TransactionResult>(said.result_xdr, said.result_json);
    let (Some(envelope), Some(result)) = (&envelope, &result) else {
        let what = "a transaction without its envelope or result";
        return Err(answer.unknown(UnknownKind::Unparsable, what));
    };
    if said.ledger == 0 || said.ledger > said.latest_ledger {
        return Err(lying(
            answer,
            "a transaction of a ledger that is not closed",
        ));
    }
    let record = Record {
        envelope,
        result,
        hash: asked,
        successful,
        ledger: LedgerSeq(said.ledger),
        closed_at: said.created_at,
        fee_charged: None,
    };
    let landed = Facts::read(network, envelope)
        .and_then(|facts| facts.borne_out(&record))
        .map_err(|error| {
            let kind = match error {
                LandedError::Unreadable(_) => UnknownKind::Unparsable,
                LandedError::Lying(_) => UnknownKind::Lying,
            };
            answer.unknown(kind, format!("the transaction {error}"))
        })?;
    // The meta is for people: that it landed is so without it.
    let meta = in_xdr::<xdr::TransactionMeta>(said.result_meta_xdr, said.result_meta_json);
    let mut call = meta
        .as_deref()
        .and_then(|meta| decode::<xdr::TransactionMeta>(answer, meta, "meta").ok())
        .map(|meta| CallRecord::of(&meta));
    if let Some(call) = &mut call
        && call.diagnostics.is_empty()
    {
        call.diagnostics =
            events(answer, said.diagnostic_events_xdr.unwrap_or_default()).unwrap_or_default();
    }
    Ok(Found {
        look_up: LookUp::Landed(Box::new(landed)),
        span,
        call,
    })
}

/// A value in base64, also where it came as JSON; `None` where it did not come, or is none.
fn in_xdr<T: DeserializeOwned + WriteXdr>(
    xdr: Option<String>,
    json: Option<Box<RawValue>>,
) -> Option<String> {
    if xdr.is_some() {
        return xdr;
    }
    let value: T = serde_json::from_str(json?.get()).ok()?;
    value.to_xdr_base64(Limits::none()).ok()
}

/// `sendTransaction` of this envelope (base64): never more than what core's queue said.
#[must_use]
pub fn sent(network: NetworkId, posted: &str, id: u64, answer: &Answer) -> SubmitAnswer {
    let said: wire::Sent = match reply(id, answer, "the answer to a submission") {
        Ok(Ok(said)) => said,
        // Such bytes never reached core.
        Ok(Err(fault)) if fault.code == INVALID_PARAMS && fault.message.contains("invalid_xdr") => {
            return SubmitAnswer::Malformed("invalid_xdr".to_owned());
        }
        Ok(Err(fault)) => return SubmitAnswer::Unknown(refused(answer, &fault)),
        Err(unknown) => return SubmitAnswer::Unknown(unknown),
    };
    let is_same = envelope_hashes(network, posted)
        .is_ok_and(|(inner, fee_bump)| said.hash == fee_bump.unwrap_or(inner));
    if !is_same {
        return SubmitAnswer::Unknown(lying(answer, "the answer to another envelope"));
    }
    match (said.status.as_str(), &said.error_result_xdr) {
        ("PENDING", _) => SubmitAnswer::Queued { duplicate: false },
        ("DUPLICATE", _) => SubmitAnswer::Queued { duplicate: true },
        // Also what core says of bytes that have landed, and of resources that no ledger will ever take.
        ("TRY_AGAIN_LATER", _) => SubmitAnswer::TryAgainLater,
        ("ERROR", Some(result)) => SubmitAnswer::Refused(landed::outcome(result)),
        _ => {
            let what = "a status that is not known, or an error without a result";
            SubmitAnswer::Unknown(answer.unknown(UnknownKind::Unparsable, what))
        }
    }
}
