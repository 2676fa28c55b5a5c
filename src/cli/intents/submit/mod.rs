//! `intents submit`: posts every row of a file, each once however often it is run.

mod lanes;
mod outcome;
mod tally;
mod wait;

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::api::Api;
use super::connection::Connection;
use super::file::check::{Checked, check};
use super::file::{FileError, RowFile};
use super::stdout;
use super::watch::DEFAULT_TIMEOUT_SECONDS;
use crate::cli::output::{self, Usage};
use crate::cli::run::told_to_stop;
use lanes::Posting;
use outcome::{Outcome, RowResult};
use tally::Tally;
use wait::{Open, until_final};

/// Posts every row of a file, each once however often it is run.
#[derive(Debug, Args)]
#[command(
    after_help = "A CSV file begins with its columns: workflow_id, destination and amount, and where they are needed method, asset \
(native where it is empty), memo, memo_type (text where it is empty), source, ordering_key, valid_until, metadata; each row is one \
payment. An NDJSON file has the body of one intent a line. The whole file is checked before anything is posted."
)]
pub struct Submit {
    /// The file: .csv, .ndjson or .jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only checks the file; nothing is posted, and no API is needed
    #[arg(long)]
    check: bool,
    /// Rows that are posted at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Waits until every intent is final; fails unless all succeed
    #[arg(long, conflicts_with = "check")]
    wait: bool,
    /// Seconds after which it waits no longer
    #[arg(long, value_name = "S", requires = "wait", default_value_t = DEFAULT_TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    timeout: u64,
    /// Writes one result a row, as JSON lines
    #[arg(long, value_name = "FILE.ndjson", conflicts_with = "check")]
    output: Option<PathBuf>,
}

impl Submit {
    /// Runs it.
    pub async fn run(self, at: &Connection, json: bool) -> anyhow::Result<()> {
        let file = Arc::new(open(&self.file)?);
        if self.check {
            let checked = checked(&file, json).await?;
            return report_check(&checked, json);
        }
        let mut api = at.open()?;
        // A wrong key shows before a large file is read.
        api.reach().await?;
        let checked = checked(&file, json).await?;
        if checked.bad > 0 {
            return report_check(&checked, json);
        }
        let results = match &self.output {
            Some(path) => Some(ResultFile::create(path, &file)?),
            None => None,
        };
        api.bar = bar(checked.rows, "posted", json);
        stop_on_signal(&api)?;
        let job = Job {
            api: Arc::new(api),
            tally: Tally::of(checked.rows, checked.repeated),
            results,
            lanes: usize::from(self.concurrency),
            wait: self.wait.then(|| Duration::from_secs(self.timeout)),
            json,
        };
        job.run(&file).await
    }
}

fn open(path: &Path) -> anyhow::Result<RowFile> {
    RowFile::open(path).map_err(|error| match error {
        FileError::Extension(_) | FileError::NotRegular(_) => Usage(error.to_string()).into(),
        error => error.into(),
    })
}

async fn checked(file: &Arc<RowFile>, json: bool) -> anyhow::Result<Checked> {
    let bar = if json {
        ProgressBar::hidden()
    } else {
        ProgressBar::no_length().with_style(style("{prefix} {pos} rows {elapsed}"))
    };
    let (file, shown) = (Arc::clone(file), bar.clone().with_prefix("checked"));
    let checked = tokio::task::spawn_blocking(move || check(&file, &shown)).await?;
    bar.finish_and_clear();
    Ok(checked?)
}

