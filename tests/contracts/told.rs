//! What a call came to, as people read it: in the API, and in the commands that show an intent.

use std::process::Command;

use serde_json::json;

use crate::stage::Stage;
use crate::world::daemon::API_KEY;
use crate::world::{Daemon, PATIENCE};

/// What a command about intents prints.
fn printed(daemon: &Daemon, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stellar-submitter"))
        .args(["intents", "--api", &daemon.client.api])
        .args(args)
        .env("SUBMITTER_API_KEY", API_KEY)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {text} {complaint}");
    text
}

#[tokio::test]
async fn what_a_call_returned_is_shown_wherever_its_intent_is() {
    let (stage, daemon) = Stage::ready(1).await;
    let client = &daemon.client;
    let id = client.post(&stage.inc("counted")).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    let returned = json!({"u32": 1});
    assert_eq!(intent["result"], returned);
    let (_, page) = client.get("/v1/intents?workflow_id=counted").await;
    assert_eq!(page["items"][0]["result"], returned, "{page}");
    let (_, told) = client.get(&format!("/v1/intents/{id}/explain")).await;
    let nothing = json!({"attempt": 1, "result": returned, "error": null, "events": [], "events_left_out": 0});
    assert_eq!(told["call"], nothing, "{told}");
    for args in [
        &["get", &id][..],
        &["list", "--workflow-id", "counted"],
        &["explain", &id],
    ] {
        let text = printed(&daemon, args).replace(char::is_whitespace, "");
        assert!(text.contains(r#"{"u32":1}"#), "{args:?}: {text}");
    }
}

#[tokio::test]
async fn the_error_of_a_contract_is_shown_wherever_its_intent_is() {
    let (stage, daemon) = Stage::ready(1).await;
    let client = &daemon.client;
    let id = client.post(&stage.call("refused", "fail", &[])).await;
    client.wait_for(&id, "failed", PATIENCE).await;
    for args in [
        &["get", &id][..],
        &["list", "--workflow-id", "refused"],
        &["explain", &id],
    ] {
        let text = printed(&daemon, args);
        // A table breaks lines where it likes.
        let letters: String = text.chars().filter(|one| one.is_ascii_graphic()).collect();
        let letters = letters.replace(['|', '+', '-'], "");
        assert!(letters.contains("contract_error"), "{args:?}: {text}");
        assert!(letters.contains("Error(Contract,#7)"), "{args:?}: {text}");
    }
}
