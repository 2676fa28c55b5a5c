//! `verify`: at most one success a tag, out of the ledger's history alone, and the records against it.

use std::collections::BTreeSet;

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use url::Url;

use super::Global;
use super::output::{self, Usage};
use crate::audit;
use crate::audit::report::{AccountReport, Report};
use crate::audit::{Finding, Findings, Progress, Question, Span, Verdict, verify};
use crate::config::{Config, Required};
use crate::domain::primitives::{AccountId, LedgerSeq};
use crate::horizon::{Endpoint, Horizon, HorizonOptions, NetworkError};
use crate::store::Store;

/// Connections to the database: one statement runs at a time.
const CONNECTIONS: u32 = 2;
/// The most accounts and findings that the table shows; JSON has all that are kept.
const MAX_SHOWN: usize = 20;

/// Proves from the ledger's history alone that each tag has landed at most once, and each success is recognised.
///
/// Exit status: 0 proven; 1 violated, or not proven because something is missing; 2 asked for wrongly.
#[derive(Debug, Args)]
pub struct Verify {
    /// Horizon's base URL; the first of horizon.urls where it is not given
    #[arg(long, value_name = "URL")]
    horizon: Option<Url>,
    /// Source, fee and channel accounts, with commas between; those of the configuration where none are given
    #[arg(long, value_name = "G…,G…", value_delimiter = ',')]
    accounts: Vec<AccountId>,
    /// The first ledger; Horizon's oldest where it is not given
    #[arg(long, value_name = "N")]
    from_ledger: Option<u32>,
    /// The last ledger; Horizon's newest where it is not given
    #[arg(long, value_name = "N")]
    to_ledger: Option<u32>,
    /// The network's passphrase; network.passphrase where it is not given, or else what Horizon says
    #[arg(long, value_name = "TEXT")]
    passphrase: Option<String>,
    /// Holds the records of this database against the ledger, too; without a URL those of database.url
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    database: Option<String>,
    /// Requests an hour at most; horizon.requests_per_hour where it is not given, 0 for no limit of ours
    #[arg(long, value_name = "N")]
    requests_per_hour: Option<u32>,
    /// Reads the given accounts alone, not the channels that are found to carry their tags
    #[arg(long)]
    given_only: bool,
}

impl Verify {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let required: &[Required] = match self.database.as_deref() {
            Some("") => &[Required::Database],
            Some(_) | None => &[],
        };
        let config = global.load_quiet(required)?;
        let accounts = self.accounts(&config)?;
        let (horizon, passphrase) = self.horizon(&config).await?;
        let endpoint = horizon.any();
        let span = self.span(endpoint).await?;
        let store = self.store(&config, &passphrase).await?;
        let bar = Bar::new(span);
        let question = Question {
            accounts,
            span,
            follow: !self.given_only,
            passphrase: &passphrase,
        };
        let report = verify(endpoint, question, store.as_ref(), &|step| bar.step(step)).await;
        bar.end();
        let report = report?;
        let peak = peak_memory();
        if global.json {
            let mut value = serde_json::to_value(&report)?;
            value["peak_memory_bytes"] = serde_json::json!(peak);
            output::json(&value)?;
        } else {
            show(&report, peak)?;
        }
        match report.verdict {
            Verdict::Proven => Ok(()),
            Verdict::NotProven => bail!(
                "not proven: {} of what is needed is missing",
                things(report.unproven.count)
            ),
            Verdict::Violated => bail!("violated: {} must not be", things(report.violations.count)),
        }
    }

    fn accounts(&self, config: &Config) -> anyhow::Result<BTreeSet<AccountId>> {
        let mut accounts: BTreeSet<AccountId> = self.accounts.iter().copied().collect();
        if accounts.is_empty() {
            let configured = &config.accounts;
            let keys = configured.source.iter().chain(&configured.fee);
            accounts.extend(keys.map(crate::signer::SecretKey::account));
            for index in 0..configured.channels {
                if let Some(seed) = &configured.channel_seed {
                    accounts.insert(seed.channel(index)?.account());
                }
            }
        }
        if accounts.is_empty() {
            return Err(Usage(
                "--accounts: name the source, fee and channel accounts, or give a configuration that has them"
                    .to_owned(),
            )
            .into());
        }
        Ok(accounts)
    }

    async fn horizon(&self, config: &Config) -> anyhow::Result<(Horizon, String)> {
        let configured = config.horizon.urls.first();
        let Some(url) = self.horizon.as_ref().or(configured) else {
            return Err(Usage(
                "--horizon: name a Horizon, or give a configuration that has horizon.urls"
                    .to_owned(),
            )
            .into());
        };
        let per_hour = self.requests_per_hour;
        let options = |passphrase: &str| HorizonOptions {
            urls: vec![url.clone()],
            passphrase: passphrase.to_owned(),
            requests_per_hour: per_hour.unwrap_or(config.horizon.requests_per_hour),
            deadlines: config.horizon.deadlines,
        };
        let given = self.passphrase.as_ref().or(config.passphrase.as_ref());
        let passphrase = match given {
            Some(passphrase) => passphrase.clone(),
            None => said_by(&Horizon::new(&options(""))?).await?,
        };
        let horizon = Horizon::new(&options(&passphrase))?;
        audit::status(horizon.any()).await?;
        Ok((horizon, passphrase))
    }

    async fn span(&self, endpoint: &Endpoint) -> anyhow::Result<Span> {
        let status = audit::status(endpoint).await?;
        let span = Span {
            first: self.from_ledger.map_or(status.elder, LedgerSeq),
            last: self.to_ledger.map_or(status.latest, LedgerSeq),
        };
        if span.first > span.last {
            return Err(Usage(format!(
                "--from-ledger {} is behind --to-ledger {}",
                span.first, span.last
            ))
            .into());
        }
        Ok(span)
    }

    async fn store(&self, config: &Config, passphrase: &str) -> anyhow::Result<Option<Store>> {
        let store = match self.database.as_deref() {
            None => return Ok(None),
            Some("") => crate::daemon::connect(config).await?,
            Some(url) => Store::connect(url, CONNECTIONS).await?,
        };
        store.may_be_of(passphrase).await?;
        Ok(Some(store))
    }
}

