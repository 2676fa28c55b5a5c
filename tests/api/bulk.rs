//! POST /v1/intents/bulk: a result for each row, and what refuses the whole.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use reqwest::{Body, Method};
use serde_json::{Value, json};
use stellar_submitter::api::Settings;
use tokio::sync::Semaphore;

use crate::server::{Answer, Ready, Server, account, payment, seed, send};

const PATH: &str = "/v1/intents/bulk";
const LINES: &str = "application/x-ndjson";
/// The most rows that a bulk may have.
const MOST: usize = 10_000;
/// More rows than one commit takes.
const SOME_CHUNKS: usize = 2_500;

async fn array(server: &Server, rows: &[Value]) -> Answer {
    send(server.request(Method::POST, PATH).json(rows)).await
}

async fn lines(server: &Server, text: impl Into<Body>) -> Answer {
    let request = server.request(Method::POST, PATH);
    send(request.header("content-type", LINES).body(text)).await
}

/// Asserts a result whose counts are those of its items, and returns these.
#[track_caller]
fn items(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    let items = body["items"].as_array().unwrap().clone();
    let count = |of: fn(i64) -> bool| {
        let statuses = items.iter().map(|item| item["status"].as_i64().unwrap());
        statuses.filter(|status| of(*status)).count()
    };
    assert_eq!(body["accepted"], count(|status| status == 202));
    assert_eq!(body["existing"], count(|status| status == 200));
    assert_eq!(body["refused"], count(|status| status >= 400));
    for (index, item) in items.iter().enumerate() {
        assert_eq!(item["index"], index);
        let status = item["status"].as_i64().unwrap();
        assert_eq!(item["problem"].is_object(), status >= 400, "{item}");
        assert_eq!(item["id"].is_string(), status < 300, "{item}");
        assert_eq!(item["replayed"] == json!(true), status == 200, "{item}");
        if status >= 400 {
            assert_eq!(item["problem"]["status"], status);
            assert_eq!(item["problem"]["instance"], PATH);
        } else {
            assert!(item["workflow_id"].is_string() && item["method"].is_string());
        }
    }
    items
}

fn statuses(items: &[Value]) -> Vec<i64> {
    items
        .iter()
        .map(|item| item["status"].as_i64().unwrap())
        .collect()
}

#[track_caller]
fn refused(item: &Value, code: &str, pointer: &str) {
    let kind = format!("urn:stellar-submitter:problem:{code}");
    assert_eq!(item["problem"]["type"], kind, "{item}");
    let at = &item["problem"]["errors"][0]["pointer"];
    let own = &item["problem"]["pointer"];
    assert!(at == pointer || own == pointer, "{pointer}: {item}");
}

/// Payments of 1 for the workflows w-0, w-1, …
fn payments(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| payment(&format!("w-{number}"), "1"))
        .collect()
}

fn as_lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

#[tokio::test]
async fn each_row_has_its_own_result_in_its_place() {
    let server = Server::start().await;
    let known = server.accepted("known").await;
    let mut unknown_field = payment("surprised", "1");
    unknown_field["surprise"] = json!(1);
    let mut secret = payment("secret", "1");
    secret["metadata"] = json!({"a": [seed(7)]});
    let mut method = payment("known", "5");
    method["method"] = json!("refund");
    let rows = [
        payment("new", "1"),
        payment("known", "1.0"),
        payment("known", "2"),
        payment("bad", "-1"),
        unknown_field,
        secret,
        json!(7),
        method,
    ];
    let answer = array(&server, &rows).await;
    assert!(!answer.text.contains(&seed(7)), "{}", answer.text);
    let items = items(&answer);
    assert_eq!(
        statuses(&items),
        [202, 200, 409, 400, 400, 400, 400, 202],
        "{items:#?}"
    );
    assert_eq!(items[0]["workflow_id"], "new");
    assert_eq!(items[0]["method"], "payment");
    assert_eq!(items[1]["id"], json!(known));
    refused(&items[2], "workflow-conflict", "/operations/0/amount");
    assert_eq!(items[2]["problem"]["intent_id"], json!(known));
    refused(&items[3], "invalid-request", "/operations/0/amount");
    refused(&items[4], "invalid-request", "/surprise");
    refused(&items[5], "invalid-request", "/metadata/a/0");
    refused(&items[6], "invalid-request", "");
    assert_eq!(items[7]["method"], "refund");
    assert_eq!(server.count("intents").await, 3);
    assert_eq!(server.count("idempotency_keys").await, 1);
    // What a row has made is an intent like any other.
    let id = items[0]["id"].as_str().unwrap();
    let intent = server.get(&format!("/v1/intents/{id}")).await.intent(200);
    assert_eq!(intent["status"], "queued");
    assert_eq!(intent["operations"], payment("new", "1")["operations"]);
    let events = server.get(&format!("/v1/intents/{id}/events")).await.json();
    assert_eq!(events["items"][0]["type"], "intent.accepted", "{events}");
    let single = server.post("k", &payment("new", "1")).await;
    assert_eq!(single.intent(200)["id"], id);
}

