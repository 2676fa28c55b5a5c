//! `keys`: Stellar keys, made and shown.

use clap::Subcommand;
use secrecy::ExposeSecret as _;

use super::Global;
use super::output::{self, Usage};
use crate::config::Required;
use crate::signer::SecretKey;

/// Makes or shows Stellar keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Makes a new key: the account's address and its secret
    New,
    /// Shows the addresses of the configured keys, never the secrets
    Show {
        /// Channels to show
        #[arg(long, default_value_t = 0, value_name = "N")]
        channels: u32,
    },
}

impl Keys {
    /// Runs it.
    pub fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::New => new(global),
            Self::Show { channels } => show(global, channels),
        }
    }
}

fn new(global: &Global) -> anyhow::Result<()> {
    let key = SecretKey::from_bytes(rand::random());
    let (account, secret) = (key.account(), key.written());
    if global.json {
        return output::json(
            &serde_json::json!({"account": account, "secret": secret.expose_secret()}),
        );
    }
    output::line(format_args!("account  {account}"))?;
    output::line(format_args!("secret   {}", secret.expose_secret()))?;
    Ok(())
}

fn show(global: &Global, channels: u32) -> anyhow::Result<()> {
    let config = global.load(&[Required::Source])?;
    let source = config.source_secret()?.account();
    let fee = config
        .accounts
        .fee
        .as_ref()
        .map_or(source, SecretKey::account);
    let receipts = config.receipt_key()?.account();
    let mut found = Vec::new();
    for index in 0..channels {
        let seed = config.accounts.channel_seed.as_ref().ok_or_else(|| {
            Usage("--channels: accounts.channel_seed (SUBMITTER__ACCOUNTS__CHANNEL_SEED) is not given".to_owned())
        })?;
        found.push(seed.channel(index)?.account());
    }
    if global.json {
        return output::json(
            &serde_json::json!({"source": source, "fee_account": fee, "receipts": receipts, "channels": found}),
        );
    }
    output::line(format_args!("source       {source}"))?;
    output::line(format_args!("fee account  {fee}"))?;
    output::line(format_args!("receipts     {receipts}"))?;
    for (index, account) in found.iter().enumerate() {
        output::line(format_args!("channel {index:<4} {account}"))?;
    }
    Ok(())
}
