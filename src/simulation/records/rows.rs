//! The trait: each method is one of the state's.

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::bound::Bound;
use super::claim::Found;
use super::state::State;
use super::{Explaining, MemoryRecords};
use crate::domain::adoption::Adoption;
use crate::domain::intent::Request;
use crate::domain::observation::{Landed, LedgerHeader};
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence};
use crate::domain::reason::Reason;
use crate::domain::tag::Tag;
use crate::store::StoreError;
use crate::store::accept::{Accepted, Lane, NewIntent};
use crate::store::attempts::{AttemptRow, BumpRow, NewBump, NewSubmission};
use crate::store::channels::ChannelRow;
use crate::store::enqueued::Unread;
use crate::store::intents::IntentRow;
use crate::store::landings::HistoryMark;
use crate::store::network::Anchor;
use crate::store::prepare::RareWork;
use crate::store::settle::{NewSettlement, OwnedIntent};
use crate::worker::records::{Records, Right, Taking};

/// Version and variant of a version 7 UUID, as its 128 bits have them.
const VERSION_7: u128 = (7 << 76) | (2 << 62);

impl MemoryRecords {
    async fn act_on_intent<T>(
        &self,
        id: Uuid,
        work: impl FnOnce(&mut State, OffsetDateTime) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let is_held = |state: &State| state.holds_intent(id);
        self.act_when_free(is_held, work).await
    }

    async fn act_on_channel(
        &self,
        account: &str,
        work: impl FnOnce(&mut State, OffsetDateTime) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let is_held = |state: &State| state.holds_channel(account);
        self.act_when_free(is_held, work).await
    }

    fn taking(&self, worker: Uuid, found: Found) -> Taking {
        let hold = self.open(worker, &found);
        Taking {
            claimed: found.claimed,
            idle: found.idle,
            hold,
        }
    }
}

#[async_trait]
impl Records for MemoryRecords {
    /// Out of the simulated time, which no clock's offset moves, and a number: in the order of creation.
    fn new_id(&self) -> Uuid {
        let milliseconds = self.elapsed().unix_timestamp_nanos() / 1_000_000;
        let milliseconds = u128::try_from(milliseconds).unwrap_or(0);
        let number = self.act(|state, _| {
            state.ids += 1;
            state.ids
        });
        Uuid::from_u128((milliseconds << 80) | VERSION_7 | u128::from(number))
    }

    async fn accept(&self, batch: &[&NewIntent]) -> Result<Vec<Accepted>, StoreError> {
        self.act(|state, now| state.accept(now, batch))
    }

    async fn intent(&self, tenant: &str, id: Uuid) -> Result<Option<IntentRow>, StoreError> {
        self.act(|state, _| {
            let intent = state.data.intents.get(&id);
            let intent = intent.filter(|intent| intent.tenant == tenant);
            Ok(intent.map(|intent| intent.row()))
        })
    }

    async fn tie_to_network(&self, passphrase: &str) -> Result<Option<Anchor>, StoreError> {
        self.act(|state, _| state.tie_to_network(passphrase))
    }

    async fn note_database(&self) -> Result<bool, StoreError> {
        self.act(|state, now| Ok(state.note_database(now)))
    }

    async fn move_anchor(&self, header: &LedgerHeader) -> Result<(), StoreError> {
        self.act(|state, _| state.move_anchor(header));
        Ok(())
    }

    async fn begin_explaining(&self) -> Result<Option<Box<dyn Right>>, StoreError> {
        let number = self.act(|state, _| {
            if state.explaining.is_some() {
                return None;
            }
            state.explaining = Some(state.number());
            state.explaining
        });
        let right = number.map(|number| Explaining {
            records: self.clone(),
            number,
            connection: Bound::connect(self),
        });
        Ok(right.map(|right| Box::new(right) as Box<dyn Right>))
    }

    async fn note_explained(&self, doubts: i64) -> Result<bool, StoreError> {
        self.act(|state, _| Ok(state.note_explained(doubts)))
    }

    async fn history_mark(&self) -> Result<HistoryMark, StoreError> {
        self.act(|state, _| state.history_mark())
    }

    async fn record_landings(
        &self,
        landings: &[(Tag, Landed)],
        cursor: Option<i64>,
    ) -> Result<u64, StoreError> {
        self.act(|state, _| Ok(state.record_landings(landings, cursor)))
    }

    async fn count_landings(&self) -> Result<i64, StoreError> {
        let count = self.act(|state, _| state.data.landings.len());
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    async fn quarantine(&self, until: Option<LedgerSeq>) -> Result<(), StoreError> {
        self.act(|state, _| state.quarantine(until));
        Ok(())
    }

    async fn adopt_landing(&self, intent: Uuid, adoption: &Adoption) -> Result<(), StoreError> {
        self.act_on_intent(intent, |state, now| {
            state.adopt_landing(now, intent, adoption)
        })
        .await
    }

    async fn channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        self.act(|state, _| Ok(state.channels()))
    }

    async fn add_channel(
        &self,
        account: AccountId,
        sep5_index: Option<i32>,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        self.act(|state, now| state.add_channel(now, account, sep5_index, sequence))
    }

