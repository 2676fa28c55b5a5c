//! Calls: what lands, what it does, and what it costs.

use serde_json::json;
use stellar_xdr::{
    InvokeHostFunctionResult as Outcome, Memo, OperationResultTr as Tr, ScVal,
    SorobanAuthorizationEntry, SorobanCredentials, TransactionResultResult as Outer, WriteXdr,
};

use super::stage::{
    Stage, address, authorise, data, data_mut, failure, nonce_key, read, refusal, returned,
    set_auth, with_data,
};
use crate::wallet::{Wallet, result};

const TAG: i64 = 0x7123_4567_f4ae_45a2;

fn who() -> Wallet {
    Wallet::new(1)
}

fn channel() -> Wallet {
    Wallet::new(2)
}

fn other() -> Wallet {
    Wallet::new(3)
}

fn trapped(code: &Tr) -> bool {
    matches!(code, Tr::InvokeHostFunction(Outcome::Trapped))
}

#[tokio::test]
async fn a_nonce_lets_a_call_succeed_once_whoever_sends_it() {
    let stage = Stage::start().await;
    let mut draft = stage.call(&channel(), "inc", vec![address(&who())]);
    let first = stage.simulate(&draft).await;
    let mut entry: SorobanAuthorizationEntry =
        read(first["results"][0]["auth"][0].as_str().unwrap());
    let SorobanCredentials::Address(unsigned) = &entry.credentials else {
        panic!("{:?}", entry.credentials)
    };
    assert_eq!(unsigned.signature, ScVal::Void);
    assert_ne!(unsigned.nonce, TAG);
    authorise(&mut entry, &who(), TAG, 500);
    set_auth(&mut draft, vec![entry.clone()]);
    let draft = stage.prepared(draft).await;
    assert!(
        data_of(&draft)
            .resources
            .footprint
            .read_write
            .contains(&nonce_key(&who(), TAG)),
        "enforcing: the nonce that is signed"
    );
    let found = stage.land(&draft.sign(&[&channel()])).await;
    assert_eq!(returned(&found), ScVal::U32(1));
    assert_eq!(stage.count().await, 1);
    assert_eq!(stage.sequence(&channel()), 1);

    // The nonce is on the ledger up to the signature's expiration.
    let keys = json!({ "keys": [nonce_key(&who(), TAG).to_xdr_base64(stellar_xdr::Limits::none()).unwrap()] });
    let entries = stage.rpc("getLedgerEntries", keys).await;
    assert!(
        entries["entries"][0]["liveUntilLedgerSeq"]
            .as_u64()
            .unwrap()
            >= 500
    );

    // The same entry from another channel: simulation says so, and so does the ledger, which takes the sequence number.
    let mut again = stage.call(&other(), "inc", vec![address(&who())]);
    set_auth(&mut again, vec![entry]);
    let simulated = stage.simulate(&again).await;
    let error = simulated["error"].as_str().unwrap();
    assert!(
        error.starts_with("HostError: Error(Auth, ExistingValue)"),
        "{error}"
    );
    let again = with_data(again, data_of(&draft).clone());
    let found = stage.land(&again.sign(&[&other()])).await;
    assert!(trapped(&failure(&found)));
    assert_eq!(stage.count().await, 1);
    assert_eq!(stage.sequence(&other()), 1);

    // Everything of it is in the truth.
    let truth = stage.town.truth().await;
    assert_eq!(truth.len(), 2);
    for item in &truth {
        assert_eq!(item["tag"], TAG.to_string().as_str());
        let call = &item["operations"][0];
        assert_eq!(call["type"], "invoke_host_function");
        assert_eq!(call["function"], "inc");
        assert_eq!(call["contract"], stage.counter.to_string().as_str());
        assert_eq!(
            call["nonces"][0]["address"],
            who().key().to_string().as_str()
        );
    }
    assert_eq!(truth[0]["return_value"], json!({ "u32": 1 }));
    assert_eq!(
        truth[1]["result_codes"],
        json!({ "transaction": "tx_failed", "operations": ["function_trapped"] })
    );
}

fn data_of(draft: &crate::wallet::Draft) -> &stellar_xdr::SorobanTransactionData {
    match &draft.0.ext {
        stellar_xdr::TransactionExt::V1(data) => data,
        stellar_xdr::TransactionExt::V0 => panic!("no resources are declared"),
    }
}

