//! Checking a receipt with nothing but itself: what it says must follow from what it holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use stellar_xdr as xdr;

use super::death::implies_death;
use super::{AttemptReceipt, FORMAT, LandedReceipt, Receipt, SignedReceipt, restored};
use crate::domain::envelope::{self, Plan};
use crate::domain::intent::{Content, IntentKey, Request, read_stored};
use crate::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops, TxHash,
};

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Checked, and so.
    Right,
    /// Not to be told from the receipt alone.
    Unproven,
    /// Not so.
    Wrong,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// What.
    pub what: String,
    /// How it stands.
    pub standing: Standing,
    /// For people.
    pub detail: String,
}

impl Checked {
    /// One thing.
    #[must_use]
    pub fn new(what: impl Into<String>, standing: Standing, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            standing,
            detail: detail.into(),
        }
    }

    fn of(what: impl Into<String>, outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(detail) => Self::new(what, Standing::Right, detail),
            Err(detail) => Self::new(what, Standing::Wrong, detail),
        }
    }
}

/// Checks everything that can be checked without a ledger. `key` is the daemon's, where it is known.
#[must_use]
pub fn check(signed: &SignedReceipt, key: Option<AccountId>) -> Vec<Checked> {
    let receipt = &signed.receipt;
    let mut all = vec![
        Checked::of("format", format(receipt)),
        Checked::of("signature", signature(signed, key)),
        Checked::of("tag", tag(receipt)),
    ];
    let request = request(receipt);
    if let Err(detail) = &request {
        all.push(Checked::new("intent", Standing::Wrong, detail.clone()));
    }
    let request = request.ok().flatten();
    for attempt in &receipt.attempts {
        let name = format!("attempt {}", attempt.number);
        all.push(Checked::of(
            format!("{name}: transaction"),
            transaction(receipt, request.as_ref(), attempt),
        ));
        if !attempt.fee_bumps.is_empty() {
            all.push(Checked::of(
                format!("{name}: fee bumps"),
                fee_bumps(receipt, attempt),
            ));
        }
        let (standing, detail) = ending(attempt);
        all.push(Checked::new(format!("{name}: end"), standing, detail));
    }
    all.push(Checked::of("at most once", at_most_once(receipt)));
    all.extend(adopted(receipt, request.as_ref()));
    all.push(Checked::of("status", status(receipt)));
    all
}

fn format(receipt: &Receipt) -> Result<String, String> {
    if receipt.format == FORMAT {
        Ok(receipt.format.clone())
    } else {
        Err(format!("{:?} is not {FORMAT:?}", receipt.format))
    }
}

fn signature(signed: &SignedReceipt, key: Option<AccountId>) -> Result<String, String> {
    if !signed.is_signed() {
        return Err(format!(
            "it is not signed by {}: something was changed after it was issued, or it is a forgery",
            signed.public_key
        ));
    }
    match key {
        None => Ok(format!(
            "signed by {}; give --public-key to know that this is your daemon's key",
            signed.public_key
        )),
        Some(key) if key == signed.public_key => Ok(format!("signed by {key}, as expected")),
        Some(key) => Err(format!("it is signed by {}, not by {key}", signed.public_key)),
    }
}

fn key(receipt: &Receipt) -> IntentKey {
    IntentKey {
        tenant: receipt.tenant.clone(),
        workflow_id: receipt.workflow_id.clone(),
        method: receipt.method.clone(),
    }
}

fn network(receipt: &Receipt) -> NetworkId {
    NetworkId::of(&receipt.network)
}

fn tag(receipt: &Receipt) -> Result<String, String> {
    let derived = key(receipt).tag(network(receipt)).to_string();
    if derived == receipt.tag {
        Ok(format!("{derived} follows from network, tenant, workflow and method"))
    } else {
        Err(format!(
            "network, tenant, workflow and method give {derived}, not {}",
            receipt.tag
        ))
    }
}

