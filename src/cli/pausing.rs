//! `channels pause` and `channels resume`: an operator's word about one channel.

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::json;

use super::output::Usage;
use super::{Global, output};
use crate::audit::tail;
use crate::config::{Config, Required};
use crate::daemon::{connect, horizon, keyring};
use crate::domain::primitives::{AccountId, Sequence};
use crate::store::Store;
use crate::store::channels::ChannelRow;
use crate::worker::resumes_by_itself;

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// Stops the use of a channel; what is in flight on it ends first.
#[derive(Debug, Args)]
pub struct Pause {
    /// The channel's account
    #[arg(value_name = "G…")]
    channel: AccountId,
    /// Why, for whoever looks at it
    #[arg(long, value_name = "TEXT", default_value = "paused by hand")]
    reason: String,
}

/// Allows a paused channel again, once everything that it did meanwhile is explained.
#[derive(Debug, Args)]
pub struct Resume {
    /// The channel's account
    #[arg(value_name = "G…")]
    channel: AccountId,
}

async fn row_of(store: &Store, channel: AccountId) -> anyhow::Result<ChannelRow> {
    let name = channel.to_string();
    let rows = store.channels().await?;
    rows.into_iter()
        .find(|row| row.account == name)
        .ok_or_else(|| {
            anyhow!("{channel} is no channel on record: `channels list` has all of them")
        })
}

async fn open(global: &Global, required: &[Required]) -> anyhow::Result<(Config, Store)> {
    let config = global.load_quiet(required)?;
    let store = connect(&config).await?;
    store.migrate().await?;
    Ok((config, store))
}

impl Pause {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let reason = self.reason.trim();
        if reason.is_empty() || reason.chars().count() > MAX_REASON {
            return Err(Usage(format!("--reason: 1 to {MAX_REASON} characters")).into());
        }
        if resumes_by_itself(reason) {
            return Err(Usage(
                "--reason: the daemon itself uses this word, and would resume the channel"
                    .to_owned(),
            )
            .into());
        }
        let (_, store) = open(global, &[Required::Database]).await?;
        let row = row_of(&store, self.channel).await?;
        match (row.state.as_str(), row.reason.as_deref()) {
            ("lost", why) => bail!(
                "{} is lost, and not used in any case ({})",
                self.channel,
                why.unwrap_or("")
            ),
            ("paused", Some(why)) if resumes_by_itself(why) => bail!(
                "{} is paused already ({why}), and its reason must stay: it resumes by itself when that is over",
                self.channel
            ),
            _ => {}
        }
        store.pause_channel(self.channel, Some(reason)).await?;
        tell(&row_of(&store, self.channel).await?, global, 0)
    }
}

impl Resume {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let required = [Required::Database, Required::Horizon, Required::Source];
        let (config, store) = open(global, &required).await?;
        let row = row_of(&store, self.channel).await?;
        match (row.state.as_str(), row.reason.as_deref()) {
            ("open", _) => return tell(&row, global, 0),
            ("lost", why) => bail!(
                "{} is lost ({}): a channel that was merged away is not used again",
                self.channel,
                why.unwrap_or("")
            ),
            (_, Some(why)) if resumes_by_itself(why) => bail!(
                "{} is paused ({why}), and resumes by itself when that is over: nobody can say so",
                self.channel
            ),
            _ => {}
        }
        let explained = explain(&config, &store, &row, self.channel).await?;
        store.pause_channel(self.channel, None).await?;
        tell(&row_of(&store, self.channel).await?, global, explained)
    }
}

/// Explains what an idle channel did behind what is on record, and takes its numbers over; returns how many transactions.
/// One that is in use is explained by whoever drives its attempt.
async fn explain(
    config: &Config,
    store: &Store,
    row: &ChannelRow,
    channel: AccountId,
) -> anyhow::Result<usize> {
    if row.busy_with.is_some() {
        return Ok(0);
    }
    let (_, accounts, fee_account) = keyring(config)?;
    let pool = horizon(config)?;
    let tail = tail::read(pool.any(), channel, Sequence(row.sequence)).await?;
    let ours = tail.ours(accounts.default_source, fee_account);
    store.record_landings(&ours, None).await?;
    store.raise_sequence(channel, tail.sequence).await?;
    Ok(tail.transactions.len())
}

fn tell(row: &ChannelRow, global: &Global, explained: usize) -> anyhow::Result<()> {
    if global.json {
        return output::json(&json!({
            "account": row.account, "state": row.state, "reason": row.reason,
            "sequence": row.sequence.to_string(), "explained": explained,
        }));
    }
    let reason = row
        .reason
        .as_deref()
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    output::line(format_args!("{} is {}{reason}", row.account, row.state))?;
    if explained > 0 {
        output::line(format_args!(
            "{explained} transactions of it are explained that were not on record; it goes on behind sequence number {}",
            row.sequence
        ))?;
    }
    Ok(())
}