#[tokio::test]
async fn a_source_that_is_the_operations_authorises_by_its_signature() {
    let stage = Stage::start().await;
    let mut draft = stage.call(&channel(), "inc", vec![address(&who())]);
    let mut operations = draft.0.operations.to_vec();
    operations[0].source_account = Some(who().address());
    draft.0.operations = operations.try_into().unwrap();
    let simulated = stage.simulate(&draft).await;
    let entry: SorobanAuthorizationEntry =
        read(simulated["results"][0]["auth"][0].as_str().unwrap());
    assert_eq!(entry.credentials, SorobanCredentials::SourceAccount);
    set_auth(&mut draft, vec![entry]);
    let draft = with_data(draft, data(&simulated));
    let unsigned = stage.send(&draft.sign(&[&channel()])).await;
    assert!(
        matches!(refusal(&unsigned), Outer::TxFailed(_)),
        "{unsigned}"
    );
    let found = stage.land(&draft.sign(&[&channel(), &who()])).await;
    assert_eq!(returned(&found), ScVal::U32(1));
}

#[tokio::test]
async fn a_wrong_signature_of_an_entry_traps() {
    let stage = Stage::start().await;
    let mut draft = stage.inc(&channel(), &who(), TAG, 500).await;
    let stellar_xdr::OperationBody::InvokeHostFunction(op) = &draft.0.operations[0].body else {
        panic!("a call")
    };
    let mut entry = op.auth[0].clone();
    // Signed for another nonce.
    authorise(&mut entry, &who(), TAG + 1, 500);
    if let SorobanCredentials::Address(credentials) = &mut entry.credentials {
        credentials.nonce = TAG;
    }
    set_auth(&mut draft, vec![entry]);
    let found = stage.land(&draft.sign(&[&channel()])).await;
    assert!(trapped(&failure(&found)));
    assert_eq!(stage.count().await, 0);
}

#[tokio::test]
async fn an_expired_signature_traps() {
    let stage = Stage::start().await;
    let expires = u32::try_from(stage.town.close(1).await).unwrap() + 1;
    let draft = stage.inc(&channel(), &who(), TAG, expires).await;
    stage.town.close(1).await;
    let found = stage.land(&draft.sign(&[&channel()])).await;
    assert!(trapped(&failure(&found)), "{found}");
    assert_eq!(stage.count().await, 0);
}

#[tokio::test]
async fn what_is_not_used_is_given_back_at_the_end_of_the_ledger() {
    let stage = Stage::start().await;
    let before = stage.balance(&channel());
    let draft = stage.prepared(stage.call(&channel(), "tick", vec![])).await;
    let declared = data_of(&draft).resource_fee;
    let found = stage.land(&draft.sign(&[&channel()])).await;
    assert_eq!(returned(&found), ScVal::U32(1));
    let charged = result(found["resultXdr"].as_str().unwrap()).fee_charged;
    assert_eq!(stage.balance(&channel()), before - charged);
    assert!(charged < declared + 100, "{charged} of {declared}");
    // Twice in one ledger, by two channels: both count, and the second pays no rent for a new entry.
    let drafts = [
        stage.prepared(stage.call(&channel(), "tick", vec![])).await,
        stage.prepared(stage.call(&other(), "tick", vec![])).await,
    ];
    for (draft, wallet) in drafts.iter().zip([channel(), other()]) {
        assert_eq!(
            stage.send(&draft.sign(&[&wallet])).await["status"],
            "PENDING"
        );
    }
    stage.town.close(1).await;
    assert_eq!(stage.count().await, 3);
    let again = stage.transaction(&drafts[1].sign(&[&other()]).hash()).await;
    let cheaper = result(again["resultXdr"].as_str().unwrap()).fee_charged;
    assert!(cheaper < charged, "{cheaper} after {charged}");
}

#[tokio::test]
async fn a_fee_bump_pays_for_a_call_and_may_be_muxed() {
    let stage = Stage::start().await;
    let draft = stage.prepared(stage.call(&channel(), "tick", vec![])).await;
    let resources = data_of(&draft).resource_fee;
    let inner = draft.sign(&[&channel()]);
    let (poor, rich) = (stage.balance(&channel()), stage.balance(&other()));
    let tag = 77;
    let low = inner.bump(other().muxed(tag), resources + 199, &other());
    assert_eq!(refusal(&stage.send(&low).await), Outer::TxInsufficientFee);
    let bump = inner.bump(other().muxed(tag), resources + 400, &other());
    let found = stage.land(&bump).await;
    assert_eq!(returned(&found), ScVal::U32(1));
    assert_eq!(found["feeBump"], true);
    let by_inner = stage.transaction(&inner.hash()).await;
    assert_eq!(by_inner["txHash"], inner.hash().as_str());
    assert_eq!(by_inner["resultXdr"], found["resultXdr"]);
    let recorded = result(found["resultXdr"].as_str().unwrap());
    let Outer::TxFeeBumpInnerSuccess(pair) = &recorded.result else {
        panic!("{recorded:?}")
    };
    assert_eq!(recorded.fee_charged, pair.result.fee_charged + 100);
    assert_eq!(stage.balance(&channel()), poor, "the channel pays nothing");
    assert_eq!(stage.balance(&other()), rich - recorded.fee_charged);
    assert_eq!(stage.town.truth().await[0]["tag"], "77");
}

