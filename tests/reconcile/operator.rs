//! A second writer stops the smallest thing, says why, is survived; and an operator allows it again.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{Daemon, PATIENCE, World, account, eventually, key, payment};
use crate::{by_hand, channel, metric, quiet, run};

async fn channel_of(daemon: &Daemon, index: u32) -> Value {
    let name = channel(index).account().to_string();
    let all = daemon.client.channels().await;
    let found = all.into_iter().find(|row| row["account"] == name);
    found.unwrap()
}

async fn post(daemon: &Daemon, number: u32) -> String {
    let body = payment(&format!("work-{number}"), account("bob"), number);
    daemon.client.post(&body).await
}

/// Posts one that lands; returns the account whose number it used.
async fn lands_on(daemon: &Daemon, number: u32) -> String {
    let id = post(daemon, number).await;
    let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    intent["transaction"]["channel"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Somebody takes the number of an attempt that the network forgot; returns the hash and the intent.
async fn take_the_number_of(
    world: &World,
    daemon: &Daemon,
    of: &str,
    number: u32,
) -> (String, String) {
    world.ledger.faults(json!({"never_land": 1.0})).await;
    let id = post(daemon, number).await;
    daemon.client.wait_for(&id, "in_flight", PATIENCE).await;
    eventually("its attempt is signed", PATIENCE, async || {
        let attempts = daemon.client.attempts(&id).await;
        attempts
            .iter()
            .any(|attempt| attempt["channel"] == of)
            .then_some(())
    })
    .await;
    // It must not send the same bytes again before somebody takes the number.
    daemon.process.signal_now(Signal::STOP);
    world.ledger.faults(json!({})).await;
    let owner = if of == account("source").to_string() {
        key("source")
    } else {
        channel(0)
    };
    let hash = by_hand(world, owner).await;
    daemon.process.signal_now(Signal::CONT);
    (hash, id)
}

#[tokio::test]
async fn a_second_writer_stops_its_channel_alone_and_an_operator_resumes_it() {
    let (world, daemon) = quiet(1).await;
    let name = channel(0).account().to_string();
    assert_eq!(lands_on(&daemon, 1).await, name);
    let (hash, id) = take_the_number_of(&world, &daemon, &name, 2).await;

    // Survived: the intent lands, once, by another account.
    let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(
        intent["transaction"]["channel"],
        account("source").to_string(),
        "{intent}"
    );
    // Named, and stopped.
    let row = channel_of(&daemon, 0).await;
    assert_eq!(row["state"], "paused", "{row}");
    let reason = row["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("second_writer") && reason.contains(&hash),
        "{reason}"
    );
    let foreign = r#"submitter_foreign_transactions_total{on="channel"}"#;
    assert_eq!(metric(&daemon, foreign).await, Some(1.0));
    let paused = r#"submitter_channels{kind="channel",state="paused"}"#;
    eventually("the gauge follows", PATIENCE, async || {
        (metric(&daemon, paused).await == Some(1.0)).then_some(())
    })
    .await;
    assert!(
        daemon
            .process
            .log()
            .contains("a second writer uses a channel: it is paused")
    );
    let (status, _, log) = run(&world.setup, &["doctor"]);
    assert_eq!(status, 1);
    assert!(log.contains(&hash), "doctor names it: {log}");
    assert_eq!(
        daemon.client.readiness().await.0,
        200,
        "everything else goes on"
    );
    assert_eq!(lands_on(&daemon, 3).await, account("source").to_string());
    let (status, report, log) = run(&world.setup, &["reconcile"]);
    assert_eq!(status, 1, "{log}");
    let items = report["findings"]["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|item| item["kind"] == "foreign_channel_use" && item["transaction"] == hash),
        "{report:#}"
    );

    // It writes on. What it did is explained before the channel is used again.
    by_hand(&world, channel(0)).await;
    let (status, answer, log) = run(&world.setup, &["channels", "resume", &name]);
    assert_eq!((status, &answer["state"]), (0, &json!("open")), "{log}");
    assert_eq!(answer["explained"], 1, "{answer}");
    let on_chain = world.ledger.sequence(channel(0).account()).await;
    assert_eq!(answer["sequence"], on_chain.to_string());
    assert_eq!(lands_on(&daemon, 4).await, name);
    let (status, report, log) = run(&world.setup, &["reconcile"]);
    // The transaction that was made meanwhile, and nothing else.
    assert_eq!(
        (status, &report["by_kind"]),
        (1, &json!({"foreign_channel_use": 1})),
        "{log}"
    );
    let (status, _, log) = run(&world.setup, &["reconcile"]);
    assert_eq!(status, 0, "{log}");
    let all = [(id, payment("work-2", account("bob"), 2))];
    assert_eq!(daemon.client.intent(&all[0].0).await["status"], "succeeded");
}

#[tokio::test]
async fn an_operator_pauses_a_channel_and_resumes_it() {
    let (world, daemon) = quiet(1).await;
    let name = channel(0).account().to_string();
    let pause = [
        "channels",
        "pause",
        &name,
        "--reason",
        "its key is being moved",
    ];
    let (status, answer, log) = run(&world.setup, &pause);
    assert_eq!((status, &answer["state"]), (0, &json!("paused")), "{log}");
    let row = channel_of(&daemon, 0).await;
    assert_eq!(row["reason"], "its key is being moved", "{row}");
    assert_eq!(lands_on(&daemon, 1).await, account("source").to_string());
    let (status, answer, log) = run(&world.setup, &["channels", "resume", &name]);
    assert_eq!((status, &answer["state"]), (0, &json!("open")), "{log}");
    assert_eq!(lands_on(&daemon, 2).await, name);

    let stranger = account("bob").to_string();
    let (status, _, log) = run(&world.setup, &["channels", "resume", &stranger]);
    assert_eq!(status, 1);
    assert!(log.contains("no channel on record"), "{log}");
    let (status, _, log) = run(
        &world.setup,
        &[
            "channels",
            "pause",
            &name,
            "--reason",
            "sequence_unexplained",
        ],
    );
    assert_eq!(status, 2, "{log}");
    // What the daemon stopped by itself, and resumes by itself, is nobody's to say.
    sqlx::query("update submitter.channels set state = 'paused', reason = 'sequence_unexplained' where account = $1")
        .bind(&name)
        .execute(&world.database.pool)
        .await
        .unwrap();
    let (status, _, log) = run(&world.setup, &["channels", "resume", &name]);
    assert_eq!(status, 1);
    assert!(log.contains("resumes by itself"), "{log}");
}

#[tokio::test]
async fn the_source_goes_on_where_its_owner_uses_it_by_hand_unless_that_is_not_wanted() {
    let (mut world, mut daemon) = quiet(0).await;
    let source = account("source").to_string();
    let (_, id) = take_the_number_of(&world, &daemon, &source, 1).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert!(
        daemon
            .process
            .log()
            .contains("the source account was used by somebody else")
    );
    let foreign = r#"submitter_foreign_transactions_total{on="source"}"#;
    assert_eq!(metric(&daemon, foreign).await, Some(1.0));
    assert_eq!(lands_on(&daemon, 2).await, source);

    daemon.terminate();
    world
        .setup
        .set("ACCOUNTS__PAUSE_SOURCE_ON_FOREIGN_USE", "true");
    let daemon = Daemon::start_ready(&world.setup).await;
    let (hash, id) = take_the_number_of(&world, &daemon, &source, 3).await;
    let reason = eventually("the source stops", PATIENCE, async || {
        let rows = daemon.client.channels().await;
        (rows[0]["state"] == "paused").then(|| rows[0]["reason"].to_string())
    })
    .await;
    assert!(reason.contains(&hash), "{reason}");
    world.ledger.pass(8).await;
    assert_eq!(
        daemon.client.intent(&id).await["status"],
        "queued",
        "nothing is signed"
    );
    let (status, _, log) = run(&world.setup, &["channels", "resume", &source]);
    assert_eq!(status, 0, "{log}");
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
}
