//! What a statement would change, and the constraints that all of it must hold before any of it is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::data::{Data, EventOfIntent, Intent};
use super::state::State;
use crate::defect::{Defect, is_made};
use crate::store::StoreError;
use crate::store::attempts::{AttemptRow, BumpRow};
use crate::store::channels::ChannelRow;

/// The rows of one statement.
#[derive(Default)]
pub(super) struct Draft {
    pub new_intents: Vec<Intent>,
    pub intents: Vec<Intent>,
    pub new_attempts: Vec<AttemptRow>,
    pub attempts: Vec<AttemptRow>,
    pub new_bumps: Vec<BumpRow>,
    pub channels: Vec<ChannelRow>,
    pub events: Vec<EventOfIntent>,
}

impl Draft {
    /// Tells consumers.
    pub fn tell(&mut self, intent_id: Uuid, kind: &'static str, data: serde_json::Value) {
        self.events.push(EventOfIntent {
            intent_id,
            kind,
            data,
        });
    }
}

impl State {
    /// Makes a statement's changes, all or none.
    pub fn put(&mut self, draft: Draft) -> Result<(), StoreError> {
        if let Err(what) = self.try_put(draft) {
            self.violations.push(what.clone());
            return Err(StoreError::refusal(what));
        }
        Ok(())
    }

    fn try_put(&mut self, draft: Draft) -> Result<(), String> {
        let data = &self.data;
        for intent in &draft.new_intents {
            new_intent(data, intent, &draft.new_intents)?;
        }
        for intent in &draft.intents {
            let before = data.intents.get(&intent.id);
            if before.is_some_and(|before| before.finished_at.is_some()) {
                return Err(format!("intents_final: {} never changes again", intent.id));
            }
            intent_row(intent)?;
        }
        // On a copy of the table: each row is compared with all others as they will be.
        let mut attempts = data.attempts.clone();
        for attempt in draft.attempts {
            attempt_row(&attempt)?;
            unique_attempt(&attempts, &attempt)?;
            attempts.insert((attempt.intent_id, attempt.number), Arc::new(attempt));
        }
        for attempt in draft.new_attempts {
            let key = (attempt.intent_id, attempt.number);
            attempt_row(&attempt)?;
            hold(
                data.intents.contains_key(&key.0),
                "attempts_intent_id_fkey",
                &key.0,
            )?;
            hold(!attempts.contains_key(&key), "attempts_pkey", &key.0)?;
            unique_attempt(&attempts, &attempt)?;
            attempts.insert((attempt.intent_id, attempt.number), Arc::new(attempt));
        }
        let mut bumps = data.bumps.clone();
        for bump in draft.new_bumps {
            new_bump(&attempts, &bumps, &bump)?;
            bumps.insert((bump.intent_id, bump.number, bump.ordinal), Arc::new(bump));
        }
        for channel in &draft.channels {
            channel_row(channel)?;
        }
        let data = &mut self.data;
        data.attempts = attempts;
        data.bumps = bumps;
        for intent in draft.new_intents.into_iter().chain(draft.intents) {
            data.intents.insert(intent.id, Arc::new(intent));
        }
        for channel in draft.channels {
            let account = channel.account.clone();
            data.channels.insert(account, Arc::new(channel));
        }
        data.events.extend(draft.events.into_iter().map(Arc::new));
        Ok(())
    }
}

fn hold(good: bool, constraint: &str, of: &impl std::fmt::Display) -> Result<(), String> {
    if good {
        Ok(())
    } else {
        Err(format!("{constraint}: {of}"))
    }
}

fn new_intent(data: &Data, new: &Intent, batch: &[Intent]) -> Result<(), String> {
    let same_id = |other: &&Intent| other.id == new.id;
    hold(
        !data.intents.contains_key(&new.id) && batch.iter().filter(same_id).count() == 1,
        "intents_pkey",
        &new.id,
    )?;
    let same_key = |other: &Intent| {
        other.id != new.id
            && other.tenant == new.tenant
            && other.workflow_id == new.workflow_id
            && other.method == new.method
    };
    let taken = data.intents.values().any(|other| same_key(other)) || batch.iter().any(same_key);
    hold(
        !taken || is_made(Defect::NoUniqueIndex),
        "intents_tenant_workflow_id_method_key",
        &new.id,
    )?;
    intent_row(new)
}

