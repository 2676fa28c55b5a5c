//! Previews of calls: simulated, and nothing is sent.

use serde_json::{Value, json};
use stellar_xdr::{
    Limits, OperationBody, ReadXdr as _, ScVal, SorobanCredentials, TransactionEnvelope,
};

use crate::stage::Stage;
use crate::world::{PATIENCE, account};

#[tokio::test]
async fn a_call_is_previewed_by_its_simulation() {
    let (stage, daemon) = Stage::ready(1).await;
    let client = &daemon.client;
    let id = client.post(&stage.inc("first")).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;

    // What only reads is answered by its simulation.
    let (status, read) = client.preview(&stage.call("read", "get", &[])).await;
    assert_eq!(status, 200, "{read}");
    assert_eq!(read["ready"], true, "{read}");
    assert_eq!(read["call"]["read_only"], true, "{read}");
    assert_eq!(read["call"]["result"], json!({"u32": 1}), "{read}");

    // What the source authorises is guarded by a nonce, and what nobody does by the sequence number.
    let (_, inc) = client.preview(&stage.inc("second")).await;
    assert_eq!(inc["ready"], true, "{inc}");
    assert_eq!(inc["call"]["read_only"], false, "{inc}");
    assert_eq!(inc["call"]["guard"], "nonce", "{inc}");
    assert_eq!(inc["call"]["result"], json!({"u32": 2}), "{inc}");
    assert!(inc["call"]["instructions"].as_u64().unwrap() > 0, "{inc}");
    let resources: i64 = number(&inc["fee"]["resources"]);
    assert!(
        resources > 0 && number(&inc["fee"]["total"]) > resources,
        "{inc}"
    );
    assert_eq!(inc["fee"]["fee_bump"], false, "{inc}");
    // Whoever has a signed authorisation can run the call: none is given away.
    let xdr = inc["transaction"]["envelope_xdr"].as_str().unwrap();
    let TransactionEnvelope::Tx(envelope) =
        TransactionEnvelope::from_xdr_base64(xdr, Limits::none()).unwrap()
    else {
        panic!("{inc}");
    };
    let OperationBody::InvokeHostFunction(call) = &envelope.tx.operations[0].body else {
        panic!("{inc}");
    };
    let [entry] = call.auth.as_slice() else {
        panic!("{inc}");
    };
    let SorobanCredentials::Address(own) = &entry.credentials else {
        panic!("{inc}");
    };
    assert_eq!(own.signature, ScVal::Void);
    let (_, tick) = client.preview(&stage.call("third", "tick", &[])).await;
    assert_eq!(tick["call"]["guard"], "sequence", "{tick}");
    assert_eq!(tick["fee"]["fee_bump"], true, "{tick}");

    // What fails is named as it would be for one that is posted.
    for (function, code) in [
        ("fail", "contract_error"),
        ("boom", "function_trapped"),
        ("nothing", "contract_missing"),
    ] {
        let (_, bad) = client
            .preview(&stage.call(&format!("bad-{function}"), function, &[]))
            .await;
        assert_eq!(bad["ready"], false, "{bad}");
        assert_eq!(bad["findings"][0]["code"], code, "{bad}");
        assert_eq!(bad["transaction"], Value::Null, "{bad}");
        assert_eq!(bad["call"], Value::Null, "{bad}");
    }
    let other = stage.call("other", "inc", &[json!({"address": account("bob")})]);
    let (_, other) = client.preview(&other).await;
    assert_eq!(
        other["findings"][0]["code"], "authorization_missing",
        "{other}"
    );

    // Nothing of it was sent.
    stage.world.ledger.pass(3).await;
    assert_eq!(stage.count().await, 1);
    let id = client.post(&stage.inc("second")).await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["result"], inc["call"]["result"]);
}

fn number(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}
