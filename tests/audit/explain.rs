//! Explanations over the API and on the command line, of intents in each state.

use serde_json::{Value, json};

use crate::program::run;
use crate::world::daemon::API_KEY;
use crate::world::{PATIENCE, World, account, payment};

#[tokio::test]
async fn each_state_is_explained_over_rest_and_on_the_command_line() {
    let (world, daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    let client = &daemon.client;
    let explain = async |id: &str| -> Value {
        let (status, body) = client.get(&format!("/v1/intents/{id}/explain")).await;
        assert_eq!(status, 200, "{body}");
        body
    };
    let done = client.post(&payment("done", account("bob"), 1)).await;
    client.wait_for(&done, "succeeded", PATIENCE).await;
    let explained = explain(&done).await;
    assert_eq!(explained["status"], "succeeded");
    assert_eq!(explained["waits_for"], Value::Null);
    let told = explained["happened"].to_string();
    for word in [
        "on record",
        "Transaction 1 was signed",
        "was sent",
        "recorded transaction",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }

    let failed = client.post(&payment("failed", account("nobody"), 2)).await;
    client.wait_for(&failed, "failed", PATIENCE).await;
    let explained = explain(&failed).await;
    assert_eq!(explained["reason"]["code"], "op_no_destination");
    assert!(
        explained["reason"]["means"]
            .as_str()
            .unwrap()
            .contains("does not exist"),
        "{explained}"
    );

    let mut body = payment("parked", account("nobody"), 3);
    body["on_state_error"] = json!("park");
    let parked = client.post(&body).await;
    client.wait_for(&parked, "parked", PATIENCE).await;
    let explained = explain(&parked).await;
    assert!(
        explained["waits_for"]
            .as_str()
            .unwrap()
            .contains("next try"),
        "{explained}"
    );

    let mut body = payment("later", account("bob"), 4);
    body["not_before"] = json!("2100-01-01T00:00:00Z");
    let later = client.post(&body).await;
    let explained = explain(&later).await;
    assert_eq!(
        explained["waits_for"], "its time, 2100-01-01T00:00:00Z",
        "{explained}"
    );

    world.ledger.set(json!({"stalled": true})).await;
    let flying = client.post(&payment("flying", account("bob"), 5)).await;
    client.wait_for(&flying, "in_flight", PATIENCE).await;
    let explained = explain(&flying).await;
    assert!(
        explained["waits_for"]
            .as_str()
            .unwrap()
            .contains("before ledger"),
        "{explained}"
    );
    client.change(&flying, "cancel").await;
    let explained = explain(&flying).await;
    assert!(
        explained["waits_for"]
            .as_str()
            .unwrap()
            .contains("canceled"),
        "{explained}"
    );
    let (status, problem) = client
        .get("/v1/intents/0190c5d2-7b1e-7000-8000-000000000001/explain")
        .await;
    assert_eq!(status, 404, "{problem}");

    // As text, by curl and by our own command.
    let text = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(format!("{}/v1/intents/{failed}/explain", client.api))
        .header("accept", "text/plain")
        .bearer_auth(API_KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(text.headers()["content-type"], "text/plain; charset=utf-8");
    let text = text.text().await.unwrap();
    let variables = [
        ("SUBMITTER_API_URL", client.api.as_str()),
        ("SUBMITTER_API_KEY", API_KEY),
    ];
    let ran = run(&["intents", "explain", "failed"], &variables).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.trim(), text.trim());
    println!("{text}");
    let ran = run(&["intents", "explain", &failed, "--json"], &variables).await;
    assert_eq!(ran.json()["reason"]["code"], "op_no_destination", "{ran:?}");
}
