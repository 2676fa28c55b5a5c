//! `doctor`: whether everything that the daemon needs is there.

use serde::Serialize;

use super::{Global, output};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, Required};
use crate::daemon::{connect, horizon, keyring, rpc_pool};
use crate::domain::observation::Unknown;
use crate::domain::primitives::LedgerSeq;
use crate::store::Store;

/// Seconds that our clock and the chain's may differ before it is said.
const CLOCK_SECONDS: i64 = 30;
/// Ledgers by which a Stellar RPC server may be behind Horizon.
const LEDGERS_BEHIND: u32 = 10;
/// Channels that are named.
const MAX_SHOWN: usize = 5;

#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    ok: bool,
    detail: String,
}

/// Checks all, says what it found, and fails where anything is wrong.
pub async fn run(global: &Global) -> anyhow::Result<()> {
    let config = global.load_quiet(&[Required::Database, Required::Horizon, Required::Source])?;
    let mut findings = vec![finding(
        "configuration",
        Ok("every key is known and valid".to_owned()),
    )];
    findings.push(finding("database", database(&config).await));
    findings.extend(records(&config).await);
    let (horizons, newest) = chain(&config).await?;
    findings.extend(horizons);
    findings.extend(rpc(&config, newest).await?);
    let wrong = findings.iter().filter(|finding| !finding.ok).count();
    if global.json {
        output::json(&findings)?;
    } else {
        for finding in &findings {
            output::line(format_args!(
                "{}  {:<28} {}",
                if finding.ok { "ok   " } else { "WRONG" },
                finding.what,
                finding.detail
            ))?;
        }
    }
    if wrong > 0 {
        anyhow::bail!("{wrong} of {} checks failed", findings.len());
    }
    Ok(())
}

fn finding(what: impl Into<String>, result: Result<String, String>) -> Finding {
    let ok = result.is_ok();
    let detail = result.unwrap_or_else(|error| error);
    Finding {
        what: what.into(),
        ok,
        detail,
    }
}

async fn database(config: &Config) -> Result<String, String> {
    let store = connect(config)
        .await
        .map_err(|error| format!("{error:#}"))?;
    store.migrate().await.map_err(|error| error.to_string())?;
    let passphrase = config
        .network_passphrase()
        .map_err(|error| error.to_string())?;
    store
        .may_be_of(passphrase)
        .await
        .map_err(|error| error.to_string())?;
    Ok("reached, and its schema is up to date".to_owned())
}

/// Whether the records explain the chain, whether every channel may be used, and whether they agree with the chain.
async fn records(config: &Config) -> Vec<Finding> {
    // That it is not reached is said already.
    let Ok(store) = connect(config).await else {
        return Vec::new();
    };
    let explained = match store.recovery_state().await {
        Ok(None) => Ok("no daemon has used them yet".to_owned()),
        Ok(Some(state)) => match state.why_waiting() {
            None => Ok("they explain everything of ours on the chain".to_owned()),
            Some(why) => Err(why),
        },
        Err(error) => Err(error.to_string()),
    };
    let last = store.last_reconciliation().await;
    vec![
        finding("records", explained),
        finding("channels", channels(&store).await),
        finding(
            "reconciliation",
            match last {
                Ok(None) => Ok("records and chain were not compared yet".to_owned()),
                Ok(Some(run)) => {
                    let status = run.report["status"].as_str().unwrap_or("unknown");
                    let watermark = run.watermark.unwrap_or(0);
                    let said = format!(
                        "{status}, {} findings, done up to ledger {watermark}, {:.0} minutes ago",
                        run.findings,
                        run.age_seconds / 60.0
                    );
                    if status == "clean" {
                        Ok(said)
                    } else {
                        Err(said)
                    }
                }
                Err(error) => Err(error.to_string()),
            },
        ),
    ]
}

