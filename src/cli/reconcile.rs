//! `reconcile`: the records and the chain, compared both ways.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Global;
use super::output;
use crate::audit::Finding;
use crate::audit::reconcile::{Begin, Begun, Progress, Question, Report, Status, reconcile_once};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Required;
use crate::daemon::{connect, horizon, keyring};
use crate::domain::primitives::LedgerSeq;

/// The most findings that the table shows; JSON and CSV have all that are kept.
const MAX_SHOWN: usize = 50;

/// Compares the records with the chain, both ways, from the ledger behind the last comparison.
///
/// Exit status: 0 they agree; 1 they do not, or not everything could be seen; 2 asked for wrongly.
#[derive(Debug, Args)]
pub struct Reconcile {
    /// Begins at this ledger
    #[arg(long, value_name = "N", conflicts_with = "full")]
    from_ledger: Option<u32>,
    /// Begins at the oldest ledger that Horizon has
    #[arg(long)]
    full: bool,
    /// Writes the findings to a file, too, as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

impl Reconcile {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config =
            global.load_quiet(&[Required::Database, Required::Horizon, Required::Source])?;
        let store = connect(&config).await?;
        store.migrate().await?;
        let passphrase = config.network_passphrase()?;
        store.may_be_of(passphrase).await?;
        let (_, accounts, fee_account) = keyring(&config)?;
        let pool = horizon(&config)?;
        let question = Question {
            passphrase,
            source: accounts.default_source,
            fee_account,
            begin: match (self.full, self.from_ledger) {
                (true, _) => Begin::Full,
                (false, Some(ledger)) => Begin::Ledger(LedgerSeq(ledger)),
                (false, None) => Begin::Mark,
            },
        };
        let begun = Begun {
            at: SystemClock.now(),
            unless_within: None,
            keep: config.reconcile.keep_runs,
        };
        let bar = bar();
        let step = |progress| match progress {
            Progress::Accounts(count) => bar.set_length(count as u64),
            Progress::Read => bar.inc(1),
            Progress::Compared(count) => bar.set_message(format!("{count} transactions compared")),
        };
        let report = reconcile_once(pool.any(), &store, question, begun, &step).await;
        bar.finish_and_clear();
        let Some(report) = report? else {
            bail!("a daemon, or another command, compares just now: try again in a moment");
        };
        if let Some(file) = &self.csv {
            write_csv(file, &report)
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        if global.json {
            output::json(&report)?;
        } else {
            show(&report)?;
        }
        match report.status {
            Status::Clean => Ok(()),
            Status::Findings => bail!("records and chain differ: {}", things(&report)),
            Status::Incomplete => bail!("records and chain could not be compared completely"),
        }
    }
}

fn things(report: &Report) -> String {
    match report.findings.count {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style =
        ProgressStyle::with_template("{elapsed_precise} {bar:40} {pos}/{len} accounts  {msg}")
            .expect("the template is a constant that parses");
    bar.set_style(style);
    bar
}

fn show(report: &Report) -> anyhow::Result<()> {
    let watermark = report
        .watermark
        .map_or_else(|| "none".to_owned(), |ledger| ledger.to_string());
    output::line(format_args!(
        "ledgers {} to {} of {}; done up to {watermark}",
        report.from_ledger, report.to_ledger, report.horizon
    ))?;
    output::line(format_args!(
        "transactions  {}: {} as on record, {} just landed, {} unclaimed, {} of somebody else; {} paid to us",
        report.transactions,
        report.matched,
        report.pending,
        report.unclaimed,
        report.unexplained,
        report.of_others
    ))?;
    output::line(format_args!(
        "accounts      {} read, {} channels not used",
        report.accounts, report.idle_channels
    ))?;
    let head = [
        "account",
        "asset",
        "from",
        "was",
        "changed by",
        "to",
        "is",
        "unexplained",
    ];
    let mut table = output::table(&head);
    for balance in &report.balances {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.add_row([
            balance.account.to_string(),
            balance.asset.clone(),
            or_none(balance.from_ledger.map(|ledger| ledger.to_string())),
            or_none(balance.start.clone()),
            or_none(balance.change.clone()),
            balance.to_ledger.to_string(),
            balance.end.clone(),
            or_none(balance.unexplained.clone()),
        ]);
    }
    output::line(table)?;
    if !report.findings.is_empty() {
        let mut table = output::table(&["finding", "ledger", "account", "what"]);
        for Finding {
            kind,
            detail,
            ledger,
            account,
            ..
        } in report.findings.items.iter().take(MAX_SHOWN)
        {
            table.add_row([
                (*kind).to_owned(),
                ledger.map_or_else(String::new, |ledger| ledger.to_string()),
                account.clone().unwrap_or_default(),
                detail.clone(),
            ]);
        }
        output::line(table)?;
        let more = report.findings.count.saturating_sub(MAX_SHOWN as u64);
        if more > 0 {
            output::line(format_args!(
                "and {more} more; --json and --csv have the first thousand"
            ))?;
        }
    }
    for reason in &report.incomplete {
        output::line(format_args!("incomplete: {reason}"))?;
    }
    if report.is_clean() {
        output::line("records and chain agree")?;
    }
    Ok(())
}

fn write_csv(file: &Path, report: &Report) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_path(file)?;
    writer.write_record([
        "kind",
        "ledger",
        "transaction",
        "tag",
        "intent",
        "account",
        "detail",
    ])?;
    for finding in &report.findings.items {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        writer.write_record([
            finding.kind.to_owned(),
            finding
                .ledger
                .map_or_else(String::new, |ledger| ledger.to_string()),
            text(&finding.transaction),
            text(&finding.tag),
            text(&finding.intent),
            text(&finding.account),
            finding.detail.clone(),
        ])?;
    }
    writer.flush()?;
    Ok(())
}
