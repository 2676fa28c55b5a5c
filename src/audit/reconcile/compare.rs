//! What a landed transaction is to the records. Pure.

use crate::audit::Finding;
use crate::audit::rebuilt::{rebuilds, restores_for, said};
use crate::domain::envelope::decode;
use crate::domain::observation::Landed;
use crate::domain::primitives::{AccountId, LedgerSeq, NetworkId, TxHash};
use crate::domain::soroban_plan::authorized_by;
use crate::domain::tag::Tag;
use crate::domain::tagged::tag_by;
use crate::store::audit::{AuditedAttempt, AuditedIntent};

/// Landed, with a tag of no intent.
pub const UNCLAIMED: &str = "unclaimed";
/// Landed, with the tag and content of an intent that has no attempt like it.
pub const WITHOUT_ATTEMPT: &str = "landed_without_attempt";
/// On record as landed, and not on the chain.
pub const NOT_ON_CHAIN: &str = "not_on_chain";
/// Landed, and not what its intent asks for: amount, destination or anything else.
pub const OTHER_CONTENT: &str = "content_differs";
/// Two successes with one tag.
pub const TWICE: &str = "landed_twice";
/// Landed, and its intent is reported as something else.
pub const REPORTED_OTHERWISE: &str = "reported_otherwise";
/// The chain says successful and the records failed, or the other way.
pub const OUTCOME: &str = "outcome_differs";
/// Landed, and on record as proven dead.
pub const DEAD: &str = "dead_but_landed";
/// Landed long ago, and its attempt is still open.
pub const NOT_SETTLED: &str = "not_settled";
/// A channel's number, used by a transaction that is none of ours.
pub const FOREIGN_CHANNEL: &str = "foreign_channel_use";
/// The source or fee account, used by a transaction that is none of ours.
pub const FOREIGN_SOURCE: &str = "foreign_source_use";
/// The chain is ahead of a channel's row, or behind it.
pub const DRIFT: &str = "channel_drift";
/// A channel on record does not exist.
pub const MISSING: &str = "channel_missing";
/// A balance that recorded transactions do not explain.
pub const BALANCE: &str = "balance_unexplained";

/// Every kind of finding.
pub const KINDS: [&str; 14] = [
    UNCLAIMED,
    WITHOUT_ATTEMPT,
    NOT_ON_CHAIN,
    OTHER_CONTENT,
    TWICE,
    REPORTED_OTHERWISE,
    OUTCOME,
    DEAD,
    NOT_SETTLED,
    FOREIGN_CHANNEL,
    FOREIGN_SOURCE,
    DRIFT,
    MISSING,
    BALANCE,
];

/// Ledgers from a landing until its attempt must be settled.
pub const SETTLED_WITHIN: u32 = 20;

/// What a transaction is to our keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The tag that it carries.
    pub tag: Option<Tag>,
    /// It moves the source's funds, or the fee account sponsors it.
    pub ours: bool,
}

/// What a transaction is to our keys.
#[must_use]
pub fn touch(landed: &Landed, source: AccountId, fee_account: AccountId) -> Touch {
    let Ok((inner, bump)) = decode(&landed.envelope_xdr) else {
        return Touch {
            tag: None,
            ours: landed.fee_account == fee_account,
        };
    };
    let sponsored = bump
        .as_ref()
        .is_some_and(|bump| AccountId::of_muxed(&bump.fee_source) == fee_account);
    let our = |account| account == source || account == fee_account;
    Touch {
        tag: tag_by(&inner.tx, bump.as_ref(), our),
        ours: sponsored || moves_funds(landed, source),
    }
}

/// Whether an account has signed one of its operations, or authorised its call.
#[must_use]
pub fn moves_funds(landed: &Landed, source: AccountId) -> bool {
    decode(&landed.envelope_xdr).is_ok_and(|(inner, _)| {
        inner.tx.operations.iter().any(|operation| {
            let own = operation.source_account.as_ref();
            AccountId::of_muxed(own.unwrap_or(&inner.tx.source_account)) == source
                || authorized_by(&operation.body, source)
        })
    })
}

