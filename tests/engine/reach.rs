//! How far Horizon's history must reach back: not behind the making of an account, nor behind what an operator says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::world::relay::{Answer, changing};
use crate::world::{Daemon, LEDGER_SECONDS, PATIENCE, World, account, eventually, key, payment};

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A Horizon says that its history begins in this ledger, or later.
fn begins_in(answer: &mut Answer, elder: u32) {
    let mut root: Value = serde_json::from_slice(&answer.body).unwrap();
    root["history_elder_ledger"] = json!(elder);
    answer.set(StatusCode::OK, &root);
}

#[tokio::test]
async fn a_new_fee_account_needs_no_history_before_it_was_made() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    for name in ["source", "fees", "bob"] {
        world.ledger.fund(account(name)).await;
    }
    let url = changing(&world.ledger.url, |target, answer| {
        if target == "/" {
            begins_in(answer, 4);
        }
    })
    .await;
    let secret = key("fees").written();
    world
        .setup
        .set("HORIZON__URLS", &url)
        .set("ACCOUNTS__FEE_SECRET", secret.expose_secret());
    let daemon = Daemon::start_ready(&world.setup).await;
    let body = payment("first", account("bob"), 1);
    let id = daemon.client.post(&body).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    world.audit().each_once(&daemon.client, &[(id, body)]).await;
}

#[tokio::test]
async fn a_channel_that_was_used_before_history_begins_is_used_again_when_an_operator_says_since_when()
 {
    let (mut world, mut daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    let body = payment("before", account("bob"), 1);
    let id = daemon.client.post(&body).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert!(daemon.terminate().success());
    world.database.lose().await;
    world.ledger.pass(3).await;
    // Everything that was ever done has been reaped.
    let elder = Arc::new(AtomicU32::new(
        u32::try_from(world.ledger.head().await).unwrap(),
    ));
    let begins = Arc::clone(&elder);
    let url = changing(&world.ledger.url, move |target, answer| {
        if target == "/" {
            begins_in(answer, begins.load(Ordering::Relaxed));
        } else if target.starts_with("/accounts/") && target.contains("/transactions") {
            answer.set(StatusCode::OK, &json!({"_embedded": {"records": []}}));
        }
    })
    .await;
    world.setup.set("HORIZON__URLS", &url);
    let mut daemon = Daemon::start(&world.setup).await;
    let said = eventually("it says what it waits for", PATIENCE, async || {
        let said = daemon.client.check("engine").await;
        said.contains("recover --since").then_some(said)
    })
    .await;
    let since = elder.load(Ordering::Relaxed).to_string();
    assert!(said.contains(&format!("recover --since {since}")), "{said}");
    let mut recover = world.setup.spawn(&["recover", "--since", &since, "--yes"]);
    let status = recover.wait(COMMAND_LIMIT);
    assert!(status.success(), "{}", recover.log());
    daemon.wait_until_ready().await;
    let body = payment("after", account("bob"), 2);
    let id = daemon.client.post(&body).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
}
