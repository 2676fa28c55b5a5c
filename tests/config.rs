//! Configuration: defaults, layers, and errors that name everything that is wrong at once.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use stellar_submitter::config::{
    Config, ConfigErrors, FeePayer, Required, Sources, SubmitMode, Way, variable,
};
use stellar_submitter::domain::soroban::Margin;
use stellar_submitter::telemetry::LogFormat;

const SECRET: &str = "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMN";
const ACCOUNT: &str = "GDRXE2BQUC3AZNPVFSCEZ76NJ3WWL25FYFK6RGZGIEKWE4SOOHSUJUJ6";
const MNEMONIC: &str = "illness spike retreat truth genius clock brain pass fit cave bargain toe";
const ALL: &[Required] = &[Required::Database, Required::Horizon, Required::Source];
/// What `run` cannot do without.
const LEAST: &[(&str, &str)] = &[
    (
        "SUBMITTER__DATABASE__URL",
        "postgres://me:pw@db.example/submitter",
    ),
    ("SUBMITTER__HORIZON__URLS", "http://127.0.0.1:8000"),
    (
        "SUBMITTER__NETWORK__PASSPHRASE",
        "Standalone Network ; February 2017",
    ),
    ("SUBMITTER__ACCOUNTS__SOURCE_SECRET", SECRET),
];

fn from_env(env: &[(&str, &str)]) -> Sources {
    Sources {
        env: env
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        ..Sources::default()
    }
}

fn load(env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::load(&from_env(env), &[])
}

fn with_least(env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::load(&from_env(&[LEAST, env].concat()), ALL)
}

fn lines(errors: &ConfigErrors) -> Vec<String> {
    errors.0.iter().map(ToString::to_string).collect()
}

fn one_line(result: Result<Config, ConfigErrors>) -> String {
    let lines = lines(&result.expect_err("it is wrong"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    file
}

fn load_file(path: &Path, env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let sources = Sources {
        file: Some(path.to_path_buf()),
        ..from_env(env)
    };
    Config::load(&sources, &[])
}

fn shipped(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name)
}

/// `section.key` → value, of the file that documents them all.
fn documented() -> BTreeMap<String, toml::Value> {
    let text = std::fs::read_to_string(shipped("default.toml")).expect("the file");
    let sections: toml::Table = text.parse().expect("TOML");
    let mut keys = BTreeMap::new();
    for (section, content) in sections {
        for (key, value) in content.as_table().expect("only sections").clone() {
            keys.insert(format!("{section}.{key}"), value);
        }
    }
    keys
}

#[test]
fn the_documented_defaults_are_what_holds() {
    let nothing = load(&[]).expect("defaults are right");
    // As a file, it says nothing new.
    let as_file = load_file(&shipped("default.toml"), &[]).expect("the file is right");
    assert_eq!(format!("{nothing:?}"), format!("{as_file:?}"));
    // A spot in each section, against a file and code that change together by mistake.
    assert_eq!(nothing.database.max_connections, 20);
    assert_eq!(nothing.horizon.submit, SubmitMode::Async);
    assert_eq!(
        nothing.horizon.deadlines,
        stellar_submitter::horizon::Deadlines::default()
    );
    assert_eq!(nothing.rpc.request_timeout, Duration::from_secs(15));
    assert_eq!(nothing.rpc.submit, Way::Horizon);
    assert_eq!(nothing.rpc.margin, Margin::percent(10));
    assert!(nothing.rpc_options().expect("no URL is needed").is_none());
    assert_eq!(nothing.accounts.channel_starting_balance.to_string(), "5");
    assert_eq!(nothing.fees.payer, FeePayer::Channel);
    assert_eq!(nothing.engine.validity_ledgers, 30);
    assert!(nothing.api.listen.ip().is_loopback() && nothing.api.idempotency_key_required);
    assert_eq!(nothing.retention.events_days, None);
    assert_eq!(nothing.log.format, LogFormat::Json);
}

#[test]
fn every_key_is_documented_and_has_a_variable() {
    let keys = documented();
    let defaults = format!("{:?}", load(&[]).expect("defaults are right"));
    for (key, value) in &keys {
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(_) => String::new(),
            other => other.to_string(),
        };
        let config =
            load(&[(&variable(key), &text)]).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(format!("{config:?}"), defaults, "{key}");
    }
    // The settings are read without defaults of their own: one key less in the file would not load, one more neither.
    assert!(keys.len() >= 40, "only {} keys", keys.len());
    let text = std::fs::read_to_string(shipped("default.toml")).expect("the file");
    let mut before = "";
    for line in text.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with("# "), "no comment above {line}");
        }
        before = line;
    }
}