#[tokio::test]
async fn lines_are_rows_and_a_broken_one_is_named_by_its_line() {
    let server = Server::start().await;
    let good = |workflow| payment(workflow, "1").to_string();
    let twice = r#"{"workflow_id":"x","workflow_id":"y"}"#;
    let text = format!(
        "\n{}\r\n  \n{{\"workflow_id\":\n{twice}\n{}\n",
        good("a"),
        good("b")
    );
    let items = items(&lines(&server, text).await);
    assert_eq!(statuses(&items), [202, 400, 400, 202]);
    refused(&items[1], "invalid-request", "");
    let detail = |item: &Value| item["problem"]["detail"].as_str().unwrap().to_owned();
    assert!(detail(&items[1]).contains("line 4"), "{}", items[1]);
    refused(&items[2], "invalid-request", "/workflow_id");
    assert!(
        detail(&items[2]).contains("line 5, column 32"),
        "{}",
        items[2]
    );
    assert_eq!(items[3]["workflow_id"], "b");
    // A last line without its end, and bytes that are no text.
    let mut bytes = good("c").into_bytes();
    bytes.extend(b"\n\"\xff\"\n");
    bytes.extend(good("d").into_bytes());
    let items = self::items(&lines(&server, bytes).await);
    assert_eq!(statuses(&items), [202, 400, 202]);
    assert_eq!(server.count("intents").await, 4);
}

#[tokio::test]
async fn equal_rows_of_one_bulk_are_one_intent() {
    let server = Server::start().await;
    let rows = [
        payment("w", "1"),
        payment("w", "1.000"),
        payment("w", "2"),
        payment("v", "1"),
        payment("w", "1"),
    ];
    let items = items(&array(&server, &rows).await);
    assert_eq!(statuses(&items), [202, 200, 409, 202, 200]);
    assert_eq!(items[1]["id"], items[0]["id"]);
    assert_eq!(items[2]["problem"]["intent_id"], items[0]["id"]);
    assert_eq!(server.count("intents").await, 2);
}

#[tokio::test]
async fn ten_thousand_rows_are_taken_in_their_order_and_one_more_is_refused_whole() {
    let server = Server::start().await;
    let mut rows = payments(MOST);
    for (number, row) in rows.iter_mut().enumerate() {
        // Names in another order than the rows.
        row["workflow_id"] = json!(format!("w-{}", number * 7919 % MOST));
        row["ordering_key"] = json!(format!("o-{}", number % 3));
    }
    let mut more = rows.clone();
    more.push(payment("more", "1"));
    for answer in [
        array(&server, &more).await,
        lines(&server, as_lines(&more)).await,
    ] {
        answer.problem(413, "too-many-rows");
    }
    assert_eq!(server.count("intents").await, 0);

    let first = items(&array(&server, &rows).await);
    assert_eq!(first.len(), MOST);
    assert!(first.iter().all(|item| item["status"] == 202));
    let recorded: Vec<(String,)> =
        sqlx::query_as("select workflow_id from submitter.intents order by seq")
            .fetch_all(&server.database.pool)
            .await
            .unwrap();
    assert_eq!(recorded.len(), MOST);
    for (row, (recorded,)) in rows.iter().zip(&recorded) {
        assert_eq!(row["workflow_id"], *recorded);
    }
    assert_eq!(server.count("events").await, MOST as i64);

    // Again, as lines: each exists.
    let again = items(&lines(&server, as_lines(&rows)).await);
    assert!(again.iter().all(|item| item["status"] == 200));
    for (again, first) in again.iter().zip(&first) {
        assert_eq!(again["id"], first["id"]);
    }
    assert_eq!(server.count("intents").await, MOST as i64);
}

#[tokio::test]
async fn a_bulk_of_nothing_has_no_results() {
    let server = Server::start().await;
    let nothing = json!({"accepted": 0, "existing": 0, "refused": 0, "items": []});
    assert_eq!(array(&server, &[]).await.json(), nothing);
    for text in ["", "\n \r\n"] {
        assert_eq!(lines(&server, text).await.json(), nothing);
    }
}

