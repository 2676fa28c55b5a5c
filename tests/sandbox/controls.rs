//! Each control by its effect, and what else the sandbox is told at its start.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use stellar_submitter::sandbox::{Config, SandboxError, start};
use stellar_xdr::{Asset, ManageSellOfferOp, OperationBody, Price};

use crate::town::{Town, payment};
use crate::wallet::{self, Draft, Wallet, operation, pay};

/// How long a busy machine may take for what is over at once on an idle one.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn ledgers_close_at_the_pace_that_is_set() {
    let town = Town::start(|_| {}).await;
    let ledger = async || {
        town.get("/sandbox/ledger").await.1["ledger"]
            .as_u64()
            .unwrap()
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(ledger().await, 1, "manual: nothing closes");
    assert_eq!(
        town.put("/sandbox/ledger", json!({ "seconds": 0.05 }))
            .await
            .1["seconds"],
        0.05
    );
    let since = Instant::now();
    while ledger().await < 6 {
        assert!(
            since.elapsed() < PATIENCE,
            "five ledgers take a quarter of a second"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(
        since.elapsed() > Duration::from_millis(150),
        "not faster: {:?}",
        since.elapsed()
    );
    town.put("/sandbox/ledger", json!({ "stalled": true }))
        .await;
    let stalled = ledger().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ledger().await, stalled);
    assert_eq!(
        town.close(1).await,
        stalled + 1,
        "a stalled one still obeys"
    );
    town.put("/sandbox/ledger", json!({ "stalled": false }))
        .await;
    let since = Instant::now();
    while ledger().await == stalled + 1 {
        assert!(since.elapsed() < PATIENCE, "it goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        town.put("/sandbox/ledger", json!({ "seconds": "manual" }))
            .await
            .1["seconds"],
        "manual"
    );
    let manual = ledger().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(ledger().await, manual);
}

#[tokio::test]
async fn size_and_base_fee_hold_from_the_next_ledger_on() {
    let town = Town::start(|_| {}).await;
    let (status, body) = town
        .put(
            "/sandbox/ledger",
            json!({ "max_tx_set_size": 1, "base_fee": 250 }),
        )
        .await;
    assert_eq!(
        (status, &body["max_tx_set_size"], &body["base_fee"]),
        (200, &json!(1), &json!(250))
    );
    let (_, refused) = town.submit_async(&payment(1, 1)).await;
    let result = wallet::result(refused["error_result_xdr"].as_str().unwrap());
    assert_eq!(result.fee_charged, 250);
    let rich = |number: u8| {
        let wallet = Wallet::new(number);
        Draft::new(wallet.address(), 1, vec![pay(&Wallet::new(0), 1)])
            .fee(300)
            .sign(&[&wallet])
    };
    assert_eq!(town.submit_async(&rich(1)).await.0, 201);
    assert_eq!(town.submit_async(&rich(2)).await.0, 201);
    town.close(1).await;
    assert_eq!(town.landed().await.len(), 1, "one operation a ledger");
    let (_, ledger) = town.get("/ledgers/2").await;
    assert_eq!(
        (&ledger["max_tx_set_size"], &ledger["base_fee_in_stroops"]),
        (&json!(1), &json!(250))
    );
    assert_eq!(town.get("/ledgers/1").await.1["max_tx_set_size"], 1000);
}

#[tokio::test]
async fn wrong_controls_are_refused_and_named() {
    let town = Town::start(|_| {}).await;
    let cases = [
        (json!({ "second": 1 }), "second"),
        (json!({ "seconds": 0 }), "seconds"),
        (json!({ "seconds": "fast" }), "fast"),
        (json!({ "max_tx_set_size": 0 }), "max_tx_set_size"),
        (json!({ "base_fee": 0 }), "base_fee"),
        (json!({ "stalled": "yes" }), "yes"),
    ];
    for (body, named) in cases {
        let (status, problem) = town.put("/sandbox/ledger", body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert!(
            problem["extras"].to_string().contains(named),
            "{body}: {problem}"
        );
    }
    for path in [
        "/sandbox/close?count=0",
        "/sandbox/close?count=many",
        "/sandbox/close?count=10001",
    ] {
        let (status, problem) = town.post(path).await;
        assert_eq!(
            (status, &problem["extras"]["invalid_field"]),
            (400, &json!("count")),
            "{path}"
        );
    }
    for parameter in ["limit=0", "limit=10001", "cursor=x", "account=GABC"] {
        assert_eq!(
            town.get(&format!("/sandbox/truth?{parameter}")).await.0,
            400,
            "{parameter}"
        );
    }
    assert_eq!(town.get("/friendbot?addr=GABC").await.0, 400);
    assert_eq!(town.get("/sandbox/nothing").await.0, 404);
}

#[tokio::test]
async fn a_reset_begins_another_chain_of_the_same_name() {
    let town = Town::start(|_| {}).await;
    town.submit_async(&payment(1, 1)).await;
    assert_eq!(town.close(5).await, 6);
    let before = town.get("/ledgers/1").await.1;
    town.submit_async(&payment(2, 1)).await;
    assert_eq!(
        town.post("/sandbox/reset").await,
        (200, json!({ "ledger": 1 }))
    );
    let (_, root) = town.get("/").await;
    assert_eq!(root["history_latest_ledger"], 1);
    assert_eq!(root["network_passphrase"], wallet::PASSPHRASE);
    assert_ne!(town.get("/ledgers/1").await.1["hash"], before["hash"]);
    assert_eq!((town.queued(), town.landed().await.len()), (0, 0));
    assert_eq!(
        town.get(&format!("/accounts/{}", Wallet::new(1).key()))
            .await
            .1["sequence"],
        "0"
    );
    assert_eq!(
        town.submit_async(&payment(1, 1)).await.0,
        201,
        "no ban survives"
    );
}

#[tokio::test]
async fn the_truth_is_complete_and_comes_in_pages() {
    let town = Town::start(|_| {}).await;
    let (payer, nobody) = (Wallet::new(50), Wallet::new(200));
    let tagged = Wallet::new(1);
    let tagged =
        Draft::new(tagged.muxed(77), 1, vec![pay(&Wallet::new(0), 25_000_000)]).sign(&[&tagged]);
    let bumped = payment(2, 1).bump(payer.muxed(78), 400, &payer);
    let failing = Wallet::new(3);
    let failing = Draft::new(failing.address(), 1, vec![pay(&nobody, 1)]).sign(&[&failing]);
    for envelope in [&tagged, &bumped, &failing] {
        assert_eq!(town.submit_async(envelope).await.0, 201);
    }
    town.close(1).await;
    // A lagging Horizon does not hide the truth.
    town.put(
        "/sandbox/faults",
        json!({ "read_lag_ledgers": 100, "cut_body": 1 }),
    )
    .await;
    let truth = town.truth().await;
    let find = |hash: &str| {
        truth
            .iter()
            .find(|item| item["hash"] == hash)
            .cloned()
            .unwrap()
    };
    let item = find(&tagged.hash());
    assert_eq!(item["tag"], "77");
    assert_eq!(item["operations"][0]["amount"], "2.5000000");
    assert_eq!(item["operations"][0]["asset"], "native");
    assert_eq!(item["operations"][0]["type"], "payment");
    assert_eq!(
        item["operations"][0]["source"],
        Wallet::new(1).key().to_string()
    );
    assert_eq!(
        item["operations"][0]["destination"],
        Wallet::new(0).key().to_string()
    );
    assert_eq!(
        (&item["sequence"], &item["ledger"], &item["successful"]),
        (&json!("1"), &json!(2), &json!(true))
    );
    assert_eq!(item["inner_hash"], Value::Null);
    let item = find(&bumped.hash());
    assert_eq!(
        (&item["tag"], &item["fee_charged"]),
        (&json!("78"), &json!("200"))
    );
    assert_eq!(item["inner_hash"], payment(2, 1).hash());
    assert_eq!(item["fee_account"], payer.key().to_string());
    assert_eq!(item["source_account"], Wallet::new(2).key().to_string());
    let item = find(&failing.hash());
    assert_eq!(
        (&item["successful"], &item["tag"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(
        item["result_codes"],
        json!({ "transaction": "tx_failed", "operations": ["op_no_destination"] })
    );

    let mut found = Vec::new();
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let (_, page) = town
            .get(&format!("/sandbox/truth?limit=2&cursor={cursor}"))
            .await;
        found.extend(page["items"].as_array().unwrap().clone());
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(found, truth);
    let (_, mine) = town
        .get(&format!("/sandbox/truth?account={}", payer.key()))
        .await;
    assert_eq!(mine["items"], json!([find(&bumped.hash())]));
    assert_eq!(
        town.get(&format!("/sandbox/truth?account={}", nobody.key()))
            .await
            .1["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn friendbot_funds_a_hundred_accounts_a_ledger() {
    let town = Town::start(|config| {
        config.pace = stellar_submitter::sandbox::Pace::from_seconds(0.1).unwrap()
    })
    .await;
    let wallets: Vec<_> = (101..=250).map(Wallet::new).collect();
    let asks = wallets.iter().map(|wallet| {
        let path = format!("/friendbot?addr={}", wallet.key());
        async { town.get(&{ path }).await }
    });
    let answers = join_all(asks).await;
    let ledgers: BTreeSet<_> = answers
        .iter()
        .map(|(_, body)| body["ledger"].as_u64())
        .collect();
    assert!(
        answers
            .iter()
            .all(|(status, body)| *status == 200 && body["successful"] == true),
        "{:?}",
        answers[0]
    );
    assert!(
        ledgers.len() <= 20,
        "one by one it would be 150: {ledgers:?}"
    );
    let (_, account) = town.get(&format!("/accounts/{}", wallets[0].key())).await;
    assert_eq!(account["balances"][0]["balance"], "10000.0000000");
    let (status, problem) = town
        .get(&format!("/friendbot?addr={}", wallets[0].key()))
        .await;
    assert_eq!(
        (status, &problem["extras"]["reason"]),
        (400, &json!("account already funded to starting balance"))
    );
}

#[tokio::test]
async fn controls_are_for_this_machine_only() {
    let outside = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        // Nothing is sent: the system only says by which of its addresses it would.
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    let Some(address) = outside
        .ok()
        .map(|address| address.ip())
        .filter(|ip| !ip.is_loopback())
    else {
        assert!(std::env::var_os("CI").is_none(), "CI has a network");
        println!("skipped: this machine has no address but loopback");
        return;
    };
    let town = Town::start(|config| config.listen = ([0, 0, 0, 0], 0).into()).await;
    let url = format!("http://{address}:{}", town.sandbox.addr().port());
    assert_eq!(
        town.client
            .get(format!("{url}/ledgers/1"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        town.client
            .get(format!("{url}/sandbox/faults"))
            .send()
            .await
            .unwrap()
            .status(),
        403
    );
    assert_eq!(town.get("/sandbox/faults").await.0, 200);
}

#[tokio::test]
async fn two_posts_of_one_envelope_get_one_answer() {
    let town = Town::start(|_| {}).await;
    let envelope = payment(1, 1);
    let closing = async {
        town.until_queued(1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        town.close(1).await;
    };
    let (first, second, ()) = tokio::join!(town.submit(&envelope), town.submit(&envelope), closing);
    assert_eq!(first.0, 200);
    assert_eq!(first, second);
    assert_eq!(town.landed().await.len(), 1);
}

#[tokio::test]
async fn a_post_is_answered_504_when_its_time_is_up_and_the_first_post_sets_the_time() {
    let town = Town::start(|config| config.submission_timeout = Duration::from_millis(1000)).await;
    let (start, envelope) = (Instant::now(), payment(1, 1));
    let second = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        town.submit(&envelope).await
    };
    let ((status, body), again) = tokio::join!(town.submit(&envelope), second);
    assert_eq!(
        (status, &body["extras"]["hash"]),
        (504, &json!(payment(1, 1).hash()))
    );
    assert_eq!(again.0, 504);
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "the second did not begin a time of its own"
    );
    town.close(1).await;
    assert_eq!(
        town.submit(&payment(1, 1)).await.0,
        200,
        "it had been queued all the time"
    );
    // A second transaction of an account whose first is queued: core never had it, the answer is the same.
    town.submit_async(&payment(2, 1)).await;
    assert_eq!(town.submit(&payment(2, 2)).await.0, 504);
}

#[tokio::test]
async fn beyond_the_capacity_a_request_is_refused_in_plain_text() {
    let town = Town::start(|config| config.max_concurrent_requests = 1).await;
    let envelope = payment(1, 1);
    let other = async {
        town.until_queued(1).await;
        let refused = town.get("/").await;
        town.close(1).await;
        refused
    };
    let (post, refused) = tokio::join!(town.submit(&envelope), other);
    assert_eq!(refused, (503, json!("Server capacity exceeded.\n")));
    assert_eq!(post.0, 200);
    assert_eq!(town.get("/").await.0, 200);
}

#[tokio::test]
async fn what_the_sandbox_cannot_do_is_named() {
    let town = Town::start(|_| {}).await;
    let wallet = Wallet::new(1);
    let offer = OperationBody::ManageSellOffer(ManageSellOfferOp {
        selling: Asset::Native,
        buying: Asset::Native,
        amount: 1,
        price: Price { n: 1, d: 1 },
        offer_id: 0,
    });
    let envelope = Draft::new(
        wallet.address(),
        1,
        vec![pay(&Wallet::new(0), 1), operation(None, offer)],
    )
    .sign(&[&wallet]);
    for (status, problem) in [
        town.submit(&envelope).await,
        town.submit_async(&envelope).await,
    ] {
        assert_eq!(status, 501);
        assert_eq!(
            problem["detail"],
            "The sandbox does not support manage_sell_offer. Nothing was submitted."
        );
    }
    assert_eq!(town.queued(), 0);
}

#[tokio::test]
async fn a_stream_ends_after_its_limit_and_goes_on_from_the_last_event() {
    let town = Town::start(|_| {}).await;
    town.close(9).await;
    let stream = |last: &'static str| {
        let request = town
            .client
            .get(town.url("/ledgers?cursor=4294967296&limit=3"));
        let request = request.header("Accept", "text/event-stream");
        async move {
            request
                .header("Last-Event-ID", last)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap()
        }
    };
    let ids = |text: &str| -> Vec<u64> {
        text.lines()
            .filter_map(|line| line.strip_prefix("id: "))
            .map(|id| id.parse::<u64>().unwrap() >> 32)
            .collect()
    };
    let text = stream("").await;
    assert!(
        text.starts_with("retry: 1000\nevent: open\ndata: \"hello\"\n\nid: "),
        "{text}"
    );
    assert!(
        text.ends_with("retry: 10\nevent: close\ndata: \"byebye\"\n\n"),
        "{text}"
    );
    assert_eq!(ids(&text), [2, 3, 4]);
    assert_eq!(
        ids(&stream("17179869184").await),
        [5, 6, 7],
        "the event beats the cursor"
    );
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let town = Town::start(|_| {}).await;
    let address = town.sandbox.addr();
    let Err(error) = start(Config {
        listen: address,
        ..Config::default()
    })
    .await
    else {
        panic!("bound twice")
    };
    assert!(matches!(error, SandboxError::Listen { .. }));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    town.sandbox.shutdown().await;
    let again = start(Config {
        listen: address,
        ..Config::default()
    })
    .await
    .expect("the address is free again");
    again.shutdown().await;
    let faults = "answer_504=0.5".parse().unwrap();
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        faults,
        ..Config::default()
    };
    let sandbox = start(config).await.unwrap();
    assert!((sandbox.node().faults().answer_504 - 0.5).abs() < f64::EPSILON);
}

#[tokio::test]
async fn odd_requests_get_horizons_own_problems() {
    let town = Town::start(|_| {}).await;
    let account = format!("/accounts/{}", Wallet::new(1).key());
    for (path, accept, status) in [
        ("/ledgers/1", "text/html", 406),
        ("/ledgers/1", "text/event-stream", 406),
        (account.as_str(), "text/event-stream", 406),
        ("/ledgers/1", "text/html, */*;q=0.1", 200),
        ("/ledgers/1", "application/json", 200),
    ] {
        let request = town.client.get(town.url(path)).header("Accept", accept);
        assert_eq!(
            request.send().await.unwrap().status(),
            status,
            "{path} {accept}"
        );
    }
    let huge = "A".repeat(200_001);
    let request = town
        .client
        .post(town.url("/transactions"))
        .form(&[("tx", huge)]);
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(body["status"], 400);
    assert_eq!(
        body["extras"],
        json!({ "envelope_xdr": "" }),
        "too large to be read at all"
    );
    let (status, body) = town.post("/transactions?tx=AAAA").await;
    assert_eq!(
        (status, &body["extras"]["envelope_xdr"]),
        (400, &json!("AAAA"))
    );
    for query in [
        "limit=0",
        "limit=x",
        "order=up",
        "include_failed=maybe",
        "cursor=-1",
    ] {
        let (status, body) = town.get(&format!("/transactions?{query}")).await;
        let field = query.split('=').next().unwrap();
        assert_eq!(
            (status, &body["extras"]["invalid_field"]),
            (400, &json!(field)),
            "{query}"
        );
    }
    assert_eq!(town.get("/transactions_async").await, (405, json!("")));
    assert_eq!(town.get("/health").await.1["core_synced"], true);
}

#[tokio::test]
async fn operations_are_listed_by_account_ledger_and_transaction() {
    let town = Town::start(|_| {}).await;
    let wallet = Wallet::new(1);
    let pays = (1..=5)
        .map(|stroops| pay(&Wallet::new(2), stroops))
        .collect();
    let five = Draft::new(wallet.address(), 1, pays).sign(&[&wallet]);
    town.submit_async(&five).await;
    town.close(1).await;
    town.submit_async(&payment(2, 1)).await;
    town.close(1).await;
    let amounts = |page: &Value| -> Vec<String> {
        let records = page["_embedded"]["records"].as_array().unwrap();
        records
            .iter()
            .map(|record| record["amount"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = [
        "0.0000001",
        "0.0000002",
        "0.0000003",
        "0.0000004",
        "0.0000005",
    ];
    let two = format!("/accounts/{}", Wallet::new(2).key());
    let paths = [
        format!("/transactions/{}/operations", five.hash()),
        format!("/transactions/{}/payments", five.hash()),
        "/ledgers/2/operations".to_owned(),
        "/ledgers/2/payments".to_owned(),
    ];
    for path in paths {
        assert_eq!(amounts(&town.get(&path).await.1), all, "{path}");
    }
    for path in [
        format!("{two}/operations"),
        format!("{two}/payments"),
        "/operations".into(),
        "/payments".into(),
    ] {
        // Pages of two, one after the other, forwards and backwards, across the border of a transaction.
        let mut expected: Vec<_> = all
            .into_iter()
            .chain(["0.0000001"])
            .map(str::to_owned)
            .collect();
        for order in ["asc", "desc"] {
            let mut found = Vec::new();
            let mut url = format!("{path}?limit=2&order={order}");
            loop {
                let (status, page) = town.get(&url).await;
                assert_eq!(status, 200, "{url}");
                let here = amounts(&page);
                if here.is_empty() {
                    break;
                }
                found.extend(here);
                let next = page["_links"]["next"]["href"].as_str().unwrap();
                url = next
                    .split_once(&town.sandbox.addr().to_string())
                    .unwrap()
                    .1
                    .to_owned();
            }
            assert_eq!(found, expected, "{path} {order}");
            expected.reverse();
        }
    }
    let (_, page) = town.get(&format!("{two}/payments?limit=1")).await;
    let record = &page["_embedded"]["records"][0];
    assert_eq!(
        &town
            .get(&format!("/operations/{}", record["id"].as_str().unwrap()))
            .await
            .1,
        record
    );
}
