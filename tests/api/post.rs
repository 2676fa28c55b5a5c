//! POST /v1/intents: each row of its table.

use reqwest::Method;
use serde_json::{Value, json};
use stellar_submitter::api::Settings;

use crate::server::{OTHER_SOURCE, Ready, SOURCE, Server, ZENITH, account, payment, send};

#[tokio::test]
async fn a_new_intent_is_accepted_with_its_place_and_its_whole_shape() {
    let server = Server::start().await;
    let body = json!({
        "workflow_id": "payout-1", "method": "payout", "source": account(OTHER_SOURCE),
        "operations": [{"type": "payment", "destination": account(9), "asset": "native", "amount": "12.50"}],
        "memo": {"type": "text", "value": "thanks"},
        "not_before": "2030-01-01T00:00:00Z", "valid_until": "2030-01-02T01:00:00+01:00",
        "ordering_key": "customer-7", "on_state_error": "park", "max_fee_per_operation": "20000",
        "metadata": {"b": 1, "a": [true, null, 0.1]},
    });
    let answer = server.post("k-1", &body).await;
    let intent = answer.intent(202);
    let id = intent["id"].as_str().unwrap();
    assert_eq!(id.as_bytes()[14], b'7', "a version 7 UUID");
    assert_eq!(
        answer.header("location"),
        Some(format!("/v1/intents/{id}").as_str())
    );
    assert!(!answer.replayed());
    let tag: u64 = intent["tag"].as_str().unwrap().parse().unwrap();
    assert!(tag > 0 && tag <= i64::MAX as u64);
    let expected = json!({
        "id": id, "workflow_id": "payout-1", "method": "payout", "tag": intent["tag"], "status": "queued",
        "source": account(OTHER_SOURCE),
        "operations": [{"type": "payment", "destination": account(9), "asset": "native", "amount": "12.5"}],
        "transaction_xdr": null, "memo": {"type": "text", "value": "thanks"},
        "not_before": "2030-01-01T00:00:00Z", "valid_until": "2030-01-02T00:00:00Z",
        "ordering_key": "customer-7", "on_state_error": "park", "max_fee_per_operation": "20000",
        "metadata": {"b": 1, "a": [true, null, 0.1]},
        "transaction": null, "attempt_count": 0, "cancel_requested": false, "reason": null,
        "next_action_at": "2030-01-01T00:00:00Z",
        "created_at": intent["created_at"], "updated_at": intent["created_at"], "finished_at": null,
    });
    assert_eq!(intent, expected);
    assert!(intent["created_at"].as_str().unwrap().ends_with('Z'));
    let events: Vec<(String,)> = sqlx::query_as("select kind from submitter.events")
        .fetch_all(&server.database.pool)
        .await
        .unwrap();
    assert_eq!(events, [("intent.accepted".to_owned(),)]);
}

#[tokio::test]
async fn what_is_left_out_has_its_default() {
    let server = Server::start().await;
    let intent = server.post("k", &payment("w", "1")).await.intent(202);
    assert_eq!(intent["method"], "payment");
    assert_eq!(intent["source"], account(SOURCE));
    assert_eq!(intent["on_state_error"], "fail");
    assert_eq!(intent["memo"], Value::Null);
    assert_eq!(intent["next_action_at"], intent["created_at"]);
}

