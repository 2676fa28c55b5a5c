//! The records as the engine needs them: Postgres, or whatever stands in for it where whole histories are played.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::adoption::Adoption;
use crate::domain::intent::Request;
use crate::domain::observation::{Landed, LedgerHeader};
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, TxHash};
use crate::domain::reason::Reason;
use crate::domain::tag::Tag;
use crate::store::accept::{Accepted, Lane, NewIntent};
use crate::store::attempts::{AttemptRow, BumpRow, NewBump, NewSubmission};
use crate::store::calls::{DueCall, QueuedEnd};
use crate::store::channels::ChannelRow;
use crate::store::enqueued::Unread;
use crate::store::intents::IntentRow;
use crate::store::landings::HistoryMark;
use crate::store::network::{Anchor, Explaining};
use crate::store::prepare::{Claim, Claimed, NewAttempt, RareWork};
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
pub trait Right: Send + Sync {
    /// The records, for as long as the right lasts: where they have moved since it was taken, nothing is written any more.
    fn records(&self) -> Arc<dyn Records>;

    /// Gives it back.
    async fn end(self: Box<Self>);
}

/// Gives the methods that are alike for all records to another macro. Those that hand something out which holds on to the
/// records, or that a simulation looks into, are written out in each place.
macro_rules! alike {
    ($with:ident) => {
        $with! {
            fn intent(&self, tenant: &str, id: Uuid) -> Option<IntentRow>;
            fn tie_to_network(&self, passphrase: &str) -> Option<Anchor>;
            fn note_database(&self) -> bool;
            fn move_anchor(&self, header: &LedgerHeader) -> ();
            fn note_explained(&self, doubts: i64) -> bool;
            fn history_mark(&self) -> HistoryMark;
            fn record_landings(&self, landings: &[(Tag, Landed)], cursor: Option<i64>) -> u64;
            fn count_landings(&self) -> i64;
            fn quarantine(&self, until: Option<LedgerSeq>) -> ();
            fn adopt_landing(&self, intent: Uuid, adoption: &Adoption) -> ();
            fn channels(&self) -> Vec<ChannelRow>;
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
        }
    };
}
#[cfg(feature = "simulation")]
pub(crate) use alike;

/// Declares them, and the others.
macro_rules! declare {
    ($(fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> $answer:ty;)*) => {
        /// The records. Each method does what [`Store`]'s of the same name does, with the same promises.
        #[expect(missing_docs, reason = "each is documented where the store has it")]
        #[async_trait]
        pub trait Records: Send + Sync {
            /// A new version 7 UUID: of an intent of ours, or of a life of a worker.
            fn new_id(&self) -> Uuid;
            async fn accept(&self, batch: &[&NewIntent]) -> Result<Vec<Accepted>, StoreError>;
            async fn begin_explaining(&self) -> Result<Option<Box<dyn Right>>, StoreError>;
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
            async fn settle(
                &self,
                worker: Uuid,
                batch: &[NewSettlement],
            ) -> Result<Vec<Uuid>, StoreError>;
            /// Records without contract intents have none that are due.
            async fn calls_due(
                &self,
                _now: ChainTime,
                _limit: i64,
                _known: &[Uuid],
            ) -> Result<Vec<DueCall>, StoreError> {
                Ok(Vec::new())
            }
            async fn claim_calls(
                &self,
                worker: Uuid,
                channel_kind: &str,
                now: ChainTime,
                _limit: i64,
                _calls: &[Uuid],
            ) -> Result<Taking, StoreError> {
                self.claim(worker, Lane::User, channel_kind, now, 0).await
            }
            async fn end_queued(&self, _id: Uuid, _end: &QueuedEnd) -> Result<(), StoreError> {
                Ok(())
            }
            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, StoreError>;)*
        }
    };
}

alike!(declare);

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
    fn records(&self) -> Arc<dyn Records> {
        Arc::new(Self::records(self).clone())
    }

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

            async fn settle(
                &self,
                worker: Uuid,
                batch: &[NewSettlement],
            ) -> Result<Vec<Uuid>, StoreError> {
                Self::settle(self, worker, batch).await
            }

            async fn calls_due(
                &self,
                now: ChainTime,
                limit: i64,
                known: &[Uuid],
            ) -> Result<Vec<DueCall>, StoreError> {
                Self::calls_due(self, now, limit, known).await
            }

            async fn claim_calls(
                &self,
                worker: Uuid,
                channel_kind: &str,
                now: ChainTime,
                limit: i64,
                calls: &[Uuid],
            ) -> Result<Taking, StoreError> {
                Self::claim_calls(self, worker, channel_kind, now, limit, calls).await.map(Taking::from)
            }

            async fn end_queued(&self, id: Uuid, end: &QueuedEnd) -> Result<(), StoreError> {
                Self::end_queued(self, id, end).await
            }

            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, StoreError> {
                Self::$name(self $(, $argument)*).await
            })*
        }
    };
}

alike!(hand_on);
