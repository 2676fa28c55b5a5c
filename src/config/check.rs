//! Settings → configuration: every value is checked, and everything that is wrong is told at once.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use url::Url;

use super::Required;
use super::error::ConfigErrors;
use super::rules::Checks;
use super::sections::{
    AccountsConfig, ApiConfig, Config, DatabaseConfig, EngineConfig, FeePayer, FeesConfig,
    HorizonConfig, LogConfig, ReconcileConfig, RetentionConfig, SubmitMode,
};
use super::settings::{self, Settings};
use crate::domain::fee::Percentile;
use crate::domain::primitives::Stroops;
use crate::horizon::Deadlines;
use crate::signer::{ChannelSeed, SecretKey};
use crate::telemetry::{LogFormat, parse_filter};

/// How long a request may be allowed to take, in seconds.
pub(super) const REQUEST_SECONDS: RangeInclusive<i64> = 1..=300;
/// How many requests an hour may be allowed; 0 is any number.
pub(super) const REQUESTS_PER_HOUR: RangeInclusive<i64> = 0..=100_000_000;
/// Of a synchronous submission: Horizon itself answers after 31.
const SUBMIT_SECONDS: RangeInclusive<i64> = 32..=300;
/// How large bodies may be allowed to be, in bytes: 64 KiB to 64 MiB.
const BODY_BYTES: RangeInclusive<i64> = 65_536..=67_108_864;
/// The least length of a key that others than this machine may use, in characters.
const MIN_API_KEY_CHARACTERS: usize = 16;
/// The greatest length of an API key, in characters.
const MAX_API_KEY_CHARACTERS: usize = 255;
/// The longest time in days that can be asked for: a hundred years.
const MAX_DAYS: i64 = 36_500;
/// Between two comparisons of records and chain, in seconds: a week at most.
const MAX_INTERVAL_SECONDS: i64 = 604_800;
/// A run takes longer than that where there are many channels.
const MIN_INTERVAL_SECONDS: u64 = 5;
const SECONDS_AN_HOUR: u64 = 3600;

/// The configuration, or everything that is wrong with it.
pub fn check(settings: Settings, required: &[Required]) -> Result<Config, ConfigErrors> {
    let mut checks = Checks::default();
    let config = checks.all(settings);
    for need in required {
        match need {
            Required::Database => checks.need(config.database_url().err()),
            Required::Horizon => {
                checks.need(config.network_passphrase().err());
                checks.need(config.horizon_options().err());
            }
            Required::Source => checks.need(config.source_secret().err()),
        }
    }
    match checks.into_errors() {
        errors if errors.is_empty() => Ok(config),
        errors => Err(ConfigErrors(errors)),
    }
}

impl Checks {
    fn all(&mut self, settings: Settings) -> Config {
        let horizon = self.horizon(settings.horizon);
        let passphrase = self.passphrase(settings.network.passphrase);
        Config {
            database: self.database(settings.database),
            rpc: self.rpc(&settings.rpc),
            accounts: self.accounts(settings.accounts),
            fees: self.fees(settings.fees),
            engine: self.engine(&settings.engine),
            api: self.api(settings.api),
            reconcile: self.reconcile(&settings.reconcile),
            receipts_key: self.receipts(settings.receipts),
            retention: self.retention(&settings.retention),
            log: self.log(settings.log),
            horizon,
            passphrase,
        }
    }

    fn database(&mut self, given: settings::Database) -> DatabaseConfig {
        let key = "database.url";
        let url = self.secret(key, given.url, &given.url_file);
        DatabaseConfig {
            url: url.filter(|url| self.is_database(key, url.expose_secret())),
            max_connections: self.number(
                "database.max_connections",
                given.max_connections,
                2..=1000,
            ),
            connect_timeout: self.seconds(
                "database.connect_timeout_seconds",
                given.connect_timeout_seconds,
                REQUEST_SECONDS,
            ),
        }
    }

    fn is_database(&mut self, key: &str, url: &str) -> bool {
        let is_right = match Url::parse(url) {
            Ok(url) => matches!(url.scheme(), "postgres" | "postgresql"),
            Err(_) => false,
        };
        if !is_right {
            self.fail(
                key,
                "not a PostgreSQL URL: postgres://user:password@host:5432/name",
            );
        }
        is_right
    }

