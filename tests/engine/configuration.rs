//! A wrong setting on the command line: one clear error that names it, and nothing is stored.

use std::time::Duration;

use crate::world::{
    CHANNEL_SEED, Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, payment,
};

/// How long a refusal may take: a database that does not answer is waited for.
const REFUSAL: Duration = Duration::from_secs(30);

/// A setting that is wrong: its key, its value, the exit code, and what else must be said.
const WRONG: &[(&str, &str, &str, i32, &str)] = &[
    (
        "accounts.source_secret",
        "ACCOUNTS__SOURCE_SECRET",
        "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMX",
        2,
        "secret key",
    ),
    (
        "accounts.source_secret",
        "ACCOUNTS__SOURCE_SECRET",
        "GDRXE2BQUC3AZNPVFSCEZ76NJ3WWL25FYFK6RGZGIEKWE4SOOHSUJUJ6",
        2,
        "",
    ),
    (
        "accounts.channel_seed",
        "ACCOUNTS__CHANNEL_SEED",
        "illness spike retreat truth genius clock brain pass fit cave bargain bargain",
        2,
        "checksum",
    ),
    ("accounts.channels", "ACCOUNTS__CHANNELS", "many", 2, ""),
    (
        "accounts.channels",
        "ACCOUNTS__CHANNELS",
        "10001",
        2,
        "0 to 10000",
    ),
    (
        "horizon.urls",
        "HORIZON__URLS",
        "horizon.example",
        2,
        "http",
    ),
    (
        "database.url",
        "DATABASE__URL",
        "mysql://me:secret-word@127.0.0.1/x",
        2,
        "postgres://",
    ),
    (
        "database.url",
        "DATABASE__URL",
        "postgres://me:secret-word@127.0.0.1:1/x",
        1,
        "",
    ),
    (
        "network.passphrase",
        "NETWORK__PASSPHRASE",
        " Standalone Network ; February 2017",
        2,
        "space",
    ),
    ("api.listen", "API__LISTEN", "localhost", 2, ""),
    (
        "api.listen",
        "API__LISTEN",
        "192.0.2.1:8080",
        2,
        "bootstrap_key",
    ),
    (
        "engine.validity_ledgers",
        "ENGINE__VALIDITY_LEDGERS",
        "11",
        2,
        "12 to 720",
    ),
    (
        "engine.validty_ledgers",
        "ENGINE__VALIDTY_LEDGERS",
        "30",
        2,
        "",
    ),
];

#[tokio::test]
async fn each_wrong_setting_is_named_and_nothing_is_stored() {
    let world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    for (key, variable, value, code, also) in WRONG {
        let mut setup = world.setup.clone();
        setup.set(variable, value);
        if *variable == "API__LISTEN" && also == &"bootstrap_key" {
            // Reachable from elsewhere, a short key is refused.
            setup.set("API__BOOTSTRAP_KEY", "short");
        }
        if *variable == "ACCOUNTS__CHANNELS" {
            setup.set("ACCOUNTS__CHANNEL_SEED", CHANNEL_SEED);
        }
        let key = if also == &"bootstrap_key" {
            "api.bootstrap_key"
        } else {
            key
        };
        let variable = if also == &"bootstrap_key" {
            "API__BOOTSTRAP_KEY"
        } else {
            variable
        };
        let mut process = setup.spawn(&["run"]);
        let status = process.wait(REFUSAL);
        let said = process.log();
        let errors: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(status.code(), Some(*code), "{variable}={value}: {said}");
        assert_eq!(errors.len(), 1, "{variable}={value}: {said}");
        assert!(errors[0].contains(key), "{key} is not named: {said}");
        assert!(
            errors[0].contains(&format!("SUBMITTER__{variable}")),
            "{variable} is not named: {said}"
        );
        assert!(errors[0].contains(also), "{also:?}: {said}");
        for secret in ["secret-word", "SBGWSG6BTNCK", "illness spike"] {
            assert!(!said.contains(secret), "a secret is shown: {said}");
        }
    }
    let (schema,): (bool,) = sqlx::query_as("select to_regnamespace('submitter') is not null")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert!(!schema, "something was stored");
}

#[tokio::test]
async fn everything_that_is_missing_is_named_at_once() {
    let mut process = crate::support::Process::spawn(&["run"], &[]);
    assert_eq!(process.wait(REFUSAL).code(), Some(2));
    let said = process.log();
    for name in [
        "DATABASE__URL",
        "HORIZON__URLS",
        "NETWORK__PASSPHRASE",
        "ACCOUNTS__SOURCE_SECRET",
    ] {
        assert!(
            said.contains(&format!("SUBMITTER__{name}")),
            "{name}: {said}"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (world, daemon) = World::ready(0).await;
    let address = daemon
        .client
        .api
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let mut setup = world.setup.clone();
    setup.set("API__LISTEN", &address);
    let mut process = setup.spawn(&["run"]);
    assert_eq!(process.wait(REFUSAL).code(), Some(1));
    let said = process.log();
    assert!(
        said.contains("SUBMITTER__API__LISTEN") && said.contains(&address),
        "{said}"
    );
}

#[tokio::test]
async fn a_wrong_passphrase_is_told_and_can_be_mended() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    let right = world.setup.clone();
    world
        .setup
        .set("NETWORK__PASSPHRASE", "Another Network ; 2018");
    let mut process = world.setup.spawn(&["run"]);
    let status = eventually("it ends", PATIENCE, async || process.ended()).await;
    let said = process.log();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("network.passphrase") && said.contains("Another Network"),
        "{said}"
    );
    assert!(
        said.contains(crate::world::ledger::PASSPHRASE),
        "it says what Horizon serves: {said}"
    );

    // Nothing of the wrong network stays: the right one is taken without a complaint.
    let daemon = Daemon::start_ready(&right).await;
    let body = payment("right", account("bob"), 1);
    let id = daemon.client.post(&body).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    world.audit().each_once(&daemon.client, &[(id, body)]).await;

    // Once the records belong to a network, another passphrase is refused, and the records say which is theirs.
    drop(daemon);
    let mut process = world.setup.spawn(&["run"]);
    assert_eq!(process.wait(REFUSAL).code(), Some(1));
    let said = process.log();
    assert!(
        said.contains("Another Network") && said.contains(crate::world::ledger::PASSPHRASE),
        "{said}"
    );
}
