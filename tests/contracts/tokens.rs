//! Transfers of tokens to accounts and contracts.

use serde_json::json;

use crate::stage::Stage;
use crate::world::{PATIENCE, account};

#[tokio::test]
async fn lumens_go_to_accounts_and_contracts() {
    let (stage, daemon) = Stage::ready(2).await;
    let client = &daemon.client;
    stage.world.ledger.fund(account("bob")).await;
    let balance = async || {
        let (_, body) = stage
            .world
            .ledger
            .horizon(&format!("/accounts/{}", account("bob")))
            .await;
        body["balances"][0]["balance"].as_str().unwrap().to_owned()
    };
    assert_eq!(balance().await, "10000.0000000");
    let transfer = |workflow: &str, to: &str| {
        json!({"workflow_id": workflow, "operations": [
            {"type": "token_transfer", "asset": "native", "to": to, "amount": "1.5"},
        ]})
    };
    let bob = account("bob").to_string();
    let id = client.post(&transfer("to-bob", &bob)).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["method"], "token_transfer");
    assert_eq!(balance().await, "10001.5000000");
    let id = client.post(&transfer("to-contract", &stage.counter)).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    // What a bare contract is asked for is in its smallest unit.
    let token = intent["operations"][0]["contract"].clone();
    let bare = json!({"workflow_id": "bare", "operations": [
        {"type": "token_transfer", "contract": token, "to": bob, "amount": "25000000"},
    ]});
    let id = client.post(&bare).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(balance().await, "10004.0000000");
}
