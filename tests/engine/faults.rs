//! Each fault alone, and all together: what is posted lands exactly once, whatever Horizon says.
//!
//! `FAULT_SEED` draws other faults than the ones that every run has.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::faults::{self, LIMIT, everything};
use crate::world::{Daemon, LEDGER_SECONDS, World, account, key, payment};

/// Intents of each case.
const INTENTS: u32 = 16;

async fn lands_once_under(faults: Value) {
    let (world, daemon) = World::ready(4).await;
    lands_once(&world, &daemon, faults).await;
}

async fn lands_once(world: &World, daemon: &Daemon, mut faults: Value) {
    if let Ok(seed) = std::env::var("FAULT_SEED") {
        faults["seed"] = json!(seed.parse::<u64>().expect("FAULT_SEED is a number"));
    }
    world.ledger.fund(account("bob")).await;
    faults::land_once(world, daemon, faults, "fault", INTENTS).await;
}

#[tokio::test]
async fn everything_at_once() {
    lands_once_under(everything(11)).await;
}

#[tokio::test]
async fn everything_at_once_where_each_answer_is_waited_for() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.setup.channels(4).set("HORIZON__SUBMIT", "sync");
    let daemon = Daemon::start_ready(&world.setup).await;
    // An answer to what never lands comes after half a minute: too long for all of these tests, so nothing is forgotten.
    let mut faults = everything(12);
    faults["never_land"] = json!(0);
    faults["delay_ledgers"] = json!({"rate": 0.3, "max": 3});
    lands_once(&world, &daemon, faults).await;
}

#[tokio::test]
async fn everything_at_once_where_a_fee_account_pays() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("purse")).await;
    world
        .setup
        .channels(4)
        .set("FEES__PAYER", "fee_account")
        .set(
            "ACCOUNTS__FEE_SECRET",
            secrecy::ExposeSecret::expose_secret(&key("purse").written()),
        );
    let daemon = Daemon::start_ready(&world.setup).await;
    lands_once(&world, &daemon, everything(13)).await;
}

#[tokio::test]
async fn everything_at_once_while_the_database_cuts_its_connections() {
    let (world, daemon) = World::ready(4).await;
    let pool = world.database.pool.clone();
    let cutting = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let cut = sqlx::query(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid() and application_name = 'stellar-submitter'",
            );
            cut.execute(&pool).await.unwrap();
        }
    });
    world.ledger.fund(account("bob")).await;
    world.ledger.faults(everything(14)).await;
    let mut posted = Vec::new();
    for number in 1..=INTENTS {
        let body = payment(&format!("cut-{number}"), account("bob"), number);
        posted.push((daemon.client.post_until_accepted(&body, false).await, body));
    }
    // Cut for as long as the first half of them takes, at least.
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    tokio::time::sleep(Duration::from_secs(10)).await;
    cutting.abort();
    daemon.client.wait_until_final(&ids, LIMIT).await;
    world.ledger.faults(json!({})).await;
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
}
