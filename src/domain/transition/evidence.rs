//! The proof of death, or of life, out of the channel's state and history.

use super::{
    AttemptEnd, DeathProof, Impossible, IntentEnd, Settlement, Transition, is_about,
    landed_transition,
};
use crate::domain::attempt::{Head, Snapshot};
use crate::domain::envelope::{decode, recognise};
use crate::domain::intent::{IntentKey, Request};
use crate::domain::observation::{AccountSnapshot, Landed};
use crate::domain::primitives::{LedgerSeq, NetworkId, Sequence, TxHash};
use crate::domain::reason::Reason;
use crate::domain::soroban_plan::only_restores;

use super::ending::dead;

/// Ledgers for which a consumed sequence number may stay unexplained (a replica that lags) before a person is called.
const UNEXPLAINED_LEDGERS: u32 = 20;

/// Ledgers by which an account's state may be ahead of the newest ledger that was followed. Replicas differ by less; a header
/// that names a ledger far away is a mistake of somebody's, and must not prove that time is up.
const MAX_AHEAD_LEDGERS: u32 = 20;

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
    /// The channel's own transactions are shown without a gap down to below the sequence number, and none used it.
    pub skipped: bool,
}

/// Who used a sequence number.
#[derive(Clone, Debug)]
pub struct SequenceUse {
    /// The inner hash.
    pub hash: TxHash,
    /// The ledger.
    pub ledger: LedgerSeq,
    /// It is this attempt after all, or what this intent asks for, sent by a submitter that lost its records: rebuilt from the
    /// intent it has the same hash.
    pub own: Option<Box<Landed>>,
}

impl SequenceUse {
    /// What a landed transaction with the sequence number of an attempt is to that attempt's intent. One that only brought
    /// archived entries back, in an earlier life, is not its own: the call is still to be made.
    #[must_use]
    pub fn of(
        network: NetworkId,
        key: &IntentKey,
        request: &Request,
        attempt: TxHash,
        landed: &Landed,
    ) -> Self {
        let is_asked_for = || {
            decode(&landed.envelope_xdr).is_ok_and(|(inner, bump)| {
                recognise(network, key, request, &inner.tx, bump.as_ref())
                    && !only_restores(request, &inner.tx)
            })
        };
        let is_own = landed.inner_hash == attempt || is_asked_for();
        Self {
            hash: landed.inner_hash,
            ledger: landed.ledger,
            own: is_own.then(|| Box::new(landed.clone())),
        }
    }
}

impl Evidence {
    /// The records in it that claim to be the attempt with this hash.
    fn landed_by_hash(&self, inner: TxHash) -> impl Iterator<Item = &Landed> {
        let user = self.used_by.iter().filter(move |user| user.hash == inner);
        let own = user.filter_map(|user| user.own.as_deref());
        self.found.as_deref().into_iter().chain(own)
    }
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
    // All of it, before anything is learned from a part.
    for landed in evidence.landed_by_hash(snapshot.attempt.inner_hash) {
        is_about(&snapshot.attempt, landed)?;
    }
    let as_of = evidence.snapshot.as_of;
    let state = evidence.snapshot.state.map(|state| state.sequence);
    let used = state.is_some_and(|sequence| sequence >= snapshot.attempt.plan.sequence);
    if let Some(found) = evidence.found {
        let transition = landed_transition(snapshot, found, used, head)?;
        if matches!(transition, Transition::Settled(_)) {
            return Ok(transition);
        }
        // Recorded as failed, and the number was left unused: what the account says decides.
    }
    if let Some(user) = evidence.used_by
        && let Some(transition) = by_user(snapshot, user, state, head)?
    {
        return Ok(transition);
    }
    if as_of > head.ledger.plus(MAX_AHEAD_LEDGERS) {
        snapshot.progress.idle_until = head.ledger.plus(1);
        return Ok(Transition::Learned);
    }
    let Some(sequence) = state else {
        return Ok(missing(snapshot, as_of, head));
    };
    snapshot.progress.missing_since = None;
    if used && evidence.skipped {
        let proof = DeathProof::Skipped { as_of, sequence };
        return Ok(dead(snapshot, proof, Some(sequence), head));
    }
    if used {
        return Ok(unexplained(snapshot, as_of, head));
    }
    if snapshot.attempt.fence_passed(as_of, head) {
        let proof = DeathProof::Fence {
            as_of,
            sequence,
            closed_at: (head.ledger <= as_of).then_some(head.closed_at),
        };
        return Ok(dead(snapshot, proof, Some(sequence), head));
    }
    // Alive. It is not sent again on this word: the hash is looked up first.
    snapshot.progress.check_account = false;
    snapshot.progress.idle_until = head.ledger.plus(1);
    Ok(Transition::Learned)
}

/// What follows from the transaction that used the sequence number; `None` where it explains nothing.
fn by_user(
    snapshot: &mut Snapshot,
    user: SequenceUse,
    state: Option<Sequence>,
    head: Head,
) -> Result<Option<Transition>, Impossible> {
    let this = user.hash == snapshot.attempt.inner_hash;
    let proof = DeathProof::Foreign {
        hash: user.hash,
        ledger: user.ledger,
    };
    let transition = match user.own {
        // This attempt after all, though the look-up missed it.
        Some(landed) if this => {
            let transition = landed_transition(snapshot, landed, true, head)?;
            return Ok(matches!(transition, Transition::Settled(_)).then_some(transition));
        }
        None if this => {
            snapshot.progress.idle_until = head.ledger.plus(1);
            Transition::Learned
        }
        Some(landed) if landed.successful => adopted(landed, proof, state),
        // A stranger's, or our own of an earlier life that failed: either has used the number, also where the account is
        // gone since and shows none; without that the next attempt would be built on the same one, again and again.
        Some(_) | None => {
            let used = state.max(Some(snapshot.attempt.plan.sequence));
            dead(snapshot, proof, used, head)
        }
    };
    Ok(Some(transition))
}

/// A landed transaction of this intent that another life of ours has sent: the intent is done, this attempt is dead.
fn adopted(landed: Box<Landed>, proof: DeathProof, state: Option<Sequence>) -> Transition {
    Transition::Settled(Box::new(Settlement {
        attempt: AttemptEnd::Dead(proof),
        intent: IntentEnd::Succeeded,
        channel_sequence: state.max(Some(landed.sequence)),
        adopted: Some(landed),
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
    let progress = &mut snapshot.progress;
    if !progress.is_long_missing(as_of) || !progress.is_absent_long_after_missing() {
        progress.idle_until = head.ledger.plus(1);
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
