//! `absorb`: what an observation changes. Pure and exhaustive; what proves nothing changes only when we look again.

mod answer;
mod ending;
mod evidence;

use thiserror::Error;

pub use ending::resume_after;
pub use evidence::{Evidence, SequenceUse};

use super::attempt::{Attempt, Head, Snapshot};
use super::observation::{Landed, LookUp, SubmitAnswer};
use super::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, TxHash};
use super::reason::Reason;

/// How many ledgers pass at least between two looks of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From a send that was taken to the next look-up.
    pub resubmit_after: u32,
}

/// Something that was learned about an attempt.
#[derive(Clone, Debug)]
pub enum Observed {
    /// A POST of its newest envelope was answered, or not.
    Answered(SubmitAnswer),
    /// Its hash was looked up.
    LookedUp(LookUp),
    /// It stands in a closed ledger that was read whole.
    InLedger(Box<Landed>),
    /// The evidence about its sequence number.
    Evidence(Box<Evidence>),
}

/// Why an attempt is dead: proven not to have landed, and never to land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeathProof {
    /// The channel's state past the fence has a lower sequence number.
    Fence {
        /// The ledger of that state.
        as_of: LedgerSeq,
        /// The channel's sequence number in it.
        sequence: Sequence,
        /// When that ledger, or one before it, closed, as far as is known: past the time bound it proves as much.
        closed_at: Option<ChainTime>,
    },
    /// A foreign transaction has used the sequence number.
    Foreign {
        /// Its hash.
        hash: TxHash,
        /// Its ledger.
        ledger: LedgerSeq,
    },
    /// The channel's sequence numbers jumped over it: the account was made anew, or bumped. Its own transactions are shown
    /// without a gap, and none used the number.
    Skipped {
        /// The ledger of the state with the higher number.
        as_of: LedgerSeq,
        /// The channel's sequence number in it.
        sequence: Sequence,
    },
    /// The channel does not exist, seen twice.
    AccountMissing {
        /// The ledger of the first sight.
        first: LedgerSeq,
        /// The ledger of the second.
        second: LedgerSeq,
    },
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// In a ledger, successful.
    Landed(Box<Landed>),
    /// In a ledger, failed; its sequence number is consumed.
    LandedFailed(Box<Landed>),
    /// Never.
    Dead(DeathProof),
}

/// Where the intent goes when its attempt has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentEnd {
    /// Final.
    Succeeded,
    /// Final.
    Failed(Reason),
    /// Final.
    Expired,
    /// Final.
    Canceled,
    /// Waits for a changed state or a person.
    Parked {
        /// Why.
        reason: Reason,
        /// Seconds until it is tried again by itself; `None`: not by itself.
        resume_after: Option<u64>,
    },
    /// Another attempt is built.
    Requeued,
}

/// The one change that ends an attempt: attempt, intent, channel and events, committed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// How the attempt ended.
    pub attempt: AttemptEnd,
    /// Where the intent goes.
    pub intent: IntentEnd,
    /// The channel's newest consumed sequence number.
    pub channel_sequence: Option<Sequence>,
    /// The landed transaction of this intent that is not this attempt: sent by a submitter that lost its records.
    pub adopted: Option<Box<Landed>>,
    /// The channel must not be used any more.
    pub channel_lost: bool,
}

impl Settlement {
    /// The recorded transaction that decided the intent, if one did.
    #[must_use]
    pub fn decided_by(&self) -> Option<&Landed> {
        match &self.attempt {
            AttemptEnd::Landed(landed) | AttemptEnd::LandedFailed(landed) => Some(landed),
            AttemptEnd::Dead(_) => self.adopted.as_deref(),
        }
    }
}

/// What an observation changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Nothing that is on record; what is known changed.
    Learned,
    /// The attempt has ended.
    Settled(Box<Settlement>),
    /// A consumed sequence number is explained by nothing: intent and channel stop, and we keep looking.
    Unexplained(Reason),
}

/// An observation that cannot be about this attempt. It is logged, and nothing is concluded from it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Impossible {
    /// Another transaction's.
    #[error("an answer names transaction {answered}, but attempt {expected} was asked about")]
    OtherTransaction {
        /// What was asked.
        expected: TxHash,
        /// What was answered.
        answered: TxHash,
    },
    /// The same hash with another sequence number or source: somebody does not tell the truth.
    #[error(
        "transaction {hash} is answered with source {source_account} and sequence {sequence}, which its hash excludes"
    )]
    Contradiction {
        /// The hash.
        hash: TxHash,
        /// The source account that was answered.
        source_account: AccountId,
        /// The sequence number that was answered.
        sequence: Sequence,
    },
    /// Another account's state.
    #[error("the state of account {answered} was answered, but {expected} was asked about")]
    OtherAccount {
        /// What was asked.
        expected: AccountId,
        /// What was answered.
        answered: AccountId,
    },
}

