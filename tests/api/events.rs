//! GET /v1/events: everything, in order, nothing missed.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::server::{Server, ZENITH, payment, send};

fn ids(page: &Value) -> Vec<i64> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn events_come_in_pages_by_type_and_by_tenant() {
    let server = Server::start().await;
    let mut intents = Vec::new();
    for number in 0..5 {
        intents.push(server.accepted(&format!("w-{number}")).await);
    }
    let theirs = server
        .client
        .post(format!("{}/v1/intents", server.base))
        .bearer_auth(ZENITH)
        .header("idempotency-key", "k")
        .json(&payment("w", "1"));
    send(theirs).await.intent(202);
    let path = format!("/v1/intents/{}/cancel", intents[0]);
    send(server.request(reqwest::Method::POST, &path))
        .await
        .intent(200);

    let all = server.get("/v1/events").await.json();
    assert_eq!(ids(&all).len(), 6);
    assert_eq!(all["next"], Value::Null);
    let first = &all["items"][0];
    assert_eq!(first["type"], "intent.accepted");
    assert_eq!(first["intent_id"], intents[0].to_string());
    assert_eq!(first["data"], json!({}));
    assert!(first["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(all["items"][5]["type"], "intent.canceled");

    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = server
            .get(&format!("/v1/events?limit=4&after={after}"))
            .await
            .json();
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => after = next.parse().unwrap(),
            None => break,
        }
    }
    assert_eq!(seen, ids(&all));
    let last = seen.last().unwrap();
    let rest = server.get(&format!("/v1/events?after={last}")).await.json();
    assert_eq!(rest, json!({"items": [], "next": null}));
    let canceled = server
        .get("/v1/events?types=intent.canceled,intent.failed")
        .await
        .json();
    assert_eq!(ids(&canceled), [*last]);
    let one = server
        .get(&format!("/v1/intents/{}/events", intents[0]))
        .await
        .json();
    assert_eq!(one["items"], json!([all["items"][0], all["items"][5]]));
    let page = server
        .get(&format!("/v1/intents/{}/events?limit=1", intents[0]))
        .await
        .json();
    let next = page["next"].as_str().unwrap();
    let rest = server
        .get(&format!("/v1/intents/{}/events?cursor={next}", intents[0]))
        .await
        .json();
    assert_eq!(
        (&rest["items"][0], &rest["next"]),
        (&all["items"][5], &Value::Null)
    );
}

#[tokio::test]
async fn an_event_that_commits_late_is_not_skipped() {
    let server = Server::start().await;
    let id = server.accepted("early").await;
    assert_eq!(ids(&server.get("/v1/events").await.json()).len(), 1);
    // A transaction takes a number and stays open; a later number commits before it.
    let mut slow = server.database.pool.begin().await.unwrap();
    let insert = "insert into submitter.events (tenant, intent_id, kind, data) values ('acme', $1, 'intent.parked', '{}')";
    sqlx::query(insert)
        .bind(id)
        .execute(&mut *slow)
        .await
        .unwrap();
    server.accepted("quick").await;
    let page = server.get("/v1/events").await.json();
    assert_eq!(
        ids(&page).len(),
        1,
        "a reader who saw the later one would go on after it"
    );
    slow.commit().await.unwrap();
    let page = server.get("/v1/events").await.json();
    let kinds: Vec<&Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["type"])
        .collect();
    assert_eq!(
        kinds,
        ["intent.accepted", "intent.parked", "intent.accepted"]
    );
    // One that is undone leaves a gap, and holds nobody up.
    let mut undone = server.database.pool.begin().await.unwrap();
    sqlx::query(insert)
        .bind(id)
        .execute(&mut *undone)
        .await
        .unwrap();
    undone.rollback().await.unwrap();
    server.accepted("last").await;
    assert_eq!(ids(&server.get("/v1/events").await.json()).len(), 4);
}

#[tokio::test]
async fn a_reader_who_goes_on_misses_none_of_many_writers() {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let server = Server::start().await;
    let writers = (0..WRITERS).map(|writer| {
        let pool = server.database.pool.clone();
        tokio::spawn(async move {
            for turn in 0..EACH {
                let mut tx = pool.begin().await.unwrap();
                sqlx::query("insert into submitter.events (tenant, intent_id, kind, data) values ('acme', $1, 'intent.parked', '{}')")
                    .bind(Uuid::now_v7())
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                let pause = Duration::from_millis(((writer * 7 + turn * 3) % 11) as u64);
                tokio::time::sleep(pause).await;
                tx.commit().await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut seen, mut after): (Vec<i64>, i64) = (Vec::new(), 0);
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = server
            .get(&format!("/v1/events?limit=200&after={after}"))
            .await
            .json();
        seen.extend(ids(&page));
        after = seen.last().copied().unwrap_or(0);
        if done {
            break;
        }
    }
    assert!(seen.is_sorted_by(|a, b| a < b));
    assert_eq!(seen.len(), WRITERS * EACH);
}

#[tokio::test]
async fn a_feed_and_a_timeline_begin_later_when_old_months_are_dropped() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    let before = server.get("/v1/events").await.json();
    for days in [100, 70, 1] {
        server
            .sql(format!(
                "insert into submitter.events (at, tenant, intent_id, kind, data)
                 values (now() - interval '{days} days', 'acme', '{id}', 'intent.parked', '{{}}')"
            ))
            .await;
    }
    let update = format!(
        "update submitter.intents set created_at = now() - interval '100 days' where id = '{id}'"
    );
    server.sql(update).await;
    let timeline = format!("/v1/intents/{id}/events");
    let all = server.get("/v1/events").await.json();
    assert_eq!(ids(&all).len(), 4);
    assert_eq!(all["items"][0], before["items"][0]);
    assert_eq!(server.get(&timeline).await.json(), all);

    server.store.make_partitions().await.unwrap();
    assert_eq!(server.get("/v1/events").await.json(), all, "nothing moved");
    for partition in server.store.partitions_older_than(35).await.unwrap() {
        assert!(server.store.drop_partition(&partition).await.unwrap());
    }
    let first = server.get("/v1/events?limit=1").await.json();
    assert_eq!(first["items"][0], all["items"][0]);
    let dropped = ids(&all)[1];
    let rest = server
        .get(&format!("/v1/events?after={dropped}"))
        .await
        .json();
    assert_eq!(rest, json!({"items": [all["items"][3]], "next": null}));
    let line = server.get(&format!("{timeline}?limit=1")).await.json();
    assert_eq!(line["items"][0], all["items"][0]);
    let next = line["next"].as_str().unwrap();
    let line = server
        .get(&format!("{timeline}?cursor={next}"))
        .await
        .json();
    assert_eq!(line, json!({"items": [all["items"][3]], "next": null}));
}
