//! What must be read is older than what Horizon keeps: nothing is signed by guess, and an operator's word is asked for.

use std::time::Duration;

use serde_json::json;

use crate::cluster::Cluster;
use crate::orders::{Order, post_all};
use crate::programs::installed;
use crate::site::{Plan, Site};
use crate::world::{PATIENCE, account, eventually};

/// Channels that the daemons share.
const CHANNELS: u32 = 12;
/// Transactions that Horizon keeps.
const KEPT: &str = "240";
/// Intents that land before what it keeps, and after that.
const EARLY: u32 = 120;
const LATE: u32 = 160;
/// Ledgers in which nothing may be sent: longer than any quarantine.
const WATCHED_LEDGERS: u64 = 40;
/// Ledgers for which what the lost records had signed may still land: their validity, and the lag of a Horizon.
const WINDOW: &str = "24";
/// How long the command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Two lives of a submitter, of which Horizon has only the second, and no records of either. Returns the orders of both, and
/// a ledger between them.
async fn forgotten() -> (Site, Vec<Order>, Vec<Order>, u64) {
    let mut site = Site::open(&Plan {
        name: "outage",
        channels: CHANNELS,
        flags: &["--history-transactions", KEPT],
        is_sponsored: false,
    })
    .await;
    let mut early = Order::all(EARLY + LATE);
    let late = early.split_off(usize::try_from(EARLY).unwrap());
    post_all(&site.crew, &early, &mut site.random).await;
    site.until_final(early.len()).await;
    site.ledger.pass(2).await;
    let between = site.ledger.head().await;
    site.ledger.pass(2).await;
    post_all(&site.crew, &late, &mut site.random).await;
    site.until_final(early.len() + late.len()).await;
    site.crew.kill_all();
    site.cluster.kill();
    site.use_cluster(Cluster::start().await);
    site.crew.begin_again(&site.setup);
    (site, early, late, between)
}

/// What the daemons say that they wait for, once they say it.
async fn complaint(site: &Site) -> String {
    eventually("the daemons say what is missing", PATIENCE, async || {
        let clients = site.crew.clients();
        let said = clients.first()?.check("engine").await;
        said.contains("recover --since").then_some(said)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_is_gone_stops_the_start_and_nothing_is_sent() {
    if !installed() {
        return;
    }
    let (mut site, early, late, _) = forgotten().await;
    let landed = site.ledger.truth(account("source")).await.len();
    let said = complaint(&site).await;
    let elder = elder(&site).await;
    assert!(elder > 2, "Horizon has all of it");
    assert!(
        said.contains(&format!("ledger {elder}")),
        "elder {elder}: {said}"
    );
    assert!(
        said.contains(&format!("recover --since {elder}")),
        "elder {elder}: {said}"
    );
    let all: Vec<Order> = early.into_iter().chain(late).collect();
    let ids = post_all(&site.crew, &all, &mut site.random).await;
    assert_eq!(ids.len(), all.len(), "posts are taken meanwhile");
    site.ledger.pass(WATCHED_LEDGERS).await;
    let now = site.ledger.truth(account("source")).await.len();
    assert_eq!(now, landed, "something was sent while history is missing");
    complaint(&site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_says_from_where_on_history_matters() {
    if !installed() {
        return;
    }
    let (mut site, early, late, between) = forgotten().await;
    complaint(&site).await;
    let elder = elder(&site).await;
    assert!(
        elder < between,
        "Horizon has lost some of the second life: {elder}, {between}"
    );
    let since = between.to_string();
    let recover = ["recover", "--since", &since, "--window", WINDOW, "--yes"];
    let mut command = site.setup.spawn(&recover);
    let status = command.wait(COMMAND_LIMIT);
    assert!(status.success(), "{}", command.log());
    let ids = post_all(&site.crew, &late, &mut site.random).await;
    site.until_final(late.len()).await;
    site.judge_besides(&early, &late, &ids).await;
}

/// The oldest ledger of which Horizon has history.
async fn elder(site: &Site) -> u64 {
    site.ledger.faults(json!({})).await;
    let (status, root) = site.ledger.horizon("/").await;
    assert_eq!(status, 200, "{root}");
    root["history_elder_ledger"].as_u64().unwrap()
}