#[tokio::test]
async fn the_same_key_and_body_get_the_same_answer_byte_for_byte() {
    let server = Server::start().await;
    let mut body = payment("w", "12.5");
    body["not_before"] = json!("2031-05-05T05:05:05Z");
    body["metadata"] = json!({"z": 0.1234567890123456, "a": 1e300, "n": -0.0, "big": u64::MAX});
    let first = server.post("k", &body).await;
    first.intent(202);
    body["operations"][0]["amount"] = json!("12.50");
    body["method"] = json!("payment");
    for header in ["k", "\"k\""] {
        let again = server.post(header, &body).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        assert!(again.replayed());
        assert_eq!(again.header("location"), first.header("location"));
    }
    // What has become of it since does not change the answer.
    let id = first.json()["id"].as_str().unwrap().parse().unwrap();
    server.fail(id).await;
    let again = server.post("k", &body).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(server.count("intents").await, 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_names_the_first_difference() {
    let server = Server::start().await;
    let first = server.post("k", &payment("w", "12.5")).await.intent(202);
    let mut longer = payment("w", "12.5");
    let operation = longer["operations"][0].clone();
    longer["operations"].as_array_mut().unwrap().push(operation);
    let mut noted = payment("w", "12.5");
    noted["metadata"] = json!({"a": {"b": 1}});
    for (body, pointer) in [
        (payment("w", "12.6"), "/operations/0/amount"),
        (payment("v", "12.6"), "/workflow_id"),
        (longer, "/operations/1"),
        (noted, "/metadata"),
    ] {
        let problem = server
            .post("k", &body)
            .await
            .problem(422, "idempotency-key-reused");
        assert_eq!(problem["pointer"], pointer);
        assert_eq!(problem["intent_id"], first["id"]);
        assert!(problem["detail"].as_str().unwrap().contains(pointer));
    }
    assert_eq!(server.count("intents").await, 1);
}

#[tokio::test]
async fn no_key_is_refused_unless_the_configuration_allows_it() {
    let mut server = Server::start().await;
    let post = |server: &Server| {
        let request = server.request(Method::POST, "/v1/intents");
        send(request.json(&payment("w", "1")))
    };
    post(&server).await.problem(400, "idempotency-key-missing");
    assert_eq!(server.count("intents").await, 0);
    let settings = Settings {
        idempotency_key_required: false,
        ..Settings::default()
    };
    server
        .serve(settings, std::sync::Arc::new(Ready(true)))
        .await;
    let first = post(&server).await.intent(202);
    let again = post(&server).await;
    assert_eq!(again.intent(200)["id"], first["id"]);
    assert!(again.replayed());
    let other = send(
        server
            .request(Method::POST, "/v1/intents")
            .json(&payment("w", "2")),
    )
    .await;
    other.problem(409, "workflow-conflict");
    // The workflow is never optional.
    let body = json!({"operations": []});
    let none = send(server.request(Method::POST, "/v1/intents").json(&body)).await;
    let problem = none.problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/workflow_id");
    assert_eq!(server.count("idempotency_keys").await, 0);
}

#[tokio::test]
async fn a_new_key_for_the_same_intent_gets_it_as_it_is_now() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    server.fail(id).await;
    let answer = server.post("another", &payment("w", "1.0000000")).await;
    let intent = answer.intent(200);
    assert_eq!(
        (&intent["id"], &intent["status"]),
        (&json!(id), &json!("failed"))
    );
    assert_eq!(intent["reason"]["code"], "op_underfunded");
    assert!(answer.replayed());
    // That answer is stored under the new key too.
    let again = server.post("another", &payment("w", "1")).await;
    assert_eq!((again.status, &again.text), (answer.status, &answer.text));
    assert!(again.replayed());
    assert_eq!(server.count("intents").await, 1);
    // Another body under that key is another request.
    let other = server.post("another", &payment("w", "2")).await;
    let problem = other.problem(422, "idempotency-key-reused");
    assert_eq!(problem["pointer"], "/operations/0/amount");
}

#[tokio::test]
async fn a_new_key_with_another_body_is_a_conflict_for_ever() {
    let server = Server::start().await;
    let id = server.accepted("w").await;
    let answer = server.post("another", &payment("w", "2")).await;
    let problem = answer.problem(409, "workflow-conflict");
    assert_eq!(problem["pointer"], "/operations/0/amount");
    assert_eq!(problem["intent_id"], json!(id));
    let again = server.post("another", &payment("w", "2")).await;
    assert_eq!((again.status, &again.text), (answer.status, &answer.text));
    assert!(again.replayed());
    // The key belongs to the refused request, not to the intent's.
    let equal = server.post("another", &payment("w", "1")).await;
    let problem = equal.problem(422, "idempotency-key-reused");
    assert_eq!(problem["pointer"], "/operations/0/amount");
    // Another method is another intent.
    let mut other = payment("w", "2");
    other["method"] = json!("refund");
    server.post("third", &other).await.intent(202);
    assert_eq!(server.count("intents").await, 2);
}

#[tokio::test]
async fn a_bad_body_stores_nothing_and_leaves_the_key_free() {
    let server = Server::start().await;
    let mut bad = payment("w", "-1");
    bad["surprise"] = json!(1);
    let problem = server.post("k", &bad).await.problem(400, "invalid-request");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/operations/0/amount", "/surprise"]);
    assert_eq!(server.count("intents").await, 0);
    assert_eq!(server.count("idempotency_keys").await, 0);
    server.post("k", &payment("w", "1")).await.intent(202);
}

#[tokio::test]
async fn beyond_the_limit_a_tenant_is_told_when_to_come_back() {
    let settings = Settings {
        max_posts_per_second: std::num::NonZeroU32::new(2),
        ..Settings::default()
    };
    let server = Server::start_with(settings, std::sync::Arc::new(Ready(true))).await;
    let mut refused = 0;
    for number in 0..6 {
        let name = format!("w-{number}");
        let answer = server.post(&name, &payment(&name, "1")).await;
        if answer.status == 429 {
            answer.problem(429, "too-many-requests");
            assert_eq!(answer.header("retry-after"), Some("1"));
            refused += 1;
        } else {
            answer.intent(202);
        }
    }
    assert!(refused >= 1, "six posts at once are more than two a second");
    assert_eq!(server.count("intents").await, 6 - refused);
    // Another tenant is not held back by it.
    let other = server
        .client
        .post(format!("{}/v1/intents", server.base))
        .bearer_auth(ZENITH)
        .header("idempotency-key", "k")
        .json(&payment("w", "1"));
    send(other).await.intent(202);
}

#[tokio::test]
async fn an_intent_enqueued_in_sql_is_the_same_intent() {
    let server = Server::start().await;
    let body = payment("w", "12.50");
    server
        .sql(format!(
            "select submitter.enqueue_intent('acme', 'w', '{body}'::jsonb)"
        ))
        .await;
    let found = server.get("/v1/intents?workflow_id=w").await.json();
    let intent = &found["items"][0];
    assert_eq!(intent["operations"][0]["amount"], "12.5");
    assert_eq!(intent["source"], account(SOURCE));
    let same = server.post("k", &payment("w", "12.5")).await;
    assert_eq!(same.intent(200)["id"], intent["id"]);
    assert_eq!(same.json()["tag"], intent["tag"]);
    let other = server.post("l", &payment("w", "13")).await;
    let problem = other.problem(409, "workflow-conflict");
    assert_eq!(problem["pointer"], "/operations/0/amount");
    assert_eq!(problem["intent_id"], intent["id"]);
    // One that is not valid is shown, and is nobody's equal.
    server
        .sql("select submitter.enqueue_intent('acme', 'bad', '{\"operations\": [{\"type\": \"payment\"}]}')")
        .await;
    let found = server.get("/v1/intents?workflow_id=bad").await.json();
    assert_eq!(found["items"][0]["source"], Value::Null);
    assert_eq!(found["items"][0]["operations"], Value::Null);
    let posted = server.post("m", &payment("bad", "1")).await;
    let problem = posted.problem(409, "workflow-conflict");
    assert_eq!(problem["intent_id"], found["items"][0]["id"]);
}

#[tokio::test]
async fn a_signed_transaction_is_taken_as_it_is() {
    let server = Server::start().await;
    let body = json!({"workflow_id": "w", "method": "sponsor", "transaction_xdr": presigned()});
    let intent = server.post("k", &body).await.intent(202);
    assert_eq!(intent["transaction_xdr"], presigned());
    assert_eq!(intent["operations"], Value::Null);
    assert_eq!(intent["source"], account(77));
    let again = server.post("k", &body).await;
    assert_eq!(again.json(), intent);
    let mut both = body.clone();
    both["operations"] = payment("w", "1")["operations"].clone();
    let problem = server
        .post("l", &both)
        .await
        .problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/operations");
}

/// A payment by account 77, signed in form only: whether a signature is good is for the ledger to say.
pub fn presigned() -> String {
    use stellar_submitter::domain::primitives::AccountId;
    use stellar_xdr::*;
    let operation = Operation {
        source_account: None,
        body: OperationBody::Payment(PaymentOp {
            destination: AccountId([9; 32]).plain(),
            asset: Asset::Native,
            amount: 10_000_000,
        }),
    };
    let tx = Transaction {
        source_account: AccountId([77; 32]).plain(),
        fee: 100,
        seq_num: SequenceNumber(4_294_967_297),
        cond: Preconditions::Time(TimeBounds {
            min_time: TimePoint(0),
            max_time: TimePoint(2_000_000_000),
        }),
        memo: Memo::None,
        operations: vec![operation].try_into().unwrap(),
        ext: TransactionExt::V0,
    };
    let signature = DecoratedSignature {
        hint: SignatureHint([77; 4]),
        signature: Signature(vec![7; 64].try_into().unwrap()),
    };
    TransactionEnvelope::Tx(TransactionV1Envelope {
        tx,
        signatures: vec![signature].try_into().unwrap(),
    })
    .to_xdr_base64(Limits::none())
    .unwrap()
}

#[tokio::test]
async fn every_kind_of_operation_comes_back_in_its_normal_form() {
    let server = Server::start().await;
    for (number, (given, normal)) in operations().into_iter().enumerate() {
        let name = format!("w-{number}");
        let body = json!({"workflow_id": name, "operations": [given]});
        let first = server.post(&name, &body).await;
        let intent = first.intent(202);
        assert_eq!(intent["operations"], json!([normal]));
        assert_eq!(intent["method"], given["type"]);
        // The first answer is made of the request, every later one of the record.
        let again = server.post(&name, &body).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text));
    }
}

