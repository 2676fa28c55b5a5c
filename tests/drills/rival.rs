//! Somebody else has a channel's key, and uses it while everything runs.

use std::collections::HashSet;

use rand::RngExt as _;
use sqlx::PgConnection;
use stellar_submitter::signer::ChannelSeed;

use crate::orders::{Order, post_all};
use crate::programs::installed;
use crate::site::{Plan, Site};
use crate::world::hand::Hand;
use crate::world::{CHANNEL_SEED, Ledger, account};

/// Channels that the daemons share, few, so that each is always in use.
const CHANNELS: u32 = 8;
/// A part of the intents of the other drills.
const SHARE: u32 = 5;
/// Transactions by hand.
const INTRUSIONS: usize = 25;

/// Puts a payment on a channel by hand, if it can; returns its hash.
async fn intrude(ledger: &Ledger, index: u32, number: i64) -> String {
    let seed = ChannelSeed::parse(CHANNEL_SEED).unwrap();
    let key = seed.channel(index).unwrap();
    let (_, account_now) = ledger
        .horizon(&format!("/accounts/{}", key.account()))
        .await;
    let sequence: i64 = account_now["sequence"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    // More than others bid, so that it goes first where both wait.
    let hand = Hand {
        bid: 5_000,
        ..Hand::payment(key, sequence + 1, account("bob"), number)
    };
    let _ = ledger.queue(&hand.envelope()).await;
    hand.hash()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_transaction_on_a_channel_is_found_named_and_survived() {
    if !installed() {
        return;
    }
    let mut site = Site::open(&Plan {
        name: "rival",
        channels: CHANNELS,
        flags: &[],
        is_sponsored: false,
    })
    .await;
    let orders = Order::all(crate::intents() / SHARE);
    let mut random = site.random.clone();
    let posting = post_all(&site.crew, &orders, &mut random);
    let intruding = async {
        let mut hashes = HashSet::new();
        for number in 1..=INTRUSIONS {
            let index = site.random.random_range(0..CHANNELS);
            let stroops = i64::try_from(number).unwrap();
            hashes.insert(intrude(&site.ledger, index, stroops).await);
            site.ledger.pass(1).await;
        }
        hashes
    };
    let (ids, hashes) = tokio::join!(posting, intruding);
    site.until_final(orders.len()).await;
    let landed = landed_of(&site.ledger, &hashes).await;
    assert!(!landed.is_empty(), "no transaction by hand has landed");
    let mut records = site.cluster.connect().await.unwrap();
    let named = named(&mut records, &hashes).await;
    site.tell(&format!(
        "{} of {INTRUSIONS} by hand have landed; {} of them took the number of an attempt",
        landed.len(),
        named.len()
    ));
    assert!(
        !named.is_empty(),
        "no attempt was struck by a transaction by hand"
    );
    for hash in &named {
        assert!(
            landed.contains(hash),
            "named, and not in the ledger: {hash}"
        );
        assert!(site.crew.has_said(hash), "no log names {hash}");
    }
    site.judge(&orders, &ids).await;
}

/// Those that a ledger took.
async fn landed_of(ledger: &Ledger, hashes: &HashSet<String>) -> HashSet<String> {
    let truth = ledger.truth(account("bob")).await;
    let all = truth
        .iter()
        .map(|item| item["hash"].as_str().unwrap().to_owned());
    all.filter(|hash| hashes.contains(hash)).collect()
}

/// Those that a proof of death names.
async fn named(records: &mut PgConnection, hashes: &HashSet<String>) -> HashSet<String> {
    let asked = "select death_proof::text from submitter.attempts where death_proof is not null";
    let proofs: Vec<String> = sqlx::query_scalar(asked).fetch_all(records).await.unwrap();
    let named = hashes
        .iter()
        .filter(|hash| proofs.iter().any(|proof| proof.contains(*hash)));
    named.cloned().collect()
}
