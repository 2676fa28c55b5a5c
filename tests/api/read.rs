//! Reading intents: one, with its tag; many, in pages; attempts.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::server::{OTHER_SOURCE, SOURCE, Server, ZENITH, account, payment, send};

#[tokio::test]
async fn an_intent_is_found_under_its_place_and_by_nobody_else() {
    let server = Server::start().await;
    let accepted = server.post("k", &payment("w", "1")).await;
    let place = accepted.header("location").unwrap().to_owned();
    let found = server.get(&place).await;
    assert_eq!(found.text, accepted.text);
    let other = server.client.get(format!("{}{place}", server.base));
    let other = send(other.bearer_auth(ZENITH)).await;
    other.problem(404, "intent-not-found");
    for id in [&Uuid::now_v7().to_string(), "7", "%20", "%FF"] {
        for rest in ["", "/attempts", "/events", "/explain", "/receipt"] {
            let none = server.get(&format!("/v1/intents/{id}{rest}")).await;
            none.problem(404, "intent-not-found");
        }
    }
    let query = server.get(&format!("{place}?x=1")).await;
    let problem = query.problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["parameter"], "x");
}

#[tokio::test]
async fn an_unchanged_intent_need_not_be_sent_again() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    let path = format!("/v1/intents/{id}");
    let first = server.get(&path).await;
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'));
    let ask = |known: String| {
        let request = server.request(Method::GET, &path);
        send(request.header("if-none-match", known))
    };
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        let same = ask(known).await;
        assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""));
        assert_eq!(same.header("etag"), Some(tag.as_str()));
    }
    assert_eq!(ask("\"x\"".to_owned()).await.status, 200);
    server.fail(id).await;
    let changed = ask(tag.clone()).await;
    assert_eq!(changed.intent(200)["status"], "failed");
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn a_landed_intent_shows_its_transaction() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    server
        .sql(format!(
            "update submitter.intents set status = 'succeeded', finished_at = now(), due_at = null, transaction =
             '{{\"hash\": \"{}\", \"fee_bump_hash\": null, \"ledger\": 7, \"closed_at\": \"2026-11-22T12:00:00Z\",
               \"successful\": true, \"fee_charged\": \"100\", \"channel\": \"{}\", \"sequence\": \"4294967297\"}}' where id = '{id}'",
            "ab".repeat(32),
            account(30),
        ))
        .await;
    let intent = server.get(&format!("/v1/intents/{id}")).await.intent(200);
    let expected = json!({
        "hash": "ab".repeat(32), "fee_bump_hash": null, "ledger": 7, "closed_at": "2026-11-22T12:00:00Z",
        "successful": true, "fee_charged": "100", "channel": account(30), "sequence": "4294967297",
    });
    assert_eq!(intent["transaction"], expected);
    assert_eq!(intent["next_action_at"], Value::Null);
    assert!(intent["finished_at"].is_string());
}

