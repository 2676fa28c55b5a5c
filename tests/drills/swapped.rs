//! The records are put back under daemons that live on.

use std::path::PathBuf;
use std::time::Duration;

use crate::orders::{Order, post_all};
use crate::programs::installed;
use crate::site::{Plan, Site};
use crate::world::eventually;

/// Channels that the daemons share.
const CHANNELS: u32 = 24;
/// A part of the intents of the other drills: what differs is the moment.
const SHARE: u32 = 3;
/// How long a daemon may take to see that its database is another.
const NOTICE_LIMIT: Duration = Duration::from_secs(30);

/// Posts all while a third and then two thirds of it land, and puts the records back under whoever lives on.
async fn swapped(
    name: &'static str,
    notice: &str,
    back_up: impl AsyncFnOnce(&mut Site) -> PathBuf,
    put_back: impl AsyncFnOnce(&mut Site, PathBuf),
) {
    let mut site = Site::open(&Plan {
        name,
        channels: CHANNELS,
        flags: &[],
        is_sponsored: false,
    })
    .await;
    let orders = Order::all(crate::intents() / SHARE);
    site.misbehave().await;
    let (early, late) = orders.split_at(orders.len() * 3 / 5);
    post_all(&site.crew, early, &mut site.random).await;
    site.until_succeeded(orders.len() / 3).await;
    let backup = back_up(&mut site).await;
    post_all(&site.crew, late, &mut site.random).await;
    site.until_succeeded(orders.len() * 2 / 3).await;
    put_back(&mut site, backup).await;
    site.tell("the records are put back");
    let ids = post_all(&site.crew, &orders, &mut site.random).await;
    eventually("the daemons notice", NOTICE_LIMIT, async || {
        site.crew.has_said(notice).then_some(())
    })
    .await;
    site.until_final(orders.len()).await;
    site.judge(&orders, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_is_restored_under_daemons_that_live_on() {
    if !installed() {
        return;
    }
    let in_place = crate::seed().is_multiple_of(2);
    swapped(
        "under-daemons",
        "the database is not the one that it was",
        async |site| site.cluster.dump().await,
        async |site, dump| {
            if !in_place {
                site.cluster.lose_database().await;
            }
            site.cluster.restore(&dump, in_place).await;
        },
    )
    .await;
}

/// The same server by every name that it has: only its log is shorter than it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_are_put_back_under_daemons_that_live_on() {
    if !installed() {
        return;
    }
    swapped(
        "files",
        "the database's files were put back to an earlier time",
        async |site| site.cluster.copy_files().await,
        async |site, copy| {
            site.cluster.kill();
            site.cluster.put_back(&copy);
            site.cluster.start_again().await;
        },
    )
    .await;
}
