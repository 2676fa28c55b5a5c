//! The database is lost, or restored from a backup: everybody posts everything again, and nobody is paid twice.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Daemon, PATIENCE, World, account, eventually, payment};

/// Intents of a case.
const INTENTS: u32 = 24;

fn bodies() -> Vec<Value> {
    (1..=INTENTS)
        .map(|number| payment(&format!("loss-{number}"), account("bob"), number))
        .collect()
}

async fn post_all(daemon: &Daemon, bodies: &[Value]) -> Vec<(String, Value)> {
    let mut posted = Vec::new();
    for body in bodies {
        posted.push((daemon.client.post(body).await, body.clone()));
    }
    posted
}

async fn finish(world: &World, daemon: &Daemon, posted: &[(String, Value)]) {
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    world.ledger.faults(json!({})).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&daemon.client, posted).await;
}

/// Waits until so many have landed, whatever the daemon says.
async fn landed(world: &World, count: usize) {
    eventually("some have landed", PATIENCE, async || {
        (world.audit().paid().await.len() >= count).then_some(())
    })
    .await;
}

/// Waits until core has so many in its queue.
async fn queued(world: &World, count: u64) {
    eventually("core has them", PATIENCE, async || {
        (world.ledger.state().await["queued"] == count).then_some(())
    })
    .await;
}

