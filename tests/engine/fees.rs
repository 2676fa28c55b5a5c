//! Full ledgers: the bid is raised by fee bumps, and never above the cap.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::hand::Hand;
use crate::world::{Daemon, Ledger, PATIENCE, World, account, key, ledger, payment};

/// Operations that a ledger takes while the rival is there.
const SMALL: u32 = 3;
/// What the rival bids at least, in stroops an operation.
const RIVAL_BID: u32 = 400;
/// Bids that it takes in turn. Core takes no bytes again that it dropped a few ledgers ago, and a rival that waits for that
/// leaves room.
const RIVAL_BIDS: u32 = 50;

/// Fills every ledger with payments of its own until it is told to stop.
struct Rival {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Rival {
    /// Its accounts are funded before ledgers are small.
    async fn start(ledger: &Ledger) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<String> = (0..4 * SMALL)
            .map(|number| format!("rival-{number}"))
            .collect();
        futures_util::future::join_all(names.iter().map(|name| ledger.fund(account(name)))).await;
        ledger.set(json!({"max_tx_set_size": SMALL})).await;
        let tasks = names.into_iter().map(|name| {
            let (stop, url) = (Arc::clone(&stop), ledger.url.clone());
            tokio::spawn(async move { outbid(&url, &name, &stop).await })
        });
        Self {
            tasks: tasks.collect(),
            stop,
        }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        futures_util::future::join_all(self.tasks).await;
    }
}

/// One transaction after the other, each sent until it has landed.
async fn outbid(url: &str, name: &str, stop: &AtomicBool) {
    let client = ledger::client();
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = client
            .get(format!("{url}/accounts/{}", account(name)))
            .send()
            .await
            .unwrap();
        let body: Value = answer.json().await.unwrap();
        let used: i64 = body["sequence"].as_str().unwrap().parse().unwrap();
        let mut rival = Hand::payment(key(name), used + 1, account(name), 1);
        rival.bid = RIVAL_BID + turn % RIVAL_BIDS;
        turn += 1;
        let form = [("tx", rival.envelope())];
        let _ = client
            .post(format!("{url}/transactions_async"))
            .form(&form)
            .send()
            .await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

fn number(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Every envelope that was ever signed for it bids at most `cap` stroops an operation. Returns how many fee bumps there were.
async fn bids_at_most(daemon: &Daemon, id: &str, cap: i64) -> usize {
    let mut bumps = 0;
    for attempt in daemon.client.attempts(id).await {
        assert!(number(&attempt["fee"]) <= cap, "{attempt}");
        for bump in attempt["fee_bumps"].as_array().unwrap() {
            // A fee bump counts as one operation more.
            assert!(number(&bump["fee"]) <= 2 * cap, "{attempt}");
            bumps += 1;
        }
    }
    bumps
}

#[tokio::test]
async fn a_surge_is_outbid_within_the_cap_and_endured_below_it() {
    let (world, daemon) = World::ready(4).await;
    world.ledger.fund(account("bob")).await;
    let rival = Rival::start(&world.ledger).await;
    world.ledger.pass(3).await;

    let capped = |workflow: &str, number: u32, cap: i64| {
        let mut body = payment(workflow, account("bob"), number);
        body["max_fee_per_operation"] = json!(cap.to_string());
        body
    };
    let mut rich = Vec::new();
    for number in 1..=6 {
        let body = capped(&format!("rich-{number}"), number, 5000);
        rich.push((daemon.client.post(&body).await, body));
    }
    let ids: Vec<String> = rich.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    let body = capped("poor", 50, 150);
    let poor = (daemon.client.post(&body).await, body);
    let before = world.ledger.head().await;
    world.ledger.pass(20).await;
    let intent = daemon.client.intent(&poor.0).await;
    assert!(
        intent["finished_at"].is_null(),
        "the surge is over too early to show anything: {intent}"
    );
    // At the cap it waits for ledgers, and does not storm the door.
    let ledgers = world.ledger.head().await - before;
    let mut sent = 0;
    for attempt in daemon.client.attempts(&poor.0).await {
        sent += attempt["submissions"].as_array().unwrap().len() as u64;
    }
    assert!(
        sent <= ledgers + 2,
        "{sent} submissions in {ledgers} ledgers"
    );

    rival.end().await;
    daemon.client.wait_for(&poor.0, "succeeded", PATIENCE).await;
    let mut bumps = 0;
    for (id, _) in &rich {
        bumps += bids_at_most(&daemon, id, 5000).await;
    }
    assert!(bumps > 0, "nothing had to be outbid");
    bids_at_most(&daemon, &poor.0, 150).await;
    rich.push(poor);
    world.audit().each_once(&daemon.client, &rich).await;
}

#[tokio::test]
async fn a_fee_account_pays_where_that_is_configured() {
    let mut world = World::new(&["--ledger-seconds", crate::world::LEDGER_SECONDS]).await;
    for name in ["source", "bob", "purse"] {
        world.ledger.fund(account(name)).await;
    }
    world
        .setup
        .channels(2)
        .set("FEES__PAYER", "fee_account")
        .set(
            "ACCOUNTS__FEE_SECRET",
            secrecy::ExposeSecret::expose_secret(&key("purse").written()),
        );
    let daemon = Daemon::start_ready(&world.setup).await;
    let mut posted = Vec::new();
    for number in 1..=6 {
        let body = payment(&format!("bumped-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    world.audit().each_once(&daemon.client, &posted).await;
    for transaction in world.audit().paid().await.into_values().flatten() {
        assert_eq!(
            transaction["fee_account"],
            account("purse").to_string(),
            "{transaction}"
        );
        assert!(transaction["inner_hash"].is_string(), "{transaction}");
    }
}

#[tokio::test]
async fn what_is_ours_alone_outbids_nobody() {
    let (world, daemon) = World::ready(12).await;
    world.ledger.fund(account("bob")).await;
    // Core queues two ledgers' worth of them, fewer than there are channels.
    world.ledger.set(json!({"max_tx_set_size": 4})).await;
    world.ledger.pass(3).await;
    let mut posted = Vec::new();
    for number in 1..=40 {
        let body = payment(&format!("crowd-{number}"), account("bob"), number);
        posted.push((daemon.client.post(&body).await, body));
    }
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    let mut bumps = 0;
    for id in &ids {
        bumps += bids_at_most(&daemon, id, 10_000).await;
    }
    // Of equal bids one may wait so long by chance that core drops it.
    assert!(bumps <= 2, "{bumps} fee bumps where nobody else bids");
    world.audit().each_once(&daemon.client, &posted).await;
}
