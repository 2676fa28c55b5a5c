//! One intent: shown, followed, canceled, tried again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::dev::{dev, unfunded};
use crate::program::{Files, at};

fn payment(workflow: &str, destination: &str, more: &Value) -> String {
    let mut body = json!({"workflow_id": workflow, "operations": [
        {"type": "payment", "destination": destination, "asset": "native", "amount": "1.5"},
    ]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn a_contract_is_called_once_by_a_workflow() {
    let dev = dev().await;
    let code = include_bytes!("../fixtures/rpc-captures/counter.wasm");
    let client = reqwest::Client::new();
    let deploy = client
        .post(format!("{}/sandbox/contract", dev.horizon))
        .body(&code[..]);
    let deployed: Value = deploy.send().await.unwrap().json().await.unwrap();
    let contract = deployed["contract"].as_str().unwrap();
    let source = dev.account().await;
    let call = |workflow: &str| {
        let operation = json!({"type": "invoke_contract", "contract": contract, "function": "tick", "args": []});
        json!({"workflow_id": workflow, "operations": [operation]}).to_string()
    };
    let id = submit(&dev.api, &call("one-called"));
    let again = submit(&dev.api, &call("one-called"));
    assert_eq!(id, again);
    at(&dev.api, &["watch", &id]).fine();
    let intent = at(&dev.api, &["get", &id, "--json"]).fine().json();
    assert_eq!(intent["status"], "succeeded", "{intent}");
    assert_eq!(intent["method"], "tick");
    assert_eq!(intent["result"], json!({"u32": 1}), "{intent}");
    // A token goes to a contract the same way.
    let body = json!({"workflow_id": "one-token", "operations": [
        {"type": "token_transfer", "asset": "native", "to": source, "amount": "1.5"},
    ]});
    let id = submit(&dev.api, &body.to_string());
    at(&dev.api, &["watch", &id]).fine();
    let intent = at(&dev.api, &["get", &id, "--json"]).fine().json();
    assert_eq!(intent["status"], "succeeded", "{intent}");
}

/// Posts one, and returns its id.
fn submit(api: &str, body: &str) -> String {
    let files = Files::new();
    let file = files.write("one.ndjson", body);
    at(api, &["submit", &file]).fine();
    let body: Value = serde_json::from_str(body).unwrap();
    let list = ["list", "--json", "--workflow-id"];
    let workflow = body["workflow_id"].as_str().unwrap();
    let found = at(api, &[&list[..], &[workflow]].concat()).fine().json();
    found[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_intent_is_followed_until_it_has_succeeded() {
    let dev = dev().await;
    let destination = dev.account().await;
    let body = payment(
        "one-watched",
        &destination,
        &json!({"memo": {"type": "text", "value": "rent"}}),
    );
    let id = submit(&dev.api, &body);
    let watched = at(&dev.api, &["watch", &id]).fine();
    for word in ["intent.accepted", "attempt.signed", "is succeeded", "hash"] {
        assert!(watched.out.contains(word), "{word:?}: {watched:?}");
    }
    let intent = at(&dev.api, &["get", &id, "--json"]).fine().json();
    assert_eq!(intent["status"], "succeeded");
    let hash = intent["transaction"]["hash"].as_str().unwrap();
    // The same by its workflow, for people.
    let shown = at(&dev.api, &["get", "one-watched"]).fine();
    for word in [
        &id,
        "succeeded",
        hash,
        "text rent",
        &format!("payment of 1.5 native to {destination}"),
    ] {
        assert!(shown.out.contains(word), "{word:?}: {shown:?}");
    }
    // For programs: a line each, the last is the final intent.
    let watched = at(&dev.api, &["watch", &id, "--json"]).fine();
    let lines: Vec<Value> = watched
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"]["type"].as_str())
        .collect();
    let expected = ["intent.accepted", "attempt.signed", "intent.succeeded"];
    assert_eq!(kinds, expected, "{watched:?}");
    assert_eq!(lines.last().unwrap()["intent"], intent);

    let events = at(&dev.api, &["events", &id, "--json"]).fine().json();
    assert_eq!(events.as_array().unwrap().len(), 3);
    let events = at(&dev.api, &["events", "one-watched"]).fine();
    assert!(events.out.contains("attempt.signed"), "{events:?}");
    let attempts = at(&dev.api, &["attempts", &id, "--json"]).fine().json();
    assert_eq!(attempts[0]["state"], "landed");
    assert_eq!(attempts[0]["hash"], hash);
    let attempts = at(&dev.api, &["attempts", "one-watched"]).fine();
    for word in ["landed", hash, "before ledger"] {
        assert!(attempts.out.contains(word), "{word:?}: {attempts:?}");
    }
    // Final for ever.
    for change in ["cancel", "retry"] {
        let ran = at(&dev.api, &[change, &id]);
        assert!(ran.complaint(1).contains("succeeded"), "{ran:?}");
    }
}

#[tokio::test]
async fn one_that_waits_is_canceled_and_then_its_watch_fails() {
    let dev = dev().await;
    let later = json!({"not_before": "2035-01-01T00:00:00Z"});
    let id = submit(&dev.api, &payment("one-canceled", &unfunded(), &later));
    let ran = at(&dev.api, &["watch", &id, "--timeout", "1"]);
    assert_eq!(
        ran.complaint(1),
        format!("the intent {id} is still queued after 1 s")
    );
    let ran = at(&dev.api, &["cancel", "one-canceled"]).fine();
    assert_eq!(ran.out, format!("{id} is canceled\n"));
    let ran = at(&dev.api, &["watch", &id]);
    assert!(ran.out.contains("is canceled"), "{ran:?}");
    let complaint = ran.complaint(1);
    assert!(
        complaint.starts_with(&format!("the intent {id} is canceled")),
        "{ran:?}"
    );
    let again = at(&dev.api, &["cancel", &id, "--json"]);
    assert!(again.complaint(1).contains("409 intent-final"), "{again:?}");
}

#[tokio::test]
async fn a_parked_one_is_tried_again_once_its_destination_exists() {
    let dev = dev().await;
    let destination = unfunded();
    let park = json!({"on_state_error": "park"});
    // One that waits is not parked, however slow this machine is.
    let later = json!({"not_before": "2035-01-01T00:00:00Z"});
    let waits = submit(&dev.api, &payment("one-waits", &unfunded(), &later));
    let early = at(&dev.api, &["retry", &waits]);
    assert!(early.complaint(1).contains("409"), "{early:?}");
    let id = submit(&dev.api, &payment("one-parked", &destination, &park));
    let mut parked = Value::Null;
    for _ in 0..100 {
        parked = at(&dev.api, &["get", &id, "--json"]).fine().json();
        if parked["status"] == "parked" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(parked["reason"]["code"], "op_no_destination", "{parked}");
    dev.fund(&destination).await;
    let ran = at(&dev.api, &["retry", "one-parked"]).fine();
    assert_eq!(ran.out, format!("{id} is queued again\n"));
    let watched = at(&dev.api, &["watch", &id]).fine();
    for word in ["intent.parked", "intent.retried", "is succeeded"] {
        assert!(watched.out.contains(word), "{word:?}: {watched:?}");
    }
    assert_eq!(dev.received(&destination).await, ["1.5000000"]);
}

#[tokio::test]
async fn a_workflow_with_several_intents_wants_the_method() {
    let dev = dev().await;
    let later = |method: &str| json!({"not_before": "2035-01-01T00:00:00Z", "method": method});
    for method in ["wage", "bonus"] {
        submit(
            &dev.api,
            &payment("one-several", &unfunded(), &later(method)),
        );
    }
    let ran = at(&dev.api, &["get", "one-several"]);
    let complaint = ran.complaint(1);
    assert!(
        complaint.contains("wage") && complaint.contains("bonus"),
        "{ran:?}"
    );
    let one = ["get", "one-several", "--method", "wage", "--json"];
    assert_eq!(at(&dev.api, &one).fine().json()["method"], "wage");
    // A workflow may look like an id.
    let name = "0190c5d2-7b1e-7000-8000-000000000001";
    submit(&dev.api, &payment(name, &unfunded(), &later("wage")));
    let found = at(&dev.api, &["get", name, "--json"]).fine().json();
    assert_eq!(found["workflow_id"], name);
    for nobody in ["no such workflow", "0190c5d2-7b1e-7000-8000-000000000002"] {
        let ran = at(&dev.api, &["get", nobody]);
        let expected = format!("there is no intent with the id or workflow_id {nobody}");
        assert_eq!(ran.complaint(1), expected);
    }
}
