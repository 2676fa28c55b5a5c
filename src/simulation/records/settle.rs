//! Ending attempts.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::claim::attempt_row;
use super::data::{Intent, number};
use super::draft::Draft;
use super::network::transaction_json;
use super::state::State;
use crate::defect::{Defect, is_made};
use crate::domain::adoption::Adoption;
use crate::domain::event::{landed_json, proof_json, settlement_events};
use crate::domain::reason::Reason;
use crate::domain::transition::{AttemptEnd, DeathProof, IntentEnd, Settlement};
use crate::store::StoreError;
use crate::store::attempts::{AttemptRow, BumpRow};
use crate::store::channels::ChannelRow;
use crate::store::prepare::NewAttempt;
use crate::store::settle::NewSettlement;

/// When an intent is queued again that something else than its attempt keeps from ending.
const LOOK_AGAIN: Duration = Duration::seconds(5);

/// Where a settlement wants its intent to go.
struct Wanted {
    status: &'static str,
    reason: Option<Value>,
    transaction: Option<Value>,
    resume: Option<Duration>,
}

impl Wanted {
    fn of(settlement: &Settlement) -> Self {
        let decided = || settlement.decided_by().map(transaction_json);
        let (status, reason, transaction, resume) = match &settlement.intent {
            IntentEnd::Succeeded => ("succeeded", None, decided(), None),
            IntentEnd::Failed(reason) => ("failed", Some(json!(reason)), decided(), None),
            IntentEnd::Expired => ("expired", Some(json!(Reason::expired())), decided(), None),
            IntentEnd::Canceled => {
                let reason = json!(Reason::canceled());
                ("canceled", Some(reason), decided(), None)
            }
            IntentEnd::Parked {
                reason,
                resume_after,
            } => {
                let resume = resume_after
                    .map(|seconds| Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX)));
                ("parked", Some(json!(reason)), None, resume)
            }
            IntentEnd::Requeued => ("queued", None, None, Some(Duration::ZERO)),
        };
        Self {
            status,
            reason,
            transaction,
            resume,
        }
    }
}

impl State {
    pub fn settle(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        batch: &[NewSettlement],
    ) -> Result<Vec<Uuid>, StoreError> {
        let mut rows: Vec<&NewSettlement> = batch.iter().collect();
        rows.sort_by_key(|new| new.intent_id);
        let mut draft = Draft::default();
        let mut done: Vec<Uuid> = Vec::new();
        for new in rows {
            let Some((intent, attempt)) = self.mine(now, worker, new) else {
                continue;
            };
            // A row is changed once in a statement.
            if done.contains(&new.intent_id) {
                continue;
            }
            done.push(new.intent_id);
            let wanted = Wanted::of(&new.settlement);
            let outcome = self.outcome(intent, wanted.status);
            let channel = self.data.channels.get(&attempt.channel);
            let used = channel.filter(|channel| channel.busy_with == Some(intent.id));
            if let Some(channel) = used {
                draft.channels.push(freed(channel, &new.settlement, now));
            }
            draft.attempts.push(ended(attempt, &new.settlement, now));
            tell(&mut draft, new, wanted.status, outcome);
            draft.intents.push(left(intent, wanted, outcome, now));
        }
        self.put(draft)?;
        Ok(done)
    }

    /// Puts an attempt on record that the records lacked, as it ended.
    pub fn adopt_landing(
        &mut self,
        now: OffsetDateTime,
        id: Uuid,
        adoption: &Adoption,
    ) -> Result<(), StoreError> {
        let found = self.data.intents.get(&id);
        let Some(intent) = found.filter(|intent| intent.is_queued()) else {
            return Ok(());
        };
        let plan = &adoption.attempt.plan;
        let channel = plan.channel.to_string();
        let live = self.data.attempts.values().any(|other| {
            other.channel == channel
                && other.sequence == plan.sequence.0
                && other.death_proof.is_none()
        });
        if live {
            let mut intent = intent.as_ref().clone();
            intent.due_at = Some(now + LOOK_AGAIN);
            intent.updated_at = now;
            let draft = Draft {
                intents: vec![intent],
                ..Draft::default()
            };
            return self.put(draft);
        }
        let new = NewAttempt {
            intent_id: id,
            attempt: adoption.attempt.clone(),
            envelope: adoption.envelope.clone(),
        };
        let settlement = &adoption.settlement;
        let wanted = Wanted::of(settlement);
        let outcome = wanted.status;
        let mut draft = Draft::default();
        draft
            .new_attempts
            .push(ended(&attempt_row(&new, now), settlement, now));
        if let Some(channel) = self.data.channels.get(&channel) {
            let mut channel = channel.as_ref().clone();
            channel.sequence = channel.sequence.max(plan.sequence.0);
            channel.updated_at = now;
            draft.channels.push(channel);
        }
        if let (Some(bump), Some(envelope)) = (adoption.attempt.bumps.first(), &adoption.fee_bump) {
            draft.new_bumps.push(BumpRow {
                intent_id: id,
                number: number(adoption.attempt.number),
                ordinal: 1,
                hash: bump.hash.0.to_vec(),
                fee: bump.fee.get(),
                envelope: envelope.clone(),
                created_at: now,
            });
        }
        for event in settlement_events(adoption.attempt.number, settlement) {
            let mut data = event.data;
            data["adopted"] = json!(true);
            draft.tell(id, event.kind, data);
        }
        let mut intent = left(intent, wanted, outcome, now);
        intent.attempt_count = number(adoption.attempt.number);
        draft.intents.push(intent);
        self.put(draft)
    }

