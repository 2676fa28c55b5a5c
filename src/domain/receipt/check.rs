//! Checking a receipt with nothing but itself: what it says must follow from what it holds.

use super::death::{implies_death, unix_seconds};
use super::rebuild::{adopted, earlier, fee_bumps, only_restores, request, transaction};
use super::{AttemptReceipt, FORMAT, LandedReceipt, PlanReceipt, Receipt, SignedReceipt};
use crate::domain::intent::{IntentKey, Request};
use crate::domain::primitives::{AccountId, NetworkId, TxHash};

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

    pub(super) fn of(what: impl Into<String>, outcome: Result<String, String>) -> Self {
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
    let done = successes(receipt, request.as_ref());
    all.push(Checked::of("at most once", at_most_once(receipt, &done)));
    all.extend(adopted(receipt, request.as_ref()));
    all.push(Checked::of("status", status(receipt, &done)));
    all
}

/// Which transactions did what was asked for, by what the receipt says. Its other checks are that the envelopes are theirs:
/// these say whether it was the call, or only what the call needed.
fn successes(receipt: &Receipt, request: Option<&Request>) -> Vec<TxHash> {
    let is_call = |envelope: &str| !only_restores(request, envelope);
    let attempts = receipt
        .attempts
        .iter()
        .filter(|one| one.outcome == "landed" && is_call(&one.envelope_xdr))
        .map(|one| one.hash);
    let earlier = earlier(receipt)
        .filter(|one| one.successful && one.envelope_xdr.as_deref().is_none_or(is_call))
        .map(|one| one.hash);
    attempts.chain(earlier).collect()
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
        Some(key) => Err(format!(
            "it is signed by {}, not by {key}",
            signed.public_key
        )),
    }
}

pub(super) fn key(receipt: &Receipt) -> IntentKey {
    IntentKey {
        tenant: receipt.tenant.clone(),
        workflow_id: receipt.workflow_id.clone(),
        method: receipt.method.clone(),
    }
}

pub(super) fn network(receipt: &Receipt) -> NetworkId {
    NetworkId::of(&receipt.network)
}

fn tag(receipt: &Receipt) -> Result<String, String> {
    let derived = key(receipt).tag(network(receipt)).to_string();
    if derived == receipt.tag {
        Ok(format!(
            "{derived} follows from network, tenant, workflow and method"
        ))
    } else {
        Err(format!(
            "network, tenant, workflow and method give {derived}, not {}",
            receipt.tag
        ))
    }
}

fn ending(attempt: &AttemptReceipt) -> (Standing, String) {
    match (
        attempt.outcome.as_str(),
        &attempt.landed,
        &attempt.death_proof,
    ) {
        ("landed", Some(landed), None) => match is_of(attempt, landed, true) {
            Ok(()) => (
                Standing::Right,
                format!("landed in ledger {}", landed.ledger),
            ),
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
        return Err(format!(
            "it landed as {}, which is another transaction",
            landed.hash
        ));
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
    in_time(plan, landed.closed_at.as_deref())?;
    match landed.fee_bump_hash {
        Some(hash) if attempt.fee_bumps.iter().all(|bump| bump.hash != hash) => Err(format!(
            "it landed in a fee bump {hash} that is not on record"
        )),
        Some(_) | None => Ok(()),
    }
}

/// Whether a ledger that closed then, where that is on record, could take a transaction of this plan.
fn in_time(plan: &PlanReceipt, closed_at: Option<&str>) -> Result<(), String> {
    let Some(text) = closed_at else {
        return Ok(());
    };
    let (Ok(min), Ok(max)) = (plan.min_time.parse::<u64>(), plan.max_time.parse::<u64>()) else {
        return Err("its time bounds are none".to_owned());
    };
    match unix_seconds(text) {
        Some(closed) if closed >= min && (max == 0 || closed <= max) => Ok(()),
        Some(_) => Err(format!(
            "it landed in a ledger that closed at {text}, which is outside its time bounds ({min} to {max})"
        )),
        None => Err(format!("{text:?} is not when a ledger closed")),
    }
}

fn at_most_once(receipt: &Receipt, done: &[TxHash]) -> Result<String, String> {
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
    match done.len() {
        0 => Ok("none of its transactions succeeded".to_owned()),
        1 => Ok("one of its transactions succeeded, and none other can".to_owned()),
        several => Err(format!("{several} of its transactions succeeded")),
    }
}

fn status(receipt: &Receipt, done: &[TxHash]) -> Result<String, String> {
    let transaction = receipt.transaction.as_ref();
    let attempt = transaction.and_then(|transaction| {
        let mut of = receipt.attempts.iter();
        of.find_map(|one| {
            Some((one, one.landed.as_ref()?)).filter(|(_, landed)| landed.hash == transaction.hash)
        })
    });
    if let (Some(transaction), Some((attempt, landed))) = (transaction, attempt) {
        if transaction.ledger != landed.ledger
            || transaction.successful != landed.successful
            || transaction.fee_bump_hash != landed.fee_bump_hash
            || transaction.fee_charged != landed.fee_charged
            || transaction.channel != landed.channel
            || transaction.sequence != landed.sequence
            || differ(&transaction.closed_at, &landed.closed_at)
            || differ(&transaction.code, &landed.code)
        {
            return Err("the deciding transaction is not as its attempt has it".to_owned());
        }
        in_time(&attempt.plan, transaction.closed_at.as_deref())?;
    }
    let succeeded = transaction.is_some_and(|transaction| transaction.successful);
    let is_attempt = |hash| receipt.attempts.iter().any(|one| one.hash == hash);
    match receipt.status.as_str() {
        "succeeded" => match transaction {
            Some(transaction) if succeeded && done.contains(&transaction.hash) => Ok(format!(
                "succeeded by transaction {} in ledger {}",
                transaction.hash, transaction.ledger
            )),
            Some(transaction) if succeeded || is_attempt(transaction.hash) => {
                Err("what it is said to have succeeded by is not its call".to_owned())
            }
            Some(_) | None => Err("it succeeded by no transaction".to_owned()),
        },
        "failed" | "expired" | "canceled" if succeeded || !done.is_empty() => Err(format!(
            "{}, although a transaction of it succeeded",
            receipt.status
        )),
        status @ ("failed" | "expired" | "canceled") => {
            Ok(format!("{status}, and nothing of it was applied"))
        }
        other => Err(format!("{other:?} is not final")),
    }
}

/// Whether both are on record, and not the same.
fn differ(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && other.is_some() && one != other
}