/// What one landed transaction came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The records say the same.
    Matched,
    /// The records are about to say the same.
    Pending,
    /// They do not.
    Found(Vec<Finding>),
}

fn about(kind: &'static str, landed: &Landed, detail: String) -> Finding {
    Finding::new(kind, detail)
        .transaction(landed.inner_hash)
        .ledger(landed.ledger)
        .account(landed.source_account)
}

/// A transaction that an attempt on record is; `head` is the last ledger of what is compared.
#[must_use]
pub fn with_attempt(
    network: NetworkId,
    attempt: &AuditedAttempt,
    landed: &Landed,
    head: LedgerSeq,
) -> Judgement {
    let (hash, intent) = (landed.inner_hash, &attempt.intent);
    let mut found = Vec::new();
    let mut say = |kind, detail| found.push(about(kind, landed, detail).intent(intent.id));
    if !rebuilds(network, intent, &landed.envelope_xdr) {
        say(
            OTHER_CONTENT,
            format!(
                "transaction {hash} is on record as an attempt of intent {}, and is not what it asks for: rebuilt from it, it has another hash",
                intent.id
            ),
        );
    }
    let mut pending = false;
    match attempt.state.as_str() {
        "dead" => say(
            DEAD,
            format!(
                "transaction {hash} has landed in ledger {}, and its attempt is on record as proven dead",
                landed.ledger
            ),
        ),
        "landed" | "landed_failed" => {
            if (attempt.state == "landed") != landed.successful {
                say(
                    OUTCOME,
                    format!(
                        "transaction {hash} of ledger {} is {} on the chain, and its attempt is on record as {}",
                        landed.ledger,
                        outcome(landed),
                        attempt.state
                    ),
                );
            }
        }
        _ if landed.ledger.plus(SETTLED_WITHIN) <= head => say(
            NOT_SETTLED,
            format!(
                "transaction {hash} has landed in ledger {}, and its attempt is still {} at ledger {head}: does a daemon run?",
                landed.ledger, attempt.state
            ),
        ),
        _ => pending = true,
    }
    let restores = restores_for(intent, &landed.envelope_xdr);
    if restores && is_done_by(intent, landed) {
        say(REPORTED_OTHERWISE, mistaken(intent, landed));
    } else if landed.successful && !pending && !restores {
        match intent.status.as_str() {
            "succeeded" => match said(intent) {
                Some(said) if said == hash => {}
                said => say(TWICE, twice(intent, landed, said)),
            },
            "failed" | "expired" | "canceled" => say(
                REPORTED_OTHERWISE,
                format!(
                    "intent {} is {}, and its transaction {hash} has landed in ledger {}",
                    intent.id, intent.status, landed.ledger
                ),
            ),
            _ => {}
        }
    }
    match (found.is_empty(), pending) {
        (false, _) => Judgement::Found(found),
        (true, true) => Judgement::Pending,
        (true, false) => Judgement::Matched,
    }
}

