//! What goes wrong on request, and that what is posted meanwhile lands once all the same.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Daemon, World, account, payment};

/// The longest that some intents may take meanwhile.
pub const LIMIT: Duration = Duration::from_secs(90);

/// Everything that can go wrong, at once.
pub fn everything(seed: u64) -> Value {
    json!({
        "seed": seed, "lose_answer_after": 0.3, "lose_answer_before": 0.2, "answer_504": 0.2, "answer_503": 0.2,
        "late_bad_seq": 0.3, "never_land": 0.3, "delay_ledgers": {"rate": 0.3, "max": 6}, "slow_body_ms": 20,
        "cut_body": 0.1, "read_lag_ledgers": 3
    })
}

/// Posts so many payments to bob under these faults, waits for their ends, and reads the ledger; returns their ids.
pub async fn land_once(
    world: &World,
    daemon: &Daemon,
    faults: Value,
    named: &str,
    count: u32,
) -> Vec<String> {
    world.ledger.faults(faults).await;
    let mut posted = Vec::new();
    for number in 1..=count {
        let body = payment(&format!("{named}-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, LIMIT).await;
    world.ledger.faults(json!({})).await;
    // Whatever was still on its way has its chance to do harm now.
    world.ledger.pass(14).await;
    world.audit().each_once(&daemon.client, &posted).await;
    ids
}