#[tokio::test]
async fn what_is_no_bulk_is_refused_whole() {
    let settings = Settings {
        max_bulk_body_bytes: 100_000,
        ..Settings::default()
    };
    let server = Server::start_with(settings, Arc::new(Ready(true))).await;
    let post = |media: Option<&str>, body: String| {
        let mut request = server.request(Method::POST, PATH);
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        send(request.body(body))
    };
    let good = payment("w", "1").to_string();
    for media in [None, Some("text/plain"), Some("application/jsonl")] {
        let answer = post(media, format!("[{good}]")).await;
        answer.problem(415, "unsupported-media-type");
    }
    let json = Some("application/json; charset=utf-8");
    for body in [
        good.clone(),
        format!("[{good}"),
        format!("[{good}] {good}"),
        format!("[{good},]"),
        "7".to_owned(),
        String::new(),
    ] {
        let problem = post(json, body).await.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "");
    }
    for media in [json, Some(LINES)] {
        let large = format!("[{good}{}]", " ".repeat(100_000));
        post(media, large).await.problem(413, "body-too-large");
    }
    let get = server.get(PATH).await;
    get.problem(405, "method-not-allowed");
    let query = send(
        server
            .request(Method::POST, "/v1/intents/bulk?surprise=1")
            .json(&[0]),
    );
    query.await.problem(400, "invalid-request");
    assert_eq!(server.count("intents").await, 0);
}

#[tokio::test]
async fn a_row_is_no_larger_than_a_body_and_names_ten_mistakes() {
    let settings = Settings {
        max_body_bytes: 1000,
        ..Settings::default()
    };
    let server = Server::start_with(settings, Arc::new(Ready(true))).await;
    let mut large = payment("large", "1");
    large["metadata"] = json!({"text": "x".repeat(1000)});
    let mut wrong = payment("wrong", "1");
    for number in 0..30 {
        wrong[format!("surprise-{number}")] = json!(number);
    }
    let rows = [payment("first", "1"), large, wrong, payment("last", "1")];
    let items = items(&array(&server, &rows).await);
    assert_eq!(statuses(&items), [202, 413, 400, 202]);
    assert_eq!(
        items[1]["problem"]["type"],
        "urn:stellar-submitter:problem:body-too-large"
    );
    let errors = items[2]["problem"]["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 10);
    assert_eq!(server.count("intents").await, 2);
}

#[tokio::test]
async fn a_key_has_no_effect_but_must_be_one() {
    let server = Server::start().await;
    let post = |key: &'static str, rows: Vec<Value>| {
        let request = server.request(Method::POST, PATH);
        send(request.header("idempotency-key", key).json(&rows))
    };
    let bad = post("a b", payments(1)).await;
    bad.problem(400, "idempotency-key-invalid");
    assert_eq!(server.count("intents").await, 0);
    assert_eq!(statuses(&items(&post("k", payments(1)).await)), [202]);
    assert_eq!(statuses(&items(&post("k", payments(2)).await)), [200, 202]);
    assert_eq!(server.count("idempotency_keys").await, 0);
}

#[tokio::test]
async fn equal_bulks_at_once_take_each_workflow_once_and_none_waits_for_another_for_ever() {
    let server = Server::start().await;
    let rows = payments(SOME_CHUNKS);
    let mut backwards = rows.clone();
    backwards.reverse();
    let begun = Instant::now();
    let bulks = [&rows, &backwards, &rows, &backwards];
    let answers = join_all(bulks.iter().map(|rows| array(&server, rows))).await;
    assert!(begun.elapsed() < Duration::from_secs(60));
    let mut accepted = 0;
    for answer in &answers {
        for item in items(answer) {
            accepted += usize::from(item["status"] == 202);
            assert!(item["status"] == 202 || item["status"] == 200, "{item}");
        }
    }
    assert_eq!(accepted, SOME_CHUNKS);
    assert_eq!(server.count("intents").await, SOME_CHUNKS as i64);
    assert_eq!(server.deadlocks().await, 0);
}