/// What was asked for; `None` where it was never valid.
fn request(receipt: &Receipt) -> Result<Option<Request>, String> {
    let Some(form) = &receipt.request else {
        return if receipt.attempts.is_empty() {
            Ok(None)
        } else {
            Err("there are transactions, and no request that they are for".to_owned())
        };
    };
    let form = restored(form.clone()).ok_or("its metadata is no JSON")?;
    let request = read_stored(&form).map_err(|errors| {
        let lines = errors.iter().map(|error| format!("{} {}", error.pointer, error.detail));
        format!("the request is none: {}", lines.collect::<Vec<_>>().join("; "))
    })?;
    if request.key(&receipt.tenant) == key(receipt) {
        Ok(Some(request))
    } else {
        Err("the request is of another workflow or method than the receipt".to_owned())
    }
}

fn decoded(
    text: &str,
) -> Result<(xdr::TransactionV1Envelope, Option<xdr::FeeBumpTransaction>), String> {
    let bytes = BASE64.decode(text).map_err(|_| "its envelope is not base64")?;
    envelope::decode(&bytes).map_err(|error| format!("its envelope: {error}"))
}

/// The attempt's bytes have its hash, its plan is theirs, and the intent gives them again.
fn transaction(
    receipt: &Receipt,
    request: Option<&Request>,
    attempt: &AttemptReceipt,
) -> Result<String, String> {
    let network = network(receipt);
    let (inner, bump) = decoded(&attempt.envelope_xdr)?;
    if bump.is_some() {
        return Err("its plain envelope is a fee bump".to_owned());
    }
    let hash = envelope::inner_hash(&inner.tx, network);
    if hash != attempt.hash {
        return Err(format!("its envelope has the hash {hash}, not {}", attempt.hash));
    }
    let request = request.ok_or("there is no request to rebuild it from")?;
    let plan = plan(attempt)?;
    if let Content::Presigned(presigned) = &request.content {
        if !attempt.presigned || presigned.envelope().tx != inner.tx {
            return Err("it is not the transaction that was given signed".to_owned());
        }
        let same = presigned.source() == plan.channel && presigned.sequence() == plan.sequence;
        if !same
            || presigned.max_ledger().unwrap_or(LedgerSeq(0)) != plan.max_ledger
            || presigned.max_time().unwrap_or(ChainTime(0)) != plan.max_time
            || presigned.min_time() != plan.min_time
        {
            return Err("its plan is not what its envelope says".to_owned());
        }
        return Ok("the transaction that was given signed, with its hash".to_owned());
    }
    if attempt.presigned {
        return Err("nobody gave it signed".to_owned());
    }
    let rebuilt = envelope::build(request, key(receipt).tag(network), &plan);
    let rebuilt = envelope::inner_hash(&rebuilt, network);
    if rebuilt != attempt.hash {
        return Err(format!(
            "rebuilt from intent and plan it has the hash {rebuilt}, not {}",
            attempt.hash
        ));
    }
    for signer in [plan.channel, request.source] {
        if !has_signed(&inner, signer, hash) {
            return Err(format!("its envelope is not signed by {signer}"));
        }
    }
    Ok("rebuilt from intent and plan it has the same hash, and channel and source have signed it".to_owned())
}

fn has_signed(inner: &xdr::TransactionV1Envelope, signer: AccountId, hash: TxHash) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&signer.0) else {
        return false;
    };
    inner.signatures.iter().any(|one| {
        Signature::from_slice(one.signature.0.as_slice())
            .is_ok_and(|signature| key.verify_strict(&hash.0, &signature).is_ok())
    })
}

fn plan(attempt: &AttemptReceipt) -> Result<Plan, String> {
    let given = &attempt.plan;
    let wrong = |name: &str| format!("its plan: {name} is not a number");
    Ok(Plan {
        channel: given.channel,
        sequence: Sequence(given.sequence.parse().map_err(|_| wrong("sequence"))?),
        min_time: ChainTime(given.min_time.parse().map_err(|_| wrong("min_time"))?),
        max_time: ChainTime(given.max_time.parse().map_err(|_| wrong("max_time"))?),
        max_ledger: LedgerSeq(given.max_ledger),
        base_fee: given
            .base_fee
            .parse::<i64>()
            .ok()
            .and_then(|fee| Stroops::new(fee).ok())
            .ok_or_else(|| wrong("base_fee"))?,
    })
}

