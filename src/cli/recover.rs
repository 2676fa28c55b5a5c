//! `recover`: an operator says that the records may lack what was sent, or are of a chain that is gone.

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::output::Usage;
use super::{Global, output};
use crate::config::{Config, Required};
use crate::daemon::{connect, horizon};
use crate::domain::primitives::LedgerSeq;
use crate::horizon::Endpoint;
use crate::store::Store;
use crate::store::network::Anchor;

/// The greatest window, in ledgers: two months.
const MAX_WINDOW: i64 = 1_000_000;
/// Ledgers beyond the validity of an envelope that are waited for: a Horizon may lag behind whoever signed it.
const MARGIN_LEDGERS: u32 = 11;

/// Says that the records may lack what was sent: nothing is signed until a daemon has explained the chain.
///
/// For a restored or promoted database whose host keeps its identity to itself, so that a daemon cannot notice; where its
/// identity has changed, a daemon does the same by itself.
#[derive(Debug, Args)]
pub struct Recover {
    /// Ledgers for which an envelope of the lost life may still land; engine.validity_ledgers and 11 where it is not given,
    /// and never less
    #[arg(long, value_name = "LEDGERS", value_parser = clap::value_parser!(u32).range(1..=MAX_WINDOW))]
    window: Option<u32>,
    /// Says that nothing of the lost life lies before this ledger, where Horizon has no more history
    #[arg(long, value_name = "LEDGER")]
    since: Option<u32>,
    /// The network itself was reset (its old chain is gone for good): takes these records over to the new chain
    #[arg(long, conflicts_with_all = ["window", "since"])]
    accept_network_reset: bool,
    /// Does it; without it, it is only said what would be done
    #[arg(long)]
    yes: bool,
}

impl Recover {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config =
            global.load_quiet(&[Required::Database, Required::Horizon, Required::Source])?;
        let store = connect(&config).await?;
        store.migrate().await?;
        store.may_be_of(config.network_passphrase()?).await?;
        if self.accept_network_reset {
            return self.accept_reset(&config, &store, global).await;
        }
        let least = config.engine.validity_ledgers + MARGIN_LEDGERS;
        let window = self.window.unwrap_or(least).max(least);
        let what = format!(
            "nothing is signed for {window} ledgers, and nothing is reported as failed, canceled or expired; then a daemon reads what every channel has done, and goes on"
        );
        if !self.yes {
            return Err(Usage(format!("{what}. Say --yes to do that")).into());
        }
        let since = self.since.map(LedgerSeq);
        if !store.recover(Some(window), since).await? {
            bail!(
                "there are no records yet: an empty database explains the chain at its first start anyway"
            );
        }
        let running = store.live_workers().await?;
        if global.json {
            return output::json(&json!({
                "window_ledgers": window, "since_ledger": since, "running_daemons": running,
            }));
        }
        output::line(what)?;
        output::line(match running {
            0 => "no daemon runs: start one".to_owned(),
            1 => "the daemon that runs ends by itself now, and must be started again".to_owned(),
            count => format!(
                "{count} daemons that run end by themselves now: start one alone until it is ready"
            ),
        })
    }

    async fn accept_reset(
        &self,
        config: &Config,
        store: &Store,
        global: &Global,
    ) -> anyhow::Result<()> {
        let Some(anchor) = store.tie_to_network(config.network_passphrase()?).await? else {
            bail!("the records have seen no ledger yet: there is nothing to take over");
        };
        let pool = horizon(config)?;
        let endpoint = pool.any();
        let newest = was_reset(endpoint, &anchor).await?;
        let running = store.live_workers().await?;
        if running > 0 {
            bail!("{running} daemons run: stop them first");
        }
        check_numbers(config, store, endpoint, newest).await?;
        if !self.yes {
            return Err(Usage(format!(
                "the chain with ledger {} is gone, and {} is at ledger {newest} of another one. Intents that succeeded on the old chain stay succeeded, and are not paid on the new one; those that wait, or were in flight, land on the new one. Say --yes to do that, or use an empty database",
                anchor.ledger,
                endpoint.name()
            ))
            .into());
        }
        store.accept_network_reset().await?;
        if global.json {
            return output::json(&json!({
                "old_ledger": anchor.ledger, "new_ledger": newest,
            }));
        }
        output::line(format_args!(
            "the records go on on the new chain, which is at ledger {newest}: fund the source account, and start a daemon"
        ))
    }
}

/// Makes sure that no account gets sequence numbers on the new chain that are on record of the old one.
async fn check_numbers(
    config: &Config,
    store: &Store,
    endpoint: &Endpoint,
    newest: LedgerSeq,
) -> anyhow::Result<()> {
    let Some(born) = store.newest_birth().await? else {
        return Ok(());
    };
    let source = config.source_secret()?.account();
    let snapshot = endpoint
        .account(source)
        .await
        .map_err(|unknown| anyhow::anyhow!("Horizon {}: {}", endpoint.name(), unknown.detail))?;
    let made = snapshot.state.map(|state| state.sequence.0 >> 32);
    if newest <= born || made.is_some_and(|made| made <= i64::from(born.0)) {
        bail!(
            "accounts of the old chain were made up to ledger {born}, and the new chain is at ledger {newest}, its source account at {}: they could get sequence numbers that are on record. Use an empty database, or wait until the new chain has passed ledger {born}, and make the source account only then",
            made.map_or_else(|| "none yet".to_owned(), |made| made.to_string())
        );
    }
    Ok(())
}

/// Makes sure that the chain which was seen is not there any more; returns the newest ledger of the one that is.
async fn was_reset(endpoint: &Endpoint, anchor: &Anchor) -> anyhow::Result<LedgerSeq> {
    let seen = anchor.ledger;
    let failed = |detail: String| anyhow::anyhow!("Horizon {}: {detail}", endpoint.name());
    let newest = endpoint
        .latest_ledger()
        .await
        .map_err(|unknown| failed(unknown.detail))?;
    let Some(newest) = newest else {
        bail!("Horizon {} has no ledger yet", endpoint.name());
    };
    if newest.sequence < seen && newest.closed_at > anchor.closed_at {
        return Ok(newest.sequence);
    }
    if newest.sequence < seen {
        bail!(
            "Horizon {} has only come to ledger {}, which closed before ledger {seen} was seen: it may only be behind, and nothing is changed",
            endpoint.name(),
            newest.sequence
        );
    }
    match endpoint.ledger(seen).await {
        Ok(Some(header)) if header.hash == anchor.hash => bail!(
            "ledger {seen} is there as it was seen before: the network was not reset, and nothing is changed"
        ),
        Ok(Some(_)) => Ok(newest.sequence),
        Ok(None) => bail!(
            "Horizon {} does not show ledger {seen} now",
            endpoint.name()
        ),
        Err(unknown) => Err(failed(unknown.detail)),
    }
}
