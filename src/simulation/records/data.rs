//! The tables. A row is never changed in place but replaced, so a copy of all of them is cheap and stays what it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::observation::Landed;
use crate::domain::primitives::ChainTime;
use crate::store;
use crate::store::accept::Lane;
use crate::store::attempts::{AttemptRow, BumpRow, SubmissionRow};
use crate::store::channels::ChannelRow;
use crate::store::intents::IntentRow;

/// Everything that a backup has.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    pub network: Option<Network>,
    /// When each life's lease ends.
    pub workers: BTreeMap<Uuid, OffsetDateTime>,
    pub intents: BTreeMap<Uuid, Arc<Intent>>,
    pub attempts: BTreeMap<(Uuid, i32), Arc<AttemptRow>>,
    pub bumps: BTreeMap<(Uuid, i32, i32), Arc<BumpRow>>,
    pub channels: BTreeMap<String, Arc<ChannelRow>>,
    /// By hash.
    pub landings: BTreeMap<[u8; 32], Arc<Landing>>,
    /// In the order in which they were written.
    pub events: Vec<Arc<EventOfIntent>>,
    /// In the order in which they were written.
    pub submissions: Vec<Arc<(Uuid, SubmissionRow)>>,
    /// The newest place in the order of acceptance.
    pub seq: i64,
}

/// Which chain the records are about.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub passphrase: String,
    pub anchor: Option<(i64, [u8; 32], ChainTime)>,
    pub cursor: i64,
    pub quarantine_until: Option<i64>,
    /// Where the records were last at home.
    pub database: u64,
    pub explained: bool,
    /// Ledgers for which envelopes of an earlier life may be good at least; 0 where there was none.
    pub recovery_window: u32,
    /// How often it was noted that they may lack something.
    pub doubts: i64,
}

/// An intent, with what [`IntentRow`] does not show.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub id: Uuid,
    pub seq: i64,
    pub tenant: String,
    pub workflow_id: String,
    pub method: String,
    pub tag: Option<i64>,
    pub lane: Lane,
    pub source: Option<String>,
    pub request: Option<Arc<Value>>,
    pub enqueued: Option<Arc<Value>>,
    pub presigned: bool,
    pub ordering_key: Option<String>,
    pub valid_until: Option<OffsetDateTime>,
    pub status: &'static str,
    pub due_at: Option<OffsetDateTime>,
    pub owner: Option<Uuid>,
    pub cancel_requested: bool,
    pub attempt_count: i32,
    pub parked_times: i32,
    pub reason: Option<Value>,
    pub transaction: Option<Value>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
}

/// A landing that no attempt explains.
#[derive(Clone, Debug)]
pub(super) struct Landing {
    pub tag: i64,
    pub record: Landed,
}

/// A fact for consumers.
#[derive(Clone, Debug)]
pub(super) struct EventOfIntent {
    pub intent_id: Uuid,
    pub kind: &'static str,
    pub data: Value,
}

impl Intent {
    /// As the store shows it.
    pub fn row(&self) -> IntentRow {
        IntentRow {
            id: self.id,
            tenant: self.tenant.clone(),
            workflow_id: self.workflow_id.clone(),
            method: self.method.clone(),
            tag: self.tag,
            source: self.source.clone(),
            request: self.request.as_deref().cloned(),
            enqueued: self.enqueued.as_deref().cloned(),
            status: self.status.to_owned(),
            due_at: self.due_at,
            cancel_requested: self.cancel_requested,
            attempt_count: self.attempt_count,
            reason: self.reason.clone(),
            transaction: self.transaction.clone(),
            result: None,
            created_at: self.created_at,
            updated_at: self.updated_at,
            finished_at: self.finished_at,
        }
    }

    /// Whether it waits, without an attempt, to be taken up.
    pub fn is_queued(&self) -> bool {
        self.status == "queued" && self.owner.is_none()
    }

    /// Whether nobody drives it and it may still change.
    pub fn is_waiting(&self) -> bool {
        matches!(self.status, "queued" | "parked") && self.owner.is_none()
    }

    /// What a claim says of what is over: neither canceled nor past its time.
    pub fn is_wanted(&self, now: OffsetDateTime) -> bool {
        !self.cancel_requested && self.valid_until.is_none_or(|until| until >= now)
    }
}

impl Data {
    /// Whether a landing that the records did not know carries this intent's tag.
    pub fn has_landed(&self, intent: &Intent) -> bool {
        let tag = intent.tag;
        tag.is_some_and(|tag| {
            let mut landings = self.landings.values();
            landings.any(|landing| landing.tag == tag && landing.record.successful)
        })
    }

    /// What has landed with its tag and is no attempt on record, the oldest first.
    pub fn landings_of(&self, intent: &Intent) -> Vec<store::landings::Landing> {
        let unknown = |landing: &&Arc<Landing>| {
            let hash = landing.record.inner_hash.0;
            Some(landing.tag) == intent.tag
                && !self.attempts.values().any(|attempt| attempt.hash == hash)
        };
        let mut found: Vec<_> = self.landings.values().filter(unknown).collect();
        found.sort_by_key(|landing| (landing.record.ledger, landing.record.inner_hash.0));
        let row = |landing: &Arc<Landing>| store::landings::Landing {
            hash: landing.record.inner_hash.to_string(),
            envelope: STANDARD.encode(&landing.record.envelope_xdr),
            result: landing.record.result_xdr.clone(),
            successful: landing.record.successful,
            ledger: landing.record.ledger.0,
            closed_at: i64::try_from(landing.record.closed_at.0).unwrap_or(i64::MAX),
            fee_charged: landing.record.fee_charged.get(),
        };
        found.into_iter().map(row).collect()
    }

    /// Whether another of its ordering key comes first, or is in flight.
    pub fn is_behind(&self, intent: &Intent) -> bool {
        let Some(key) = &intent.ordering_key else {
            return false;
        };
        self.intents.values().any(|other| {
            other.ordering_key.as_ref() == Some(key)
                && other.tenant == intent.tenant
                && other.finished_at.is_none()
                && (other.seq < intent.seq || other.owner.is_some())
        })
    }

    /// Whether this life's lease is good.
    pub fn is_alive(&self, worker: Uuid, now: OffsetDateTime) -> bool {
        self.workers.get(&worker).is_some_and(|until| *until > now)
    }

    /// The attempts of an intent, the oldest first.
    pub fn attempts_of(&self, intent: Uuid) -> impl Iterator<Item = &Arc<AttemptRow>> {
        let range = (intent, i32::MIN)..=(intent, i32::MAX);
        self.attempts.range(range).map(|(_, attempt)| attempt)
    }
}

/// A chain time as a column has it.
pub(super) fn timestamp(at: ChainTime) -> OffsetDateTime {
    i64::try_from(at.0)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(time::macros::datetime!(9999-12-31 23:59:59 UTC))
}

/// A span of so many seconds, in whole microseconds as a column has it.
pub(super) fn span(seconds: f64) -> time::Duration {
    time::Duration::microseconds((seconds * 1e6).round() as i64)
}

/// A number of an attempt as a column has it.
pub(super) fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