/// Each fee bump is around this attempt, and carries the tag: it shares its sequence number, and at most one can land.
fn fee_bumps(receipt: &Receipt, attempt: &AttemptReceipt) -> Result<String, String> {
    let (inner, _) = decoded(&attempt.envelope_xdr)?;
    for bump in &attempt.fee_bumps {
        let (inside, outer) = decoded(&bump.envelope_xdr)?;
        let outer = outer.ok_or_else(|| format!("{} is no fee bump", bump.hash))?;
        let hash = envelope::fee_bump_hash(&outer, network(receipt));
        if hash != bump.hash {
            return Err(format!("a fee bump has the hash {hash}, not {}", bump.hash));
        }
        if inside != inner {
            return Err(format!("{hash} is a fee bump around another transaction"));
        }
        if outer.fee.to_string() != bump.fee {
            return Err(format!("{hash} bids {}, not {}", outer.fee, bump.fee));
        }
        let tag = envelope::tag_of(&inside.tx, Some(&outer));
        if tag.map(|tag| tag.to_string()).as_deref() != Some(&receipt.tag) {
            return Err(format!("{hash} does not carry the tag"));
        }
    }
    Ok(format!(
        "{} around the same transaction, so with its sequence number: at most one of all can land",
        attempt.fee_bumps.len()
    ))
}

fn ending(attempt: &AttemptReceipt) -> (Standing, String) {
    match (attempt.outcome.as_str(), &attempt.landed, &attempt.death_proof) {
        ("landed", Some(landed), None) => match is_of(attempt, landed, true) {
            Ok(()) => (Standing::Right, format!("landed in ledger {}", landed.ledger)),
            Err(detail) => (Standing::Wrong, detail),
        },
        ("landed_failed", Some(landed), None) => match is_of(attempt, landed, false) {
            Ok(()) => (
                Standing::Right,
                format!(
                    "failed in ledger {} ({}), and its sequence number is used",
                    landed.ledger,
                    landed.code.as_deref().unwrap_or("no code")
                ),
            ),
            Err(detail) => (Standing::Wrong, detail),
        },
        ("dead", None, Some(proof)) => {
            let (standing, detail) = implies_death(attempt, proof);
            (standing, format!("dead: {detail}"))
        }
        (outcome, _, _) => (
            Standing::Wrong,
            format!("{outcome:?} without what it needs: a landing, or a proof of death"),
        ),
    }
}

/// Whether a record is of this attempt.
fn is_of(attempt: &AttemptReceipt, landed: &LandedReceipt, successful: bool) -> Result<(), String> {
    let plan = &attempt.plan;
    if landed.hash != attempt.hash {
        return Err(format!("it landed as {}, which is another transaction", landed.hash));
    }
    if landed.successful != successful {
        return Err("its outcome and its record contradict each other".to_owned());
    }
    if landed.channel != plan.channel || landed.sequence != plan.sequence {
        return Err("it landed with another account or sequence number than it has".to_owned());
    }
    if landed.ledger == 0 || (plan.max_ledger != 0 && landed.ledger >= plan.max_ledger) {
        return Err(format!(
            "it landed in ledger {}, which is too late for it (before {})",
            landed.ledger, plan.max_ledger
        ));
    }
    match landed.fee_bump_hash {
        Some(hash) if attempt.fee_bumps.iter().all(|bump| bump.hash != hash) => {
            Err(format!("it landed in a fee bump {hash} that is not on record"))
        }
        Some(_) | None => Ok(()),
    }
}

