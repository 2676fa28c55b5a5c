//! Accepting intents.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::data::{Intent, timestamp};
use super::draft::Draft;
use super::state::State;
use crate::defect::{Defect, is_made};
use crate::domain::intent::{Content, MAX_NAME_CHARACTERS};
use crate::store::StoreError;
use crate::store::accept::{Accepted, Lane, NewIntent};
use crate::store::enqueued::MAX_ENQUEUED_BYTES;

impl State {
    /// Accepts a batch. Idempotency keys are not kept: nobody's is ever taken.
    pub fn accept(
        &mut self,
        now: OffsetDateTime,
        batch: &[&NewIntent],
    ) -> Result<Vec<Accepted>, StoreError> {
        let mut draft = Draft::default();
        // Of each that is in the way of others, its place in the draft or its row.
        let mut in_the_way = BTreeMap::new();
        for (place, new) in batch.iter().enumerate() {
            self.data.seq += 1;
            let intent = intent(new, self.data.seq, now)?;
            if let Some(id) = self.same_key(&draft, &intent) {
                in_the_way.insert(place, id);
            } else {
                draft.tell(intent.id, "intent.accepted", json!({}));
                draft.new_intents.push(intent);
            }
        }
        self.put(draft)?;
        let accepted = (0..batch.len()).map(|place| {
            let existing = in_the_way
                .get(&place)
                .and_then(|id| self.data.intents.get(id));
            existing.map_or(Accepted::New(now), |intent| {
                Accepted::Existing(Box::new(intent.row()))
            })
        });
        Ok(accepted.collect())
    }

    /// Enqueues an intent as the SQL function of that name does: it is read later.
    pub fn enqueue(
        &mut self,
        now: OffsetDateTime,
        id: Uuid,
        (tenant, workflow_id): (&str, &str),
        body: &Value,
    ) -> Result<Uuid, StoreError> {
        let method = body["method"].as_str();
        let method = method.or_else(|| body["operations"][0]["type"].as_str());
        let method = method
            .ok_or_else(|| StoreError::refusal("body: /method is missing".to_owned()))?
            .to_owned();
        let mut body = body.clone();
        body["workflow_id"] = json!(workflow_id);
        body["method"] = json!(method);
        let bytes = i64::try_from(body.to_string().len()).unwrap_or(i64::MAX);
        if bytes > MAX_ENQUEUED_BYTES {
            let what = format!("body: must have at most {MAX_ENQUEUED_BYTES} bytes as text");
            return Err(StoreError::refusal(what));
        }
        let key = body["ordering_key"].as_str();
        let ordering_key = key.filter(|key| key.chars().count() <= MAX_NAME_CHARACTERS);
        let ordering_key = ordering_key.map(str::to_owned);
        self.data.seq += 1;
        let intent = Intent {
            tenant: tenant.to_owned(),
            workflow_id: workflow_id.to_owned(),
            method,
            enqueued: Some(Arc::new(body)),
            ordering_key,
            ..queued(id, self.data.seq, now)
        };
        let mut draft = Draft::default();
        if let Some(known) = self.same_key(&draft, &intent) {
            let before = self.data.intents.get(&known);
            if before.is_some_and(|before| before.enqueued == intent.enqueued) {
                return Ok(known);
            }
            let what = format!("workflow-conflict: intent {known} has another body");
            return Err(StoreError::refusal(what));
        }
        draft.tell(id, "intent.accepted", json!({"by": "sql"}));
        draft.new_intents.push(intent);
        self.put(draft)?;
        Ok(id)
    }

    fn same_key(&self, draft: &Draft, new: &Intent) -> Option<Uuid> {
        if is_made(Defect::NoUniqueIndex) {
            return None;
        }
        let known = self.data.intents.values().map(Arc::as_ref);
        let mut all = known.chain(&draft.new_intents);
        let same = all.find(|other| {
            other.tenant == new.tenant
                && other.workflow_id == new.workflow_id
                && other.method == new.method
        });
        same.map(|other| other.id)
    }
}

fn intent(new: &NewIntent, seq: i64, now: OffsetDateTime) -> Result<Intent, StoreError> {
    let request = &new.request;
    let form = serde_json::from_str(&new.form)
        .map_err(|error| StoreError::refusal(format!("the form is no JSON: {error}")))?;
    Ok(Intent {
        tenant: new.tenant.clone(),
        workflow_id: request.workflow_id.clone(),
        method: request.method.clone(),
        tag: Some(new.tag.to_i64()),
        lane: new.lane,
        source: Some(request.source.to_string()),
        request: Some(Arc::new(form)),
        presigned: matches!(request.content, Content::Presigned(_)),
        ordering_key: request.ordering_key.clone(),
        valid_until: request.valid_until.map(timestamp),
        due_at: Some(request.not_before.map_or(now, timestamp)),
        ..queued(new.id, seq, now)
    })
}

/// What every intent begins with.
fn queued(id: Uuid, seq: i64, now: OffsetDateTime) -> Intent {
    Intent {
        id,
        seq,
        tenant: String::new(),
        workflow_id: String::new(),
        method: String::new(),
        tag: None,
        lane: Lane::User,
        source: None,
        request: None,
        enqueued: None,
        presigned: false,
        ordering_key: None,
        valid_until: None,
        status: "queued",
        due_at: Some(now),
        owner: None,
        cancel_requested: false,
        attempt_count: 0,
        parked_times: 0,
        reason: None,
        transaction: None,
        created_at: now,
        updated_at: now,
        finished_at: None,
    }
}