    /// The rows of a settlement, where they are this worker's to change.
    fn mine(
        &self,
        now: OffsetDateTime,
        worker: Uuid,
        new: &NewSettlement,
    ) -> Option<(&Intent, &AttemptRow)> {
        let intent = self.data.intents.get(&new.intent_id)?.as_ref();
        let key = (new.intent_id, number(new.number));
        let attempt = self.data.attempts.get(&key)?.as_ref();
        let mine = if is_made(Defect::NoLeaseToken) {
            intent.finished_at.is_none()
        } else {
            attempt.ended_at.is_none() && self.is_owner(intent, worker, now)
        };
        mine.then_some((intent, attempt))
    }

    /// Two things outweigh what the attempt came to: a landing of this intent that the records did not know (or that there
    /// may be one), and a wish to cancel that came in between.
    fn outcome(&self, intent: &Intent, wanted: &'static str) -> &'static str {
        let may_have_landed = !self.is_explained() || self.data.has_landed(intent);
        if wanted != "succeeded" && may_have_landed {
            "queued"
        } else if intent.cancel_requested && matches!(wanted, "queued" | "parked") {
            "canceled"
        } else {
            wanted
        }
    }
}

fn ended(attempt: &AttemptRow, settlement: &Settlement, now: OffsetDateTime) -> AttemptRow {
    let (state, landed, death_proof) = match &settlement.attempt {
        AttemptEnd::Landed(landed) => ("landed", Some(landed_json(landed)), None),
        AttemptEnd::LandedFailed(landed) => ("landed_failed", Some(landed_json(landed)), None),
        AttemptEnd::Dead(proof) => ("dead", None, Some(proof_json(proof))),
    };
    AttemptRow {
        state: state.to_owned(),
        landed,
        death_proof,
        ended_at: Some(now),
        ..attempt.clone()
    }
}

fn freed(channel: &ChannelRow, settlement: &Settlement, now: OffsetDateTime) -> ChannelRow {
    let mut channel = channel.clone();
    channel.busy_with = None;
    channel.updated_at = now;
    if let Some(sequence) = settlement.channel_sequence {
        channel.sequence = channel.sequence.max(sequence.0);
    }
    if settlement.channel_lost {
        let reason = match &settlement.attempt {
            AttemptEnd::Dead(DeathProof::AccountMissing { first, second }) => {
                format!("the account did not exist as of ledgers {first} and {second}")
            }
            AttemptEnd::Dead(_) | AttemptEnd::Landed(_) | AttemptEnd::LandedFailed(_) => {
                "the account cannot be used".to_owned()
            }
        };
        channel.state = "lost".to_owned();
        channel.reason = Some(reason);
    } else if channel.reason.as_deref() == Some("sequence_unexplained") {
        channel.state = "open".to_owned();
        channel.reason = None;
    }
    channel
}

/// The intent as its attempt leaves it.
fn left(intent: &Intent, wanted: Wanted, outcome: &'static str, now: OffsetDateTime) -> Intent {
    let as_wanted = outcome == wanted.status;
    let mut intent = intent.clone();
    intent.status = outcome;
    intent.owner = None;
    intent.updated_at = now;
    intent.reason = if as_wanted {
        wanted.reason
    } else if outcome == "canceled" {
        Some(json!(Reason::canceled()))
    } else {
        None
    };
    intent.transaction = wanted.transaction.filter(|_| as_wanted);
    intent.parked_times += i32::from(outcome == "parked");
    intent.due_at = if as_wanted {
        wanted.resume.map(|resume| now + resume)
    } else if outcome == "queued" {
        Some(now + LOOK_AGAIN)
    } else {
        None
    };
    intent.finished_at = (!matches!(outcome, "queued" | "parked")).then_some(now);
    intent
}

fn tell(draft: &mut Draft, new: &NewSettlement, wanted: &str, outcome: &str) {
    for event in settlement_events(new.number, &new.settlement) {
        if outcome == wanted || !event.kind.starts_with("intent.") {
            draft.tell(new.intent_id, event.kind, event.data);
        } else if outcome == "canceled" {
            draft.tell(new.intent_id, "intent.canceled", json!({}));
        } else {
            draft.tell(new.intent_id, "intent.requeued", json!({}));
        }
    }
}