fn at_most_once(receipt: &Receipt) -> Result<String, String> {
    let mut hashes: Vec<TxHash> = receipt.attempts.iter().map(|one| one.hash).collect();
    let numbered = receipt.attempts.iter().zip(1..);
    for (attempt, number) in numbered {
        if attempt.number != number {
            return Err(format!("attempt {number} is missing"));
        }
    }
    hashes.sort_unstable();
    if hashes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two attempts are one transaction".to_owned());
    }
    let attempts = receipt.attempts.iter();
    let landed = attempts.filter(|one| one.outcome == "landed").count();
    let other = receipt.transaction.as_ref().is_some_and(|transaction| {
        transaction.successful && !hashes.contains(&transaction.hash)
    });
    match landed + usize::from(other) {
        0 => Ok("none of its transactions succeeded".to_owned()),
        1 => Ok("one of its transactions succeeded, and none other can".to_owned()),
        several => Err(format!("{several} of its transactions succeeded")),
    }
}

/// A transaction of the intent's that no attempt is: sent by an earlier life of the records, and found by its tag.
fn adopted(receipt: &Receipt, request: Option<&Request>) -> Option<Checked> {
    let landed = receipt.transaction.as_ref()?;
    if receipt.attempts.iter().any(|one| one.hash == landed.hash) {
        return None;
    }
    let what = "transaction of an earlier life";
    let Some(text) = &landed.envelope_xdr else {
        let detail = "its envelope is not on record: give --horizon to rebuild it";
        return Some(Checked::new(what, Standing::Unproven, detail));
    };
    Some(Checked::of(what, rebuilt(receipt, request, landed, text)))
}

/// Whether an envelope in base64 is the recorded transaction, and this intent's.
pub(crate) fn rebuilt(
    receipt: &Receipt,
    request: Option<&Request>,
    landed: &LandedReceipt,
    text: &str,
) -> Result<String, String> {
    let (inner, _) = decoded(text)?;
    let hash = envelope::inner_hash(&inner.tx, network(receipt));
    if hash != landed.hash {
        return Err(format!("its envelope has the hash {hash}, not {}", landed.hash));
    }
    let channel = AccountId::of_muxed(&inner.tx.source_account);
    if landed.channel != channel || landed.sequence != inner.tx.seq_num.0.to_string() {
        return Err("its account or sequence number is not its envelope's".to_owned());
    }
    let request = request.ok_or("there is no request to rebuild it from")?;
    if envelope::recognise(network(receipt), &key(receipt), request, &inner.tx) {
        Ok("rebuilt from the intent it has the same hash".to_owned())
    } else {
        Err("it is not what the intent asks for".to_owned())
    }
}

fn status(receipt: &Receipt) -> Result<String, String> {
    let transaction = receipt.transaction.as_ref();
    let attempt = transaction.and_then(|transaction| {
        let of = receipt.attempts.iter();
        of.filter_map(|one| one.landed.as_ref())
            .find(|landed| landed.hash == transaction.hash)
    });
    if let (Some(transaction), Some(attempt)) = (transaction, attempt)
        && (transaction.ledger != attempt.ledger
            || transaction.successful != attempt.successful
            || transaction.fee_bump_hash != attempt.fee_bump_hash
            || transaction.fee_charged != attempt.fee_charged
            || transaction.channel != attempt.channel
            || transaction.sequence != attempt.sequence)
    {
        return Err("the deciding transaction is not as its attempt has it".to_owned());
    }
    let succeeded = transaction.is_some_and(|transaction| transaction.successful);
    let landed = receipt.attempts.iter().any(|one| one.outcome == "landed");
    match receipt.status.as_str() {
        "succeeded" => match transaction {
            Some(transaction) if succeeded => Ok(format!(
                "succeeded by transaction {} in ledger {}",
                transaction.hash, transaction.ledger
            )),
            Some(_) | None => Err("it succeeded by no transaction".to_owned()),
        },
        "failed" | "expired" | "canceled" if succeeded || landed => {
            Err(format!("{}, although a transaction of it succeeded", receipt.status))
        }
        status @ ("failed" | "expired" | "canceled") => {
            Ok(format!("{status}, and nothing of it was applied"))
        }
        other => Err(format!("{other:?} is not final")),
    }
}
