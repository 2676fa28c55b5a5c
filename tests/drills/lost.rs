//! Everything is killed, and the records come back as they were a while ago, or not at all.

use crate::cluster::Cluster;
use crate::orders::{Order, post_all};
use crate::programs::installed;
use crate::proxy::Proxy;
use crate::site::{Plan, Site};
use crate::world::{PATIENCE, eventually};

/// Channels that the daemons share.
const CHANNELS: u32 = 60;

/// Posts some of the orders, waits for a third of all to land, then goes on as `meanwhile` says, posts the others, and waits
/// for two thirds.
async fn two_thirds(site: &mut Site, orders: &[Order], meanwhile: impl AsyncFnOnce(&mut Site)) {
    site.misbehave().await;
    // So that at a third some are in the records that do not land for long, and others are not.
    let (early, late) = orders.split_at(orders.len() * 3 / 5);
    post_all(&site.crew, early, &mut site.random).await;
    site.until_succeeded(orders.len() / 3).await;
    site.tell("a third has landed");
    meanwhile(site).await;
    post_all(&site.crew, late, &mut site.random).await;
    site.until_succeeded(orders.len() * 2 / 3).await;
    site.tell("two thirds have landed");
}

/// Everything is posted once more, and ends; then the ledger is asked.
async fn once_more(site: &mut Site, orders: &[Order]) {
    let ids = post_all(&site.crew, orders, &mut site.random).await;
    site.tell("all is posted again");
    site.until_final(orders.len()).await;
    site.judge(orders, &ids).await;
}

/// How a dump comes back.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Into a database that was dropped and made again.
    NewDatabase,
    /// Into the tables of the same database.
    InPlace,
    /// Into another server.
    OtherServer,
}

async fn restored(way: Way) {
    if !installed() {
        return;
    }
    let mut site = Site::open(&Plan {
        name: "dump",
        channels: CHANNELS,
        flags: &[],
        is_sponsored: false,
    })
    .await;
    let orders = Order::all(crate::intents());
    let mut dump = None;
    two_thirds(&mut site, &orders, async |site| {
        dump = Some(site.cluster.dump().await);
    })
    .await;
    site.crew.kill_all();
    site.cluster.kill();
    let dump = dump.expect("it was taken");
    site.tell(&format!("restored: {way:?}"));
    match way {
        Way::NewDatabase => {
            site.cluster.start_again().await;
            site.cluster.lose_database().await;
            site.cluster.restore(&dump, false).await;
        }
        Way::InPlace => {
            site.cluster.start_again().await;
            site.cluster.restore(&dump, true).await;
        }
        Way::OtherServer => {
            let cluster = Cluster::start().await;
            cluster.restore(&dump, false).await;
            site.use_cluster(cluster);
        }
    }
    site.crew.begin_again(&site.setup);
    once_more(&mut site, &orders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_a_third_is_restored_after_two_thirds() {
    let ways = [Way::NewDatabase, Way::InPlace, Way::OtherServer];
    let way = ways[usize::try_from(crate::seed() % 3).unwrap()];
    restored(way).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_but_the_keys() {
    if !installed() {
        return;
    }
    let mut site = Site::open(&Plan {
        name: "empty",
        channels: CHANNELS,
        flags: &[],
        is_sponsored: crate::seed().is_multiple_of(2),
    })
    .await;
    let orders = Order::all(crate::intents());
    two_thirds(&mut site, &orders, async |_| {}).await;
    site.crew.kill_all();
    site.cluster.kill();
    site.use_cluster(Cluster::start().await);
    site.crew.begin_again(&site.setup);
    once_more(&mut site, &orders).await;
}

/// The standby has what was committed at a third; what came after dies with the primary.
async fn failed_over(daemons_live_on: bool) {
    if !installed() {
        return;
    }
    let mut site = Site::open(&Plan {
        name: "standby",
        channels: CHANNELS,
        flags: &[],
        is_sponsored: false,
    })
    .await;
    let link = Proxy::start(site.cluster.address()).await;
    let by_link = site.cluster.url_by(link.address);
    site.crew.kill_all();
    site.setup.set("DATABASE__URL", &by_link);
    site.crew.begin_again(&site.setup);
    let orders = Order::all(crate::intents());
    let standby = site.cluster.standby().await;
    eventually("the standby follows", PATIENCE, async || {
        (site.cluster.followers().await == 1).then_some(())
    })
    .await;
    two_thirds(&mut site, &orders, async |_| standby.fall_behind().await).await;
    if !daemons_live_on {
        site.crew.kill_all();
    }
    site.cluster.kill();
    standby.promote().await;
    link.aim(standby.address());
    site.use_cluster(standby);
    site.setup.set("DATABASE__URL", &by_link);
    if !daemons_live_on {
        site.crew.begin_again(&site.setup);
    }
    site.tell(&format!(
        "failed over; the daemons lived on: {daemons_live_on}"
    ));
    once_more(&mut site, &orders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_was_behind_is_promoted() {
    let daemons_live_on = crate::seed() % 2 == 1;
    failed_over(daemons_live_on).await;
}