#[tokio::test]
async fn rows_count_as_posts() {
    let settings = Settings {
        max_posts_per_second: NonZeroU32::new(5),
        ..Settings::default()
    };
    let server = Server::start_with(settings, Arc::new(Ready(true))).await;
    let more_than_ever = array(&server, &payments(6)).await;
    more_than_ever.problem(429, "too-many-requests");
    assert_eq!(server.count("intents").await, 0);
    let begun = Instant::now();
    items(&array(&server, &payments(4)).await);
    let again = array(&server, &payments(4)).await;
    // On a slow machine the limit may have recovered.
    if begun.elapsed() < Duration::from_millis(500) {
        again.problem(429, "too-many-requests");
        assert_eq!(again.header("retry-after"), Some("1"));
    }
}

#[tokio::test]
async fn beyond_four_at_once_a_bulk_is_told_to_come_back() {
    let server = Server::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let begun = Arc::new(Semaphore::new(0));
    let slow = |number: usize| {
        let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
        let row = payment(&format!("slow-{number}"), "1").to_string();
        let (begin, end) = row.split_at(10);
        let begin = stream::iter([Ok::<_, std::io::Error>(begin.to_owned())]);
        let end = end.to_owned();
        let end = stream::once(async move {
            // It is asked for once the beginning is on its way.
            begun.add_permits(1);
            gate.acquire().await.unwrap().forget();
            Ok(end)
        });
        lines(&server, Body::wrap_stream(begin.chain(end)))
    };
    let four = join_all((0..4).map(slow));
    let fifth = async {
        // One that came before them would take the place of one of the four, who is then heard to his end before he is
        // refused: so not before they have been taken.
        begun.acquire_many(4).await.unwrap().forget();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        let refused = loop {
            let answer = array(&server, &payments(1)).await;
            if answer.status == 429 {
                break answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(20));
        };
        gate.add_permits(4);
        refused
    };
    let (four, refused) = tokio::join!(four, fifth);
    refused.problem(429, "too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    for answer in &four {
        assert_eq!(statuses(&items(answer)), [202]);
    }
    // They have made room.
    let again = items(&array(&server, &payments(1)).await);
    assert!(matches!(statuses(&again)[..], [200 | 202]));
}

#[tokio::test]
async fn what_the_database_refuses_or_loses_harms_no_other_row() {
    let server = Server::start().await;
    let trap = |workflow: &str, code: &str| {
        format!(
            "create or replace function submitter.trap() returns trigger language plpgsql as $$
             begin raise exception 'a trap' using errcode = '{code}'; end $$;
             create trigger trap before insert on submitter.intents for each row
             when (new.workflow_id = '{workflow}') execute function submitter.trap()"
        )
    };
    server.sql(trap("w-1234", "check_violation")).await;
    let answer = array(&server, &payments(SOME_CHUNKS)).await;
    assert!(!answer.text.contains("a trap"), "{}", answer.text);
    let first = items(&answer);
    for (index, item) in first.iter().enumerate() {
        let expected = if index == 1234 { 500 } else { 202 };
        assert_eq!(item["status"], expected, "{item}");
    }
    server.sql("drop trigger trap on submitter.intents").await;
    assert_eq!(server.count("intents").await, SOME_CHUNKS as i64 - 1);

    // As when the server shuts down in the middle.
    server.sql(trap("x-1234", "admin_shutdown")).await;
    let mut rows = payments(SOME_CHUNKS);
    for row in &mut rows {
        let name = row["workflow_id"].as_str().unwrap().replace("w-", "x-");
        row["workflow_id"] = json!(name);
    }
    let second = items(&array(&server, &rows).await);
    for (index, item) in second.iter().enumerate() {
        // Its commit and, so that the order stays, all that come later.
        let expected = if index >= 1000 { 503 } else { 202 };
        assert_eq!(item["status"], expected, "{item}");
    }
    let kind = &second[2000]["problem"]["type"];
    assert_eq!(kind, "urn:stellar-submitter:problem:database-unavailable");
    server.sql("drop trigger trap on submitter.intents").await;
    let third = items(&array(&server, &rows).await);
    for (index, item) in third.iter().enumerate() {
        let expected = if index >= 1000 { 202 } else { 200 };
        assert_eq!(item["status"], expected, "{item}");
    }
}

#[tokio::test]
async fn the_destination_of_a_row_is_found_as_that_of_a_post() {
    let server = Server::start().await;
    let mut rows = payments(2);
    let mut second = rows[1]["operations"][0].clone();
    second["destination"] = json!(account(10));
    rows[1]["operations"].as_array_mut().unwrap().push(second);
    items(&array(&server, &rows).await);
    for (number, found) in [(9, 2), (10, 1), (11, 0)] {
        let path = format!("/v1/intents?destination={}", account(number));
        let page = server.get(&path).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), found);
    }
}