    fn horizon(&mut self, given: settings::Horizon) -> HorizonConfig {
        let urls = given.urls.iter();
        HorizonConfig {
            urls: urls
                .filter_map(|url| self.web("horizon.urls", url))
                .collect(),
            requests_per_hour: self.number(
                "horizon.requests_per_hour",
                given.requests_per_hour,
                REQUESTS_PER_HOUR,
            ),
            submit: self.choice(
                "horizon.submit",
                &given.submit,
                &[("async", SubmitMode::Async), ("sync", SubmitMode::Sync)],
            ),
            deadlines: Deadlines {
                read: self.seconds(
                    "horizon.request_timeout_seconds",
                    given.request_timeout_seconds,
                    REQUEST_SECONDS,
                ),
                submit: self.seconds(
                    "horizon.submit_timeout_seconds",
                    given.submit_timeout_seconds,
                    SUBMIT_SECONDS,
                ),
                submit_async: self.seconds(
                    "horizon.submit_async_timeout_seconds",
                    given.submit_async_timeout_seconds,
                    REQUEST_SECONDS,
                ),
            },
        }
    }

    fn passphrase(&mut self, given: String) -> Option<String> {
        if given.trim() != given {
            let what = "begins or ends with a space, which would make it another network";
            self.fail("network.passphrase", what);
        }
        Some(given).filter(|given| !given.is_empty())
    }

    fn accounts(&mut self, given: settings::Accounts) -> AccountsConfig {
        let key = "accounts.source_secret";
        let source = self.secret(key, given.source_secret, &given.source_secret_file);
        let source = source.and_then(|text| self.good(key, SecretKey::parse(text.expose_secret())));
        let key = "accounts.fee_secret";
        let fee = self.secret(key, given.fee_secret, &given.fee_secret_file);
        let fee = fee.and_then(|text| self.good(key, SecretKey::parse(text.expose_secret())));
        let key = "accounts.channel_seed";
        let seed = self.secret(key, given.channel_seed, &given.channel_seed_file);
        let is_seed_given = seed.is_some();
        let seed = seed.and_then(|text| self.good(key, ChannelSeed::parse(text.expose_secret())));
        let channels = self.number("accounts.channels", given.channels, 0..=10_000);
        if channels > 0 && !is_seed_given {
            self.fail(
                key,
                "is required where accounts.channels is not 0, and not given",
            );
        }
        let starting = self.lumens(
            "accounts.channel_starting_balance",
            &given.channel_starting_balance,
        );
        let key = "accounts.channel_top_up_below";
        let below = self.lumens(key, &given.channel_top_up_below);
        if let (Some(starting), Some(below)) = (starting, below)
            && below >= starting
        {
            self.fail(key, "must be less than accounts.channel_starting_balance");
        }
        AccountsConfig {
            source,
            channel_seed: seed,
            channels,
            channel_starting_balance: starting.unwrap_or_default(),
            channel_top_up_below: below.unwrap_or_default(),
            pause_source_on_foreign_use: given.pause_source_on_foreign_use,
            fee,
        }
    }

    fn fees(&mut self, given: settings::Fees) -> FeesConfig {
        let key = "fees.max_fee_per_operation";
        let most: i64 = self.number(key, given.max_fee_per_operation, 100..=1_000_000_000);
        let percentile = match given.percentile {
            50 => Percentile::P50,
            80 => Percentile::P80,
            95 => Percentile::P95,
            _ => {
                self.fail("fees.percentile", "must be 50, 80 or 95");
                Percentile::P80
            }
        };
        FeesConfig {
            payer: self.choice(
                "fees.payer",
                &given.payer,
                &[
                    ("channel", FeePayer::Channel),
                    ("fee_account", FeePayer::FeeAccount),
                ],
            ),
            max_fee_per_operation: Stroops::new(most).expect("the range begins above 0"),
            percentile,
        }
    }

