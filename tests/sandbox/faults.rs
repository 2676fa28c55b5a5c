//! Each fault by its effect.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stellar_submitter::sandbox::Faults;
use stellar_xdr::{InnerTransactionResultResult, TransactionResultResult};

use crate::town::{ACCOUNTS, Town, payment};
use crate::wallet::{self, Wallet};

#[tokio::test]
async fn an_answer_lost_before_leaves_nothing() {
    let town = Town::with_faults(json!({ "lose_answer_before": 1 })).await;
    let error = town
        .try_submit("/transactions_async", &payment(1, 1))
        .await
        .unwrap_err();
    assert!(error.is_request(), "{error:?}");
    town.try_submit("/transactions", &payment(1, 1))
        .await
        .unwrap_err();
    assert_eq!(town.queued(), 0);
    assert_eq!(town.get("/ledgers/1").await.0, 200, "reads are not lost");
}

#[tokio::test]
async fn an_answer_lost_after_lands_all_the_same() {
    let town = Town::with_faults(json!({ "lose_answer_after": 1 })).await;
    town.try_submit("/transactions_async", &payment(1, 1))
        .await
        .unwrap_err();
    town.try_submit("/transactions", &payment(2, 1))
        .await
        .unwrap_err();
    assert_eq!(town.queued(), 2);
    town.close(1).await;
    let expected: BTreeSet<_> = [payment(1, 1).hash(), payment(2, 1).hash()].into();
    assert_eq!(
        town.landed().await.into_iter().collect::<BTreeSet<_>>(),
        expected
    );
}

#[tokio::test]
async fn a_503_has_not_been_taken() {
    let town = Town::with_faults(json!({ "answer_503": 1 })).await;
    for path in ["/transactions", "/transactions_async"] {
        let response = town.try_submit(path, &payment(1, 1)).await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(
            response.headers()["x-sandbox-fault"],
            "answer_503; not taken"
        );
        let body: Value = response.json().await.unwrap();
        assert!(
            body["type"]
                .as_str()
                .unwrap()
                .ends_with("/service_unavailable"),
            "{body}"
        );
    }
    assert_eq!(town.queued(), 0);
}

#[tokio::test]
async fn a_504_has_been_taken_half_of_the_time() {
    let town = Town::with_faults(json!({ "answer_504": 1, "seed": 7 })).await;
    let mut taken = BTreeSet::new();
    for number in 1..ACCOUNTS {
        let envelope = payment(number, 1);
        let response = town.try_submit("/transactions", &envelope).await.unwrap();
        assert_eq!(response.status(), 504);
        if response.headers()["x-sandbox-fault"] == "answer_504; taken" {
            taken.insert(envelope.hash());
        } else {
            assert_eq!(
                response.headers()["x-sandbox-fault"],
                "answer_504; not taken"
            );
        }
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["extras"]["hash"], envelope.hash());
    }
    assert!((30..70).contains(&taken.len()), "{} of 99", taken.len());
    town.close(1).await;
    assert_eq!(
        town.landed().await.into_iter().collect::<BTreeSet<_>>(),
        taken
    );
}

#[tokio::test]
async fn a_false_bad_sequence_has_been_taken() {
    let town = Town::with_faults(json!({ "late_bad_seq": 1 })).await;
    let (status, body) = town.submit(&payment(1, 1)).await;
    assert_eq!(
        (status, &body["extras"]["result_codes"]),
        (400, &json!({ "transaction": "tx_bad_seq" }))
    );
    let payer = Wallet::new(9);
    let bump = payment(2, 1).bump(payer.address(), 400, &payer);
    let (status, body) = town.submit_async(&bump).await;
    assert_eq!((status, &body["tx_status"]), (400, &json!("ERROR")));
    let result = wallet::result(body["error_result_xdr"].as_str().unwrap());
    let TransactionResultResult::TxFeeBumpInnerFailed(pair) = result.result else {
        panic!("{result:?}")
    };
    assert_eq!(pair.result.result, InnerTransactionResultResult::TxBadSeq);
    town.close(1).await;
    assert_eq!(town.landed().await.len(), 2);
    // What core refuses is answered as core does: the sequence number is really bad now.
    let (_, body) = town.submit(&payment(1, 5)).await;
    assert_eq!(body["extras"]["result_codes"]["transaction"], "tx_bad_seq");
    assert_eq!(town.queued(), 0);
}

