//! Building a receipt's transactions again: each must have the hash that it is said to have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use stellar_xdr as xdr;

use super::check::{Checked, Standing, key, network};
use super::{AttemptReceipt, LandedReceipt, Receipt, restored};
use crate::domain::envelope::{self, Plan};
use crate::domain::intent::{Content, Request, read_stored};
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, Stroops, TxHash};
use crate::domain::soroban_plan;
use crate::domain::tag::Tag;

/// What was asked for; `None` where it was never valid.
pub(super) fn request(receipt: &Receipt) -> Result<Option<Request>, String> {
    let Some(form) = &receipt.request else {
        return if receipt.attempts.is_empty() {
            Ok(None)
        } else {
            Err("there are transactions, and no request that they are for".to_owned())
        };
    };
    let form = restored(form.clone()).ok_or("its metadata is no JSON")?;
    let request = read_stored(&form).map_err(|errors| {
        let lines = errors
            .iter()
            .map(|error| format!("{} {}", error.pointer, error.detail));
        format!(
            "the request is none: {}",
            lines.collect::<Vec<_>>().join("; ")
        )
    })?;
    if request.key(&receipt.tenant) == key(receipt) {
        Ok(Some(request))
    } else {
        Err("the request is of another workflow or method than the receipt".to_owned())
    }
}

/// An inner envelope, and the fee bump around it where there is one.
type Decoded = (xdr::TransactionV1Envelope, Option<xdr::FeeBumpTransaction>);

fn decoded(text: &str) -> Result<Decoded, String> {
    let bytes = BASE64
        .decode(text)
        .map_err(|_| "its envelope is not base64")?;
    envelope::decode(&bytes).map_err(|error| format!("its envelope: {error}"))
}

/// The attempt's bytes have its hash, its plan is theirs, and the intent gives them again.
pub(super) fn transaction(
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
        return Err(format!(
            "its envelope has the hash {hash}, not {}",
            attempt.hash
        ));
    }
    let request = request.ok_or("there is no request to rebuild it from")?;
    let mut plan = plan(attempt)?;
    // Resources and authorisations stand in the transaction alone: that the rest gives its hash is what is shown.
    plan.soroban = envelope::plan_for(request, &inner.tx).and_then(|read| read.soroban);
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
    for signer in plan.signers(request) {
        if !has_signed(&inner, signer, hash) {
            return Err(format!("its envelope is not signed by {signer}"));
        }
    }
    Ok(
        "rebuilt from intent and plan it has the same hash, and channel and source have signed it"
            .to_owned(),
    )
}

/// Whether an envelope only brought archived entries back for the call that was asked for: not its success.
pub(super) fn only_restores(request: Option<&Request>, envelope: &str) -> bool {
    let (Some(request), Ok((inner, _))) = (request, decoded(envelope)) else {
        return false;
    };
    soroban_plan::only_restores(request, &inner.tx)
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
        soroban: None,
    })
}

/// Each fee bump is around this attempt, and carries the tag: it shares its sequence number, and at most one can land.
pub(super) fn fee_bumps(receipt: &Receipt, attempt: &AttemptReceipt) -> Result<String, String> {
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
        // What has the tag inside may have landed in anybody's fee bump; what a payer signed has at most an id of his own there.
        let within = (!attempt.presigned).then(|| envelope::tag_of(&inside.tx, None));
        let mut tags = [within.flatten(), Tag::of_account(&outer.fee_source)]
            .into_iter()
            .flatten();
        if !tags.any(|tag| tag.to_string() == receipt.tag) {
            return Err(format!("{hash} does not carry the tag"));
        }
    }
    Ok(format!(
        "{} around the same transaction, so with its sequence number: at most one of all can land",
        attempt.fee_bumps.len()
    ))
}

/// The transaction that decided the intent, where no attempt is it: sent by an earlier life of the records, found by its tag.
pub(super) fn earlier(receipt: &Receipt) -> Option<&LandedReceipt> {
    let landed = receipt.transaction.as_ref()?;
    let mut attempts = receipt.attempts.iter();
    attempts
        .all(|one| one.hash != landed.hash)
        .then_some(landed)
}

/// Whether such a transaction is the intent's.
pub(super) fn adopted(receipt: &Receipt, request: Option<&Request>) -> Option<Checked> {
    let landed = earlier(receipt)?;
    let what = "transaction of an earlier life";
    let Some(text) = &landed.envelope_xdr else {
        let detail = "its envelope is not on record: give --horizon to rebuild it";
        return Some(Checked::new(what, Standing::Unproven, detail));
    };
    let outcome = BASE64
        .decode(text)
        .map_err(|_| "its envelope is not base64".to_owned())
        .and_then(|bytes| rebuilt(receipt, request, landed, &bytes));
    Some(Checked::of(what, outcome))
}

/// Whether an envelope (XDR) is the recorded transaction that decided the intent, and what it asks for.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn rebuilds(
    receipt: &Receipt,
    landed: &LandedReceipt,
    envelope: &[u8],
) -> Result<String, String> {
    rebuilt(receipt, request(receipt)?.as_ref(), landed, envelope)
}

fn rebuilt(
    receipt: &Receipt,
    request: Option<&Request>,
    landed: &LandedReceipt,
    bytes: &[u8],
) -> Result<String, String> {
    let (inner, bump) =
        envelope::decode(bytes).map_err(|error| format!("its envelope: {error}"))?;
    let hash = envelope::inner_hash(&inner.tx, network(receipt));
    if hash != landed.hash {
        return Err(format!(
            "its envelope has the hash {hash}, not {}",
            landed.hash
        ));
    }
    let channel = AccountId::of_muxed(&inner.tx.source_account);
    if landed.channel != channel || landed.sequence != inner.tx.seq_num.0.to_string() {
        return Err("its account or sequence number is not its envelope's".to_owned());
    }
    let request = request.ok_or("there is no request to rebuild it from")?;
    let recognised = envelope::recognise(
        network(receipt),
        &key(receipt),
        request,
        &inner.tx,
        bump.as_ref(),
    );
    if !recognised {
        return Err("it is not what the intent asks for".to_owned());
    }
    // As a failure it may have been the end; where it succeeded, the call was still to come.
    if landed.successful && soroban_plan::only_restores(request, &inner.tx) {
        return Err(
            "it only brought archived entries back for the call: that decided nothing".to_owned(),
        );
    }
    Ok("rebuilt from the intent it has the same hash".to_owned())
}