/// The checks of a row of intents.
fn intent_row(row: &Intent) -> Result<(), String> {
    let is_final = matches!(row.status, "succeeded" | "failed" | "expired" | "canceled");
    let named = |text: &str| (1..=255).contains(&text.chars().count());
    let checks = [
        (named(&row.tenant), "intents_tenant_check"),
        (named(&row.workflow_id), "intents_workflow_id_check"),
        (named(&row.method), "intents_method_check"),
        (row.tag.is_none_or(|tag| tag > 0), "intents_tag_check"),
        (
            is_final || matches!(row.status, "queued" | "in_flight" | "parked"),
            "intents_status_check",
        ),
        (row.attempt_count >= 0, "intents_attempt_count_check"),
        (row.parked_times >= 0, "intents_parked_times_check"),
        (
            row.request.is_some() || row.enqueued.is_some(),
            "intents: request or enqueued",
        ),
        (
            row.finished_at.is_some() == is_final,
            "intents: final has a time",
        ),
        (
            row.status != "succeeded" || row.transaction.is_some(),
            "intents: succeeded has a transaction",
        ),
        (
            !matches!(row.status, "failed" | "parked") || row.reason.is_some(),
            "intents: failed and parked have a reason",
        ),
        (
            row.status != "in_flight" || row.owner.is_some(),
            "intents: in flight has an owner",
        ),
        (
            row.owner.is_none() || matches!(row.status, "in_flight" | "parked"),
            "intents: an owner is in flight or parked",
        ),
        (
            row.status != "queued" || row.due_at.is_some(),
            "intents: queued is due",
        ),
    ];
    for (good, constraint) in checks {
        hold(good, constraint, &row.id)?;
    }
    Ok(())
}

/// The checks of a row of attempts.
fn attempt_row(row: &AttemptRow) -> Result<(), String> {
    let state = row.state.as_str();
    let landed = matches!(state, "landed" | "landed_failed");
    let dead = state == "dead";
    let checks = [
        (row.number >= 1, "number"),
        (row.sequence > 0, "sequence"),
        (row.min_time >= 0, "min_time"),
        (row.max_time >= 0, "max_time"),
        (row.max_ledger >= 0, "max_ledger"),
        (row.base_fee > 0, "base_fee"),
        ((1..=100).contains(&row.operations), "operations"),
        (row.plain_fee > 0, "plain_fee"),
        (row.hash.len() == 32, "hash"),
        (
            landed || dead || matches!(state, "signed" | "submitted"),
            "state",
        ),
        (row.max_time > 0 || row.max_ledger > 0, "an upper bound"),
        (
            row.ended_at.is_some() == (landed || dead),
            "ended has a time",
        ),
        (row.landed.is_some() == landed, "landed has a record"),
        (row.death_proof.is_some() == dead, "dead has a proof"),
    ];
    for (good, what) in checks {
        let constraint = format!("attempts, check of {what}");
        hold(good, &constraint, &row.intent_id)?;
    }
    Ok(())
}

type Attempts = BTreeMap<(Uuid, i32), Arc<AttemptRow>>;

/// The unique indexes of attempts.
fn unique_attempt(attempts: &Attempts, row: &AttemptRow) -> Result<(), String> {
    let id = &row.intent_id;
    let early = is_made(Defect::ReleaseChannelEarly);
    let others = attempts.values();
    for other in others.filter(|other| (&other.intent_id, other.number) != (id, row.number)) {
        let open = other.ended_at.is_none() && row.ended_at.is_none();
        let live = other.death_proof.is_none() && row.death_proof.is_none();
        let channel = other.channel == row.channel && !early;
        let intent = other.intent_id == *id;
        let sequence = other.sequence == row.sequence;
        hold(other.hash != row.hash, "attempts_hash", id)?;
        hold(!(open && intent), "attempts_one_open_per_intent", id)?;
        hold(!(open && channel), "attempts_one_open_per_channel", id)?;
        hold(
            !(live && channel && sequence),
            "attempts_one_live_per_sequence",
            id,
        )?;
    }
    Ok(())
}

fn new_bump(
    attempts: &Attempts,
    bumps: &BTreeMap<(Uuid, i32, i32), Arc<BumpRow>>,
    new: &BumpRow,
) -> Result<(), String> {
    let (id, number) = (&new.intent_id, new.number);
    let same_hash = bumps.values().any(|other| other.hash == new.hash);
    let checks = [
        (new.ordinal >= 1, "fee_bumps_ordinal_check"),
        (new.hash.len() == 32, "fee_bumps_hash_check"),
        (new.fee > 0, "fee_bumps_fee_check"),
        (
            !bumps.contains_key(&(*id, number, new.ordinal)),
            "fee_bumps_pkey",
        ),
        (!same_hash, "fee_bumps_hash"),
        (
            attempts.contains_key(&(*id, number)),
            "fee_bumps_intent_id_number_fkey",
        ),
    ];
    for (good, constraint) in checks {
        hold(good, constraint, id)?;
    }
    Ok(())
}

/// The checks of a row of channels.
fn channel_row(row: &ChannelRow) -> Result<(), String> {
    let checks = [
        (
            matches!(row.kind.as_str(), "source" | "channel"),
            "channels_kind_check",
        ),
        (
            row.sep5_index.is_none_or(|index| index >= 0),
            "channels_sep5_index_check",
        ),
        (row.sequence >= 0, "channels_sequence_check"),
        (
            matches!(row.state.as_str(), "open" | "paused" | "lost"),
            "channels_state_check",
        ),
        (
            (row.kind == "channel") == row.sep5_index.is_some(),
            "channels: a channel has an index",
        ),
        (
            row.state == "open" || row.reason.is_some(),
            "channels: what is not open has a reason",
        ),
    ];
    for (good, constraint) in checks {
        hold(good, constraint, &row.account)?;
    }
    Ok(())
}
