//! Intents without an open attempt, and what users ask for.

use std::sync::Arc;

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::data::{Intent, timestamp};
use super::draft::Draft;
use super::leases::count;
use super::state::State;
use crate::defect::{Defect, is_made};
use crate::domain::intent::{Content, Request};
use crate::domain::primitives::ChainTime;
use crate::domain::reason::Reason;
use crate::domain::tag::Tag;
use crate::store::StoreError;
use crate::store::enqueued::{MAX_ENQUEUED_BYTES, MAX_UNREAD_BYTES, Unread};
use crate::store::intents::Change;
use crate::store::prepare::RareWork;

impl State {
    pub fn rare_work(&self, now: OffsetDateTime, chain: ChainTime) -> RareWork {
        let chain = timestamp(chain);
        let any = |what: fn(&Intent) -> bool| {
            let mut intents = self.data.intents.values();
            intents.any(|intent| intent.finished_at.is_none() && what(intent))
        };
        let alive = self.data.workers.values().filter(|until| **until > now);
        RareWork {
            unread: any(|intent| intent.request.is_none()),
            system: any(|intent| intent.lane == crate::store::accept::Lane::System),
            presigned: any(|intent| intent.presigned),
            // Histories have none.
            contracts: false,
            expired: self.waiting().any(|intent| is_over(intent, chain)),
            resumable: self.waiting().any(|intent| is_resumable(intent, now)),
            unwanted: any(|intent| intent.cancel_requested && intent.owner.is_none()),
            has_channels: self.has_open_channel(),
            workers: i64::try_from(alive.count()).unwrap_or(i64::MAX),
        }
    }

    /// Intents that nobody drives and that may still change.
    fn waiting(&self) -> impl Iterator<Item = &Intent> {
        let intents = self.data.intents.values().map(Arc::as_ref);
        intents.filter(|intent| intent.is_waiting())
    }

    /// Ends some of them.
    fn end(
        &mut self,
        now: OffsetDateTime,
        ids: Vec<Uuid>,
        (status, kind): (&'static str, &'static str),
        reason: impl Fn(&Intent) -> Reason,
        keep: bool,
    ) -> Result<u64, StoreError> {
        let mut draft = Draft::default();
        for intent in ids.iter().filter_map(|id| self.data.intents.get(id)) {
            let mut intent = intent.as_ref().clone();
            if intent.reason.is_none() || !keep {
                intent.reason = Some(json!(reason(&intent)));
            }
            intent.status = status;
            intent.finished_at = Some(now);
            intent.updated_at = now;
            intent.due_at = None;
            draft.tell(intent.id, kind, json!({}));
            draft.intents.push(intent);
        }
        let ended = draft.intents.len();
        self.put(draft)?;
        Ok(ended as u64)
    }

    /// Those that an update with `skip locked` finds, in order of `by`.
    fn found<K: Ord>(
        &self,
        limit: i64,
        which: impl Fn(&Intent) -> bool,
        by: impl Fn(&Intent) -> K,
    ) -> Vec<Uuid> {
        let intents = self.waiting();
        let mut found: Vec<&Intent> = intents
            .filter(|intent| which(intent) && !self.holds_intent(intent.id))
            .collect();
        found.sort_by_key(|intent| by(intent));
        let first = found.into_iter().take(count(limit));
        first.map(|intent| intent.id).collect()
    }

    pub fn expire(
        &mut self,
        now: OffsetDateTime,
        chain: ChainTime,
        limit: i64,
    ) -> Result<u64, StoreError> {
        if !self.is_explained() {
            return Ok(0);
        }
        let chain = timestamp(chain);
        let over = |intent: &Intent| is_over(intent, chain) && !self.data.has_landed(intent);
        let over = self.found(limit, over, |intent| (intent.valid_until, intent.id));
        let kind = ("expired", "intent.expired");
        self.end(now, over, kind, |_| Reason::expired(), true)
    }

    pub fn finish_cancellations(
        &mut self,
        now: OffsetDateTime,
        limit: i64,
    ) -> Result<u64, StoreError> {
        if !self.is_explained() {
            return Ok(0);
        }
        let unwanted = |intent: &Intent| {
            intent.cancel_requested && intent.tag.is_some() && !self.data.has_landed(intent)
        };
        let unwanted = self.found(limit, unwanted, |intent| intent.id);
        let kind = ("canceled", "intent.canceled");
        self.end(now, unwanted, kind, |_| Reason::canceled(), false)
    }

    pub fn resume_parked(&mut self, now: OffsetDateTime, limit: i64) -> Result<u64, StoreError> {
        let due = self.found(
            limit,
            |intent| is_resumable(intent, now),
            |intent| (intent.due_at, intent.id),
        );
        let mut draft = Draft::default();
        for intent in due.iter().filter_map(|id| self.data.intents.get(id)) {
            let mut intent = intent.as_ref().clone();
            intent.status = "queued";
            intent.updated_at = now;
            draft.intents.push(intent);
        }
        self.put(draft)?;
        Ok(due.len() as u64)
    }