/// Every channel that is not open, and why.
async fn channels(store: &Store) -> Result<String, String> {
    let rows = store.channels().await.map_err(|error| error.to_string())?;
    let stopped: Vec<String> = rows
        .iter()
        .filter(|row| row.state != "open")
        .map(|row| {
            let reason = row.reason.as_deref().unwrap_or("");
            format!("{} is {} ({reason})", row.account, row.state)
        })
        .collect();
    match stopped.as_slice() {
        [] => Ok(format!("{} are open, the source among them", rows.len())),
        stopped => {
            let shown = stopped.iter().take(MAX_SHOWN).cloned().collect::<Vec<_>>();
            Err(format!(
                "{} of {}: {}",
                stopped.len(),
                rows.len(),
                shown.join("; ")
            ))
        }
    }
}

/// The Horizons and the accounts, and the newest ledger of all.
async fn chain(config: &Config) -> anyhow::Result<(Vec<Finding>, Option<LedgerSeq>)> {
    let mut findings = Vec::new();
    let mut newest = None;
    let pool = horizon(config)?;
    let (_, accounts, fee_account) = keyring(config)?;
    for endpoint in pool.endpoints() {
        let status = endpoint.check_network().await;
        findings.push(finding(
            format!("horizon {}", endpoint.name()),
            status
                .map(|status| {
                    format!(
                        "version {}, ledger {}, history from {}",
                        status.horizon_version, status.latest, status.elder
                    )
                })
                .map_err(|error| error.to_string()),
        ));
        let header = endpoint.latest_ledger().await;
        if let Ok(Some(header)) = &header {
            newest = newest.max(Some(header.sequence));
        }
        findings.push(finding("clock", match header {
            Ok(Some(header)) => {
                let closed = i64::try_from(header.closed_at.0).unwrap_or(i64::MAX);
                let age = SystemClock.now().unix_timestamp() - closed;
                if age.abs() <= CLOCK_SECONDS {
                    Ok(format!("the newest ledger closed {age} s ago"))
                } else {
                    Err(format!("the newest ledger closed {age} s ago: this clock is wrong, or Horizon is behind"))
                }
            }
            Ok(None) => Err("there is no ledger yet".to_owned()),
            Err(unknown) => Err(unknown.detail),
        }));
    }
    for (name, account) in [
        ("source account", accounts.default_source),
        ("fee account", fee_account),
    ] {
        let snapshot = pool.any().account(account).await;
        findings.push(finding(
            name,
            match snapshot {
                Ok(snapshot) => match snapshot.state {
                    Some(state) => Ok(format!(
                        "{account} has {} XLM as of ledger {}",
                        state.native_balance, snapshot.as_of
                    )),
                    None => Err(format!(
                        "{account} does not exist as of ledger {}: fund it",
                        snapshot.as_of
                    )),
                },
                Err(unknown) => Err(format!("{account}: {}", unknown.detail)),
            },
        ));
    }
    Ok((findings, newest))
}

/// The Stellar RPC servers, where any are configured: the network, their ledgers, and what a contract call may use.
async fn rpc(config: &Config, newest: Option<LedgerSeq>) -> anyhow::Result<Vec<Finding>> {
    let Some(pool) = rpc_pool(config)? else {
        let what = "none is configured: contract calls are refused".to_owned();
        return Ok(vec![finding("stellar rpc", Ok(what))]);
    };
    let mut findings = Vec::new();
    for endpoint in pool.endpoints() {
        let said = rpc_server(endpoint, newest).await;
        findings.push(finding(format!("stellar rpc {}", endpoint.name()), said));
    }
    Ok(findings)
}

async fn rpc_server(
    endpoint: &crate::rpc::Endpoint,
    newest: Option<LedgerSeq>,
) -> Result<String, String> {
    let detail = |unknown: Unknown| unknown.detail;
    let network = endpoint
        .check_network()
        .await
        .map_err(|error| error.to_string())?;
    let span = endpoint.health().await.map_err(detail)?;
    if let Some(newest) = newest
        && span.latest.plus(LEDGERS_BEHIND) < newest
    {
        return Err(format!(
            "its newest ledger is {}, and Horizon's is {newest}: it is behind",
            span.latest
        ));
    }
    let version = endpoint.version().await.map_err(detail)?;
    let limits = endpoint.limits().await.map_err(detail)?;
    Ok(format!(
        "version {version}, protocol {}, ledger {}, history from {}; a contract call may take {} instructions",
        network.protocol_version, span.latest, span.oldest, limits.instructions
    ))
}
