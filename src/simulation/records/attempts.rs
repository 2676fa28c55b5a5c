//! Open attempts, fee bumps, and what was answered to what was sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::data::number;
use super::draft::Draft;
use super::state::State;
use crate::defect::{Defect, is_made};
use crate::store::StoreError;
use crate::store::attempts::{AttemptRow, BumpRow, NewBump, NewSubmission, SubmissionRow};

impl State {
    pub fn open_attempts(&self, intents: &[Uuid]) -> Vec<AttemptRow> {
        let wanted: BTreeSet<Uuid> = intents.iter().copied().collect();
        let found = wanted.iter().flat_map(|id| self.data.attempts_of(*id));
        let open = found.filter(|attempt| attempt.ended_at.is_none());
        open.map(|attempt| attempt.as_ref().clone()).collect()
    }

    pub fn fee_bumps(&self, intents: &[Uuid]) -> Vec<BumpRow> {
        let bumps = self.data.bumps.values();
        let theirs = bumps.filter(|bump| intents.contains(&bump.intent_id));
        theirs.map(|bump| bump.as_ref().clone()).collect()
    }

    pub fn add_fee_bumps(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        batch: &[NewBump],
    ) -> Result<Vec<Uuid>, StoreError> {
        let unchecked = is_made(Defect::NoLeaseToken);
        let mut draft = Draft::default();
        let mut done = Vec::new();
        let mut rows: Vec<&NewBump> = batch.iter().collect();
        rows.sort_by_key(|new| new.intent_id);
        for new in rows {
            let key = (new.intent_id, number(new.number));
            let intent = self.data.intents.get(&new.intent_id);
            let mine = intent.is_some_and(|intent| self.is_owner(intent, worker, now));
            let attempt = self.data.attempts.get(&key);
            let open = attempt.is_some_and(|attempt| attempt.ended_at.is_none());
            if !open || !(mine || unchecked) {
                continue;
            }
            let before = self.fee_bumps(&[new.intent_id]);
            let before = before.iter().filter(|bump| bump.number == key.1).count();
            let (hash, fee) = (new.bump.hash, new.bump.fee.get());
            let data = json!({"attempt": key.1, "hash": hash, "fee": fee.to_string()});
            draft.tell(new.intent_id, "attempt.bumped", data);
            draft.new_bumps.push(BumpRow {
                intent_id: new.intent_id,
                number: key.1,
                ordinal: i32::try_from(before + 1).unwrap_or(i32::MAX),
                hash: hash.0.to_vec(),
                fee,
                envelope: new.envelope.clone(),
                created_at: now,
            });
            done.push(new.intent_id);
        }
        self.put(draft)?;
        Ok(done)
    }

    pub fn record_submissions(
        &mut self,
        now: OffsetDateTime,
        batch: &[NewSubmission],
    ) -> Result<(), StoreError> {
        for new in batch {
            let row = SubmissionRow {
                number: number(new.number),
                hash: new.hash.0.to_vec(),
                answered_at: now,
                answer: new.answer.clone(),
            };
            self.data.submissions.push(Arc::new((new.intent_id, row)));
            if is_made(Defect::ReleaseChannelEarly) && new.answer["kind"] == "queued" {
                self.release_early(new.intent_id)?;
            }
        }
        Ok(())
    }

    /// The mistake: what core has taken counts as landed, as far as the channel goes.
    fn release_early(&mut self, intent: Uuid) -> Result<(), StoreError> {
        let mut draft = Draft::default();
        let channels = self.data.channels.values();
        for channel in channels.filter(|channel| channel.busy_with == Some(intent)) {
            let mut channel = channel.as_ref().clone();
            let used = self.open_attempts(&[intent]);
            let used = used
                .iter()
                .find(|attempt| attempt.channel == channel.account);
            channel.busy_with = None;
            channel.sequence = channel
                .sequence
                .max(used.map_or(0, |attempt| attempt.sequence));
            draft.channels.push(channel);
        }
        self.put(draft)
    }
}
