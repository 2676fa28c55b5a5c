//! `Prefer: wait`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::{Server, payment, send};

#[tokio::test]
async fn a_wait_ends_when_the_intent_is_final() {
    let server = Server::start().await;
    let begun = Instant::now();
    let request = server
        .posting("k", &payment("w", "1"))
        .header("prefer", "respond-async, wait=30");
    let posting = tokio::spawn(send(request));
    let id = loop {
        if let Some(intent) = server.get("/v1/intents").await.json()["items"].get(0) {
            break intent["id"].as_str().unwrap().parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // Meanwhile the same request is told that it is being answered.
    let meanwhile = server.post("k", &payment("w", "1")).await;
    meanwhile.problem(409, "request-in-flight");
    let after: u64 = meanwhile.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&after));
    server.fail(id).await;
    let answer = posting.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(answer.intent(200)["status"], "failed");
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
    assert!(!answer.replayed());
    let again = server.post("k", &payment("w", "1")).await;
    assert_eq!((again.status, &again.text), (answer.status, &answer.text));
    assert!(again.replayed());
}

#[tokio::test]
async fn a_wait_that_is_over_answers_what_there_is() {
    let server = Server::start().await;
    let request = server.posting("k", &payment("w", "1"));
    let answer = send(request.header("prefer", "wait=1")).await;
    assert_eq!(answer.intent(202)["status"], "queued");
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));
    let id = answer.json()["id"].as_str().unwrap().parse().unwrap();
    server.fail(id).await;
    let again = server.post("k", &payment("w", "1")).await;
    assert_eq!((again.status, &again.text), (answer.status, &answer.text));
    // Under another key it is the intent as it is now, waited for too.
    let other = server.posting("l", &payment("w", "1"));
    let other = send(other.header("prefer", "wait=60")).await;
    assert_eq!(other.intent(200)["status"], "failed");
    assert!(other.replayed());
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_key_unanswered() {
    let server = Server::start().await;
    let body = payment("w", "1");
    let request = server.posting("k", &body).header("prefer", "wait=2");
    let gone = tokio::time::timeout(Duration::from_millis(700), request.send()).await;
    assert!(gone.is_err(), "the client went away before the answer");
    server
        .post("k", &body)
        .await
        .problem(409, "request-in-flight");
    let begun = Instant::now();
    loop {
        let answer = server.post("k", &body).await;
        if answer.status != 409 {
            assert_eq!(answer.intent(202)["status"], "queued");
            assert!(answer.replayed());
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "never answered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_wait_that_cannot_be_kept_is_refused_and_stores_nothing() {
    let server = Server::start().await;
    for wait in ["wait=61", "wait=-1", "wait=soon"] {
        let request = server.posting("k", &payment("w", "1"));
        let answer = send(request.header("prefer", wait)).await;
        let problem = answer.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["header"], "Prefer");
    }
    assert_eq!(server.count("intents").await, 0);
    let request = server.posting("k", &payment("w", "1"));
    let now = send(request.header("prefer", "wait=0")).await;
    assert_eq!(now.intent(202)["status"], json!("queued"));
    assert_eq!(now.header("preference-applied"), Some("wait=0"));
}

#[tokio::test]
async fn a_server_that_drains_answers_those_who_wait() {
    let mut server = Server::start().await;
    let request = server.posting("k", &payment("w", "1"));
    let waiting = tokio::spawn(send(request.header("prefer", "wait=60")));
    while server.count("intents").await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let begun = Instant::now();
    server.end.take().unwrap().send(()).unwrap();
    let answer = waiting.await.unwrap();
    assert_eq!(answer.intent(202)["status"], "queued");
    server.serving.take().unwrap().await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    // The key is complete: whoever asks the next server gets the same answer.
    let key: (String,) = sqlx::query_as("select state from submitter.idempotency_keys")
        .fetch_one(&server.database.pool)
        .await
        .unwrap();
    assert_eq!(key.0, "completed");
    assert!(server.client.get(&server.base).send().await.is_err());
}