/// The passphrase that a Horizon says its network has.
async fn said_by(horizon: &Horizon) -> anyhow::Result<String> {
    match audit::status(horizon.any()).await {
        Ok(status) => Ok(status.passphrase),
        Err(NetworkError::Other { answered, .. }) => {
            eprintln!("the network is {answered:?}, by Horizon's word; --passphrase checks it");
            Ok(answered)
        }
        Err(error) => Err(error.into()),
    }
}

/// The progress, in ledgers of accounts.
struct Bar {
    bar: ProgressBar,
    first: LedgerSeq,
    ledgers: u64,
    reached: std::sync::Mutex<std::collections::BTreeMap<AccountId, u64>>,
}

impl Bar {
    fn new(span: Span) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(
            "{elapsed_precise} {bar:40} {percent:>3} %  {msg}  {eta} left",
        )
        .expect("the template is a constant that parses");
        bar.set_style(style);
        Self {
            bar,
            first: span.first,
            ledgers: u64::from(span.last.0 - span.first.0) + 1,
            reached: std::sync::Mutex::default(),
        }
    }

    fn step(&self, step: Progress) {
        match step {
            Progress::Accounts(count) => self.bar.inc_length(self.ledgers * count as u64),
            Progress::Ledger(account, ledger) => {
                let done = u64::from(ledger.0.saturating_sub(self.first.0)) + 1;
                let mut reached = self
                    .reached
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                let before = reached.insert(account, done).unwrap_or(0);
                self.bar.inc(done.saturating_sub(before));
            }
            Progress::Records(count) => self.bar.set_message(format!("{count} transactions read")),
            Progress::Intents(count) => self.bar.set_message(format!("{count} intents compared")),
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The most memory that this process ever had, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = procfs::process::Process::myself().ok()?.status().ok()?;
        Some(status.vmhwm? * 1024)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

fn things(count: u64) -> String {
    match count {
        1 => "1 thing".to_owned(),
        count => format!("{count} things"),
    }
}

fn show(report: &Report, peak: Option<u64>) -> anyhow::Result<()> {
    output::line(format_args!(
        "ledgers {} to {} of {}, {}",
        report.from_ledger, report.to_ledger, report.horizon, report.network
    ))?;
    output::line(accounts(&report.accounts))?;
    if report.accounts.len() > MAX_SHOWN {
        let more = report.accounts.len() - MAX_SHOWN;
        output::line(format_args!(
            "and {more} accounts more; --json has them all"
        ))?;
    }
    let counts = &report.counts;
    output::line(format_args!(
        "transactions  {} signed by these accounts: {} succeeded, {} failed, {} without a tag; {} seen of others",
        counts.transactions, counts.successful, counts.failed, counts.without_tag, report.of_others
    ))?;
    output::line(format_args!(
        "tags          {}: {} landed once, {} more than once, {} never",
        counts.tags, counts.succeeded_once, counts.succeeded_twice, counts.never_succeeded
    ))?;
    if let Some(records) = &report.database {
        output::line(format_args!(
            "records       {} intents: {} succeeded and are there, {} never landed, {} not final; {} of other ledgers, {} of other accounts; {} successes rebuilt to the same hash",
            records.intents,
            records.succeeded,
            records.never_landed,
            records.open,
            records.other_ledgers,
            records.other_accounts,
            records.rebuilt
        ))?;
    }
    if let Some(peak) = peak {
        output::line(format_args!(
            "memory        {} MB at most",
            peak / 1_000_000
        ))?;
    }
    list("VIOLATED", &report.violations)?;
    list("MISSING", &report.unproven)?;
    list("note", &report.notes)?;
    if report.verdict == Verdict::Proven {
        let records = report
            .database
            .map_or("", |_| ", and the records say the same");
        output::line(format_args!(
            "proven: each tag landed at most once, each success carries one{records}"
        ))?;
    }
    Ok(())
}

fn accounts(accounts: &[AccountReport]) -> comfy_table::Table {
    use crate::audit::Start;
    let mut table = output::table(&[
        "account",
        "seen",
        "own",
        "nothing\nbefore, by",
        "nothing\nafter, by",
        "gaps",
    ]);
    for account in accounts.iter().take(MAX_SHOWN) {
        let found = if account.found { " (found)" } else { "" };
        table.add_row([
            format!("{}{found}", account.account),
            account.transactions.to_string(),
            account.own.to_string(),
            match account.start {
                Start::Beginning => "its beginning",
                Start::Follows => "its numbers",
                Start::Word => "Horizon's word",
            }
            .to_owned(),
            match account.end {
                "followed" => "its numbers",
                "state" => "its state",
                "no_history" => "-",
                _ => "Horizon's word",
            }
            .to_owned(),
            account.gap_count.to_string(),
        ]);
    }
    table
}

fn list(word: &str, findings: &Findings) -> anyhow::Result<()> {
    for Finding { kind, detail, .. } in findings.items.iter().take(MAX_SHOWN) {
        output::line(format_args!("{word:<8}  {kind}: {detail}"))?;
    }
    let more = findings.count.saturating_sub(MAX_SHOWN as u64);
    if more > 0 {
        output::line(format_args!(
            "{word:<8}  and {more} more; --json has the first thousand"
        ))?;
    }
    Ok(())
}
