//! `retention`, and what `run` does of it by itself.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Process, TestDatabase, database, free_port};
use crate::{ask, event, months, name_of, run, store, submission};

/// How long a daemon may take to do its first round.
const ROUND_LIMIT: Duration = Duration::from_secs(60);

fn retention(database: &TestDatabase, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stellar-submitter"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SUBMITTER") {
            command.env_remove(name);
        }
    }
    command
        .arg("retention")
        .args(arguments)
        .env("SUBMITTER__DATABASE__URL", &database.url)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_str(text(output)).unwrap()
}

/// A database with one event and one submission of a hundred days ago, and one of each of today.
async fn with_old_rows() -> TestDatabase {
    let database = database().await;
    for days in [100, 0] {
        let at = format!("now() - interval '{days} days'");
        event(&database.pool, Uuid::now_v7(), &at).await;
        submission(&database.pool, Uuid::now_v7(), &at).await;
    }
    database
}

#[tokio::test]
async fn the_command_shows_then_drops() {
    let database = with_old_rows().await;
    let pool = &database.pool;
    assert_eq!(
        text(&retention(&database, &[])),
        "events and submissions are kept for ever\n"
    );
    assert_eq!(
        text(&retention(&database, &["--events-days", "9999"])),
        "no month ended more than 9999 days ago\n"
    );
    store(&database).await.make_partitions().await.unwrap();

    let shown = answer(&retention(
        &database,
        &["--events-days", "40", "--dry-run", "--json"],
    ));
    assert_eq!(
        (&shown["events_days"], &shown["dry_run"]),
        (&json!(40), &json!(true))
    );
    let partitions = shown["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2);
    assert_eq!(partitions[0]["table"], "events");
    assert_eq!(partitions[0]["dropped"], false);
    assert!(partitions[0]["bytes"].as_i64().unwrap() > 0);
    assert!(
        partitions[0]["until"]
            .as_str()
            .unwrap()
            .ends_with("-01T00:00:00Z")
    );
    let name = partitions[0]["partition"].as_str().unwrap();
    let table = retention(&database, &["--events-days", "40", "--dry-run"]);
    assert!(text(&table).contains(name) && text(&table).contains("would be dropped"));
    assert_eq!(
        ask::<i64>(pool, "select count(*) from submitter.events").await,
        2
    );

    let done = answer(&retention(&database, &["--events-days", "40", "--json"]));
    assert_eq!(done["partitions"][1]["table"], "submissions");
    assert_eq!(done["partitions"][1]["dropped"], true);
    assert_eq!(
        ask::<i64>(pool, "select count(*) from submitter.events").await,
        1
    );
    assert_eq!(
        ask::<i64>(pool, "select count(*) from submitter.submissions").await,
        1
    );
    let nothing = answer(&retention(&database, &["--events-days", "40", "--json"]));
    assert_eq!(nothing["partitions"], json!([]));
}

#[tokio::test]
async fn the_command_also_drops_what_had_no_partition_and_takes_the_configuration() {
    let database = with_old_rows().await;
    let done = answer(&retention(
        &database,
        &["--set", "retention.events_days=40", "--json"],
    ));
    assert_eq!(done["events_days"], 40);
    assert_eq!(done["partitions"].as_array().unwrap().len(), 2);
    let pool = &database.pool;
    assert_eq!(
        ask::<i64>(pool, "select count(*) from submitter.events").await,
        1
    );
}

#[tokio::test]
async fn the_command_says_what_it_could_not_do() {
    let database = with_old_rows().await;
    store(&database).await.make_partitions().await.unwrap();
    let mut long = database.pool.begin().await.unwrap();
    sqlx::query("select count(*) from submitter.events")
        .execute(&mut *long)
        .await
        .unwrap();
    let output = retention(&database, &["--events-days", "40", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["partitions"][0]["dropped"], false);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("and what is newer is kept"),
        "{complaint}"
    );
    long.rollback().await.unwrap();
    assert_eq!(
        retention(&database, &["--events-days", "36501"])
            .status
            .code(),
        Some(2)
    );
}

#[tokio::test]
async fn a_daemon_keeps_the_months() {
    let database = with_old_rows().await;
    let pool = &database.pool;
    let next = name_of(pool, "events", 1).await;
    run(pool, format!("drop table submitter.{next}")).await;
    // There is no Horizon: what keeps the tables does not wait for one.
    let horizon = format!("http://127.0.0.1:{}", free_port());
    let secret = secrecy::ExposeSecret::expose_secret(
        &stellar_submitter::signer::SecretKey::from_bytes([7; 32]).written(),
    )
    .to_owned();
    let daemon = Process::spawn(
        &["run"],
        &[
            ("SUBMITTER__DATABASE__URL", &database.url),
            ("SUBMITTER__HORIZON__URLS", &horizon),
            (
                "SUBMITTER__NETWORK__PASSPHRASE",
                "Standalone Network ; February 2017",
            ),
            ("SUBMITTER__ACCOUNTS__SOURCE_SECRET", &secret),
            ("SUBMITTER__API__LISTEN", "127.0.0.1:0"),
            ("SUBMITTER__RETENTION__EVENTS_DAYS", "40"),
        ],
    );
    let begun = Instant::now();
    loop {
        let events: i64 = ask(pool, "select count(*) from submitter.events").await;
        let submissions: i64 = ask(pool, "select count(*) from submitter.submissions").await;
        if (events, submissions) == (1, 1) && months(pool, "events").await.contains(&next) {
            break;
        }
        assert!(begun.elapsed() < ROUND_LIMIT, "{}", daemon.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        ask::<i64>(pool, "select count(*) from submitter.events_default").await,
        0
    );
}
