//! Cancel and retry.

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::server::{Answer, Server, payment, send};

async fn change(server: &Server, id: Uuid, what: &str) -> Answer {
    send(server.request(Method::POST, &format!("/v1/intents/{id}/{what}"))).await
}

async fn kinds(server: &Server, id: Uuid) -> Vec<String> {
    let page = server.get(&format!("/v1/intents/{id}/events")).await.json();
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_queued_or_parked_intent_is_canceled_at_once_and_for_ever() {
    let server = Server::start().await;
    for park in [false, true] {
        let name = format!("w-{park}");
        let id = server.accepted(&name).await;
        if park {
            server.park(id).await;
        }
        let intent = change(&server, id, "cancel").await.intent(200);
        assert_eq!(intent["status"], "canceled");
        assert_eq!(intent["reason"]["code"], "canceled");
        assert!(intent["finished_at"].is_string());
        assert_eq!(intent["next_action_at"], Value::Null);
        let again = change(&server, id, "cancel").await;
        let problem = again.problem(409, "intent-final");
        assert!(problem["detail"].as_str().unwrap().contains("canceled"));
        assert_eq!(problem["intent_id"], id.to_string());
        change(&server, id, "retry")
            .await
            .problem(409, "intent-not-parked");
        assert_eq!(
            kinds(&server, id).await,
            ["intent.accepted", "intent.canceled"]
        );
        // Posted again it is the canceled one: it is not made anew.
        let posted = server.post("another", &payment(&name, "1")).await;
        assert_eq!(posted.intent(200)["status"], "canceled");
        server.sql("delete from submitter.idempotency_keys").await;
    }
}

#[tokio::test]
async fn in_flight_a_cancel_is_noted_once_and_final_later() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    server.fly(id).await;
    for _ in 0..3 {
        let intent = change(&server, id, "cancel").await.intent(202);
        assert_eq!(intent["status"], "in_flight");
        assert_eq!(intent["cancel_requested"], true);
        assert_eq!(intent["next_action_at"], Value::Null);
    }
    let expected = ["intent.accepted", "intent.cancel_requested"];
    assert_eq!(kinds(&server, id).await, expected);
    server.sql(format!("update submitter.intents set owner = null, status = 'failed', finished_at = now(), reason = '{{\"code\": \"c\", \"title\": \"t\", \"detail\": \"d\", \"retryable\": false}}' where id = '{id}'")).await;
    let problem = change(&server, id, "cancel")
        .await
        .problem(409, "intent-final");
    assert!(problem["detail"].as_str().unwrap().contains("failed"));
}

#[tokio::test]
async fn a_parked_intent_is_queued_again_and_no_other() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    change(&server, id, "retry")
        .await
        .problem(409, "intent-not-parked");
    server.park(id).await;
    let parked = server.get(&format!("/v1/intents/{id}")).await.intent(200);
    assert_eq!(parked["reason"]["code"], "op_no_trust");
    assert_eq!(parked["next_action_at"], Value::Null);
    let intent = change(&server, id, "retry").await.intent(200);
    assert_eq!(
        (&intent["status"], &intent["reason"]),
        (&Value::from("queued"), &Value::Null)
    );
    assert!(intent["next_action_at"].is_string());
    assert_eq!(
        kinds(&server, id).await,
        ["intent.accepted", "intent.retried"]
    );
    // Parked with an attempt that nothing explains, it must not get another one.
    server
        .sql(format!(
            "update submitter.intents set status = 'parked', owner = '{id}', due_at = null,
             reason = '{{\"code\": \"sequence_unexplained\", \"title\": \"t\", \"detail\": \"d\", \"retryable\": true}}' where id = '{id}'"
        ))
        .await;
    let problem = change(&server, id, "retry")
        .await
        .problem(409, "intent-not-parked");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("not explained")
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_changed_and_bodies_are_not_taken() {
    let server = Server::start().await;
    for what in ["cancel", "retry"] {
        change(&server, Uuid::now_v7(), what)
            .await
            .problem(404, "intent-not-found");
        let id = server.accepted(what).await;
        let path = format!("/v1/intents/{id}/{what}");
        let reason = server
            .request(Method::POST, &path)
            .body("{\"reason\": \"x\"}");
        send(reason).await.problem(400, "invalid-request");
    }
    let id = server.accepted("w").await;
    let empty = server.request(Method::POST, &format!("/v1/intents/{id}/cancel"));
    send(empty.body(" {} ")).await.intent(200);
}
