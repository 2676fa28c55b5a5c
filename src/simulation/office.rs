//! The records as one life of a daemon reaches them: over a connection that is slow, cut, or gone.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::life::{Held, Life, take};
use crate::domain::adoption::Adoption;
use crate::domain::intent::Request;
use crate::domain::observation::{Landed, LedgerHeader};
use crate::domain::primitives::{AccountId, ChainTime, LedgerSeq, Sequence, TxHash};
use crate::domain::reason::Reason;
use crate::domain::tag::Tag;
use crate::domain::transition::IntentEnd;
use crate::store::StoreError;
use crate::store::accept::{Accepted, Lane, NewIntent};
use crate::store::attempts::{AttemptRow, BumpRow, NewBump, NewSubmission};
use crate::store::channels::ChannelRow;
use crate::store::enqueued::Unread;
use crate::store::intents::IntentRow;
use crate::store::landings::HistoryMark;
use crate::store::network::Anchor;
use crate::store::prepare::{NewAttempt, RareWork};
use crate::store::settle::{NewSettlement, OwnedIntent};
use crate::worker::records::{Hold, Records, Right, Taking, alike};

/// The records, as one life sees them.
pub struct Office {
    /// The records.
    pub records: Arc<dyn Records>,
    /// The life.
    pub life: Life,
}

fn away() -> StoreError {
    StoreError::cut()
}

/// On the way there: nothing has been done yet.
async fn enter(life: &Life) -> Result<(), StoreError> {
    let (dice, rates) = (&life.dice, &life.rates);
    if dice.strikes("records slow", rates.slow_records) {
        tokio::time::sleep(Duration::from_millis(dice.between(10, 8_000))).await;
    }
    // Nothing yields from here to the statement: who is dead claims nothing that nobody would release.
    life.pass("killed before a statement").await;
    if dice.strikes("records away", rates.away) {
        return Err(away());
    }
    Ok(())
}

/// On the way back: it is done, or not, whatever arrives.
async fn leave(life: &Life) -> Result<(), StoreError> {
    if life.dice.strikes("records unclear", life.rates.unclear) {
        life.pass("killed behind a commit").await;
        return Err(away());
    }
    life.pass("killed behind a commit").await;
    Ok(())
}

struct GatedHold {
    held: Held<dyn Hold>,
    life: Life,
}

impl GatedHold {
    /// The claim, unless it is gone with its connection.
    fn take(&self) -> Result<Box<dyn Hold>, StoreError> {
        take(&self.held).ok_or_else(away)
    }
}

impl Drop for GatedHold {
    fn drop(&mut self) {
        take(&self.held);
    }
}

#[async_trait]
impl Hold for GatedHold {
    async fn user_of(
        &mut self,
        hash: TxHash,
        channel: AccountId,
        sequence: Sequence,
    ) -> Result<Option<TxHash>, StoreError> {
        enter(&self.life).await?;
        let mut hold = self.take()?;
        let user = hold.user_of(hash, channel, sequence).await;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
        user
    }

    async fn commit(self: Box<Self>, attempts: &[NewAttempt]) -> Result<(), StoreError> {
        enter(&self.life).await?;
        self.take()?.commit(attempts).await?;
        for new in attempts {
            self.life.dice.note(format_args!(
                "{} has attempt {} of {} on record: {} {} up to ledger {}, {}",
                self.life.name,
                new.attempt.number,
                new.intent_id,
                new.attempt.plan.channel,
                new.attempt.plan.sequence,
                new.attempt.plan.max_ledger,
                new.attempt.inner_hash,
            ));
        }
        leave(&self.life).await
    }
}

/// The right to explain, whose records are reached over the same bad line.
struct GatedRight {
    held: Held<dyn Right>,
    records: Arc<dyn Records>,
    life: Life,
}

impl GatedRight {
    fn new(right: Box<dyn Right>, life: &Life) -> Self {
        Self {
            records: right.records(),
            held: life.hold(right),
            life: life.clone(),
        }
    }
}

impl Drop for GatedRight {
    fn drop(&mut self) {
        take(&self.held);
    }
}

#[async_trait]
impl Right for GatedRight {
    fn records(&self) -> Arc<dyn Records> {
        Arc::new(Office {
            records: Arc::clone(&self.records),
            life: self.life.clone(),
        })
    }

    async fn end(self: Box<Self>) {
        if let Some(right) = take(&self.held) {
            right.end().await;
        }
    }
}

impl Office {
    fn gated(&self, taking: Taking) -> Taking {
        Taking {
            hold: Box::new(GatedHold {
                held: self.life.hold(taking.hold),
                life: self.life.clone(),
            }),
            ..taking
        }
    }
}

/// A statement, with what happens on the way there and back.
async fn over<T>(
    life: &Life,
    statement: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    enter(life).await?;
    let answer = statement.await?;
    leave(life).await?;
    Ok(answer)
}

/// Hands each call on, with what happens on the way there and back.
macro_rules! over_the_line {
    ($(fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Records for Office {
            fn new_id(&self) -> Uuid {
                self.records.new_id()
            }

            async fn accept(&self, batch: &[&NewIntent]) -> Result<Vec<Accepted>, StoreError> {
                over(&self.life, self.records.accept(batch)).await
            }

            async fn begin_explaining(&self) -> Result<Option<Box<dyn Right>>, StoreError> {
                let begun = async {
                    let right = self.records.begin_explaining().await?;
                    Ok(right.map(|right| GatedRight::new(right, &self.life)))
                };
                let right = over(&self.life, begun).await?;
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
                enter(&self.life).await?;
                let taking = self.records.claim(worker, lane, channel_kind, now, limit).await?;
                Ok(self.gated(taking))
            }

            async fn claim_presigned(
                &self,
                worker: Uuid,
                now: ChainTime,
                limit: i64,
            ) -> Result<Taking, StoreError> {
                enter(&self.life).await?;
                let taking = self.records.claim_presigned(worker, now, limit).await?;
                Ok(self.gated(taking))
            }

            async fn settle(
                &self,
                worker: Uuid,
                batch: &[NewSettlement],
            ) -> Result<Vec<Uuid>, StoreError> {
                let rebuilds = batch
                    .iter()
                    .any(|new| matches!(new.settlement.intent, IntentEnd::Requeued));
                // Where a worker that lost its lease meanwhile could do the most harm.
                let freezes = if rebuilds { self.life.rates.freeze * 100.0 } else { 0.0 };
                if self.life.dice.strikes("frozen before a settlement", freezes) {
                    self.life.freeze(Duration::from_secs(self.life.dice.between(20, 60)));
                }
                enter(&self.life).await?;
                let done = self.records.settle(worker, batch).await?;
                for new in batch {
                    self.life.dice.note(format_args!(
                        "{} settles attempt {} of {}: {} {:?}, {:?}",
                        self.life.name,
                        new.number,
                        new.intent_id,
                        if done.contains(&new.intent_id) { "done" } else { "not ours" },
                        new.settlement.attempt,
                        new.settlement.intent,
                    ));
                }
                leave(&self.life).await?;
                Ok(done)
            }

            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, StoreError> {
                over(&self.life, self.records.$name($($argument),*)).await
            })*
        }
    };
}

alike!(over_the_line);