/// Takes an observation in: changes what is known, and says what changes on record.
///
/// # Errors
/// [`Impossible`]: the observation cannot be about this attempt; the snapshot is unchanged.
pub fn absorb(
    snapshot: &mut Snapshot,
    observed: Observed,
    head: Head,
    pace: Pace,
) -> Result<Transition, Impossible> {
    #[cfg(feature = "simulation")]
    if let Some(transition) = mistaken(snapshot, &observed, head) {
        return Ok(transition);
    }
    match observed {
        Observed::Answered(SubmitAnswer::Landed(landed))
        | Observed::LookedUp(LookUp::Landed(landed))
        | Observed::InLedger(landed) => landed_transition(snapshot, landed, false, head),
        Observed::Answered(answer) => {
            answer::absorb(snapshot, answer, head, pace);
            Ok(Transition::Learned)
        }
        Observed::LookedUp(LookUp::Absent) => {
            snapshot.progress.absent_at = Some(head.ledger);
            Ok(Transition::Learned)
        }
        Observed::LookedUp(LookUp::Unknown(_)) => {
            // The newest word counts: what was absent before may be there now.
            snapshot.progress.absent_at = None;
            snapshot.progress.idle_until = head.ledger.plus(1);
            Ok(Transition::Learned)
        }
        Observed::Evidence(evidence) => evidence::absorb(snapshot, *evidence, head),
    }
}

/// Notes that the newest envelope is being sent. Called before the POST.
pub fn sent(snapshot: &mut Snapshot, head: Head, pace: Pace) {
    let progress = &mut snapshot.progress;
    progress.maybe_sent = true;
    progress.sends = progress.sends.saturating_add(1);
    progress.first_sent.get_or_insert(head.ledger);
    progress.absent_at = None;
    progress.fee_too_low = None;
    progress.resend_at = head.ledger.plus(pace.resubmit_after.max(1));
}

fn landed_transition(
    snapshot: &mut Snapshot,
    landed: Box<Landed>,
    used: bool,
    head: Head,
) -> Result<Transition, Impossible> {
    is_about(&snapshot.attempt, &landed)?;
    Ok(ending::landed(snapshot, landed, used, head))
}

/// Whether a record can be this attempt's.
fn is_about(attempt: &Attempt, landed: &Landed) -> Result<(), Impossible> {
    if landed.inner_hash != attempt.inner_hash {
        return Err(Impossible::OtherTransaction {
            expected: attempt.inner_hash,
            answered: landed.inner_hash,
        });
    }
    let same =
        landed.source_account == attempt.plan.channel && landed.sequence == attempt.plan.sequence;
    if !same {
        return Err(Impossible::Contradiction {
            hash: landed.inner_hash,
            source_account: landed.source_account,
            sequence: landed.sequence,
        });
    }
    Ok(())
}

/// What a deliberate mistake concludes, where one is made.
#[cfg(feature = "simulation")]
fn mistaken(snapshot: &Snapshot, observed: &Observed, head: Head) -> Option<Transition> {
    use super::observation::UnknownKind as Kind;
    use super::result_code::TransactionMeaning;
    use crate::defect::{Defect, is_made};
    let gives_up = match observed {
        Observed::Answered(SubmitAnswer::Unknown(unknown)) => {
            is_made(Defect::RebuildOnTimeout)
                && matches!(unknown.kind, Kind::Timeout | Kind::Deadline | Kind::Cut)
        }
        Observed::Answered(SubmitAnswer::Refused(outcome)) => {
            is_made(Defect::BadSequenceIsDeath)
                && outcome.meaning() == TransactionMeaning::BadSequence
        }
        Observed::LookedUp(LookUp::Absent) => is_made(Defect::TrustNotFound),
        Observed::Answered(_)
        | Observed::LookedUp(_)
        | Observed::InLedger(_)
        | Observed::Evidence(_) => false,
    };
    let proof = DeathProof::Fence {
        as_of: head.ledger,
        sequence: Sequence(snapshot.attempt.plan.sequence.0 - 1),
        closed_at: None,
    };
    gives_up.then(|| ending::dead(snapshot, proof, None, head))
}
