//! Accounts that supply sequence numbers.

use std::cmp::Reverse;

use time::OffsetDateTime;

use super::draft::Draft;
use super::state::State;
use crate::domain::primitives::{AccountId, Sequence};
use crate::store::StoreError;
use crate::store::channels::ChannelRow;

impl State {
    /// The source accounts first.
    pub fn channels(&self) -> Vec<ChannelRow> {
        let rows = self.data.channels.values();
        let mut rows: Vec<ChannelRow> = rows.map(|row| row.as_ref().clone()).collect();
        rows.sort_by_cached_key(|row| {
            let index = row.sep5_index;
            (
                Reverse(row.kind.clone()),
                index.is_none(),
                index,
                row.account.clone(),
            )
        });
        rows
    }

    pub fn has_open_channel(&self) -> bool {
        let mut channels = self.data.channels.values();
        channels.any(|channel| channel.kind == "channel" && channel.state == "open")
    }

    pub fn add_channel(
        &mut self,
        now: OffsetDateTime,
        account: AccountId,
        sep5_index: Option<i32>,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        let row = ChannelRow {
            account: account.to_string(),
            kind: if sep5_index.is_none() {
                "source"
            } else {
                "channel"
            }
            .to_owned(),
            sep5_index,
            sequence: sequence.0,
            explained_sequence: 0,
            state: "open".to_owned(),
            reason: None,
            busy_with: None,
            updated_at: now,
        };
        let mut others = self.data.channels.values();
        let taken = others.any(|other| {
            other.account == row.account
                || (other.sep5_index.is_some() && other.sep5_index == sep5_index)
        });
        let mut draft = Draft::default();
        if !taken {
            draft.channels.push(row);
        }
        self.put(draft)
    }

    pub fn raise_sequence(
        &mut self,
        now: OffsetDateTime,
        account: &str,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        let is_idle = |channel: &ChannelRow| channel.busy_with.is_none();
        let may = |channel: &ChannelRow| {
            channel.explained_sequence < sequence.0
                || (channel.sequence < sequence.0 && is_idle(channel))
        };
        self.change_channel(account, may, |channel| {
            channel.explained_sequence = channel.explained_sequence.max(sequence.0);
            if is_idle(channel) {
                channel.sequence = channel.sequence.max(sequence.0);
            }
            channel.updated_at = now;
        })
    }

    pub fn pause_channel(
        &mut self,
        now: OffsetDateTime,
        account: &str,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let may =
            |channel: &ChannelRow| channel.state != "lost" && channel.reason.as_deref() != reason;
        self.change_channel(account, may, |channel| {
            let state = if reason.is_none() { "open" } else { "paused" };
            channel.state = state.to_owned();
            channel.reason = reason.map(str::to_owned);
            channel.updated_at = now;
        })
    }

    fn change_channel(
        &mut self,
        account: &str,
        may: impl FnOnce(&ChannelRow) -> bool,
        change: impl FnOnce(&mut ChannelRow),
    ) -> Result<(), StoreError> {
        let mut draft = Draft::default();
        if let Some(channel) = self.data.channels.get(account)
            && may(channel)
        {
            let mut channel = channel.as_ref().clone();
            change(&mut channel);
            draft.channels.push(channel);
        }
        self.put(draft)
    }
}
