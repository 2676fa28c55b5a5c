//! The records as the engine needs them: Postgres, or whatever stands in for it where whole histories are played.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::intent::Request;
use crate::domain::observation::{Landed, LedgerHeader};
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, TxHash};
use crate::domain::reason::Reason;
use crate::domain::tag::Tag;
use crate::store::accept::{Accepted, Lane, NewIntent};
use crate::store::attempts::{AttemptRow, BumpRow, NewBump, NewSubmission};
use crate::store::channels::ChannelRow;
use crate::store::intents::IntentRow;
use crate::store::landings::HistoryMark;
use crate::store::network::{Anchor, Explaining};
use crate::store::prepare::{Claim, Claimed, NewAttempt, RareWork, Unread};
use crate::store::settle::{NewSettlement, OwnedIntent};
use crate::store::{Store, StoreError};

/// What was claimed, and what holds it until attempts are on record.
pub struct Taking {
    /// The pairs.
    pub claimed: Vec<Claimed>,
    /// Channels that were idle, as far as they were counted: up to the limit.
    pub idle: i64,
    /// Holds them.
    pub hold: Box<dyn Hold>,
}

/// A claim that is not committed yet. Dropped, it leaves everything as it was.
#[async_trait]
pub trait Hold: Send {
    /// See [`Claim::user_of`].
    async fn user_of(
        &mut self,
        hash: TxHash,
        channel: AccountId,
        sequence: Sequence,
    ) -> Result<Option<TxHash>, StoreError>;

    /// See [`Claim::commit`].
    async fn commit(self: Box<Self>, attempts: &[NewAttempt]) -> Result<(), StoreError>;
}

/// The right to explain the chain.
#[async_trait]
pub trait Right: Send {
    /// Gives it back.
    async fn end(self: Box<Self>);
}