#[tokio::test]
async fn what_never_lands_can_be_sent_again() {
    let town = Town::with_faults(json!({ "never_land": 1 })).await;
    for _ in 0..3 {
        let (status, body) = town.submit_async(&payment(1, 1)).await;
        assert_eq!((status, &body["tx_status"]), (201, &json!("PENDING")));
        assert_eq!(town.queued(), 0);
        town.close(2).await;
    }
    assert_eq!(town.landed().await, Vec::<String>::new());
    town.put("/sandbox/faults", json!({})).await;
    town.submit_async(&payment(1, 1)).await;
    town.close(1).await;
    assert_eq!(town.landed().await, [payment(1, 1).hash()]);
}

#[tokio::test]
async fn a_delayed_landing_comes_within_its_ledgers() {
    let town =
        Town::with_faults(json!({ "delay_ledgers": { "rate": 1, "max": 3 }, "seed": 3 })).await;
    let mut delays = BTreeSet::new();
    for number in 1..20 {
        assert_eq!(town.submit_async(&payment(number, 1)).await.0, 201);
    }
    for delay in 0..=3 {
        town.close(1).await;
        let landed = town.truth().await;
        if landed.iter().any(|item| item["ledger"] == 2 + delay) {
            delays.insert(delay);
        }
    }
    assert_eq!(town.landed().await.len(), 19);
    assert_eq!(
        delays,
        BTreeSet::from([1, 2, 3]),
        "never in the very next ledger"
    );
}