/// Each kind of operation as somebody may write it, and its normal form.
pub fn operations() -> Vec<(Value, Value)> {
    let usd = format!("USD:{}", account(8));
    let (g, h) = (account(9), account(10));
    let xdr = "AAAAAAAAAAUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAtleGFtcGxlLmNvbQAAAAAA";
    let same = |operation: Value| (operation.clone(), operation);
    vec![
        same(json!({"type": "payment", "destination": g, "asset": usd, "amount": "0.0000001"})),
        (
            json!({"type": "path_payment_strict_send", "destination": g, "send_asset": "native", "send_amount": "1.0", "dest_asset": usd, "dest_min": "2"}),
            json!({"type": "path_payment_strict_send", "destination": g, "send_asset": "native", "send_amount": "1", "dest_asset": usd, "dest_min": "2", "path": []}),
        ),
        same(
            json!({"type": "path_payment_strict_receive", "destination": g, "send_asset": "native", "send_max": "1", "dest_asset": usd, "dest_amount": "2", "path": [format!("EURT1:{h}")]}),
        ),
        same(json!({"type": "create_account", "destination": g, "starting_balance": "0"})),
        (
            json!({"type": "change_trust", "asset": usd}),
            json!({"type": "change_trust", "asset": usd, "limit": "922337203685.4775807"}),
        ),
        (
            json!({"type": "create_claimable_balance", "asset": "native", "amount": "1", "claimants": [
                {"destination": g}, {"destination": h, "predicate": {"not": {"before_absolute_time": "1900000000"}}}]}),
            json!({"type": "create_claimable_balance", "asset": "native", "amount": "1", "claimants": [
                {"destination": g, "predicate": "unconditional"}, {"destination": h, "predicate": {"not": {"before_absolute_time": "1900000000"}}}]}),
        ),
        same(
            json!({"type": "claim_claimable_balance", "balance_id": format!("00000000{}", "ab".repeat(32))}),
        ),
        same(json!({"type": "clawback", "asset": usd, "from": g, "amount": "3"})),
        same(json!({"type": "manage_data", "name": "k", "value": "dg=="})),
        (
            json!({"type": "manage_data", "name": "k"}),
            json!({"type": "manage_data", "name": "k", "value": null}),
        ),
        (
            json!({"type": "set_trust_line_flags", "trustor": g, "asset": usd, "set_flags": ["authorized"]}),
            json!({"type": "set_trust_line_flags", "trustor": g, "asset": usd, "set_flags": ["authorized"], "clear_flags": []}),
        ),
        same(json!({"type": "xdr", "xdr": xdr})),
    ]
}