/// A transaction with the tag of an intent, and no attempt that it is.
#[must_use]
pub fn with_tag_of(network: NetworkId, intent: &AuditedIntent, landed: &Landed) -> Judgement {
    let hash = landed.inner_hash;
    let find = |kind, detail| Judgement::Found(vec![about(kind, landed, detail).intent(intent.id)]);
    if !rebuilds(network, intent, &landed.envelope_xdr) {
        return find(
            OTHER_CONTENT,
            format!(
                "transaction {hash} of ledger {} carries the tag of intent {}, and is not what it asks for",
                landed.ledger, intent.id
            ),
        );
    }
    if !landed.successful {
        return find(
            WITHOUT_ATTEMPT,
            format!(
                "transaction {hash} of ledger {} is a failed attempt of intent {} that is not on record",
                landed.ledger, intent.id
            ),
        );
    }
    let restores = restores_for(intent, &landed.envelope_xdr);
    if restores && is_done_by(intent, landed) {
        return find(REPORTED_OTHERWISE, mistaken(intent, landed));
    }
    if restores {
        return find(
            WITHOUT_ATTEMPT,
            format!(
                "transaction {hash} of ledger {} brought archived entries back for intent {}, and is no attempt on record",
                landed.ledger, intent.id
            ),
        );
    }
    match intent.status.as_str() {
        "succeeded" => match said(intent) {
            Some(said) if said == hash => Judgement::Matched,
            said => find(TWICE, twice(intent, landed, said)),
        },
        "failed" | "expired" | "canceled" => find(
            REPORTED_OTHERWISE,
            format!(
                "intent {} is {}, and transaction {hash} with its tag and content has landed in ledger {}",
                intent.id, intent.status, landed.ledger
            ),
        ),
        status => find(
            WITHOUT_ATTEMPT,
            format!(
                "transaction {hash} of ledger {} has the tag and content of intent {}, which is {status} and has no such attempt: it will be ended by it",
                landed.ledger, intent.id
            ),
        ),
    }
}

/// Whether an intent is reported as done by this transaction.
fn is_done_by(intent: &AuditedIntent, landed: &Landed) -> bool {
    intent.status == "succeeded" && said(intent) == Some(landed.inner_hash)
}

/// What is wrong where it only brought archived entries back.
fn mistaken(intent: &AuditedIntent, landed: &Landed) -> String {
    format!(
        "intent {} is reported as succeeded by transaction {} of ledger {}, which only brought archived entries back for its call",
        intent.id, landed.inner_hash, landed.ledger
    )
}

fn twice(intent: &AuditedIntent, landed: &Landed, said: Option<TxHash>) -> String {
    let by = said.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
    format!(
        "intent {} has succeeded by transaction {by}, and {} of ledger {} has its tag and has succeeded, too",
        intent.id, landed.inner_hash, landed.ledger
    )
}

const fn outcome(landed: &Landed) -> &'static str {
    if landed.successful {
        "successful"
    } else {
        "failed"
    }
}

/// A tag that no intent has.
#[must_use]
pub fn unclaimed(landed: &Landed) -> Finding {
    let kept = if landed.successful {
        "it is kept, and whoever posts its workflow is answered with it"
    } else {
        "it moved nothing"
    };
    let detail = format!(
        "transaction {} of ledger {}, {}, carries a tag that no intent on record has: {kept}",
        landed.inner_hash,
        landed.ledger,
        outcome(landed)
    );
    about(UNCLAIMED, landed, detail)
}

/// A transaction that is none of ours, on an account of ours.
#[must_use]
pub fn foreign(landed: &Landed, on: AccountId, is_channel: bool) -> Finding {
    let (kind, what) = if is_channel {
        (FOREIGN_CHANNEL, "channel")
    } else {
        (FOREIGN_SOURCE, "account")
    };
    let detail = format!(
        "transaction {} of ledger {} (sequence number {} of {}, {}) was signed for {what} {on} and is none of ours: somebody else uses its key",
        landed.inner_hash,
        landed.ledger,
        landed.sequence,
        landed.source_account,
        outcome(landed)
    );
    about(kind, landed, detail).account(on)
}

/// An attempt that landed by the records alone.
#[must_use]
pub fn not_on_chain(
    channel: AccountId,
    attempt: &crate::store::reconciliations::LandedAttempt,
) -> Finding {
    let hash = hex::encode(&attempt.hash);
    let detail = format!(
        "the records say that transaction {hash} used sequence number {} of {channel} in ledger {}, and the chain does not show it",
        attempt.sequence, attempt.ledger
    );
    let mut finding = Finding::new(NOT_ON_CHAIN, detail)
        .account(channel)
        .intent(attempt.intent_id);
    finding.transaction = Some(hash);
    finding.ledger = u32::try_from(attempt.ledger).ok();
    finding
}