/// Work in every state: some landed, some held back by the network, some lost on the way, some not begun.
async fn in_the_middle_of_it(lag: u32) -> (World, Daemon, Vec<Value>) {
    let (world, daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    let faults = json!({"seed": 4, "lose_answer_after": 0.3, "never_land": 0.1, "delay_ledgers": {"rate": 0.6, "max": 8}, "read_lag_ledgers": lag});
    world.ledger.faults(faults).await;
    let bodies = bodies();
    post_all(&daemon, &bodies).await;
    landed(&world, 6).await;
    (world, daemon, bodies)
}

async fn everything_lost_in_the_middle(lag: u32) {
    let (world, mut daemon, bodies) = in_the_middle_of_it(lag).await;
    daemon.process.kill();
    world.database.lose().await;
    let daemon = Daemon::start(&world.setup).await;
    let posted = post_all(&daemon, &bodies).await;
    finish(&world, &daemon, &posted).await;
}

#[tokio::test]
async fn everything_lost_and_posted_again_lands_once() {
    everything_lost_in_the_middle(0).await;
}

#[tokio::test]
async fn everything_lost_behind_replicas_that_lag() {
    everything_lost_in_the_middle(5).await;
}

#[tokio::test]
async fn everything_lost_where_the_source_is_its_own_channel() {
    let (world, mut daemon) = World::ready(0).await;
    world.ledger.fund(account("bob")).await;
    let bodies = bodies()[..6].to_vec();
    post_all(&daemon, &bodies).await;
    landed(&world, 2).await;
    daemon.process.kill();
    world.database.lose().await;
    let daemon = Daemon::start(&world.setup).await;
    let posted = post_all(&daemon, &bodies).await;
    finish(&world, &daemon, &posted).await;
}

#[tokio::test]
async fn a_backup_from_half_way_pays_nobody_twice() {
    let (world, mut daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    world
        .ledger
        .faults(
            json!({"seed": 9, "lose_answer_after": 0.2, "delay_ledgers": {"rate": 0.5, "max": 8}}),
        )
        .await;
    let bodies = bodies();
    post_all(&daemon, &bodies[..12]).await;
    landed(&world, 3).await;
    let backup = Backup::take(&world).await;
    // After a cut connection it goes on by itself.
    daemon.wait_until_ready().await;
    post_all(&daemon, &bodies[12..]).await;
    landed(&world, 15).await;
    daemon.process.kill();
    backup.restore(&world).await;
    let daemon = Daemon::start(&world.setup).await;
    let posted = post_all(&daemon, &bodies).await;
    finish(&world, &daemon, &posted).await;
}

#[tokio::test]
async fn a_backup_is_not_trusted_although_the_chain_shows_nothing_new_yet() {
    let (world, mut daemon) = World::ready(6).await;
    world.ledger.fund(account("bob")).await;
    let backup = Backup::take(&world).await;
    daemon.wait_until_ready().await;
    // In core's queue, and nothing of it in any ledger, when the records are set back.
    world.ledger.set(json!({"stalled": true})).await;
    let bodies = &bodies()[..6];
    for (id, _) in post_all(&daemon, &bodies[..2]).await {
        daemon.client.wait_for(&id, "in_flight", PATIENCE).await;
    }
    queued(&world, 2).await;
    daemon.process.kill();
    backup.restore(&world).await;
    let daemon = Daemon::start(&world.setup).await;
    // Others first: so the two come to channels on which nothing of them waits.
    let mut others_first = bodies.to_vec();
    others_first.rotate_left(2);
    let posted = post_all(&daemon, &others_first).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    world.ledger.set(json!({"stalled": false})).await;
    finish(&world, &daemon, &posted).await;
}

#[tokio::test]
async fn what_was_canceled_after_a_loss_is_canceled_only_if_it_never_landed() {
    let (world, mut daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    let bodies = bodies()[..4].to_vec();
    post_all(&daemon, &bodies[..2]).await;
    landed(&world, 2).await;
    // Two more wait in core's queue.
    world.ledger.set(json!({"stalled": true})).await;
    for (id, _) in post_all(&daemon, &bodies[2..]).await {
        daemon.client.wait_for(&id, "in_flight", PATIENCE).await;
    }
    queued(&world, 2).await;
    daemon.process.kill();
    world.database.lose().await;
    let daemon = Daemon::start(&world.setup).await;
    let posted = post_all(&daemon, &bodies).await;
    for (id, _) in &posted {
        let (status, answer) = daemon.client.change(id, "cancel").await;
        assert_eq!(
            status, 202,
            "nobody can know yet that it never lands: {answer}"
        );
    }
    let body = payment("fresh", account("bob"), 99);
    let fresh = (daemon.client.post(&body).await, body);
    daemon.client.change(&fresh.0, "cancel").await;
    world.ledger.set(json!({"stalled": false})).await;
    finish(&world, &daemon, &posted).await;
    daemon.client.wait_for(&fresh.0, "canceled", PATIENCE).await;
}

#[tokio::test]
async fn what_landed_after_the_backup_neither_expires_nor_lands_again() {
    let (world, mut daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    // One is parked, and the other waits behind it, when the backup is taken; later both land.
    let mut first = payment("first", account("late"), 1);
    let mut second = payment("second", account("bob"), 2);
    for body in [&mut first, &mut second] {
        body["ordering_key"] = json!("one-by-one");
        body["on_state_error"] = json!("park");
        body["valid_until"] = json!(world.ledger.in_seconds(60).await);
    }
    let posted = post_all(&daemon, &[first, second]).await;
    daemon
        .client
        .wait_for(&posted[0].0, "parked", PATIENCE)
        .await;
    let backup = Backup::take(&world).await;
    daemon.wait_until_ready().await;
    world.ledger.fund(account("late")).await;
    daemon.client.change(&posted[0].0, "retry").await;
    landed(&world, 2).await;
    daemon.process.kill();
    backup.restore(&world).await;
    world.ledger.close(80).await;
    let daemon = Daemon::start(&world.setup).await;
    finish(&world, &daemon, &posted).await;
}

#[tokio::test]
async fn records_that_move_under_a_running_daemon_end_it_before_it_signs() {
    let (world, mut daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    // As after a failover: the same rows, in another place.
    sqlx::query("update submitter.network set database = 'elsewhere'")
        .execute(&world.database.pool)
        .await
        .unwrap();
    let status = daemon.process.wait(std::time::Duration::from_secs(20));
    assert_eq!(
        status.code(),
        Some(1),
        "a failure, so that whoever runs it starts it again"
    );
    let said = daemon.process.log();
    assert!(
        said.contains("error: the database is not the one that it was"),
        "{said}"
    );

    let daemon = Daemon::start(&world.setup).await;
    let body = payment("moved", account("bob"), 1);
    let id = daemon.client.post(&body).await;
    let (status, answer) = daemon.client.change(&id, "cancel").await;
    assert_eq!(status, 202, "{answer}");
    let kept = payment("kept", account("bob"), 2);
    let kept_id = daemon.client.post(&kept).await;
    daemon.client.wait_for(&id, "canceled", PATIENCE).await;
    daemon
        .client
        .wait_for(&kept_id, "succeeded", PATIENCE)
        .await;
    let all = [(id, body), (kept_id, kept)];
    world
        .audit()
        .each(&daemon.client, &all, &["canceled", "succeeded"])
        .await;
}

/// A backup, by the tools that everybody uses, or where they are not installed by a copy of the database.
enum Backup {
    Dump(String),
    Copy(String),
}

impl Backup {
    async fn take(world: &World) -> Self {
        let dumped = Command::new("pg_dump")
            .args(["--no-owner", "--dbname", &world.database.url])
            .output();
        match dumped {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "pg_dump: {said}");
                Self::Dump(String::from_utf8(output.stdout).unwrap())
            }
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "pg_dump cannot be run: {error}"
                );
                eprintln!("pg_dump cannot be run ({error}): the backup is a copy of the database");
                Self::Copy(world.database.copy().await)
            }
        }
    }

    async fn restore(&self, world: &World) {
        match self {
            Self::Copy(name) => world.database.restore(name).await,
            Self::Dump(text) => {
                world.database.lose().await;
                let folder = crate::support::scratch();
                let file = folder.path().join("dump.sql");
                std::fs::write(&file, text).unwrap();
                let output = Command::new("psql")
                    .args([
                        "--quiet",
                        "--no-psqlrc",
                        "--set",
                        "ON_ERROR_STOP=1",
                        "--dbname",
                        &world.database.url,
                        "--file",
                    ])
                    .arg(&file)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "psql: {said}");
            }
        }
    }
}
