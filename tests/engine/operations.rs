//! Every operation that the ledger knows, through the API, exactly as asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use stellar_submitter::domain::asset::Asset;
use stellar_xdr::{
    ChangeTrustOp, Limits, OperationBody, PaymentOp, ReadXdr, SetOptionsOp, TransactionEnvelope,
    WriteXdr,
};

use crate::world::hand::{Hand, operation};
use crate::world::{Daemon, LEDGER_SECONDS, PATIENCE, World, account, key};

/// The most that a line may hold.
const LIMIT: i64 = i64::MAX;
/// set_options: authorization can be taken back, and what was paid can be clawed back.
const REVOCABLE_AND_CLAWBACK: u32 = 2 | 8;

/// A transaction of somebody's, by hand.
async fn by_hand(world: &World, name: &str, bodies: Vec<OperationBody>) {
    let sequence = world.ledger.sequence(account(name)).await + 1;
    let hand = Hand {
        operations: bodies.into_iter().map(operation).collect(),
        ..Hand::payment(key(name), sequence, account(name), 1)
    };
    let (status, answer) = world.ledger.submit(&hand.envelope()).await;
    assert_eq!(status, 200, "{name}: {answer}");
}

fn asset(text: &str) -> Asset {
    text.parse().unwrap()
}

fn trust(line: &str) -> OperationBody {
    OperationBody::ChangeTrust(ChangeTrustOp {
        line: asset(line).to_change_trust(),
        limit: LIMIT,
    })
}

/// The operations of one intent, one after the other, in the ledger's own words.
async fn land(world: &World, daemon: &Daemon, workflow: &str, body: Value) -> Vec<Value> {
    let mut body = body;
    body["workflow_id"] = json!(workflow);
    let id = daemon.client.post(&body).await;
    let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    let truth = world.ledger.truth(account("source")).await;
    let landed: Vec<&Value> = truth
        .iter()
        .filter(|transaction| transaction["tag"] == intent["tag"])
        .collect();
    assert_eq!(landed.len(), 1, "{workflow}: {landed:#?}");
    assert_eq!(landed[0]["successful"], true);
    landed[0]["operations"].as_array().unwrap().clone()
}

/// The value has everything that the pattern has.
fn has(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(name, wanted)| value.get(name).is_some_and(|found| has(found, wanted))),
        (value, pattern) => value == pattern,
    }
}

