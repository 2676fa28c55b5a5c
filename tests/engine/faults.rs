//! Each fault alone, and all together: what is posted lands exactly once, whatever Horizon says.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, account, payment};

/// Intents of each case.
const INTENTS: u32 = 16;
/// The longest that a case may take.
const LIMIT: Duration = Duration::from_secs(90);

async fn lands_once_under(faults: Value) {
    let (world, daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    world.ledger.faults(faults).await;
    let mut posted = Vec::new();
    for number in 1..=INTENTS {
        let body = payment(&format!("fault-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, LIMIT).await;
    world.ledger.faults(json!({})).await;
    // Whatever was still on its way has its chance to do harm now.
    world.ledger.pass(14).await;
    world.audit().each_once(&daemon.client, &posted).await;
}

macro_rules! cases {
    ($($name:ident: $faults:tt;)*) => {$(
        #[tokio::test]
        async fn $name() {
            lands_once_under(json!($faults)).await;
        }
    )*};
}

cases! {
    answers_are_lost_after_acceptance: {"seed": 1, "lose_answer_after": 0.7};
    answers_are_lost_before_acceptance: {"seed": 2, "lose_answer_before": 0.6};
    gateways_time_out: {"seed": 3, "answer_504": 0.7};
    horizon_is_unavailable: {"seed": 4, "answer_503": 0.6};
    a_bad_sequence_is_claimed_of_what_was_taken: {"seed": 5, "late_bad_seq": 1.0};
    transactions_are_forgotten: {"seed": 6, "never_land": 0.5};
    transactions_land_late: {"seed": 7, "delay_ledgers": {"rate": 0.7, "max": 10}};
    bodies_are_cut: {"seed": 8, "cut_body": 0.4};
    replicas_lag: {"seed": 9, "read_lag_ledgers": 5};
    bodies_are_slow: {"seed": 10, "slow_body_ms": 300};
    everything_at_once: {
        "seed": 11, "lose_answer_after": 0.3, "lose_answer_before": 0.2, "answer_504": 0.2, "answer_503": 0.2,
        "late_bad_seq": 0.3, "never_land": 0.3, "delay_ledgers": {"rate": 0.3, "max": 6}, "slow_body_ms": 20,
        "cut_body": 0.1, "read_lag_ledgers": 3
    };
}