async fn workflows(server: &Server, query: &str) -> Vec<String> {
    let page = server.get(&format!("/v1/intents?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {}", page.text);
    names(&page.json())
}

fn names(page: &Value) -> Vec<String> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|intent| intent["workflow_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn every_filter_finds_what_it_says() {
    let server = Server::start().await;
    let a = server.accepted("a").await;
    let mut other = payment("b", "2");
    other["source"] = json!(account(OTHER_SOURCE));
    other["method"] = json!("refund");
    let muxed = stellar_strkey::ed25519::MuxedAccount {
        ed25519: [50; 32],
        id: 7,
    };
    other["operations"][0]["destination"] = json!(muxed.to_string().as_str());
    server.post("b", &other).await.intent(202);
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    server.accepted("c").await;
    server.fail(a).await;
    attempt(&server, a).await;
    let theirs = server
        .client
        .post(format!("{}/v1/intents", server.base))
        .bearer_auth(ZENITH)
        .header("idempotency-key", "k")
        .json(&payment("a", "1"));
    send(theirs).await.intent(202);
    let b_at = server.get("/v1/intents?workflow_id=b").await.json()["items"][0]["created_at"]
        .as_str()
        .unwrap()
        .to_owned();
    for (query, expected) in [
        (String::new(), vec!["c", "b", "a"]),
        ("workflow_id=a".to_owned(), vec!["a"]),
        ("workflow_id=none".to_owned(), vec![]),
        ("method=refund".to_owned(), vec!["b"]),
        ("method=payment&status=queued".to_owned(), vec!["c"]),
        ("status=failed".to_owned(), vec!["a"]),
        (format!("source={}", account(SOURCE)), vec!["c", "a"]),
        (format!("source={}", account(OTHER_SOURCE)), vec!["b"]),
        (format!("destination={}", account(9)), vec!["c", "a"]),
        (format!("destination={}", account(50)), vec!["b"]),
        (
            format!("destination={}", muxed.to_string().as_str()),
            vec!["b"],
        ),
        (format!("hash={}", "aa".repeat(32)), vec!["a"]),
        (format!("hash={}", "BB".repeat(32)), vec!["a"]),
        (format!("hash={}", "cc".repeat(32)), vec![]),
        (format!("created_after={b_at}"), vec!["c"]),
        (
            "created_after=2001-01-01T00:00:00%2B02:00".to_owned(),
            vec!["c", "b", "a"],
        ),
    ] {
        assert_eq!(workflows(&server, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let server = Server::start().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let name = format!("w-{number}");
        server.accepted(&name).await;
        expected.insert(0, name);
    }
    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = server
            .get(&format!("/v1/intents?limit=3{cursor}"))
            .await
            .json();
        found.extend(names(&page));
        pages += 1;
        // What is accepted meanwhile is newer than where the reader is.
        server.accepted(&format!("late-{pages}")).await;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, expected);
    assert_eq!(pages, 3);
    // A page that just holds them all has no next one.
    assert_eq!(
        server.get("/v1/intents?limit=10").await.json()["next"],
        Value::Null
    );
    assert!(server.get("/v1/intents?limit=9").await.json()["next"].is_string());
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    let mut cases: Vec<(String, &str)> = [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=AAAA", "cursor"),
        ("cursor=%00", "cursor"),
        ("status=done", "status"),
        ("source=x", "source"),
        ("destination=x", "destination"),
        ("hash=abc", "hash"),
        ("created_after=yesterday", "created_after"),
        ("created_after=2001-01-01T00:00:00+02:00", "created_after"),
        ("workflow_id=", "workflow_id"),
        ("workflow_id=%00", "workflow_id"),
        ("method=%00", "method"),
        ("wrokflow_id=w", "wrokflow_id"),
        ("limit=1&limit=2", "limit"),
    ]
    .into_iter()
    .map(|(query, name)| (format!("/v1/intents?{query}"), name))
    .collect();
    for (query, name) in [
        ("attempts?cursor=x", "cursor"),
        ("attempts?cursor=3000000000", "cursor"),
        ("attempts?limit=0", "limit"),
        ("events?cursor=-1", "cursor"),
        ("events?after=1", "after"),
    ] {
        cases.push((format!("/v1/intents/{id}/{query}"), name));
    }
    for (query, name) in [
        ("after=x", "after"),
        ("after=99999999999999999999", "after"),
        ("types=intent.nothing", "types"),
        ("types=", "types"),
        ("cursor=1", "cursor"),
    ] {
        cases.push((format!("/v1/events?{query}"), name));
    }
    cases.push(("/v1/channels?limit=1".to_owned(), "limit"));
    cases.push(("/v1/reconciliation?limit=1".to_owned(), "limit"));
    let posting = server.request(Method::POST, "/v1/intents?dry_run=true");
    let posting = posting
        .header("idempotency-key", "k")
        .json(&payment("x", "1"));
    let problem = send(posting).await.problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["parameter"], "dry_run");
    for (path, name) in cases {
        let problem = server.get(&path).await.problem(400, "invalid-request");
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{path}: {problem}");
        assert_eq!(errors[0]["parameter"], name, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(name));
    }
}

/// A dead attempt and one that is in flight, as the engine records them.
pub async fn attempt(server: &Server, id: Uuid) {
    let channel = account(30);
    server
        .sql(format!(
            "insert into submitter.attempts (intent_id, number, channel, sequence, min_time, max_time, max_ledger, base_fee,
               operations, plain_fee, sponsored, presigned, hash, envelope, signed_at_ledger, state, death_proof, ended_at)
             values ('{id}', 1, '{channel}', 4294967297, 0, 1795348800, 25, 100, 1, 100, false, false,
               decode(repeat('aa', 32), 'hex'), 'envelope', 5, 'dead', '{{\"kind\": \"fence\", \"as_of_ledger\": 24, \"channel_sequence\": \"4294967296\"}}', now()),
             ('{id}', 2, '{channel}', 4294967297, 0, 0, 45, 100, 1, 100, false, false,
               decode(repeat('ab', 32), 'hex'), 'second', 25, 'submitted', null, null);
             insert into submitter.fee_bumps (intent_id, number, ordinal, hash, fee, envelope)
             values ('{id}', 1, 1, decode(repeat('bb', 32), 'hex'), 2000, 'bump');
             insert into submitter.submissions (intent_id, number, hash, answer)
             select '{id}', 1, decode(repeat('aa', 32), 'hex'), jsonb_build_object('kind', 'unknown', 'n', n) from generate_series(1, 120) n"
        ))
        .await;
}

