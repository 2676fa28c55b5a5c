//! `receipt check`: whether a receipt says what is so, without the daemon, and with a Horizon by the ledger.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use url::Url;

use super::Global;
use super::output;
use crate::audit::receipt::look_up;
use crate::config::Config;
use crate::domain::primitives::AccountId;
use crate::domain::receipt::{Checked, MAX_RECEIPT_BYTES, SignedReceipt, Standing, check};
use crate::horizon::{Horizon, HorizonOptions};

/// Receipts, checked without a daemon.
#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    /// Checks one: signature, tag, hashes, at most one landed, every other dead; with --horizon also by the ledger
    Check(Check),
}

/// Checks a receipt. Exit status 0 only where everything is right.
#[derive(Debug, Args)]
pub struct Check {
    /// The receipt; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Asks this Horizon, too: whether what landed is there, and the others are not
    #[arg(long, value_name = "URL")]
    horizon: Option<Url>,
    /// The daemon's key (`keys show`, GET /v1/receipts/key), G… or 64 hexadecimal digits
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    public_key: Option<AccountId>,
}

fn public_key(text: &str) -> Result<AccountId, String> {
    let mut bytes = [0; 32];
    if hex::decode_to_slice(text, &mut bytes).is_ok() {
        return Ok(AccountId(bytes));
    }
    text.parse::<AccountId>()
        .map_err(|error| format!("{error}; or give 64 hexadecimal digits"))
}

impl ReceiptCommand {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Check(check) => check.run(global).await,
        }
    }
}

impl Check {
    async fn run(self, global: &Global) -> anyhow::Result<()> {
        let name = self.file.display().to_string();
        let text = self.read().with_context(|| name.clone())?;
        let signed = SignedReceipt::read(&text).with_context(|| name.clone())?;
        let mut all = check(&signed, self.public_key);
        if let Some(url) = &self.horizon {
            let config = global.load_quiet(&[])?;
            let horizon = horizon(url, &signed, &config)?;
            let found = look_up(horizon.any(), &signed.receipt).await?;
            // What the ledger has told needs no other proof.
            let told = found.iter().all(|one| one.standing == Standing::Right);
            for one in &mut all {
                if told && one.standing == Standing::Unproven {
                    one.standing = Standing::Right;
                    one.detail.push_str("; the ledger tells, see below");
                }
            }
            all.extend(found);
        }
        show(global.json, &signed, &all)?;
        let count = |standing| all.iter().filter(|one| one.standing == standing).count();
        match (count(Standing::Wrong), count(Standing::Unproven)) {
            (0, 0) => Ok(()),
            (0, unproven) => bail!(
                "{unproven} of {} checks cannot be told from the receipt{}",
                all.len(),
                match self.horizon {
                    Some(_) => " and this Horizon",
                    None => " alone: give --horizon",
                }
            ),
            (wrong, _) => bail!(
                "{wrong} of {} checks failed: do not trust this receipt",
                all.len()
            ),
        }
    }

    /// The file, one byte beyond the limit at most: that it is too large is told by whoever reads it.
    fn read(&self) -> std::io::Result<Vec<u8>> {
        use std::io::Read as _;
        let limit = MAX_RECEIPT_BYTES as u64 + 1;
        let mut text = Vec::new();
        if self.file.as_os_str() == "-" {
            std::io::stdin().lock().take(limit).read_to_end(&mut text)?;
        } else {
            std::fs::File::open(&self.file)?
                .take(limit)
                .read_to_end(&mut text)?;
        }
        Ok(text)
    }
}

fn horizon(url: &Url, signed: &SignedReceipt, config: &Config) -> anyhow::Result<Horizon> {
    Ok(Horizon::new(&HorizonOptions {
        urls: vec![url.clone()],
        passphrase: signed.receipt.network.clone(),
        requests_per_hour: config.horizon.requests_per_hour,
        deadlines: config.horizon.deadlines,
    })?)
}

fn show(as_json: bool, signed: &SignedReceipt, all: &[Checked]) -> anyhow::Result<()> {
    let receipt = &signed.receipt;
    if as_json {
        let right = all.iter().all(|one| one.standing == Standing::Right);
        return output::json(&json!({
            "right": right, "intent_id": receipt.intent_id, "status": receipt.status,
            "public_key": signed.public_key, "checks": all,
        }));
    }
    output::line(format_args!(
        "intent {} ({} / {}, tenant {}): {}, issued {}",
        receipt.intent_id,
        receipt.workflow_id,
        receipt.method,
        receipt.tenant,
        receipt.status,
        receipt.issued_at
    ))?;
    for one in all {
        let word = match one.standing {
            Standing::Right => "ok   ",
            Standing::Unproven => "?    ",
            Standing::Wrong => "WRONG",
        };
        output::line(format_args!("{word}  {:<30} {}", one.what, one.detail))?;
    }
    Ok(())
}
