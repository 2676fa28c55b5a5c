//! The proof of death, or of life, out of the channel's state and history.

use super::{
    AttemptEnd, DeathProof, Impossible, IntentEnd, Settlement, Transition, landed_transition,
};
use crate::domain::attempt::{Head, Snapshot};
use crate::domain::observation::{AccountSnapshot, Landed};
use crate::domain::primitives::{LedgerSeq, TxHash};
use crate::domain::reason::Reason;

use super::ending::dead;

/// Ledgers for which a consumed sequence number may stay unexplained (a replica that lags) before a person is called.
const UNEXPLAINED_LEDGERS: u32 = 20;
/// Ledgers between the two sights of a missing account: one alone can be a Horizon that rebuilds its state.
const MISSING_LEDGERS: u32 = 10;

/// What was gathered about an attempt's sequence number from one Horizon, in this order.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The channel's state.
    pub snapshot: AccountSnapshot,
    /// The attempt itself, found by one of its hashes after that state was read.
    pub found: Option<Box<Landed>>,
    /// The transaction in the channel's history that used the sequence number; asked only where the state says that
    /// it was used and no hash of ours was found.
    pub used_by: Option<SequenceUse>,
}

/// Who used a sequence number.
#[derive(Clone, Debug)]
pub struct SequenceUse {
    /// The inner hash.
    pub hash: TxHash,
    /// The ledger.
    pub ledger: LedgerSeq,
    /// It is this intent's own, sent by a submitter that lost its records: tag and rebuilt hash agree.
    pub own: Option<Box<Landed>>,
}

pub(super) fn absorb(
    snapshot: &mut Snapshot,
    evidence: Evidence,
    head: Head,
) -> Result<Transition, Impossible> {
    let channel = snapshot.attempt.plan.channel;
    if evidence.snapshot.account != channel {
        return Err(Impossible::OtherAccount {
            expected: channel,
            answered: evidence.snapshot.account,
        });
    }
    if let Some(found) = evidence.found {
        // The account was asked first: a recorded failure that left the number unused is now told from one that did not.
        let consumed = evidence
            .snapshot
            .state
            .as_ref()
            .is_some_and(|state| state.sequence >= snapshot.attempt.plan.sequence);
        if found.successful || consumed {
            return landed_transition(snapshot, found, consumed, head);
        }
    }
    let as_of = evidence.snapshot.as_of;
    let Some(state) = evidence.snapshot.state else {
        return Ok(missing(snapshot, as_of, head));
    };
    snapshot.progress.missing_since = None;
    if state.sequence < snapshot.attempt.plan.sequence {
        if snapshot.attempt.fence_passed(as_of, head) {
            let proof = DeathProof::Fence {
                as_of,
                sequence: state.sequence,
            };
            return Ok(dead(snapshot, proof, Some(state.sequence), head));
        }
        snapshot.progress.check_account = false;
        snapshot.progress.absent_at = Some(head.ledger);
        snapshot.progress.idle_until = head.ledger.plus(1);
        return Ok(Transition::Learned);
    }
    match evidence.used_by {
        Some(SequenceUse {
            own: Some(landed), ..
        }) => Ok(adopted(landed)),
        Some(SequenceUse { hash, .. }) if hash == snapshot.attempt.inner_hash => {
            // Ours after all, though the look-up missed it: ask again.
            snapshot.progress.idle_until = head.ledger.plus(1);
            Ok(Transition::Learned)
        }
        Some(SequenceUse {
            hash,
            ledger,
            own: None,
        }) => Ok(dead(
            snapshot,
            DeathProof::Foreign { hash, ledger },
            Some(state.sequence),
            head,
        )),
        None => Ok(unexplained(snapshot, as_of, head)),
    }
}

/// A landed transaction of this intent that another life of ours has sent: the intent is done, this attempt is dead.
fn adopted(landed: Box<Landed>) -> Transition {
    let sequence = landed.sequence;
    let proof = DeathProof::Foreign {
        hash: landed.inner_hash,
        ledger: landed.ledger,
    };
    let intent = if landed.successful {
        IntentEnd::Succeeded
    } else {
        IntentEnd::Requeued
    };
    Transition::Settled(Box::new(Settlement {
        attempt: AttemptEnd::Dead(proof),
        intent,
        channel_sequence: Some(sequence),
        adopted: landed.successful.then_some(landed),
        channel_lost: false,
    }))
}

fn missing(snapshot: &mut Snapshot, as_of: LedgerSeq, head: Head) -> Transition {
    if !snapshot.attempt.fence_passed(as_of, head) {
        snapshot.progress.check_account = false;
        snapshot.progress.idle_until = head.ledger.plus(1);
        return Transition::Learned;
    }
    let first = *snapshot.progress.missing_since.get_or_insert(as_of);
    if as_of < first.plus(MISSING_LEDGERS) {
        snapshot.progress.idle_until = head.ledger.plus(1);
        return Transition::Learned;
    }
    dead(
        snapshot,
        DeathProof::AccountMissing {
            first,
            second: as_of,
        },
        None,
        head,
    )
}

fn unexplained(snapshot: &mut Snapshot, as_of: LedgerSeq, head: Head) -> Transition {
    let since = *snapshot.progress.unexplained_since.get_or_insert(as_of);
    let plan = &snapshot.attempt.plan;
    snapshot.progress.check_account = true;
    if as_of < since.plus(UNEXPLAINED_LEDGERS) {
        snapshot.progress.idle_until = head.ledger.plus(1);
        return Transition::Learned;
    }
    snapshot.progress.idle_until = head.ledger.plus(UNEXPLAINED_LEDGERS);
    snapshot.progress.unexplained_since = Some(as_of);
    Transition::Unexplained(Reason::new(
        "sequence_unexplained",
        "A used sequence number is explained by no transaction",
        format!(
            "channel {} has used sequence number {} as of ledger {as_of}, but Horizon shows no transaction that did; we keep looking and send nothing",
            plan.channel, plan.sequence
        ),
        false,
    ))
}