#[tokio::test]
async fn attempts_show_every_envelope_and_submission() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    let path = format!("/v1/intents/{id}/attempts");
    assert_eq!(
        server.get(&path).await.json(),
        json!({"items": [], "next": null})
    );
    attempt(&server, id).await;
    let page = server.get(&path).await.json();
    assert_eq!(page["next"], Value::Null);
    let first = &page["items"][0];
    assert_eq!(first["number"], 1);
    assert_eq!(first["state"], "dead");
    assert_eq!(first["channel"], account(30));
    assert_eq!(first["sequence"], "4294967297");
    assert_eq!(
        first["bounds"],
        json!({"not_before": null, "not_after": "2026-11-22T12:00:00Z", "before_ledger": 25})
    );
    assert_eq!(first["hash"], "aa".repeat(32));
    assert_eq!(first["envelope_xdr"], "ZW52ZWxvcGU=");
    assert_eq!(first["fee"], "100");
    assert_eq!(first["fee_bumps"][0]["hash"], "bb".repeat(32));
    assert_eq!(first["fee_bumps"][0]["fee"], "2000");
    assert_eq!(first["fee_bumps"][0]["envelope_xdr"], "YnVtcA==");
    assert_eq!(first["death_proof"]["kind"], "fence");
    assert!(first["ended_at"].is_string());
    let submissions = first["submissions"].as_array().unwrap();
    assert_eq!(submissions.len(), 100, "the newest hundred");
    assert_eq!(submissions[99]["answer"]["n"], 120);
    assert_eq!(submissions[0]["answer"]["n"], 21);
    let second = &page["items"][1];
    assert_eq!(second["state"], "submitted");
    assert_eq!(second["submissions"], json!([]));
    assert_eq!(
        (&second["landed"], &second["ended_at"]),
        (&Value::Null, &Value::Null)
    );
    let one = server.get(&format!("{path}?limit=1")).await.json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let rest = server
        .get(&format!(
            "{path}?limit=1&cursor={}",
            one["next"].as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(
        (&rest["items"][0]["number"], &rest["next"]),
        (&json!(2), &Value::Null)
    );
    let missing = server
        .get(&format!("/v1/intents/{}/attempts", Uuid::now_v7()))
        .await;
    missing.problem(404, "intent-not-found");
}

#[tokio::test]
async fn channels_are_listed_with_the_source_first() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    server
        .sql(format!(
            "insert into submitter.channels (account, kind, sep5_index, sequence, state, reason, busy_with) values
             ('{}', 'channel', 0, 9007199254740993, 'open', null, '{id}'),
             ('{}', 'channel', 1, 3, 'paused', 'low_balance', null),
             ('{}', 'source', null, 5, 'open', null, null)",
            account(40),
            account(41),
            account(SOURCE)
        ))
        .await;
    let page = server.get("/v1/channels").await.json();
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0]["account"], account(SOURCE));
    assert_eq!(items[0]["sep5_index"], Value::Null);
    assert_eq!(items[1]["sequence"], "9007199254740993");
    assert_eq!(items[1]["busy_with"], id.to_string());
    assert_eq!(items[2]["reason"], "low_balance");
}
