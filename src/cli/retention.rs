//! `retention`: drops what is older than it need be kept, a month at a time.

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Global, output};
use crate::config::Required;
use crate::daemon::connect;
use crate::store::Store;
use crate::store::partitions::Partition;

/// Drops events and submissions of months that are older than is asked for.
#[derive(Debug, Args)]
pub struct Retention {
    /// Days to keep, 0 for ever; where not given, retention.events_days of the configuration
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    events_days: Option<u32>,
    /// Shows what would be dropped, and drops nothing
    #[arg(long)]
    dry_run: bool,
}

/// A month that is old, and whether it is dropped.
struct Old {
    partition: Partition,
    dropped: bool,
}

impl Retention {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config = global.load_quiet(&[Required::Database])?;
        let days = self.events_days.or(config.retention.events_days);
        let days = days.unwrap_or(0);
        let store = connect(&config).await?;
        store.migrate().await?;
        let mut old = Vec::new();
        let mut ended = Ok(());
        if days > 0 {
            if !self.dry_run {
                // What had to do without a partition gets one first, to be dropped with it.
                store.make_partitions().await?;
            }
            let partitions = store.partitions_older_than(days).await?.into_iter();
            old.extend(partitions.map(|partition| Old {
                partition,
                dropped: false,
            }));
            if !self.dry_run {
                ended = drop_all(&store, &mut old).await;
            }
        }
        if global.json {
            let partitions: Vec<Value> = old.iter().map(Old::to_json).collect::<Result<_, _>>()?;
            output::json(&json!({
                "events_days": days, "dry_run": self.dry_run, "partitions": partitions,
            }))?;
        } else {
            self.tell(days, &old)?;
        }
        ended
    }

    fn tell(&self, days: u32, old: &[Old]) -> anyhow::Result<()> {
        if days == 0 {
            return output::line("events and submissions are kept for ever");
        }
        if old.is_empty() {
            return output::line(format_args!("no month ended more than {days} days ago"));
        }
        let mut table = output::table(&["of", "partition", "from", "until", "bytes", ""]);
        for Old { partition, dropped } in old {
            let what = match (self.dry_run, dropped) {
                (true, _) => "would be dropped",
                (false, true) => "dropped",
                (false, false) => "kept",
            };
            table.add_row([
                partition.parent.clone(),
                partition.name.clone(),
                rfc3339(partition.starts_at)?,
                rfc3339(partition.ends_at)?,
                partition.bytes.to_string(),
                what.to_owned(),
            ]);
        }
        output::line(table)
    }
}

/// Drops them, the oldest first, and stops at the first that it cannot.
async fn drop_all(store: &Store, old: &mut [Old]) -> anyhow::Result<()> {
    for Old { partition, dropped } in old {
        // One that somebody else has dropped meanwhile is as good.
        let ended = store.drop_partition(partition).await;
        *dropped = ended.is_ok();
        ended.with_context(|| format!("{} and what is newer is kept", partition.name))?;
    }
    Ok(())
}

fn rfc3339(at: OffsetDateTime) -> anyhow::Result<String> {
    Ok(at.to_offset(time::UtcOffset::UTC).format(&Rfc3339)?)
}

impl Old {
    fn to_json(&self) -> anyhow::Result<Value> {
        let partition = &self.partition;
        Ok(json!({
            "table": partition.parent, "partition": partition.name, "from": rfc3339(partition.starts_at)?,
            "until": rfc3339(partition.ends_at)?, "bytes": partition.bytes, "dropped": self.dropped,
        }))
    }
}