/// The records. Each method does what [`Store`]'s of the same name does, with the same promises.
#[expect(missing_docs, reason = "each is documented where the store has it")]
#[async_trait]
pub trait Records: Send + Sync {
    /// A new version 7 UUID: of an intent of ours, or of a life of a worker.
    fn new_id(&self) -> Uuid;
    async fn accept(&self, batch: &[&NewIntent]) -> Result<Vec<Accepted>, StoreError>;
    async fn intent(&self, tenant: &str, id: Uuid) -> Result<Option<IntentRow>, StoreError>;
    async fn tie_to_network(&self, passphrase: &str) -> Result<Option<Anchor>, StoreError>;
    async fn note_database(&self) -> Result<bool, StoreError>;
    async fn move_anchor(&self, header: &LedgerHeader) -> Result<(), StoreError>;
    async fn begin_explaining(&self) -> Result<Option<Box<dyn Right>>, StoreError>;
    async fn note_explained(&self) -> Result<(), StoreError>;
    async fn history_mark(&self) -> Result<HistoryMark, StoreError>;
    async fn record_landings(
        &self,
        landings: &[(Tag, Landed)],
        cursor: Option<i64>,
    ) -> Result<u64, StoreError>;
    async fn count_landings(&self) -> Result<i64, StoreError>;
    async fn quarantine(&self, until: Option<LedgerSeq>) -> Result<(), StoreError>;
    async fn adopt_landing(&self, intent: Uuid, hash: &[u8; 32]) -> Result<(), StoreError>;
    async fn channels(&self) -> Result<Vec<ChannelRow>, StoreError>;
    async fn has_open_channel(&self) -> Result<bool, StoreError>;
    async fn add_channel(
        &self,
        account: AccountId,
        sep5_index: Option<i32>,
        sequence: Sequence,
    ) -> Result<(), StoreError>;
    async fn raise_sequence(
        &self,
        account: AccountId,
        sequence: Sequence,
    ) -> Result<(), StoreError>;
    async fn pause_channel(
        &self,
        account: AccountId,
        reason: Option<&str>,
    ) -> Result<(), StoreError>;
    async fn begin_lease(&self, worker: Uuid, name: &str, seconds: f64) -> Result<(), StoreError>;
    async fn renew_lease(&self, worker: Uuid, seconds: f64) -> Result<(), StoreError>;
    async fn end_lease(&self, worker: Uuid) -> Result<(), StoreError>;
    async fn take_over(&self, worker: Uuid, limit: i64) -> Result<Vec<Uuid>, StoreError>;
    async fn owned_ids(&self, worker: Uuid) -> Result<Vec<Uuid>, StoreError>;
    async fn owned_intents(
        &self,
        worker: Uuid,
        intents: &[Uuid],
    ) -> Result<Vec<OwnedIntent>, StoreError>;
    async fn open_attempts(&self, intents: &[Uuid]) -> Result<Vec<AttemptRow>, StoreError>;
    async fn fee_bumps(&self, intents: &[Uuid]) -> Result<Vec<BumpRow>, StoreError>;
    async fn canceled_intents(&self, worker: Uuid) -> Result<Vec<Uuid>, StoreError>;
    async fn rare_work(&self, now: ChainTime) -> Result<RareWork, StoreError>;
    async fn expire(&self, now: ChainTime, limit: i64) -> Result<u64, StoreError>;
    async fn resume_parked(&self, limit: i64) -> Result<u64, StoreError>;
    async fn finish_cancellations(&self, limit: i64) -> Result<u64, StoreError>;
    async fn unread(&self, limit: i64) -> Result<Vec<Unread>, StoreError>;
    async fn set_request(&self, id: Uuid, tag: Tag, request: &Request) -> Result<(), StoreError>;
    async fn fail_queued(&self, id: Uuid, reason: &Reason) -> Result<(), StoreError>;
    async fn park_queued(&self, id: Uuid, reason: &Reason) -> Result<(), StoreError>;
    async fn park_unexplained(
        &self,
        worker: Uuid,
        intent: Uuid,
        reason: &Reason,
    ) -> Result<(), StoreError>;
    async fn claim(
        &self,
        worker: Uuid,
        lane: Lane,
        channel_kind: &str,
        now: ChainTime,
        limit: i64,
    ) -> Result<Taking, StoreError>;
    async fn claim_presigned(
        &self,
        worker: Uuid,
        now: ChainTime,
        limit: i64,
    ) -> Result<Taking, StoreError>;
    async fn add_fee_bumps(&self, worker: Uuid, batch: &[NewBump])
    -> Result<Vec<Uuid>, StoreError>;
    async fn record_submissions(&self, batch: &[NewSubmission]) -> Result<(), StoreError>;
    async fn settle(&self, worker: Uuid, batch: &[NewSettlement]) -> Result<Vec<Uuid>, StoreError>;
}

impl From<Claim> for Taking {
    fn from(mut claim: Claim) -> Self {
        Self {
            claimed: std::mem::take(&mut claim.claimed),
            idle: claim.idle,
            hold: Box::new(claim),
        }
    }
}

#[async_trait]
impl Hold for Claim {
    async fn user_of(
        &mut self,
        hash: TxHash,
        channel: AccountId,
        sequence: Sequence,
    ) -> Result<Option<TxHash>, StoreError> {
        Self::user_of(self, hash, channel, sequence).await
    }

    async fn commit(self: Box<Self>, attempts: &[NewAttempt]) -> Result<(), StoreError> {
        Self::commit(*self, attempts).await
    }
}

#[async_trait]
impl Right for Explaining {
    async fn end(self: Box<Self>) {
        Self::end(*self).await;
    }
}