    pub fn unread(&self, limit: i64) -> Vec<Unread> {
        let unread = |intent: &Intent| intent.status == "queued" && intent.request.is_none();
        let mut found: Vec<&Intent> = self.waiting().filter(|intent| unread(intent)).collect();
        found.sort_by_key(|intent| intent.seq);
        let mut together = 0;
        let mut rows = Vec::new();
        for intent in found.into_iter().take(count(limit)) {
            if together >= MAX_UNREAD_BYTES {
                break;
            }
            let enqueued = intent.enqueued.as_deref().cloned().unwrap_or_default();
            let bytes = i64::try_from(enqueued.to_string().len()).unwrap_or(i64::MAX);
            together += bytes.min(MAX_ENQUEUED_BYTES);
            rows.push(Unread {
                id: intent.id,
                tenant: intent.tenant.clone(),
                enqueued: Some(enqueued).filter(|_| bytes <= MAX_ENQUEUED_BYTES),
            });
        }
        rows
    }

    pub fn set_request(
        &mut self,
        now: OffsetDateTime,
        id: Uuid,
        tag: Tag,
        request: &Request,
    ) -> Result<(), StoreError> {
        let mut draft = Draft::default();
        if let Some(intent) = self.data.intents.get(&id)
            && intent.status == "queued"
            && intent.request.is_none()
        {
            let mut intent = intent.as_ref().clone();
            intent.request = Some(Arc::new(request.to_json()));
            intent.tag = Some(tag.to_i64());
            intent.source = Some(request.source.to_string());
            intent.presigned = matches!(request.content, Content::Presigned(_));
            intent.ordering_key = request.ordering_key.clone();
            intent.due_at = request.not_before.map(timestamp).or(intent.due_at);
            intent.valid_until = request.valid_until.map(timestamp);
            intent.updated_at = now;
            draft.intents.push(intent);
        }
        self.put(draft)
    }

    /// Fails or parks an intent that has no open attempt.
    pub fn turn_away(
        &mut self,
        now: OffsetDateTime,
        id: Uuid,
        reason: &Reason,
        parked: bool,
    ) -> Result<(), StoreError> {
        let mut draft = Draft::default();
        if let Some(intent) = self.data.intents.get(&id)
            && intent.is_queued()
        {
            let mut intent = intent.as_ref().clone();
            let (status, kind) = if parked {
                ("parked", "intent.parked")
            } else {
                ("failed", "intent.failed")
            };
            intent.status = status;
            intent.reason = Some(json!(reason));
            intent.finished_at = (!parked).then_some(now);
            intent.updated_at = now;
            intent.due_at = None;
            draft.tell(id, kind, json!({"reason": reason}));
            draft.intents.push(intent);
        }
        self.put(draft)
    }

    /// Parks an intent whose attempt stays open, and stops its channel.
    pub fn park_unexplained(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        id: Uuid,
        reason: &Reason,
    ) -> Result<(), StoreError> {
        let mut draft = Draft::default();
        if let Some(intent) = self.data.intents.get(&id)
            && (self.is_owner(intent, worker, now) || is_made(Defect::NoLeaseToken))
            && intent.status == "in_flight"
        {
            let mut intent = intent.as_ref().clone();
            intent.status = "parked";
            intent.reason = Some(json!(reason));
            intent.updated_at = now;
            intent.due_at = None;
            draft.tell(id, "intent.parked", json!({"reason": reason}));
            draft.intents.push(intent);
            let channels = self.data.channels.values();
            for channel in channels.filter(|channel| channel.busy_with == Some(id)) {
                let mut channel = channel.as_ref().clone();
                channel.state = "paused".to_owned();
                channel.reason = Some(reason.code.clone());
                channel.updated_at = now;
                draft.channels.push(channel);
            }
        }
        self.put(draft)
    }

    /// What a user's wish to cancel changes.
    pub fn cancel(
        &mut self,
        now: OffsetDateTime,
        tenant: &str,
        id: Uuid,
    ) -> Result<Change, StoreError> {
        let found = self.data.intents.get(&id);
        let Some(intent) = found.filter(|intent| intent.tenant == tenant) else {
            return Ok(Change::Missing);
        };
        if intent.finished_at.is_some() {
            return Ok(Change::NotAllowed);
        }
        let may_have_landed = if intent.tag.is_none() {
            self.data
                .landings
                .values()
                .any(|landing| landing.record.successful)
        } else {
            self.data.has_landed(intent)
        };
        let known = intent.owner.is_none() && self.is_explained() && !may_have_landed;
        let mut draft = Draft::default();
        if known || !intent.cancel_requested {
            let mut intent = intent.as_ref().clone();
            intent.cancel_requested = true;
            intent.updated_at = now;
            if known {
                intent.status = "canceled";
                intent.reason = Some(json!(Reason::canceled()));
                intent.finished_at = Some(now);
                intent.due_at = None;
                draft.tell(id, "intent.canceled", json!({}));
            } else {
                draft.tell(id, "intent.cancel_requested", json!({}));
                if intent.owner.is_none() {
                    intent.status = "queued";
                    intent.reason = None;
                    intent.due_at = Some(now);
                }
            }
            draft.intents.push(intent);
        }
        self.put(draft)?;
        Ok(if known { Change::Done } else { Change::Pending })
    }
}

fn is_over(intent: &Intent, chain: OffsetDateTime) -> bool {
    intent.is_waiting() && intent.valid_until.is_some_and(|until| until < chain)
}

fn is_resumable(intent: &Intent, now: OffsetDateTime) -> bool {
    intent.is_waiting() && intent.status == "parked" && intent.due_at.is_some_and(|due| due <= now)
}