    fn engine(&mut self, given: &settings::Engine) -> EngineConfig {
        let validity = self.number("engine.validity_ledgers", given.validity_ledgers, 12..=720);
        let key = "engine.resubmit_after_ledgers";
        let resubmit_after = self.number(key, given.resubmit_after_ledgers, 1..=719);
        if resubmit_after >= validity {
            self.fail(key, "must be less than engine.validity_ledgers");
        }
        let key = "engine.lease_seconds";
        let lease = self.seconds(key, given.lease_seconds, 3..=3600);
        let poll: u64 = self.number("engine.poll_ms", given.poll_ms, 50..=60_000);
        EngineConfig {
            validity_ledgers: validity,
            lease,
            batch_size: self.number("engine.batch_size", given.batch_size, 1..=1000),
            max_in_flight: self.number("engine.max_in_flight", given.max_in_flight, 1..=100_000),
            resubmit_after_ledgers: resubmit_after,
            poll: Duration::from_millis(poll),
            drain: self.seconds("engine.drain_seconds", given.drain_seconds, 1..=600),
        }
    }

    fn api(&mut self, given: settings::Api) -> ApiConfig {
        let listen: Option<SocketAddr> = given.listen.parse().ok();
        if listen.is_none() {
            let what = "not an IP address and a port, such as 127.0.0.1:8080 or [::]:8080";
            self.fail("api.listen", what);
        }
        let is_local = listen.is_none_or(|listen| listen.ip().is_loopback());
        let key = "api.bootstrap_key";
        let bootstrap_key = self.secret(key, given.bootstrap_key, &given.bootstrap_key_file);
        if let Some(bootstrap_key) = &bootstrap_key {
            self.api_key(key, bootstrap_key.expose_secret(), is_local);
        }
        let key = "api.idempotency_ttl_hours";
        let hours: u64 = self.number(key, given.idempotency_ttl_hours, 1..=8760);
        ApiConfig {
            listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            bootstrap_key,
            idempotency_key_required: given.idempotency_key_required,
            idempotency_ttl: Duration::from_secs(hours * SECONDS_AN_HOUR),
            max_body_bytes: self.number("api.max_body_bytes", given.max_body_bytes, BODY_BYTES),
            max_bulk_body_bytes: self.number(
                "api.max_bulk_body_bytes",
                given.max_bulk_body_bytes,
                BODY_BYTES,
            ),
        }
    }

    fn api_key(&mut self, key: &str, given: &str, is_local: bool) {
        let least = if is_local { 1 } else { MIN_API_KEY_CHARACTERS };
        if !given.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.fail(key, "may hold visible ASCII characters only");
        } else if given.len() < least {
            let what =
                format!("must have at least {least} characters where others can reach api.listen");
            self.fail(key, what);
        } else if given.len() > MAX_API_KEY_CHARACTERS {
            self.fail(
                key,
                format!("may have at most {MAX_API_KEY_CHARACTERS} characters"),
            );
        }
    }

    fn reconcile(&mut self, given: &settings::Reconcile) -> ReconcileConfig {
        let key = "reconcile.interval_seconds";
        let seconds: u64 = self.number(key, given.interval_seconds, 0..=MAX_INTERVAL_SECONDS);
        if (1..MIN_INTERVAL_SECONDS).contains(&seconds) {
            self.fail(
                key,
                format!("must be 0 (never) or at least {MIN_INTERVAL_SECONDS}"),
            );
        }
        ReconcileConfig {
            interval: (seconds > 0).then(|| Duration::from_secs(seconds)),
            keep_runs: self.number("reconcile.keep_runs", given.keep_runs, 1..=100_000),
        }
    }

    fn receipts(&mut self, given: settings::Receipts) -> Option<SecretKey> {
        let key = "receipts.signing_secret";
        let secret = self.secret(key, given.signing_secret, &given.signing_secret_file)?;
        self.good(key, SecretKey::parse(secret.expose_secret()))
    }

    fn retention(&mut self, given: &settings::Retention) -> RetentionConfig {
        let days: u32 = self.number("retention.events_days", given.events_days, 0..=MAX_DAYS);
        RetentionConfig {
            events_days: (days > 0).then_some(days),
        }
    }

    fn log(&mut self, given: settings::Log) -> LogConfig {
        let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
        let format = self.choice("log.format", &given.format, &formats);
        if parse_filter(&given.filter).is_err() {
            let what = "not a filter, such as info or info,stellar_submitter::worker=debug";
            self.fail("log.filter", what);
        }
        LogConfig {
            format,
            filter: given.filter,
        }
    }
}