#[tokio::test]
async fn a_slow_body_comes_late_but_whole() {
    let town = Town::with_faults(json!({ "slow_body_ms": 1000 })).await;
    let start = Instant::now();
    let response = town
        .client
        .get(town.url("/ledgers/1"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(
        start.elapsed() < Duration::from_millis(900),
        "the head is at once there: {:?}",
        start.elapsed()
    );
    let body: Value = response.json().await.unwrap();
    assert!(
        start.elapsed() >= Duration::from_millis(1000),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(body["sequence"], 1);
}

#[tokio::test]
async fn a_cut_body_is_half_there() {
    let town = Town::with_faults(json!({ "cut_body": 1 })).await;
    let mut response = town
        .client
        .get(town.url("/ledgers/1"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let whole = response.content_length().unwrap();
    let mut got = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(bytes)) => got += bytes.len() as u64,
            Ok(None) => panic!("{got} of {whole} bytes, and no error"),
            Err(error) => break error,
        }
    };
    assert!(got > 0 && got < whole, "{got} of {whole}: {error}");
}

#[tokio::test]
async fn lagging_reads_go_back_in_time_and_are_right_for_their_ledger() {
    let town = Town::start(|_| {}).await;
    // After ledger 1 + n, account 1 has used n sequence numbers.
    for sequence in 1..=6 {
        town.submit_async(&payment(1, sequence)).await;
        town.close(1).await;
    }
    town.put(
        "/sandbox/faults",
        json!({ "read_lag_ledgers": 3, "seed": 1 }),
    )
    .await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        let path = format!("/accounts/{}", Wallet::new(1).key());
        let response = town.client.get(town.url(&path)).send().await.unwrap();
        let ledger: i64 = response.headers()["latest-ledger"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["sequence"], (ledger - 1).to_string());
        seen.push(ledger);
    }
    assert_eq!(
        seen.iter().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([4, 5, 6, 7])
    );
    assert!(
        seen.windows(2).any(|pair| pair[1] < pair[0]),
        "reads go back"
    );
    // A hash that has landed is not found by a Horizon that is behind.
    let path = format!("/transactions/{}", payment(1, 6).hash());
    let mut statuses = BTreeSet::new();
    for _ in 0..40 {
        statuses.insert(town.get(&path).await.0);
    }
    assert_eq!(statuses, BTreeSet::from([200, 404]));
    assert_eq!(town.landed().await.len(), 6, "the truth does not lag");
}

#[tokio::test]
async fn a_post_waits_for_its_own_horizon() {
    let town = Town::start(|config| config.horizon_lag_ledgers = 2).await;
    town.close(5).await;
    let envelope = payment(1, 1);
    let post = town.submit(&envelope);
    let closing = async {
        town.until_queued(1).await;
        town.close(2).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(town.landed().await, [envelope.hash()]);
        assert_eq!(
            town.get(&format!("/transactions/{}", envelope.hash()))
                .await
                .0,
            404
        );
        town.close(1).await;
    };
    let ((status, body), ()) = tokio::join!(post, closing);
    assert_eq!((status, &body["ledger"]), (200, &json!(7)));
}

/// What happens to a fixed list of requests.
async fn story(seed: u64) -> Vec<String> {
    let faults = json!({
        "seed": seed, "lose_answer_before": 0.2, "answer_503": 0.2, "answer_504": 0.2, "lose_answer_after": 0.2,
        "late_bad_seq": 0.3, "never_land": 0.2, "delay_ledgers": { "rate": 0.3, "max": 2 }, "cut_body": 0.2,
        "read_lag_ledgers": 2,
    });
    let town = Town::with_faults(faults).await;
    town.close(3).await;
    let mut story = Vec::new();
    for number in 1..40 {
        let answer = match town
            .try_submit("/transactions_async", &payment(number, 1))
            .await
        {
            Ok(response) => format!("{} {:?}", response.status(), response.text().await.ok()),
            Err(_) => "lost".to_owned(),
        };
        let read = town
            .client
            .get(town.url("/fee_stats"))
            .send()
            .await
            .unwrap()
            .text()
            .await;
        story.push(format!("{answer} / {:?}", read.ok()));
    }
    town.close(3).await;
    let mut landed = town.landed().await;
    landed.sort();
    story.extend(landed);
    story
}

#[tokio::test]
async fn the_same_seed_tells_the_same_story() {
    let (first, again, other) = (story(42).await, story(42).await, story(43).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test]
async fn faults_are_read_back_and_left_out_ones_are_off() {
    let town = Town::start(|_| {}).await;
    let off = json!({
        "seed": 0, "lose_answer_after": 0.0, "lose_answer_before": 0.0, "answer_504": 0.0, "answer_503": 0.0,
        "late_bad_seq": 0.0, "never_land": 0.0, "delay_ledgers": { "rate": 0.0, "max": 0 }, "slow_body_ms": 0,
        "cut_body": 0.0, "read_lag_ledgers": 0,
    });
    assert_eq!(town.get("/sandbox/faults").await, (200, off.clone()));
    let mut set = off.clone();
    set["answer_504"] = json!(0.25);
    set["seed"] = json!(9);
    assert_eq!(
        town.put("/sandbox/faults", json!({ "seed": 9, "answer_504": 0.25 }))
            .await,
        (200, set)
    );
    assert_eq!(town.put("/sandbox/faults", json!({})).await, (200, off));
}

#[tokio::test]
async fn wrong_faults_are_refused_and_named() {
    let town = Town::start(|_| {}).await;
    town.put("/sandbox/faults", json!({ "answer_503": 0.5 }))
        .await;
    let cases = [
        (json!({ "lose_answers": 1 }), "lose_answers"),
        (json!({ "answer_504": 1.5 }), "answer_504"),
        (json!({ "answer_504": -0.1 }), "answer_504"),
        (json!({ "answer_504": "often" }), "often"),
        (
            json!({ "delay_ledgers": { "rate": 0.5 } }),
            "delay_ledgers.max",
        ),
        (json!({ "delay_ledgers": { "often": 0.5 } }), "often"),
        (json!({ "read_lag_ledgers": 101 }), "read_lag_ledgers"),
        (json!({ "slow_body_ms": 60001 }), "slow_body_ms"),
        (json!([1]), "object"),
    ];
    for (body, named) in cases {
        let (status, problem) = town.put("/sandbox/faults", body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert!(
            problem["extras"].to_string().contains(named),
            "{body}: {problem}"
        );
    }
    assert_eq!(
        town.get("/sandbox/faults").await.1["answer_503"],
        0.5,
        "a refused change changes nothing"
    );
}

#[test]
fn the_flag_says_the_same() {
    let text = "lose_answer_after=0.1,answer_504=0.05,delay_ledgers=0.2:3,read_lag_ledgers=2,slow_body_ms=5,seed=7";
    let expected: Faults = serde_json::from_value(json!({
        "lose_answer_after": 0.1, "answer_504": 0.05, "delay_ledgers": { "rate": 0.2, "max": 3 },
        "read_lag_ledgers": 2, "slow_body_ms": 5, "seed": 7,
    }))
    .unwrap();
    assert_eq!(text.parse(), Ok(expected));
    assert_eq!("".parse(), Ok(Faults::default()));
    for (text, named) in [
        ("lose=1", "lose"),
        ("answer_504", "NAME=VALUE"),
        ("answer_504=x", "answer_504"),
        ("answer_504=2", "answer_504"),
        ("delay_ledgers=0.5", "RATE:MAX"),
    ] {
        let error = text.parse::<Faults>().unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}
