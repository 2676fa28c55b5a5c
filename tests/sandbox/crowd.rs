//! Thousands of transactions: full ledgers, ledgers without a limit, pages out of their middle, and history that is forgotten.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use stellar_submitter::sandbox::core::Core;
use stellar_submitter::sandbox::ledger::Ledger;
use stellar_submitter::sandbox::ledger::account::Account;
use stellar_submitter::sandbox::ledger::genesis::Genesis;
use stellar_submitter::sandbox::queue::{Answer, Fate};
use stellar_xdr::TransactionResultResult as Code;

use crate::town::{Town, payment};
use crate::wallet::{Draft, Envelope, PASSPHRASE, Wallet, pay};

const NOW: u64 = 1_800_000_000;
const LUMENS: i64 = 10_000_000;
/// Below every bit of a paging token that numbers a transaction.
const TRANSACTION_SHIFT: u64 = 12;

/// One of very many wallets.
fn channel(number: u32) -> Wallet {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    Wallet(SigningKey::from_bytes(&seed))
}

/// Channel `number` pays channel 0 one stroop.
fn from_channel(number: u32, sequence: i64) -> Envelope {
    let wallet = channel(number);
    Draft::new(wallet.address(), sequence, vec![pay(&channel(0), 1)]).sign(&[&wallet])
}

fn crowd(channels: u32, max_tx_set_size: u32) -> Genesis {
    let mut genesis = Genesis::standalone(PASSPHRASE, NOW);
    genesis.max_tx_set_size = max_tx_set_size;
    genesis
        .accounts
        .extend((0..channels).map(|number| (channel(number).key(), Account::new(100 * LUMENS, 0))));
    genesis
}

fn newest(core: &Core) -> (u32, u32, usize) {
    let ledger = core.ledger().history().latest().unwrap();
    (ledger.successful, ledger.failed, ledger.transactions.len())
}

