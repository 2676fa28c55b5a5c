//! The records over one connection that is never replaced: where connections were cut since it was made, nothing is done.

use async_trait::async_trait;
use uuid::Uuid;

use super::MemoryRecords;
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
use crate::worker::records::{Records, Right, Taking, alike};

/// One connection to the records.
#[derive(Clone)]
pub struct Bound {
    records: MemoryRecords,
    connections: u64,
}

impl Bound {
    /// A connection that was made just now.
    pub fn connect(records: &MemoryRecords) -> Self {
        Self {
            records: records.clone(),
            connections: records.act(|state, _| state.connections),
        }
    }

    /// The records, unless the connection is lost. Between this and the statement nothing yields.
    fn live(&self) -> Result<&MemoryRecords, StoreError> {
        self.records
            .act(|state, _| state.check_connection(self.connections))?;
        Ok(&self.records)
    }
}

/// Hands each call on while the connection lasts.
macro_rules! over_one_connection {
    ($(fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Records for Bound {
            fn new_id(&self) -> Uuid {
                self.records.new_id()
            }

            async fn accept(&self, batch: &[&NewIntent]) -> Result<Vec<Accepted>, StoreError> {
                self.live()?.accept(batch).await
            }

            async fn begin_explaining(&self) -> Result<Option<Box<dyn Right>>, StoreError> {
                self.live()?.begin_explaining().await
            }

            async fn claim(
                &self,
                worker: Uuid,
                lane: Lane,
                channel_kind: &str,
                now: ChainTime,
                limit: i64,
            ) -> Result<Taking, StoreError> {
                self.live()?.claim(worker, lane, channel_kind, now, limit).await
            }

            async fn claim_presigned(
                &self,
                worker: Uuid,
                now: ChainTime,
                limit: i64,
            ) -> Result<Taking, StoreError> {
                self.live()?.claim_presigned(worker, now, limit).await
            }

            async fn settle(
                &self,
                worker: Uuid,
                batch: &[NewSettlement],
            ) -> Result<Vec<Uuid>, StoreError> {
                Records::settle(self.live()?, worker, batch).await
            }

            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, StoreError> {
                Records::$name(self.live()? $(, $argument)*).await
            })*
        }
    };
}

alike!(over_one_connection);