#[tokio::test]
async fn every_operation_lands_as_asked() {
    let mut world = World::new(&["--ledger-seconds", LEDGER_SECONDS]).await;
    for name in ["source", "bob", "ann"] {
        world.ledger.fund(account(name)).await;
    }
    let (source, bob, ann) = (account("source"), account("bob"), account("ann"));
    let (ours, hers) = (format!("OURS:{source}"), format!("HERS:{ann}"));
    let flags = SetOptionsOp {
        inflation_dest: None,
        clear_flags: None,
        set_flags: Some(REVOCABLE_AND_CLAWBACK),
        master_weight: None,
        low_threshold: None,
        med_threshold: None,
        high_threshold: None,
        home_domain: None,
        signer: None,
    };
    world.setup.channels(2);
    let daemon = Daemon::start_ready(&world.setup).await;
    let raw = |body: OperationBody| {
        let xdr = operation(body).to_xdr_base64(Limits::none()).unwrap();
        json!({"operations": [{"type": "xdr", "xdr": xdr}]})
    };
    let one = |operation: Value| json!({"operations": [operation]});

    // As XDR, what has no type of its own; then lines that the rest needs.
    let landed = land(
        &world,
        &daemon,
        "flags",
        raw(OperationBody::SetOptions(flags)),
    )
    .await;
    let set = json!({"type": "set_options", "source": source, "body": {"set_options": {"set_flags": REVOCABLE_AND_CLAWBACK}}});
    assert!(has(&landed[0], &set), "{landed:#?}");
    by_hand(&world, "bob", vec![trust(&ours)]).await;

    let with_source = |mut wanted: Value| {
        wanted["source"] = json!(source);
        wanted
    };
    let cases = [
        (
            "trust",
            json!({"type": "change_trust", "asset": hers, "limit": "500"}),
            json!({"type": "change_trust", "body": {"change_trust": {"limit": "5000000000"}}}),
        ),
        (
            "create",
            json!({"type": "create_account", "destination": account("new"), "starting_balance": "3.25"}),
            json!({"type": "create_account", "destination": account("new"), "amount": "3.2500000"}),
        ),
        (
            "credit",
            json!({"type": "payment", "destination": bob, "asset": ours, "amount": "70.0000007"}),
            json!({"type": "payment", "destination": bob, "asset": ours, "amount": "70.0000007"}),
        ),
        (
            "muxed",
            json!({"type": "payment", "destination": muxed(bob.0, 77), "asset": "native", "amount": "1"}),
            json!({"type": "payment", "destination": muxed(bob.0, 77), "asset": "native", "amount": "1.0000000"}),
        ),
        (
            "clawback",
            json!({"type": "clawback", "asset": ours, "from": bob, "amount": "20"}),
            json!({"type": "clawback", "asset": ours, "amount": "20.0000000"}),
        ),
        (
            "data",
            json!({"type": "manage_data", "name": "config", "value": BASE64.encode("seventeen")}),
            json!({"type": "manage_data", "body": {"manage_data": {"data_name": "config", "data_value": hex::encode("seventeen")}}}),
        ),
        (
            "no-data",
            json!({"type": "manage_data", "name": "config", "value": null}),
            json!({"type": "manage_data", "body": {"manage_data": {"data_name": "config", "data_value": null}}}),
        ),
        (
            "flags-of-line",
            json!({"type": "set_trust_line_flags", "trustor": bob, "asset": ours, "clear_flags": ["authorized"], "set_flags": ["authorized_to_maintain_liabilities"]}),
            json!({"type": "set_trust_line_flags", "body": {"set_trust_line_flags": {"trustor": bob, "clear_flags": 1, "set_flags": 2}}}),
        ),
        (
            "strict-send",
            json!({"type": "path_payment_strict_send", "destination": bob, "send_asset": "native", "send_amount": "4", "dest_asset": "native", "dest_min": "4"}),
            json!({"type": "path_payment_strict_send", "destination": bob, "amount": "4.0000000"}),
        ),
        (
            "strict-receive",
            json!({"type": "path_payment_strict_receive", "destination": bob, "send_asset": "native", "send_max": "6", "dest_asset": "native", "dest_amount": "5"}),
            json!({"type": "path_payment_strict_receive", "destination": bob, "amount": "5.0000000"}),
        ),
        (
            "claimable",
            json!({"type": "create_claimable_balance", "asset": "native", "amount": "9", "claimants": [{"destination": bob}]}),
            json!({"type": "create_claimable_balance", "asset": "native", "amount": "9.0000000"}),
        ),
    ];
    for (workflow, asked, wanted) in cases {
        let landed = land(&world, &daemon, workflow, one(asked)).await;
        assert_eq!(landed.len(), 1);
        assert!(
            has(&landed[0], &with_source(wanted.clone())),
            "{workflow}\nwanted {wanted:#}\nlanded {landed:#?}"
        );
    }

    // A balance for us, made by somebody else, and found by its id.
    let claimant = stellar_xdr::Claimant::ClaimantTypeV0(stellar_xdr::ClaimantV0 {
        destination: source.to_xdr(),
        predicate: stellar_xdr::ClaimPredicate::Unconditional,
    });
    let create = stellar_xdr::CreateClaimableBalanceOp {
        asset: stellar_xdr::Asset::Native,
        amount: 10_000_000,
        claimants: vec![claimant].try_into().unwrap(),
    };
    let sequence = world.ledger.sequence(ann).await + 1;
    let id = stellar_xdr::HashIdPreimage::OpId(stellar_xdr::HashIdPreimageOperationId {
        source_account: ann.to_xdr(),
        seq_num: stellar_xdr::SequenceNumber(sequence),
        op_num: 0,
    });
    let id = {
        use sha2::{Digest, Sha256};
        format!(
            "00000000{}",
            hex::encode(Sha256::digest(id.to_xdr(Limits::none()).unwrap()))
        )
    };
    by_hand(
        &world,
        "ann",
        vec![OperationBody::CreateClaimableBalance(create)],
    )
    .await;
    let landed = land(
        &world,
        &daemon,
        "claim",
        one(json!({"type": "claim_claimable_balance", "balance_id": id})),
    )
    .await;
    assert!(
        has(
            &landed[0],
            &json!({"type": "claim_claimable_balance", "source": source})
        ),
        "{landed:#?}"
    );

    // Ann pays us in hers, for which there is a line; many operations keep their order.
    by_hand(
        &world,
        "ann",
        vec![OperationBody::Payment(PaymentOp {
            destination: source.plain(),
            asset: asset(&hers).to_xdr(),
            amount: 500,
        })],
    )
    .await;
    let many: Vec<Value> = (1..=100)
        .map(|number| json!({"type": "payment", "destination": ann, "asset": "native", "amount": format!("0.{number:07}")}))
        .collect();
    let landed = land(&world, &daemon, "hundred", json!({"operations": many})).await;
    let amounts: Vec<String> = (1..=100).map(|number| format!("0.{number:07}")).collect();
    assert_eq!(
        landed
            .iter()
            .map(|op| op["amount"].as_str().unwrap())
            .collect::<Vec<_>>(),
        amounts
    );
}