fn report_check(checked: &Checked, json: bool) -> anyhow::Result<()> {
    if json {
        output::json(checked)?;
    } else {
        for bad in &checked.bad_rows {
            for mistake in &bad.mistakes {
                stdout::line(format_args!("line {}: {mistake}", bad.line))?;
            }
        }
        let unnamed = checked.bad - checked.bad_rows.len() as u64;
        if unnamed > 0 {
            stdout::line(format_args!("and {unnamed} rows more"))?;
        }
    }
    if checked.bad > 0 {
        bail!(
            "{} of {} rows are wrong; nothing was posted",
            checked.bad,
            checked.rows
        );
    }
    if !json {
        stdout::line(format_args!(
            "{} rows, all right{}",
            checked.rows,
            match checked.repeated {
                0 => String::new(),
                repeated => format!("; {repeated} repeat earlier ones and are posted once"),
            }
        ))?;
    }
    Ok(())
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn bar(rows: u64, what: &'static str, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    ProgressBar::new(rows)
        .with_style(style(
            "{prefix:7} {bar:40} {pos:>8}/{len} {per_sec:>12} eta {eta}",
        ))
        .with_prefix(what)
}

/// The rows that were posted are on record: the same command goes on where this one was stopped.
fn stop_on_signal(api: &Api) -> anyhow::Result<()> {
    let (told, stop) = (told_to_stop()?, api.stop.clone());
    tokio::spawn(async move {
        told.await;
        stop.cancel();
    });
    Ok(())
}

/// One result a row. Each is written at once, so that a run that is killed leaves whole lines.
struct ResultFile {
    path: PathBuf,
    file: File,
}

impl ResultFile {
    fn create(path: &Path, rows: &RowFile) -> anyhow::Result<Self> {
        let context = || format!("--output {}", path.display());
        // Not emptied before it is known to be another file than the one that is read.
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.with_context(context)?;
        if rows.is_same_as(&file) {
            return Err(Usage(format!("--output {} is the file itself", path.display())).into());
        }
        if file.metadata()?.is_file() {
            file.set_len(0).with_context(context)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    fn write(&mut self, result: &RowResult) -> anyhow::Result<()> {
        let line = format!("{}\n", serde_json::to_string(result)?);
        let written = self.file.write_all(line.as_bytes());
        written.with_context(|| format!("--output {}", self.path.display()))
    }
}

/// The posting of one file.
struct Job {
    api: Arc<Api>,
    tally: Tally,
    results: Option<ResultFile>,
    lanes: usize,
    wait: Option<Duration>,
    json: bool,
}

impl Job {
    async fn run(mut self, file: &RowFile) -> anyhow::Result<()> {
        let mut open = VecDeque::new();
        let posted = self.post(file, &mut open).await;
        self.api.bar.finish_and_clear();
        let waited = match (&posted, self.wait) {
            (Ok(()), Some(limit)) => self.wait(open, limit).await,
            (Ok(()) | Err(_), _) => Ok(()),
        };
        if self.json {
            output::json(&self.tally)?;
        } else {
            stdout::line(self.tally.text())?;
        }
        let complaint = self.tally.complaint();
        match (posted.and(waited), complaint) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(complaint)) => bail!(complaint),
            (Err(error), complaint) => {
                let complaint = complaint.map_or_else(String::new, |text| format!("{text}: "));
                bail!("{complaint}{error:#}; the same command goes on where this one ended")
            }
        }
    }

    async fn post(&mut self, file: &RowFile, open: &mut VecDeque<Open>) -> anyhow::Result<()> {
        let (posting, mut results) = Posting::start(&self.api, file.rows()?, self.lanes);
        let mut written = Ok(());
        while let Some(result) = results.recv().await {
            self.tally.count(&result);
            self.api.bar.inc(1);
            match (&result.outcome, self.wait) {
                (Outcome::New(intent), Some(_)) => open.push_back(Open {
                    id: intent.intent_id,
                    line: result.line,
                    replayed: false,
                }),
                (Outcome::Replayed(intent), Some(_)) => open.push_back(Open {
                    id: intent.intent_id,
                    line: result.line,
                    replayed: true,
                }),
                // Its last word: nothing more becomes of it.
                (_, _) if written.is_ok() => {
                    written = self.write(&result);
                    if written.is_err() {
                        self.api.stop.cancel();
                    }
                }
                (_, _) => {}
            }
        }
        let ended = posting.end().await;
        written.and(ended)
    }

    fn write(&mut self, result: &RowResult) -> anyhow::Result<()> {
        match &mut self.results {
            Some(file) => file.write(result),
            None => Ok(()),
        }
    }

    async fn wait(&mut self, open: VecDeque<Open>, limit: Duration) -> anyhow::Result<()> {
        let bar = bar(open.len() as u64, "final", self.json);
        bar.tick();
        self.tally.statuses = Some(std::collections::BTreeMap::new());
        let end = Instant::now() + limit;
        let api = Arc::clone(&self.api);
        let waited = until_final(&api, open, self.lanes, end, |result| {
            if let Outcome::New(intent) | Outcome::Replayed(intent) = &result.outcome {
                let statuses = self.tally.statuses.get_or_insert_default();
                *statuses.entry(intent.status).or_default() += 1;
            }
            bar.inc(1);
            self.write(&result)
        })
        .await;
        bar.finish_and_clear();
        waited
    }
}
