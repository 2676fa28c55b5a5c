//! The sandbox's faults over RPC.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::wallet::Wallet;

async fn raw(stage: &Stage, method: &str, params: Value) -> Result<u16, reqwest::Error> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = stage.town.client.post(stage.town.url("/soroban/rpc"));
    let response = request.body(body.to_string()).send().await?;
    Ok(response.status().as_u16())
}

async fn faults(stage: &Stage, faults: Value) {
    assert_eq!(stage.town.put("/sandbox/faults", faults).await.0, 200);
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_core_has_the_call() {
    let stage = Stage::start().await;
    let wallet = Wallet::new(2);
    let draft = stage.prepared(stage.call(&wallet, "tick", vec![])).await;
    let envelope = draft.sign(&[&wallet]);
    let params = json!({ "transaction": envelope.base64() });
    faults(&stage, json!({ "lose_answer_before": 1.0 })).await;
    assert!(
        raw(&stage, "sendTransaction", params.clone())
            .await
            .is_err()
    );
    assert_eq!(stage.town.queued(), 0);
    faults(&stage, json!({ "answer_503": 1.0 })).await;
    assert_eq!(
        raw(&stage, "sendTransaction", params.clone())
            .await
            .unwrap(),
        503
    );
    assert_eq!(
        raw(&stage, "simulateTransaction", params.clone())
            .await
            .unwrap(),
        503
    );
    assert_eq!(stage.town.queued(), 0);
    faults(&stage, json!({ "answer_504": 1.0 })).await;
    assert_eq!(
        raw(&stage, "getLatestLedger", Value::Null).await.unwrap(),
        504
    );
    faults(&stage, json!({ "lose_answer_after": 1.0 })).await;
    assert!(
        raw(&stage, "sendTransaction", params.clone())
            .await
            .is_err()
    );
    assert_eq!(stage.town.queued(), 1);
    assert!(raw(&stage, "getHealth", Value::Null).await.is_err());
    faults(&stage, json!({})).await;
    assert_eq!(stage.send(&envelope).await["status"], "DUPLICATE");
    stage.town.close(1).await;
    assert_eq!(stage.count().await, 1);
    assert_eq!(stage.send(&envelope).await["status"], "TRY_AGAIN_LATER");
}

#[tokio::test]
async fn a_call_may_never_land_or_be_called_a_bad_sequence_and_land() {
    let stage = Stage::start().await;
    let wallet = Wallet::new(2);
    let draft = stage.prepared(stage.call(&wallet, "tick", vec![])).await;
    let envelope = draft.sign(&[&wallet]);
    faults(&stage, json!({ "never_land": 1.0 })).await;
    assert_eq!(stage.send(&envelope).await["status"], "PENDING");
    stage.town.close(1).await;
    assert_eq!(stage.count().await, 0);
    faults(&stage, json!({ "late_bad_seq": 1.0 })).await;
    let sent = stage.send(&envelope).await;
    assert_eq!(
        super::stage::refusal(&sent),
        stellar_xdr::TransactionResultResult::TxBadSeq
    );
    stage.town.close(1).await;
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn a_server_that_lags_knows_neither_the_transaction_nor_the_nonce() {
    let stage = Stage::with(|config| config.horizon_lag_ledgers = 2).await;
    stage.town.close(5).await;
    let (wallet, who) = (Wallet::new(2), Wallet::new(1));
    let draft = stage.inc(&wallet, &who, 9, 600).await;
    let envelope = draft.sign(&[&wallet]);
    assert_eq!(stage.send(&envelope).await["status"], "PENDING");
    let key = super::stage::nonce_key(&who, 9);
    let key = stellar_xdr::WriteXdr::to_xdr_base64(&key, stellar_xdr::Limits::none()).unwrap();
    let nonce = async || {
        let found = stage
            .rpc("getLedgerEntries", json!({ "keys": [key] }))
            .await;
        found["entries"].as_array().unwrap().len()
    };
    for _ in 0..2 {
        stage.town.close(1).await;
        assert_eq!(stage.count().await, 1, "the ledger itself has it");
        assert_eq!(
            stage.transaction(&envelope.hash()).await["status"],
            "NOT_FOUND"
        );
        assert_eq!(nonce().await, 0);
    }
    stage.town.close(1).await;
    assert_eq!(
        stage.transaction(&envelope.hash()).await["status"],
        "SUCCESS"
    );
    assert_eq!(nonce().await, 1);
}