#[test]
fn ledgers_are_filled_to_the_last_place_and_the_queue_takes_two_of_them() {
    for size in [200, 500, 1000] {
        let mut core = Core::new(Ledger::new(crowd(2 * size + 1, size)));
        for number in 0..2 * size {
            let answer = core.submit(&from_channel(number, 1).frame(), NOW, Fate::Queued);
            assert_eq!(answer, Answer::Pending, "{number} of {size}");
        }
        // The queue is full of equal bids: core names the fee that would do, and bans the envelope.
        let over = from_channel(2 * size, 1).frame();
        match core.submit(&over, NOW, Fate::Queued) {
            Answer::Error(result) => {
                assert_eq!(
                    (result.result, result.fee_charged),
                    (Code::TxInsufficientFee, 101)
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(core.submit(&over, NOW, Fate::Queued), Answer::TryAgainLater);
        assert_eq!(core.queued(), 2 * size as usize);
        for (close, left) in [(1, size as usize), (2, 0)] {
            core.close(NOW + close);
            assert_eq!(newest(&core), (size, 0, size as usize), "ledger {close}");
            assert_eq!(core.queued(), left);
        }
        core.close(NOW + 3);
        assert_eq!(newest(&core), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_ledger_without_a_limit_takes_everything_at_the_base_fee() {
    const CHANNELS: u32 = 1500;
    let town = Town::start(|config| config.genesis = Some(crowd(CHANNELS, 1))).await;
    let (status, body) = town
        .put(
            "/sandbox/ledger",
            json!({ "max_tx_set_size": 4_294_967_295u32 }),
        )
        .await;
    assert_eq!(
        (status, &body["max_tx_set_size"]),
        (200, &json!(4_294_967_295u32))
    );
    {
        let mut core = town.sandbox.node().core();
        for number in 0..CHANNELS {
            let answer = core.submit(&from_channel(number, 1).frame(), NOW, Fate::Queued);
            assert_eq!(answer, Answer::Pending, "{number}");
        }
    }
    let ledger = town.close(1).await;
    let (_, body) = town.get(&format!("/ledgers/{ledger}")).await;
    assert_eq!(body["successful_transaction_count"], CHANNELS);
    assert_eq!(body["max_tx_set_size"], 4_294_967_295u32);
    let (_, stats) = town.get("/fee_stats").await;
    assert_eq!(stats["fee_charged"]["max"], "100");
    assert_eq!(stats["ledger_capacity_usage"], "0");
}

/// The paging tokens of a page of a ledger's transactions.
async fn tokens(town: &Town, ledger: u64, rest: &str) -> Vec<u64> {
    let path = format!("/ledgers/{ledger}/transactions?include_failed=true&limit=200{rest}");
    let (status, page) = town.get(&path).await;
    assert_eq!(status, 200, "{path}: {page}");
    page["_embedded"]["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["paging_token"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn the_pages_of_a_ledger_can_be_asked_for_in_any_order() {
    const CHANNELS: u32 = 450;
    let town = Town::start(|config| config.genesis = Some(crowd(CHANNELS, 1000))).await;
    let mut ledger = 0;
    // Neighbours on both sides, which no page may show.
    for sequence in 1..=3 {
        {
            let mut core = town.sandbox.node().core();
            for number in 0..CHANNELS {
                core.submit(&from_channel(number, sequence).frame(), NOW, Fate::Queued);
            }
        }
        let closed = town.close(1).await;
        if sequence == 2 {
            ledger = closed;
        }
    }
    let first = ledger << 32;
    let place = |place: u64| first | (place << TRANSACTION_SHIFT);
    let all: Vec<u64> = (1..=u64::from(CHANNELS)).map(place).collect();
    let from = async |cursor: u64, order: &str| {
        tokens(&town, ledger, &format!("&cursor={cursor}&order={order}")).await
    };
    // In parallel: the places are known before any page is.
    let pages = futures_util::future::join_all([400, 0, 200].map(|n| from(place(n), "asc"))).await;
    assert_eq!(pages[0], all[400..]);
    assert_eq!(pages[1], all[..200]);
    assert_eq!(pages[2], all[200..400]);
    // Between two transactions, as the token of an operation is.
    assert_eq!(from(place(7) + 5, "asc").await, all[7..207]);
    let mut back = from(place(300) + 5, "desc").await;
    back.reverse();
    assert_eq!(back, all[100..300]);
    let mut last = tokens(&town, ledger, "&order=desc").await;
    last.reverse();
    assert_eq!(last, all[250..]);
    // Outside the ledger: all of it, or nothing.
    assert_eq!(from(first - 1, "asc").await, all[..200]);
    assert_eq!(from((ledger + 1) << 32, "asc").await, [0u64; 0]);
    assert_eq!(from(first, "desc").await, [0u64; 0]);
    assert_eq!(from(place(450), "asc").await, [0u64; 0]);
}

/// All items of the truth, in small pages.
async fn truth(town: &Town, account: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/sandbox/truth?limit=7&account={account}&cursor={cursor}");
        let (status, body) = town.get(&path).await;
        assert_eq!(status, 200, "{body}");
        items.extend(body["items"].as_array().unwrap().iter().cloned());
        match body["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return items,
        }
    }
}

#[tokio::test]
async fn history_is_forgotten_by_whole_ledgers_and_the_truth_is_not() {
    let town = Town::start(|config| config.history_transactions = 50).await;
    let payer = Wallet::new(50);
    let mut bumped = String::new();
    let mut oldest = String::new();
    for sequence in 1..=2 {
        for number in 1..=20 {
            let mut envelope = payment(number, sequence);
            if number == 3 {
                envelope = envelope.bump(payer.muxed(78), 400, &payer);
                if sequence == 1 {
                    bumped = envelope.hash();
                }
            }
            if (number, sequence) == (7, 1) {
                oldest = envelope.hash();
            }
            assert_eq!(town.submit_async(&envelope).await.0, 201);
        }
        town.close(1).await;
    }
    let (one, payers) = (Wallet::new(1).key().to_string(), payer.key().to_string());
    let whole = truth(&town, "").await;
    let of_one = truth(&town, &one).await;
    let of_payer = truth(&town, &payers).await;
    assert_eq!((whole.len(), of_one.len(), of_payer.len()), (40, 2, 2));
    assert_eq!(town.get("/").await.1["history_elder_ledger"], 1);

    // 20 more are 10 too many: the ledgers before the third go, and no more than these.
    for number in 1..=20 {
        town.submit_async(&payment(number, 3)).await;
    }
    let third = town.close(1).await;
    let (_, root) = town.get("/").await;
    assert_eq!(root["history_elder_ledger"], third - 1);
    assert_eq!(town.get(&format!("/ledgers/{}", third - 2)).await.0, 410);
    assert_eq!(town.get(&format!("/ledgers/{}", third - 1)).await.0, 200);
    for hash in [&bumped, &oldest] {
        assert_eq!(town.get(&format!("/transactions/{hash}")).await.0, 404);
    }
    let (_, mine) = town.get(&format!("/accounts/{one}/transactions")).await;
    assert_eq!(mine["_embedded"]["records"].as_array().unwrap().len(), 2);
    let (_, mine) = town.get(&format!("/accounts/{one}/payments")).await;
    assert_eq!(mine["_embedded"]["records"].as_array().unwrap().len(), 2);

    // What was forgotten is told in the same words as before, each once, and goes on where history begins.
    let after = truth(&town, "").await;
    assert_eq!(after.len(), 60);
    assert_eq!(after[..40], whole);
    let hashes: BTreeSet<_> = after.iter().map(|item| item["hash"].to_string()).collect();
    assert_eq!(hashes.len(), 60);
    assert_eq!(truth(&town, &one).await[..2], of_one);
    assert_eq!(truth(&town, &one).await.len(), 3);
    assert_eq!(truth(&town, &payers).await, of_payer);

    // Without a transaction in history an account has no list, as one that never had any.
    let (status, _) = town
        .put("/sandbox/ledger", json!({ "max_tx_set_size": 1000 }))
        .await;
    assert_eq!(status, 200);
    for sequence in 4..=6 {
        for number in 21..=60 {
            town.submit_async(&payment(number, sequence - 3)).await;
        }
        town.close(1).await;
    }
    let gone = town.get(&format!("/accounts/{one}/transactions")).await;
    assert_eq!(gone.0, 404);
    assert_eq!(truth(&town, &one).await.len(), 3);
    assert_eq!(truth(&town, "").await.len(), 180);
}