    async fn raise_sequence(
        &self,
        account: AccountId,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        let account = account.to_string();
        let raise = |state: &mut State, now| state.raise_sequence(now, &account, sequence);
        self.act_on_channel(&account, raise).await
    }

    async fn pause_channel(
        &self,
        account: AccountId,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let account = account.to_string();
        let pause = |state: &mut State, now| state.pause_channel(now, &account, reason);
        self.act_on_channel(&account, pause).await
    }

    async fn begin_lease(&self, worker: Uuid, _name: &str, seconds: f64) -> Result<(), StoreError> {
        self.act(|state, now| state.begin_lease(now, worker, seconds))
    }

    async fn renew_lease(&self, worker: Uuid, seconds: f64) -> Result<(), StoreError> {
        self.act(|state, now| state.renew_lease(now, worker, seconds))
    }

    async fn end_lease(&self, worker: Uuid) -> Result<(), StoreError> {
        self.act(|state, now| state.end_lease(now, worker));
        Ok(())
    }

    async fn take_over(&self, worker: Uuid, limit: i64) -> Result<Vec<Uuid>, StoreError> {
        self.act(|state, now| state.take_over(now, worker, limit))
    }

    async fn owned_ids(&self, worker: Uuid) -> Result<Vec<Uuid>, StoreError> {
        self.act(|state, _| Ok(state.owned_ids(worker)))
    }

    async fn owned_intents(
        &self,
        worker: Uuid,
        intents: &[Uuid],
    ) -> Result<Vec<OwnedIntent>, StoreError> {
        self.act(|state, _| Ok(state.owned_intents(worker, intents)))
    }

    async fn open_attempts(&self, intents: &[Uuid]) -> Result<Vec<AttemptRow>, StoreError> {
        self.act(|state, _| Ok(state.open_attempts(intents)))
    }

    async fn fee_bumps(&self, intents: &[Uuid]) -> Result<Vec<BumpRow>, StoreError> {
        self.act(|state, _| Ok(state.fee_bumps(intents)))
    }

    async fn canceled_intents(&self, worker: Uuid) -> Result<Vec<Uuid>, StoreError> {
        self.act(|state, _| Ok(state.canceled_intents(worker)))
    }

    async fn rare_work(&self, now: ChainTime) -> Result<RareWork, StoreError> {
        self.act(|state, clock| Ok(state.rare_work(clock, now)))
    }

    async fn expire(&self, now: ChainTime, limit: i64) -> Result<u64, StoreError> {
        self.act(|state, clock| state.expire(clock, now, limit))
    }

    async fn resume_parked(&self, limit: i64) -> Result<u64, StoreError> {
        self.act(|state, now| state.resume_parked(now, limit))
    }

    async fn finish_cancellations(&self, limit: i64) -> Result<u64, StoreError> {
        self.act(|state, now| state.finish_cancellations(now, limit))
    }

    async fn unread(&self, limit: i64) -> Result<Vec<Unread>, StoreError> {
        self.act(|state, _| Ok(state.unread(limit)))
    }

    async fn set_request(&self, id: Uuid, tag: Tag, request: &Request) -> Result<(), StoreError> {
        self.act_on_intent(id, |state, now| state.set_request(now, id, tag, request))
            .await
    }

    async fn fail_queued(&self, id: Uuid, reason: &Reason) -> Result<(), StoreError> {
        let fail = |state: &mut State, now| state.turn_away(now, id, reason, false);
        self.act_on_intent(id, fail).await
    }

    async fn park_queued(&self, id: Uuid, reason: &Reason) -> Result<(), StoreError> {
        let park = |state: &mut State, now| state.turn_away(now, id, reason, true);
        self.act_on_intent(id, park).await
    }

    async fn park_unexplained(
        &self,
        worker: Uuid,
        intent: Uuid,
        reason: &Reason,
    ) -> Result<(), StoreError> {
        self.act(|state, now| state.park_unexplained(now, worker, intent, reason))
    }

    async fn claim(
        &self,
        worker: Uuid,
        lane: Lane,
        channel_kind: &str,
        now: ChainTime,
        limit: i64,
    ) -> Result<Taking, StoreError> {
        let of = (lane, channel_kind);
        let found = self.act(|state, clock| state.claim(clock, worker, of, now, limit))?;
        Ok(self.taking(worker, found))
    }

    async fn claim_presigned(
        &self,
        worker: Uuid,
        now: ChainTime,
        limit: i64,
    ) -> Result<Taking, StoreError> {
        let found = self.act(|state, clock| state.claim_presigned(clock, worker, now, limit))?;
        Ok(self.taking(worker, found))
    }

    async fn add_fee_bumps(
        &self,
        worker: Uuid,
        batch: &[NewBump],
    ) -> Result<Vec<Uuid>, StoreError> {
        self.act(|state, now| state.add_fee_bumps(now, worker, batch))
    }

    async fn record_submissions(&self, batch: &[NewSubmission]) -> Result<(), StoreError> {
        self.act(|state, now| state.record_submissions(now, batch))
    }

    async fn settle(&self, worker: Uuid, batch: &[NewSettlement]) -> Result<Vec<Uuid>, StoreError> {
        self.act(|state, now| state.settle(now, worker, batch))
    }
}
