//! Channels that are short of lumens: found by a look from time to time, and topped up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::channels::{MAX_TRIES, has_ended_in_vain};
use super::engine::{Engine, Input};
use super::history::Reader;
use super::records::Records;
use crate::domain::asset::{Asset, Destination};
use crate::domain::operation::Operation;
use crate::domain::primitives::{AccountId, Sequence, Stroops};
use crate::horizon::Horizon;
use crate::store::StoreError;

/// Between two looks at the channels.
const LOOK_EVERY: Duration = Duration::from_secs(1800);
/// Before what has failed is tried again; each wait is twice as long as the one before it.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// The longest of these waits.
pub(super) const MAX_TRY_AGAIN: Duration = Duration::from_secs(1800);

/// What was asked for one channel that is short.
#[derive(Debug)]
pub(super) struct TopUp {
    /// Nothing more is asked for before.
    not_before: Instant,
    /// The last one that succeeded, and was not enough.
    spent: String,
}

/// How long is waited after so many tries that failed.
pub(super) fn try_again(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1));
    let wait = doubled.and_then(|times| TRY_AGAIN.checked_mul(times));
    wait.unwrap_or(MAX_TRY_AGAIN).min(MAX_TRY_AGAIN)
}

impl Engine {
    /// Tops a channel up that cannot pay its fee, once for each sequence number; again after a while where that failed, or was not
    /// enough.
    pub(super) async fn top_up(
        &mut self,
        channel: AccountId,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        let source = self.settings.source;
        let now = Instant::now();
        let last = self.ensure.top_ups.get(&channel);
        if channel == source || last.is_some_and(|last| now < last.not_before) {
            return Ok(());
        }
        let operation = Operation::Payment {
            destination: Destination(channel.plain()),
            asset: Asset::NATIVE,
            amount: self.settings.channel_starting_balance,
        };
        for number in 1..=MAX_TRIES {
            let mut workflow = format!("top-up/{channel}/{sequence}");
            if number > 1 {
                workflow = format!("{workflow}/{number}");
            }
            let request = self.own_request(workflow.clone(), "payment", vec![operation.clone()]);
            let (_, status) = self.accept_own(request).await?;
            let last = self.ensure.top_ups.get(&channel);
            let is_spent = status == "succeeded" && last.is_some_and(|last| last.spent == workflow);
            if has_ended_in_vain(&status) || is_spent {
                continue;
            }
            // That it is short may have been seen before this one succeeded.
            let spent = if status == "succeeded" {
                workflow
            } else {
                String::new()
            };
            if number > 1 || !spent.is_empty() {
                self.waits(channel, now + try_again(number), spent);
            }
            return Ok(());
        }
        tracing::error!(%channel, "a channel could not be topped up in {MAX_TRIES} tries");
        self.waits(channel, now + MAX_TRY_AGAIN, String::new());
        Ok(())
    }

    fn waits(&mut self, channel: AccountId, not_before: Instant, spent: String) {
        let top_up = TopUp { not_before, spent };
        self.ensure.top_ups.insert(channel, top_up);
    }
}

/// Looks at the channels from time to time, until the engine is gone: tells it which are short of lumens, and explains
/// sequence numbers that the chain has and the records have not.
pub(super) async fn watch(
    store: Arc<dyn Records>,
    horizon: Arc<Horizon>,
    reader: Reader,
    below: Stroops,
    engine: mpsc::Sender<Input>,
) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {}
            () = engine.closed() => return,
        }
        let rows = match store.channels().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "the channels could not be looked at");
                continue;
            }
        };
        let mut seen = Vec::with_capacity(rows.len());
        for row in rows
            .iter()
            .filter(|row| row.kind == "channel" && row.state == "open")
        {
            let Ok(account) = row.account_id() else {
                continue;
            };
            let Ok(snapshot) = horizon.any().account(account).await else {
                continue;
            };
            let Some(state) = snapshot.state.clone() else {
                continue;
            };
            seen.push(snapshot);
            if state.native_balance < below
                && engine
                    .send(Input::Short(account, state.sequence))
                    .await
                    .is_err()
            {
                return;
            }
        }
        if let Err(why) = reader.explain_drift(&*store, seen).await {
            tracing::warn!(%why, "channels are ahead of the records, and it is not explained yet");
        }
    }
}
