//! Taking intents up: what a claim finds, holds, and puts on record.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::MemoryRecords;
use super::data::{Intent, number, timestamp};
use super::draft::Draft;
use super::leases::count;
use super::state::{Held, State};
use crate::domain::primitives::{AccountId, ChainTime, Sequence, TxHash};
use crate::store::StoreError;
use crate::store::accept::Lane;
use crate::store::attempts::AttemptRow;
use crate::store::channels::ChannelRow;
use crate::store::prepare::{Claimed, NewAttempt};
use crate::worker::records::Hold;

/// What a claim has found and holds.
pub(super) struct Found {
    pub claimed: Vec<Claimed>,
    pub idle: i64,
    pub claim: u64,
    pub connections: u64,
    pub began: OffsetDateTime,
}

/// An open claim.
pub(super) struct OpenClaim {
    pub records: MemoryRecords,
    pub worker: Uuid,
    pub claim: u64,
    /// On which connections it is open.
    pub connections: u64,
    /// The time of all that it writes.
    pub began: OffsetDateTime,
}

impl State {
    /// Pairs due intents with idle channels. Of several channels, which is taken is left open by the SQL: here those that
    /// are preferred, then the others in their order.
    pub fn claim(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        (lane, kind): (Lane, &str),
        chain: ChainTime,
        limit: i64,
    ) -> Result<Found, StoreError> {
        self.hold_lease(worker, now)?;
        let data = &self.data;
        let is_idle = |channel: &&Arc<ChannelRow>| {
            channel.kind == kind && channel.state == "open" && channel.busy_with.is_none()
        };
        let idle: Vec<&Arc<ChannelRow>> = data.channels.values().filter(is_idle).collect();
        let room = idle.len().min(count(limit));
        let due = self.due(now, chain, room, |intent| {
            intent.lane == lane && !intent.presigned
        });
        let mut free = idle;
        free.retain(|channel| !self.holds_channel(&channel.account));
        free.sort_by_key(|channel| {
            let mut preferred = self.preferred.iter();
            let place = preferred.position(|account| *account == channel.account);
            place.unwrap_or(usize::MAX)
        });
        free.truncate(due.len());
        free.sort_by(|one, other| one.account.cmp(&other.account));
        let pairs = due.iter().zip(&free);
        let claimed = pairs.map(|(intent, channel)| Claimed {
            channel: channel.account.clone(),
            sequence: channel.sequence,
            ..self.claimed(intent)
        });
        let claimed = claimed.collect();
        let held = Held {
            intents: due.iter().map(|intent| intent.id).collect(),
            channels: free.iter().map(|channel| channel.account.clone()).collect(),
        };
        Ok(self.hold(claimed, i64::try_from(room).unwrap_or(i64::MAX), held, now))
    }

    /// Takes up presigned transactions whose account has none in flight.
    pub fn claim_presigned(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        chain: ChainTime,
        limit: i64,
    ) -> Result<Found, StoreError> {
        self.hold_lease(worker, now)?;
        let data = &self.data;
        let due = self.due(now, chain, count(limit), |intent| {
            let mut attempts = data.attempts.values();
            let in_flight = attempts.any(|attempt| {
                Some(&attempt.channel) == intent.source.as_ref() && attempt.ended_at.is_none()
            });
            let mut others = data.intents.values();
            let behind = others.any(|other| {
                other.presigned
                    && other.status == "queued"
                    && other.source.is_some()
                    && other.source == intent.source
                    && other.seq < intent.seq
            });
            intent.presigned && !in_flight && !behind
        });
        let claimed = due.iter().map(|intent| {
            let source = intent.source.as_ref();
            Claimed {
                on_our_channel: source.is_some_and(|source| data.channels.contains_key(source)),
                ..self.claimed(intent)
            }
        });
        let claimed = claimed.collect();
        let held = Held {
            intents: due.iter().map(|intent| intent.id).collect(),
            ..Held::default()
        };
        Ok(self.hold(claimed, limit, held, now))
    }

    /// What may be taken up, the longest due first.
    fn due(
        &self,
        now: OffsetDateTime,
        chain: ChainTime,
        limit: usize,
        which: impl Fn(&Intent) -> bool,
    ) -> Vec<Arc<Intent>> {
        let chain = timestamp(chain);
        let data = &self.data;
        let is_due = |intent: &&Arc<Intent>| {
            intent.status == "queued"
                && intent.due_at.is_some_and(|due| due <= chain.max(now))
                && intent.request.is_some()
                && which(intent)
                && (intent.is_wanted(chain) || data.has_landed(intent))
                && !data.is_behind(intent)
                && !self.holds_intent(intent.id)
        };
        let intents = data.intents.values();
        let mut due: Vec<Arc<Intent>> = intents.filter(is_due).map(Arc::clone).collect();
        due.sort_by_key(|intent| (intent.due_at, intent.seq));
        due.truncate(limit);
        due
    }