fn muxed(key: [u8; 32], id: u64) -> String {
    stellar_submitter::domain::primitives::AccountId(key)
        .muxed(id)
        .to_string()
}

#[tokio::test]
async fn memos_are_the_users() {
    let (world, daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    let hash = "a1".repeat(32);
    let bytes = BASE64.encode([0xa1; 32]);
    let cases = [
        (
            json!({"type": "text", "value": "Grüße"}),
            "text",
            "Grüße".to_owned(),
        ),
        (
            json!({"type": "id", "value": "18446744073709551615"}),
            "id",
            u64::MAX.to_string(),
        ),
        (
            json!({"type": "hash", "value": hash}),
            "hash",
            bytes.clone(),
        ),
        (json!({"type": "return", "value": hash}), "return", bytes),
        (Value::Null, "none", String::new()),
    ];
    for (number, (memo, kind, value)) in (1..).zip(cases) {
        let mut body = crate::world::payment(&format!("memo-{kind}"), account("bob"), number);
        if !memo.is_null() {
            body["memo"] = memo;
        }
        let id = daemon.client.post(&body).await;
        let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
        let hash = intent["transaction"]["hash"].as_str().unwrap();
        let (_, record) = world.ledger.horizon(&format!("/transactions/{hash}")).await;
        assert_eq!(record["memo_type"], kind, "{record}");
        assert_eq!(
            record["memo"].as_str().unwrap_or_default(),
            value,
            "{record}"
        );
    }
}

#[tokio::test]
async fn a_signed_transaction_is_sponsored_and_lands_as_it_is() {
    let (world, daemon) = World::ready(1).await;
    for name in ["bob", "ann"] {
        world.ledger.fund(account(name)).await;
    }
    let sequence = world.ledger.sequence(account("ann")).await + 1;
    let mut hand = Hand::payment(key("ann"), sequence, account("bob"), 123);
    hand.max_time = u64::try_from(world.ledger.clock().await).unwrap() + 600;
    let body = json!({"workflow_id": "sponsored", "transaction_xdr": hand.envelope()});
    let id = daemon.client.post(&body).await;
    let intent = daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["transaction"]["hash"], hand.hash(), "{intent}");

    let truth = world.ledger.truth(account("ann")).await;
    let used = sequence.to_string();
    let landed: Vec<&Value> = truth
        .iter()
        .filter(|tx| tx["sequence"].as_str() == Some(&used))
        .collect();
    assert_eq!(landed.len(), 1, "{landed:#?}");
    assert_eq!(landed[0]["inner_hash"], hand.hash());
    assert_eq!(
        landed[0]["fee_account"],
        account("source").to_string(),
        "we pay: {landed:#?}"
    );
    assert_eq!(landed[0]["tag"], intent["tag"]);
    assert_eq!(landed[0]["operations"][0]["amount"], "0.0000123");
    let hash = landed[0]["hash"].as_str().unwrap();
    let (_, record) = world.ledger.horizon(&format!("/transactions/{hash}")).await;
    let envelope = TransactionEnvelope::from_xdr_base64(
        record["envelope_xdr"].as_str().unwrap(),
        Limits::none(),
    )
    .unwrap();
    let TransactionEnvelope::TxFeeBump(bump) = envelope else {
        panic!("not a fee bump: {record}")
    };
    let stellar_xdr::FeeBumpTransactionInnerTx::Tx(inner) = bump.tx.inner_tx;
    assert_eq!(
        inner.tx,
        hand.transaction(),
        "the inner transaction is untouched"
    );

    // One whose sequence number somebody else uses up, and one that comes too late, fail and say so.
    let mut stale = Hand::payment(key("ann"), sequence, account("bob"), 124);
    stale.max_time = hand.max_time;
    let stale = json!({"workflow_id": "stale", "transaction_xdr": stale.envelope()});
    let mut late = Hand::payment(key("ann"), sequence + 1, account("bob"), 125);
    late.max_time = u64::try_from(world.ledger.clock().await).unwrap() - 1;
    let late = json!({"workflow_id": "late", "transaction_xdr": late.envelope()});
    for body in [stale, late] {
        let id = daemon.client.post(&body).await;
        let intent = daemon.client.wait_for(&id, "failed", PATIENCE).await;
        assert_eq!(intent["reason"]["code"], "transaction_too_late", "{intent}");
    }
    world.ledger.pass(4).await;
    let truth = world.ledger.truth(account("ann")).await;
    let paid = truth
        .iter()
        .filter(|tx| tx["source_account"] == account("ann").to_string());
    assert_eq!(paid.count(), 1, "{truth:#?}");
}
