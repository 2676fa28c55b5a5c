//! `recover`: an operator says that the records may lack something, or that the chain is another one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::world::{Daemon, PATIENCE, World, account, eventually, payment};
use crate::{metric, quiet, run};

/// What `doctor` says of the records. (Ledgers that are faster than one a second run ahead of the clock, which it says, too.)
fn records_are_well(world: &World) -> bool {
    let (_, findings, log) = run(&world.setup, &["doctor"]);
    let all = findings.as_array().unwrap_or_else(|| panic!("{log}"));
    all.iter()
        .any(|finding| finding["what"] == "records" && finding["ok"] == true)
}

/// Requests to Horizon, by call.
async fn asked(daemon: &Daemon) -> BTreeMap<String, u64> {
    let (_, text) = daemon.client.get("/metrics").await;
    let mut asked = BTreeMap::new();
    for line in text.as_str().unwrap().lines() {
        let Some(labels) = line.strip_prefix("submitter_horizon_requests_total{") else {
            continue;
        };
        let (labels, count) = labels.rsplit_once("} ").unwrap();
        let call = labels
            .split(',')
            .find_map(|label| label.strip_prefix("call="));
        let call = call.unwrap().trim_matches('"').to_owned();
        *asked.entry(call).or_default() += count.parse::<u64>().unwrap();
    }
    asked
}

#[tokio::test]
async fn what_an_operator_recovers_is_explained_before_anything_is_signed() {
    let (world, mut daemon) = quiet(2).await;
    let body = payment("before", account("bob"), 1);
    let id = daemon.client.post(&body).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert!(records_are_well(&world), "nothing is wrong yet");

    let (status, _, log) = run(&world.setup, &["recover"]);
    assert_eq!(status, 2);
    assert!(
        log.contains("Say --yes"),
        "it only says what it would do: {log}"
    );
    world.ledger.pass(1).await;
    assert!(daemon.process.ended().is_none());

    let recover = ["recover", "--window", "40", "--since", "2", "--yes"];
    let (status, answer, log) = run(&world.setup, &recover);
    assert_eq!(
        (status, &answer["window_ledgers"]),
        (0, &json!(40)),
        "{log}"
    );
    assert_eq!(answer["running_daemons"], 1);
    let ended = daemon.process.wait(Duration::from_secs(20));
    assert_eq!(
        ended.code(),
        Some(1),
        "so that whoever runs it starts it again"
    );
    let (status, _, log) = run(&world.setup, &["doctor"]);
    assert_eq!(status, 1);
    assert!(
        log.contains("not everything on the chain is explained"),
        "{log}"
    );

    let mut daemon = Daemon::start(&world.setup).await;
    let after = payment("after", account("bob"), 2);
    let after_id = daemon.client.post(&after).await;
    let said = eventually("it says what it waits for", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("nothing is signed before ledger")
            .then_some(said)
    })
    .await;
    assert_eq!(daemon.client.readiness().await.0, 503, "{said}");
    let until = eventually("the gauges follow", PATIENCE, async || {
        let until = metric(&daemon, "submitter_quarantine_until_ledger").await?;
        (until > 0.0).then_some(until)
    })
    .await;
    assert_eq!(
        metric(&daemon, "submitter_records_explained").await,
        Some(0.0)
    );
    let head = world.ledger.head().await as f64;
    assert!(until > head, "until {until}, now {head}");
    // Whoever waits for ledgers asks for ledgers.
    let before = asked(&daemon).await;
    let mut since = eventually("it asks again", PATIENCE, async || {
        let since = asked(&daemon).await;
        (since["latest_ledger"] > before["latest_ledger"]).then_some(since)
    })
    .await;
    assert!((world.ledger.head().await as f64) < until, "it still waits");
    since.insert("latest_ledger".to_owned(), before["latest_ledger"]);
    assert_eq!(since, before);
    let (status, _, log) = run(&world.setup, &["doctor"]);
    assert_eq!(status, 1);
    assert!(log.contains("nothing is signed before ledger"), "{log}");

    daemon.wait_until_ready().await;
    assert!(world.ledger.head().await as f64 >= until);
    daemon
        .client
        .wait_for(&after_id, "succeeded", PATIENCE)
        .await;
    assert!(records_are_well(&world), "everything is explained");
    let posted = [(id, body), (after_id, after)];
    world.audit().each_once(&daemon.client, &posted).await;
}

#[tokio::test]
async fn a_reset_network_stops_everything_until_an_operator_accepts_the_new_chain() {
    let (world, mut daemon) = quiet(1).await;
    let old = payment("old", account("bob"), 1);
    let old_id = daemon.client.post(&old).await;
    daemon.client.wait_for(&old_id, "succeeded", PATIENCE).await;
    world.ledger.pass(12).await;
    let accept = ["recover", "--accept-network-reset"];
    let (status, _, log) = run(&world.setup, &accept);
    assert_eq!(status, 1);
    assert!(log.contains("was not reset"), "{log}");

    world.ledger.reset().await;
    eventually("the daemon halts", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("reset").then_some(())
    })
    .await;
    assert_eq!(metric(&daemon, "submitter_engine_halted").await, Some(1.0));
    let new = payment("new", account("bob"), 2);
    let new_id = daemon.client.post(&new).await;
    // Past everything that the records know, so that nothing but the hash tells; and other numbers for the channels.
    world.ledger.close(200).await;
    let (status, _, log) = run(&world.setup, &[&accept[..], &["--yes"]].concat());
    assert_eq!(status, 1, "not while a daemon runs");
    assert!(log.contains("stop them first"), "{log}");
    daemon.terminate();
    // Numbers that are on record could be given again.
    sqlx::query("update submitter.attempts set sequence = sequence + (100000::bigint << 32)")
        .execute(&world.database.pool)
        .await
        .unwrap();
    let (status, _, log) = run(&world.setup, &accept);
    assert_eq!(status, 1);
    assert!(log.contains("sequence numbers that are on record"), "{log}");
    sqlx::query("update submitter.attempts set sequence = sequence - (100000::bigint << 32)")
        .execute(&world.database.pool)
        .await
        .unwrap();
    let (status, _, log) = run(&world.setup, &accept);
    assert_eq!(status, 2);
    assert!(log.contains("Say --yes"), "{log}");
    let (status, answer, log) = run(&world.setup, &[&accept[..], &["--yes"]].concat());
    assert_eq!(status, 0, "{log}");
    assert!(answer["new_ledger"].as_u64().unwrap() > 200, "{answer}");

    tokio::join!(
        world.ledger.fund(account("source")),
        world.ledger.fund(account("bob"))
    );
    let daemon = Daemon::start_ready(&world.setup).await;
    daemon.client.wait_for(&new_id, "succeeded", PATIENCE).await;
    // Paid on the chain that is gone, and never again.
    daemon.client.post(&old).await;
    world.ledger.pass(4).await;
    assert_eq!(daemon.client.intent(&old_id).await["status"], "succeeded");
    assert_eq!(world.audit().paid().await.len(), 1);
}
