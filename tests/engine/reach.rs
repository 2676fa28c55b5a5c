//! How far Horizon's history must reach back: not behind the making of an account, nor behind what an operator says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::world::hand::Hand;
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

/// A Horizon that has not come further than when this was asked: its newest ledger, and the source's history from its begin.
struct Behind {
    ledgers: Value,
    history: Value,
}

async fn behind(world: &World) -> Behind {
    let source = account("source");
    let history =
        format!("/accounts/{source}/transactions?include_failed=true&limit=200&order=asc");
    let (_, ledgers) = world.ledger.horizon("/ledgers?order=desc&limit=1").await;
    let (_, history) = world.ledger.horizon(&history).await;
    Behind { ledgers, history }
}

#[tokio::test]
async fn a_horizon_that_is_behind_does_not_end_the_history() {
    let (mut world, mut daemon) = World::ready(1).await;
    for name in ["ann", "bob"] {
        world.ledger.fund(account(name)).await;
    }
    assert!(daemon.terminate().success());
    let copy = world.database.copy().await;
    let old = behind(&world).await;
    let mut daemon = Daemon::start_ready(&world.setup).await;
    let next = world.ledger.sequence(account("ann")).await + 1;
    let mut hand = Hand::payment(key("ann"), next, account("bob"), 123);
    hand.max_time = u64::try_from(world.ledger.clock().await).unwrap() + 600;
    let body = json!({"workflow_id": "sponsored", "transaction_xdr": hand.envelope()});
    let id = daemon.client.post(&body).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert!(daemon.terminate().success());
    world.database.restore(&copy).await;

    let is_history = |target: &str| {
        let source = format!("/accounts/{}/transactions?", account("source"));
        target.starts_with(&source) && target.contains("order=asc")
    };
    let stale = changing(&world.ledger.url, move |target, answer| {
        if target.starts_with("/ledgers?") {
            answer.set(StatusCode::OK, &old.ledgers);
        } else if is_history(target) && target.contains("cursor=") {
            answer.set(StatusCode::OK, &json!({"_embedded": {"records": []}}));
        } else if is_history(target) {
            answer.set(StatusCode::OK, &old.history);
        }
    })
    .await;
    // The other one is too busy for histories, but where it has just been asked how far it has come.
    let is_asked = AtomicBool::new(false);
    let is_asked = Arc::new(is_asked);
    let busy = changing(&world.ledger.url, move |target, answer| {
        let was_asked = is_asked.swap(target.starts_with("/ledgers?"), Ordering::Relaxed);
        if is_history(target) && !was_asked {
            answer.set(StatusCode::SERVICE_UNAVAILABLE, &json!({}));
        }
    })
    .await;
    world.setup.set("HORIZON__URLS", &format!("{stale},{busy}"));
    let mut daemon = Daemon::start(&world.setup).await;
    daemon.wait_until_ready().await;
    // What has landed meanwhile is known before it is asked for again.
    let (status, again) = daemon.client.try_post("again", &body).await.unwrap();
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["transaction"]["hash"], hand.hash());
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