#[tokio::test]
async fn what_fails_keeps_nothing_but_its_fee_and_its_number() {
    let stage = Stage::start().await;
    let like = stage.prepared(stage.call(&channel(), "tick", vec![])).await;
    for (number, (function, error)) in (0i64..).zip([
        ("boom", "HostError: Error(WasmVm, InvalidAction)"),
        ("fail", "HostError: Error(Contract, #7)"),
    ]) {
        let draft = stage.call(&channel(), function, vec![]);
        let simulated = stage.simulate(&draft).await;
        assert!(
            simulated["error"].as_str().unwrap().starts_with(error),
            "{simulated}"
        );
        assert!(simulated["transactionData"].is_null());
        let draft = with_data(draft, data_of(&like).clone());
        let before = stage.balance(&channel());
        let found = stage.land(&draft.sign(&[&channel()])).await;
        assert!(trapped(&failure(&found)));
        assert!(found["diagnosticEventsXdr"].as_array().unwrap().len() > 1);
        assert_eq!(stage.sequence(&channel()), number + 1);
        let charged = result(found["resultXdr"].as_str().unwrap()).fee_charged;
        assert_eq!(stage.balance(&channel()), before - charged);
    }
    assert_eq!(stage.count().await, 0);
}

#[tokio::test]
async fn resources_that_are_too_small_fail_in_the_ledger() {
    let stage = Stage::start().await;
    let mut limited = Vec::new();
    for shrink in [
        |data: &mut stellar_xdr::SorobanTransactionData| data.resources.instructions /= 4,
        |data: &mut stellar_xdr::SorobanTransactionData| data.resources.write_bytes = 10,
    ] {
        let mut draft = stage.prepared(stage.call(&channel(), "tick", vec![])).await;
        shrink(data_mut(&mut draft));
        limited.push(failure(&stage.land(&draft.sign(&[&channel()])).await));
    }
    let expected = Tr::InvokeHostFunction(Outcome::ResourceLimitExceeded);
    assert_eq!(limited, [expected.clone(), expected]);
    // Enough for what cannot be given back, but not for the rent of a new entry.
    let mut draft = stage.prepared(stage.call(&channel(), "tick", vec![])).await;
    data_mut(&mut draft).resource_fee = 25_000;
    let found = stage.land(&draft.sign(&[&channel()])).await;
    assert_eq!(
        failure(&found),
        Tr::InvokeHostFunction(Outcome::InsufficientRefundableFee)
    );
    assert_eq!((stage.count().await, stage.sequence(&channel())), (0, 3));
}

#[tokio::test]
async fn what_cannot_be_valid_is_not_queued() {
    let stage = Stage::start().await;
    let good = stage.prepared(stage.call(&channel(), "tick", vec![])).await;
    let refused = async |change: &dyn Fn(&mut crate::wallet::Draft)| {
        let mut draft = good.clone();
        change(&mut draft);
        stage.send(&draft.sign(&[&channel()])).await
    };
    let cheap = refused(&|draft| data_mut(draft).resource_fee = 10).await;
    assert_eq!(refusal(&cheap), Outer::TxSorobanInvalid);
    assert_eq!(cheap["diagnosticEventsXdr"].as_array().unwrap().len(), 1);
    let dear = refused(&|draft| draft.0.fee = 10).await;
    assert_eq!(refusal(&dear), Outer::TxSorobanInvalid);
    let memo = refused(&|draft| draft.0.memo = Memo::Id(1)).await;
    assert_eq!(refusal(&memo), Outer::TxSorobanInvalid);
    let muxed = refused(&|draft| draft.0.source_account = channel().muxed(5)).await;
    assert_eq!(refusal(&muxed), Outer::TxSorobanInvalid);
    let twice = refused(&|draft| {
        let key = data_mut(draft).resources.footprint.read_write[0].clone();
        data_mut(draft).resources.footprint.read_only = vec![key].try_into().unwrap();
    })
    .await;
    assert_eq!(refusal(&twice), Outer::TxSorobanInvalid);
    let two = refused(&|draft| {
        let mut operations = draft.0.operations.to_vec();
        operations.push(operations[0].clone());
        draft.0.operations = operations.try_into().unwrap();
    })
    .await;
    assert_eq!(refusal(&two), Outer::TxMalformed);
    let bare = refused(&|draft| draft.0.ext = stellar_xdr::TransactionExt::V0).await;
    assert_eq!(refusal(&bare), Outer::TxMalformed);
    // More than one transaction may take, but less than the queue: invalid. More than the queue: later, and always later.
    let big = |instructions: u32| {
        move |draft: &mut crate::wallet::Draft| {
            data_mut(draft).resources.instructions = instructions;
            data_mut(draft).resource_fee = 20_000_000;
            draft.0.fee = 20_000_100;
        }
    };
    let above = refused(&big(400_000_001)).await;
    assert_eq!(refusal(&above), Outer::TxSorobanInvalid);
    let beyond = refused(&big(4_000_000_000)).await;
    assert_eq!(beyond["status"], "TRY_AGAIN_LATER");
    assert_eq!(stage.town.queued(), 0);
    assert_eq!(stage.sequence(&channel()), 0);
}