/// Hands each call on to the store's method of the same name.
macro_rules! hand_on {
    ($(fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Records for Store {
            fn new_id(&self) -> Uuid {
                Uuid::now_v7()
            }

            async fn accept(&self, batch: &[&NewIntent]) -> Result<Vec<Accepted>, StoreError> {
                Self::accept(self, batch).await
            }

            async fn begin_explaining(&self) -> Result<Option<Box<dyn Right>>, StoreError> {
                let right = Self::begin_explaining(self).await?;
                Ok(right.map(|right| Box::new(right) as Box<dyn Right>))
            }

            async fn claim(
                &self,
                worker: Uuid,
                lane: Lane,
                channel_kind: &str,
                now: ChainTime,
                limit: i64,
            ) -> Result<Taking, StoreError> {
                Self::claim(self, worker, lane, channel_kind, now, limit).await.map(Taking::from)
            }

            async fn claim_presigned(
                &self,
                worker: Uuid,
                now: ChainTime,
                limit: i64,
            ) -> Result<Taking, StoreError> {
                Self::claim_presigned(self, worker, now, limit).await.map(Taking::from)
            }

            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, StoreError> {
                Self::$name(self $(, $argument)*).await
            })*
        }
    };
}

hand_on! {
    fn intent(&self, tenant: &str, id: Uuid) -> Option<IntentRow>;
    fn tie_to_network(&self, passphrase: &str) -> Option<Anchor>;
    fn note_database(&self) -> bool;
    fn move_anchor(&self, header: &LedgerHeader) -> ();
    fn note_explained(&self) -> ();
    fn history_mark(&self) -> HistoryMark;
    fn record_landings(&self, landings: &[(Tag, Landed)], cursor: Option<i64>) -> u64;
    fn count_landings(&self) -> i64;
    fn quarantine(&self, until: Option<LedgerSeq>) -> ();
    fn adopt_landing(&self, intent: Uuid, hash: &[u8; 32]) -> ();
    fn channels(&self) -> Vec<ChannelRow>;
    fn has_open_channel(&self) -> bool;
    fn add_channel(&self, account: AccountId, sep5_index: Option<i32>, sequence: Sequence) -> ();
    fn raise_sequence(&self, account: AccountId, sequence: Sequence) -> ();
    fn pause_channel(&self, account: AccountId, reason: Option<&str>) -> ();
    fn begin_lease(&self, worker: Uuid, name: &str, seconds: f64) -> ();
    fn renew_lease(&self, worker: Uuid, seconds: f64) -> ();
    fn end_lease(&self, worker: Uuid) -> ();
    fn take_over(&self, worker: Uuid, limit: i64) -> Vec<Uuid>;
    fn owned_ids(&self, worker: Uuid) -> Vec<Uuid>;
    fn owned_intents(&self, worker: Uuid, intents: &[Uuid]) -> Vec<OwnedIntent>;
    fn open_attempts(&self, intents: &[Uuid]) -> Vec<AttemptRow>;
    fn fee_bumps(&self, intents: &[Uuid]) -> Vec<BumpRow>;
    fn canceled_intents(&self, worker: Uuid) -> Vec<Uuid>;
    fn rare_work(&self, now: ChainTime) -> RareWork;
    fn expire(&self, now: ChainTime, limit: i64) -> u64;
    fn resume_parked(&self, limit: i64) -> u64;
    fn finish_cancellations(&self, limit: i64) -> u64;
    fn unread(&self, limit: i64) -> Vec<Unread>;
    fn set_request(&self, id: Uuid, tag: Tag, request: &Request) -> ();
    fn fail_queued(&self, id: Uuid, reason: &Reason) -> ();
    fn park_queued(&self, id: Uuid, reason: &Reason) -> ();
    fn park_unexplained(&self, worker: Uuid, intent: Uuid, reason: &Reason) -> ();
    fn add_fee_bumps(&self, worker: Uuid, batch: &[NewBump]) -> Vec<Uuid>;
    fn record_submissions(&self, batch: &[NewSubmission]) -> ();
    fn settle(&self, worker: Uuid, batch: &[NewSettlement]) -> Vec<Uuid>;
}
