//! Hundreds of workflows call one contract, each posted more than once, while answers get lost and daemons die: the
//! counter on the ledger says how often it ran.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::world::{Daemon, eventually};

/// Workflows of a case.
const WORKFLOWS: u32 = 500;
/// Posts at once.
const CLIENTS: usize = 16;
/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(400);

fn bodies(stage: &Stage) -> Vec<Value> {
    (1..=WORKFLOWS)
        .map(|number| stage.inc(&format!("w-{number}")))
        .collect()
}

/// Posts all, each twice at once; returns their ids.
async fn post_all(daemon: &Daemon, bodies: &[Value]) -> Vec<String> {
    let posts: Vec<_> = bodies
        .iter()
        .map(|body| daemon.client.post_until_accepted(body, true))
        .collect();
    futures_util::stream::iter(posts)
        .buffer_unordered(CLIENTS)
        .collect()
        .await
}

async fn counted(stage: &Stage, at_least: u64) {
    eventually("calls have run", LIMIT, async || {
        (stage.count().await >= at_least).then_some(())
    })
    .await;
}

/// Everything is final and succeeded, and the ledger has counted each once, also when all that may still land has had its
/// time.
async fn each_ran_once(stage: &Stage, daemon: &Daemon, ids: &[String]) {
    for intent in daemon.client.wait_until_final(ids, LIMIT).await {
        assert_eq!(intent["status"], "succeeded", "{intent}");
    }
    stage.world.ledger.faults(json!({})).await;
    stage.world.ledger.pass(30).await;
    assert_eq!(stage.count().await, u64::from(WORKFLOWS));
}

fn faults() -> Value {
    json!({"seed": 7, "lose_answer_after": 0.1, "lose_answer_before": 0.05, "answer_504": 0.05, "late_bad_seq": 0.05,
        "delay_ledgers": {"rate": 0.2, "max": 5}})
}

#[tokio::test]
async fn five_hundred_workflows_with_kills_and_lost_answers() {
    let (stage, mut daemon) = Stage::ready(50).await;
    stage.world.ledger.faults(faults()).await;
    let bodies = bodies(&stage);
    let first = post_all(&daemon, &bodies).await;
    for at_least in [50, 200] {
        counted(&stage, at_least).await;
        daemon.process.kill();
        daemon = Daemon::start(&stage.world.setup).await;
    }
    // Everybody asks again, after the restarts.
    let again = post_all(&daemon, &bodies).await;
    let (mut left, mut right) = (first, again.clone());
    left.sort();
    right.sort();
    assert_eq!(left, right, "a workflow has one intent for ever");
    each_ran_once(&stage, &daemon, &again).await;
}

#[tokio::test]
async fn five_hundred_workflows_whose_database_is_emptied_half_way() {
    let (stage, mut daemon) = Stage::ready(50).await;
    stage.world.ledger.faults(faults()).await;
    let bodies = bodies(&stage);
    post_all(&daemon, &bodies).await;
    counted(&stage, 200).await;
    daemon.process.kill();
    stage.world.database.lose().await;
    let daemon = Daemon::start(&stage.world.setup).await;
    let ids = post_all(&daemon, &bodies).await;
    each_ran_once(&stage, &daemon, &ids).await;
}