#[test]
fn the_shipped_networks_are_right() {
    for (name, passphrase) in [
        ("testnet.toml", "Test SDF Network ; September 2015"),
        (
            "pubnet.toml",
            "Public Global Stellar Network ; September 2015",
        ),
    ] {
        let config =
            load_file(&shipped(name), &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let options = config.horizon_options().expect("URLs and a passphrase");
        assert_eq!(options.passphrase, passphrase);
        assert_eq!(options.urls[0].scheme(), "https");
        assert_eq!(options.requests_per_hour, 3600);
    }
}

#[test]
fn few_variables_are_enough() {
    let config = with_least(&[]).expect("enough to run");
    assert_eq!(
        config.source_secret().expect("given").account().to_string(),
        ACCOUNT
    );
    assert_eq!(
        config.network_passphrase(),
        Ok("Standalone Network ; February 2017")
    );
    assert_eq!(
        config.database_url().expect("given").expose_secret(),
        "postgres://me:pw@db.example/submitter"
    );
}

#[test]
fn variables_are_read_in_the_type_of_their_key() {
    let config = with_least(&[
        (
            "SUBMITTER__HORIZON__URLS",
            " https://one.example/path , http://two.example:8000",
        ),
        ("SUBMITTER__HORIZON__REQUESTS_PER_HOUR", "3600"),
        ("SUBMITTER__API__IDEMPOTENCY_KEY_REQUIRED", "false"),
        ("SUBMITTER__API__BOOTSTRAP_KEY", "12345678901234567890"),
        ("SUBMITTER__NETWORK__PASSPHRASE", "2017"),
        ("SUBMITTER__ACCOUNTS__CHANNEL_STARTING_BALANCE", "7"),
        ("SUBMITTER__ENGINE__POLL_MS", ""),
        ("SUBMITTER_ELSEWHERE", "not ours"),
    ])
    .expect("all is right");
    let hosts: Vec<_> = config
        .horizon
        .urls
        .iter()
        .filter_map(|url| url.host_str())
        .collect();
    assert_eq!(hosts, ["one.example", "two.example"]);
    assert_eq!(config.horizon.requests_per_hour, 3600);
    assert!(!config.api.idempotency_key_required);
    assert_eq!(
        config.api.bootstrap_key.expect("given").expose_secret(),
        "12345678901234567890"
    );
    assert_eq!(config.passphrase.as_deref(), Some("2017"));
    assert_eq!(config.accounts.channel_starting_balance.to_string(), "7");
    assert_eq!(
        config.engine.poll,
        Duration::from_millis(500),
        "empty is not set"
    );
}

#[test]
fn flags_beat_variables_and_variables_beat_the_file() {
    let file = file("[engine]\nbatch_size = 1\npoll_ms = 1000\nlease_seconds = 100\n");
    let sources = Sources {
        file: Some(file.path().to_path_buf()),
        flags: vec![("engine.batch_size".to_owned(), "3".to_owned())],
        ..from_env(&[
            ("SUBMITTER__ENGINE__BATCH_SIZE", "2"),
            ("SUBMITTER__ENGINE__POLL_MS", "2000"),
        ])
    };
    let engine = Config::load(&sources, &[]).expect("all is right").engine;
    assert_eq!(engine.batch_size, 3);
    assert_eq!(engine.poll, Duration::from_millis(2000));
    assert_eq!(engine.lease, Duration::from_secs(100));
}

#[test]
fn what_is_not_known_is_an_error_that_says_what_is() {
    let file = file(
        "loose = 1\n[horizon]\nurl = \"http://127.0.0.1\"\n[horizont]\nurls = []\n[engine]\nbatch_size = 1.5\npoll_ms = \"500\"\n[api]\nidempotency_key_required = \"yes\"\nlisten = 8080\n",
    );
    let sources = Sources {
        file: Some(file.path().to_path_buf()),
        flags: vec![("api.port".to_owned(), "80".to_owned())],
        ..from_env(&[
            ("SUBMITTER__DATABASE__URI", "postgres://x"),
            ("SUBMITTER__DATABASES__URL", "postgres://x"),
            ("SUBMITTER__URL", "x"),
            ("SUBMITTER__ENGINE__BATCH_SIZE", "many"),
        ])
    };
    let errors = Config::load(&sources, &[]).expect_err("much is wrong");
    let place = file.path().display().to_string();
    let expected = [
        (
            place.as_str(),
            "unknown key horizon.url; [horizon] has request",
        ),
        (
            &place,
            "unknown section [horizont]; there are accounts, api, database",
        ),
        (&place, "loose stands outside of any [section]"),
        (&place, "engine.batch_size must be a whole number"),
        (
            &place,
            "engine.poll_ms must be a whole number, without quotes",
        ),
        (
            &place,
            "api.idempotency_key_required must be true or false, without quotes",
        ),
        (&place, "api.listen must be text, in quotes"),
        (
            "SUBMITTER__DATABASE__URI",
            "unknown key database.uri; [database] has connect",
        ),
        (
            "SUBMITTER__DATABASES__URL",
            "unknown section databases; there are",
        ),
        ("SUBMITTER__URL", "names no key: it needs a section"),
        (
            "SUBMITTER__ENGINE__BATCH_SIZE",
            "engine.batch_size must be a whole number",
        ),
        ("flag for api.port", "unknown key api.port"),
    ];
    let lines = lines(&errors);
    for (place, what) in expected {
        let begin = format!("{place}: {what}");
        assert!(
            lines.iter().any(|line| line.starts_with(&begin)),
            "no {begin} in {lines:#?}"
        );
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

#[test]
fn every_wrong_value_is_told_at_once_with_its_key_and_variable() {
    let wrong = [
        (
            "database.url",
            "mysql://me:pw-secret@db/x",
            "not a PostgreSQL URL",
        ),
        ("database.max_connections", "1", "must be 2 to 1000, not 1"),
        (
            "horizon.urls",
            "ftp://k3y@horizon.example",
            "not a base URL",
        ),
        ("horizon.submit", "both", "must be \"async\" or \"sync\""),
        (
            "horizon.submit_timeout_seconds",
            "30",
            "must be 32 to 300, not 30",
        ),
        (
            "rpc.url",
            "https://rpc.example/?apikey=k3y",
            "not a base URL",
        ),
        ("rpc.requests_per_hour", "-1", "must be 0 to 100000000"),
        (
            "rpc.request_timeout_seconds",
            "0",
            "must be 1 to 300, not 0",
        ),
        (
            "rpc.resource_margin_percent",
            "201",
            "must be 0 to 200, not 201",
        ),
        (
            "rpc.submit",
            "all",
            "must be \"horizon\" or \"rpc\" or \"both\"",
        ),
        ("network.passphrase", "Test ", "begins or ends with a space"),
        (
            "accounts.source_secret",
            ACCOUNT,
            "not a Stellar secret key: a G… address was given",
        ),
        (
            "accounts.fee_secret",
            "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMM",
            "not a Stellar secret key: its checksum is wrong",
        ),
        (
            "accounts.channel_seed",
            "illness spike retreet truth",
            "word 3 is not in the BIP-39 English list",
        ),
        ("accounts.channels", "-1", "must be 0 to 10000, not -1"),
        (
            "accounts.channel_starting_balance",
            "5,0",
            "is not a decimal number",
        ),
        ("fees.payer", "me", "must be \"channel\" or \"fee_account\""),
        (
            "fees.max_fee_per_operation",
            "99",
            "must be 100 to 1000000000, not 99",
        ),
        ("fees.percentile", "99", "must be 50, 80 or 95"),
        (
            "engine.validity_ledgers",
            "9999999999",
            "must be 12 to 720, not 9999999999",
        ),
        ("engine.lease_seconds", "2", "must be 3 to 3600, not 2"),
        (
            "engine.resubmit_after_ledgers",
            "720",
            "must be 1 to 719, not 720",
        ),
        ("api.listen", "localhost", "not an IP address and a port"),
        (
            "api.bootstrap_key",
            "no spaces",
            "may hold visible ASCII characters only",
        ),
        (
            "api.max_body_bytes",
            "1",
            "must be 65536 to 67108864, not 1",
        ),
        (
            "api.max_bulk_body_bytes",
            "67108865",
            "must be 65536 to 67108864, not 67108865",
        ),
        ("log.format", "xml", "must be \"json\" or \"text\""),
        ("log.filter", "info,worker=loud", "not a filter"),
    ];
    let variables: Vec<(String, &str)> = wrong
        .iter()
        .map(|(key, value, _)| (variable(key), *value))
        .collect();
    let env: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let errors = Config::load(&from_env(&env), ALL).expect_err("much is wrong");
    let lines = lines(&errors);
    for (key, _, what) in wrong {
        let begin = format!("{key} ({}): {what}", variable(key));
        assert!(
            lines.iter().any(|line| line.starts_with(&begin)),
            "no {begin} in {lines:#?}"
        );
    }
    assert_eq!(lines.len(), wrong.len(), "{lines:#?}");
    let all = errors.to_string();
    for secret in ["pw-secret", "k3y", ACCOUNT, "SBGW", "retreet", "illness"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let errors = Config::load(&Sources::default(), ALL).expect_err("nothing is given");
    let missing: Vec<String> = [
        "database.url",
        "network.passphrase",
        "horizon.urls",
        "accounts.source_secret",
    ]
    .map(|key| format!("{key} ({}): is required and not given", variable(key)))
    .into();
    let mut lines = lines(&errors);
    let mut expected = missing;
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn settings_that_contradict_each_other_are_named() {
    let seed = "SUBMITTER__ACCOUNTS__CHANNEL_SEED";
    let channels = ("SUBMITTER__ACCOUNTS__CHANNELS", "5");
    let line = one_line(with_least(&[channels]));
    assert!(
        line.starts_with(&format!("accounts.channel_seed ({seed}): is required")),
        "{line}"
    );
    let config = with_least(&[channels, (seed, MNEMONIC)]).expect("with the seed");
    assert_eq!(config.accounts.channels, 5);

    let line = one_line(with_least(&[(
        "SUBMITTER__ACCOUNTS__CHANNEL_TOP_UP_BELOW",
        "5.0",
    )]));
    assert!(
        line.ends_with("must be less than accounts.channel_starting_balance"),
        "{line}"
    );

    let line = one_line(with_least(&[(
        "SUBMITTER__ENGINE__RESUBMIT_AFTER_LEDGERS",
        "30",
    )]));
    assert!(
        line.ends_with("must be less than engine.validity_ledgers"),
        "{line}"
    );

    // A lease may be shorter than a submission: who takes over can but send the same bytes.
    with_least(&[
        ("SUBMITTER__HORIZON__SUBMIT", "sync"),
        ("SUBMITTER__ENGINE__LEASE_SECONDS", "3"),
    ])
    .expect("no contradiction");

    let short = ("SUBMITTER__API__BOOTSTRAP_KEY", "sk_dev");
    with_least(&[short]).expect("on loopback a short key is fine");
    let line = one_line(with_least(&[
        short,
        ("SUBMITTER__API__LISTEN", "0.0.0.0:8080"),
    ]));
    assert!(line.contains("at least 16 characters"), "{line}");
}

#[test]
fn secrets_may_come_from_files() {
    let secret = file(&format!("{SECRET}\n"));
    let path = secret.path().to_str().expect("UTF-8");
    let variable = "SUBMITTER__ACCOUNTS__SOURCE_SECRET_FILE";
    let config = load(&[(variable, path)]).expect("it is in the file");
    assert_eq!(
        config.source_secret().expect("given").account().to_string(),
        ACCOUNT
    );

    let line = one_line(with_least(&[(variable, path)]));
    assert!(
        line.contains("is given, and accounts.source_secret_file too"),
        "{line}"
    );

    let line = one_line(load(&[(variable, "/no/such/file")]));
    let begin = format!("accounts.source_secret_file ({variable}): /no/such/file cannot be read: ");
    assert!(line.starts_with(&begin), "{line}");

    let empty = file("\n");
    let path = empty.path().to_str().expect("UTF-8");
    let result = Config::load(&from_env(&[(variable, path)]), &[Required::Source]);
    assert!(one_line(result).ends_with("is empty"));
}

#[test]
fn a_broken_file_is_named_with_its_line_and_without_its_text() {
    let broken = file(&format!(
        "[accounts]\nchannels = 1\nsource_secret = {SECRET}\n"
    ));
    let line = one_line(load_file(broken.path(), &[]));
    assert_eq!(
        line,
        format!("{}: line 3: not valid TOML", broken.path().display())
    );
    let line = one_line(load_file(Path::new("/no/such/file.toml"), &[]));
    assert!(line.starts_with("/no/such/file.toml: "), "{line}");
}

#[test]
fn nothing_secret_is_ever_shown() {
    let config = with_least(&[
        ("SUBMITTER__ACCOUNTS__CHANNEL_SEED", MNEMONIC),
        ("SUBMITTER__API__BOOTSTRAP_KEY", "a-very-secret-key"),
        (
            "SUBMITTER__HORIZON__URLS",
            "https://user:s3cret@h.example/k3y",
        ),
        ("SUBMITTER__RPC__URL", "https://r.example/k3y"),
    ])
    .expect("all is right");
    let shown = format!("{config:?}");
    for secret in [
        "pw@",
        SECRET,
        "illness",
        "a-very-secret-key",
        "s3cret",
        "k3y",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("h.example"), "{shown}");
}

#[test]
fn receipts_are_signed_by_a_key_of_their_own() {
    // HMAC-SHA-256 of the label under the source's key, computed by another program: daemons of one source must sign alike
    // for ever.
    let derived = "SAGQU5BIKO36HIOYJ6NQZORWX6YTOCLH2DE2FW35CVZB5DHGCSEBVTMH";
    let config = with_least(&[]).expect("it is right");
    let key = config.receipt_key().expect("it is derived");
    assert_eq!(key.written().expose_secret(), derived);
    assert_ne!(key.account().to_string(), ACCOUNT);
    let given = with_least(&[("SUBMITTER__RECEIPTS__SIGNING_SECRET", SECRET)]);
    let key = given.expect("it is right").receipt_key().expect("given");
    assert_eq!(key.account().to_string(), ACCOUNT);
    let line = one_line(with_least(&[(
        "SUBMITTER__RECEIPTS__SIGNING_SECRET",
        ACCOUNT,
    )]));
    assert!(line.contains("receipts.signing_secret"), "{line}");
    // A command that needs no source has no key, and says which is missing.
    let none = load(&[]).expect("nothing is required").receipt_key();
    assert!(
        none.expect_err("no key")
            .to_string()
            .contains("accounts.source_secret")
    );
}

#[test]
fn stellar_rpc_is_named_by_one_url_or_by_many() {
    let passphrase = ("SUBMITTER__NETWORK__PASSPHRASE", "Test");
    let hosts = |env: &[(&str, &str)]| -> Vec<String> {
        let config = load(&[env, &[passphrase]].concat()).expect("right");
        let options = config.rpc_options().expect("a passphrase");
        let urls = options.expect("URLs").urls;
        urls.iter().map(ToString::to_string).collect()
    };
    let one = ("SUBMITTER__RPC__URL", "https://rpc.example/v1");
    let many = (
        "SUBMITTER__RPC__URLS",
        "http://127.0.0.1:8000/rpc, https://rpc.example",
    );
    assert_eq!(hosts(&[one]), ["https://rpc.example/v1"]);
    assert_eq!(
        hosts(&[many]),
        ["http://127.0.0.1:8000/rpc", "https://rpc.example/"]
    );
    let both = one_line(load(&[one, many]));
    assert!(
        both.contains("rpc.url") && both.contains("only one of them"),
        "{both}"
    );
    let none = one_line(load(&[("SUBMITTER__RPC__SUBMIT", "both")]));
    assert!(
        none.contains("rpc.submit") && none.contains("needs rpc.urls"),
        "{none}"
    );
    let config = load(&[one, ("SUBMITTER__RPC__SUBMIT", "rpc")]).expect("right");
    assert_eq!(config.rpc.submit, Way::Rpc);
}