    fn claimed(&self, intent: &Intent) -> Claimed {
        Claimed {
            id: intent.id,
            tenant: intent.tenant.clone(),
            request: intent.request.as_deref().cloned().unwrap_or_default(),
            attempt_count: intent.attempt_count,
            parked_times: intent.parked_times,
            channel: String::new(),
            sequence: 0,
            landings: self.data.landings_of(intent),
            on_our_channel: false,
        }
    }

    fn hold(
        &mut self,
        claimed: Vec<Claimed>,
        idle: i64,
        held: Held,
        began: OffsetDateTime,
    ) -> Found {
        let claim = self.number();
        self.held.insert(claim, held);
        Found {
            claimed,
            idle,
            claim,
            connections: self.connections,
            began,
        }
    }

    fn user_of(&self, hash: TxHash, channel: &str, sequence: Sequence) -> Option<TxHash> {
        let attempts = self.data.attempts.values();
        let mut users = attempts.filter(|attempt| {
            attempt.hash == hash.0
                || (attempt.channel == channel
                    && attempt.sequence == sequence.0
                    && attempt.death_proof.is_none())
        });
        let first = users.next()?;
        let user = users.find(|user| user.hash == hash.0).unwrap_or(first);
        <[u8; 32]>::try_from(user.hash.as_slice()).ok().map(TxHash)
    }

    fn commit(
        &mut self,
        now: OffsetDateTime,
        worker: Uuid,
        attempts: &[NewAttempt],
    ) -> Result<(), StoreError> {
        let mut draft = Draft::default();
        for new in attempts {
            let row = attempt_row(new, now);
            if let Some(intent) = self.data.intents.get(&new.intent_id)
                && intent.status == "queued"
            {
                let mut intent = intent.as_ref().clone();
                intent.status = "in_flight";
                intent.owner = Some(worker);
                intent.attempt_count = row.number;
                intent.updated_at = now;
                intent.reason = None;
                let hash = new.attempt.inner_hash;
                let data = json!({"attempt": row.number, "hash": hash});
                draft.tell(intent.id, "attempt.signed", data);
                draft.intents.push(intent);
            }
            if let Some(channel) = self.data.channels.get(&row.channel) {
                let mut channel = channel.as_ref().clone();
                channel.busy_with = Some(new.intent_id);
                channel.updated_at = now;
                draft.channels.push(channel);
            }
            draft.new_attempts.push(row);
        }
        self.put(draft)
    }
}

pub(super) fn attempt_row(new: &NewAttempt, now: OffsetDateTime) -> AttemptRow {
    let attempt = &new.attempt;
    let plan = &attempt.plan;
    let time = |at: ChainTime| i64::try_from(at.0).unwrap_or(i64::MAX);
    AttemptRow {
        intent_id: new.intent_id,
        number: number(attempt.number),
        channel: plan.channel.to_string(),
        sequence: plan.sequence.0,
        min_time: time(plan.min_time),
        max_time: time(plan.max_time),
        max_ledger: i64::from(plan.max_ledger.0),
        base_fee: plan.base_fee.get(),
        operations: number(attempt.operations),
        plain_fee: attempt.plain_fee.get(),
        sponsored: attempt.sponsored,
        presigned: attempt.presigned,
        hash: attempt.inner_hash.0.to_vec(),
        envelope: new.envelope.clone(),
        signed_at_ledger: i64::from(attempt.signed_at.0),
        soroban: plan.soroban_json(),
        call: None,
        state: "signed".to_owned(),
        landed: None,
        death_proof: None,
        created_at: now,
        ended_at: None,
    }
}

#[async_trait]
impl Hold for OpenClaim {
    async fn user_of(
        &mut self,
        hash: TxHash,
        channel: AccountId,
        sequence: Sequence,
    ) -> Result<Option<TxHash>, StoreError> {
        self.records.act(|state, _| {
            state.check_connection(self.connections)?;
            Ok(state.user_of(hash, &channel.to_string(), sequence))
        })
    }

    async fn commit(self: Box<Self>, attempts: &[NewAttempt]) -> Result<(), StoreError> {
        // What it holds is given back when it is dropped, at the end of this.
        self.records.act(|state, _| {
            state.check_connection(self.connections)?;
            if attempts.is_empty() {
                return Ok(());
            }
            state.commit(self.began, self.worker, attempts)
        })
    }
}

impl Drop for OpenClaim {
    fn drop(&mut self) {
        self.records.release(self.claim);
    }
}