#[tokio::test]
async fn a_ledger_takes_so_many_calls_and_the_best_bids_first() {
    let stage = Stage::start().await;
    let change = json!({ "max_contract_transactions": 2 });
    assert_eq!(
        stage.town.put("/sandbox/ledger", change).await.1["max_contract_transactions"],
        2
    );
    let mut envelopes = Vec::new();
    for number in 10..14u8 {
        let wallet = Wallet::new(number);
        let mut draft = stage.prepared(stage.call(&wallet, "tick", vec![])).await;
        draft.0.fee += u32::from(number) * 10;
        let envelope = draft.sign(&[&wallet]);
        assert_eq!(stage.send(&envelope).await["status"], "PENDING");
        envelopes.push(envelope);
    }
    // A full lane for calls leaves room for payments, at their own rate.
    let payment = crate::town::payment(20, 1);
    assert_eq!(stage.send(&payment).await["status"], "PENDING");
    stage.town.close(1).await;
    assert_eq!(stage.count().await, 2);
    let status = async |envelope: &crate::wallet::Envelope| {
        stage.transaction(&envelope.hash()).await["status"].clone()
    };
    assert_eq!(status(&payment).await, "SUCCESS");
    assert_eq!(status(&envelopes[0]).await, "NOT_FOUND");
    assert_eq!(status(&envelopes[3]).await, "SUCCESS");
    stage.town.close(1).await;
    assert_eq!(stage.count().await, 4);
    assert_eq!(status(&envelopes[0]).await, "SUCCESS");
}

#[tokio::test]
async fn many_calls_of_one_contract_all_count() {
    let stage = Stage::start().await;
    for number in 10..60u8 {
        let wallet = Wallet::new(number);
        let draft = stage
            .inc(&wallet, &wallet_of(number), i64::from(number), 900)
            .await;
        let sent = stage.send(&draft.sign(&[&wallet])).await;
        assert_eq!(sent["status"], "PENDING", "{sent}");
    }
    stage.town.close(3).await;
    assert_eq!(stage.count().await, 50);
}

fn wallet_of(number: u8) -> Wallet {
    Wallet::new(number - 9)
}

#[tokio::test]
async fn lumens_are_neither_made_nor_lost_by_fees_and_refunds() {
    let stage = Stage::start().await;
    let all = || {
        let core = stage.town.sandbox.node().core();
        let (ledger, state) = (core.ledger(), core.ledger().state());
        let root = stellar_submitter::sandbox::ledger::genesis::root_key(ledger.passphrase());
        let mut keys = vec![Wallet(root).key()];
        keys.extend((0..crate::town::ACCOUNTS).map(|number| Wallet::new(number).key()));
        let held: i64 = keys
            .iter()
            .map(|key| state.account(*key).unwrap().balance)
            .sum();
        held + ledger.history().latest().unwrap().fee_pool
    };
    let before = all();
    let like = stage.prepared(stage.call(&channel(), "tick", vec![])).await;
    let payer = Wallet::new(70);
    for number in 10..40u8 {
        let wallet = Wallet::new(number);
        let function = ["tick", "boom", "fail"][usize::from(number % 3)];
        let mut draft = with_data(
            stage.call(&wallet, function, vec![]),
            data_of(&like).clone(),
        );
        // Every fourth declares too little of something.
        match number % 12 {
            3 => data_mut(&mut draft).resources.instructions /= 4,
            7 => data_mut(&mut draft).resource_fee = 25_000,
            _ => {}
        }
        let fee = data_of(&draft).resource_fee + 700;
        let mut envelope = draft.sign(&[&wallet]);
        if number % 2 == 0 {
            envelope = envelope.bump(payer.muxed(u64::from(number)), fee, &payer);
        }
        let sent = stage.send(&envelope).await;
        assert_eq!(sent["status"], "PENDING", "{sent}");
        if number % 5 == 0 {
            stage.town.close(1).await;
            assert_eq!(all(), before);
        }
    }
    stage.town.close(2).await;
    assert_eq!(all(), before);
    let truth = stage.town.truth().await;
    assert_eq!(truth.len(), 30);
    let successes = truth
        .iter()
        .filter(|item| item["successful"] == true)
        .count();
    assert_eq!(stage.count().await, successes as u64);
    assert!((1..30).contains(&successes), "{successes}");
}
