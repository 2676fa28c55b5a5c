//! A contract call from its first simulation to the ledger, by nothing but the client and the pure part.

use std::time::Duration;

use stellar_submitter::domain::envelope::{attach as sign, encode, inner_hash};
use stellar_submitter::domain::observation::{LookUp, SubmitAnswer};
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq};
use stellar_submitter::domain::soroban::auth::{attach, payload, set_nonces};
use stellar_submitter::domain::soroban::{
    FailureKind, Margin, Need, NetworkLimits, Nonce, Simulated, SimulationOutcome, plan,
};
use stellar_submitter::domain::tag::Tag;
use stellar_submitter::rpc::{Endpoint, Rpc, RpcOptions};
use stellar_submitter::signer::SecretKey;
use stellar_xdr as xdr;

use crate::capture::{PASSPHRASE, network};
use crate::world::{Ledger, PATIENCE, account, eventually, key, ledger};

/// Stroops bid for inclusion.
const INCLUSION: u32 = 1000;
/// Ledgers for which a signature holds.
const VALIDITY: u32 = 100;

async fn deploy(ledger: &Ledger) -> [u8; 32] {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/rpc-captures/counter.wasm"
    );
    let url = format!("{}/sandbox/contract", ledger.url);
    let post = ledger::client()
        .post(url)
        .body(std::fs::read(path).unwrap());
    let answer: serde_json::Value = post.send().await.unwrap().json().await.unwrap();
    let contract: stellar_strkey::Contract = answer["contract"].as_str().unwrap().parse().unwrap();
    ledger.pass(2).await;
    contract.0
}

/// An unsigned call of `inc(source)` or `get()`, whose sequence number is the channel's next.
async fn call(
    ledger: &Ledger,
    contract: [u8; 32],
    function: &str,
    channel: AccountId,
) -> xdr::Transaction {
    let source = xdr::ScVal::Address(xdr::ScAddress::Account(account("source").to_xdr()));
    let args = if function == "inc" {
        vec![source]
    } else {
        Vec::new()
    };
    let call = xdr::InvokeContractArgs {
        contract_address: xdr::ScAddress::Contract(xdr::ContractId(xdr::Hash(contract))),
        function_name: function.try_into().unwrap(),
        args: args.try_into().unwrap(),
    };
    let body = xdr::OperationBody::InvokeHostFunction(xdr::InvokeHostFunctionOp {
        host_function: xdr::HostFunction::InvokeContract(call),
        auth: xdr::VecM::default(),
    });
    xdr::Transaction {
        source_account: channel.plain(),
        fee: INCLUSION,
        seq_num: xdr::SequenceNumber(ledger.sequence(channel).await + 1),
        cond: xdr::Preconditions::None,
        memo: xdr::Memo::None,
        operations: vec![xdr::Operation {
            source_account: None,
            body,
        }]
        .try_into()
        .unwrap(),
        ext: xdr::TransactionExt::V0,
    }
}

fn bytes(tx: &xdr::Transaction, signer: Option<&SecretKey>) -> Vec<u8> {
    let signatures = signer.map(|key| xdr::DecoratedSignature {
        hint: key.account().hint(),
        signature: key
            .sign_digest(&inner_hash(tx, network()).0)
            .to_vec()
            .try_into()
            .unwrap(),
    });
    let envelope = sign(tx.clone(), signatures.into_iter().collect());
    encode(&xdr::TransactionEnvelope::Tx(envelope))
}

fn with(
    mut tx: xdr::Transaction,
    data: xdr::SorobanTransactionData,
    auth: Vec<xdr::SorobanAuthorizationEntry>,
) -> xdr::Transaction {
    let mut operation = tx.operations[0].clone();
    if let xdr::OperationBody::InvokeHostFunction(call) = &mut operation.body {
        call.auth = auth.try_into().unwrap();
    }
    tx.operations = vec![operation].try_into().unwrap();
    tx.fee = INCLUSION + u32::try_from(data.resource_fee).unwrap();
    tx.ext = xdr::TransactionExt::V1(data);
    tx
}

async fn runs(rpc: &Endpoint, tx: &xdr::Transaction) -> Simulated {
    match rpc.simulate(&bytes(tx, None)).await.unwrap().outcome {
        SimulationOutcome::Runs(simulated) => *simulated,
        SimulationOutcome::Fails(failure) => panic!("{failure:?}"),
    }
}

async fn send(
    rpc: &Endpoint,
    tx: &xdr::Transaction,
    channel: &SecretKey,
) -> (bool, Option<FailureKind>) {
    let answer = rpc.send(&bytes(tx, Some(channel))).await;
    assert_eq!(answer, SubmitAnswer::Queued { duplicate: false });
    let hash = inner_hash(tx, network());
    eventually("it lands", PATIENCE, async || {
        let found = rpc.transaction(hash).await;
        match found.look_up {
            LookUp::Landed(landed) => {
                let call = found.call.unwrap();
                assert_eq!(call.value.is_some(), landed.successful);
                Some((landed.successful, call.failure()))
            }
            LookUp::Absent | LookUp::Unknown(_) => None,
        }
    })
    .await
}

#[tokio::test]
async fn a_call_whose_nonce_is_the_tag_succeeds_once() {
    let ledger = Ledger::start(&["--ledger-seconds", "0.25"]).await;
    for name in ["source", "first", "second"] {
        ledger.fund(account(name)).await;
    }
    let contract = deploy(&ledger).await;
    let pool = Rpc::new(&RpcOptions {
        urls: vec![format!("{}/rpc", ledger.url).parse().unwrap()],
        passphrase: PASSPHRASE.to_owned(),
        requests_per_hour: 0,
        deadline: Duration::from_secs(10),
    })
    .unwrap();
    let rpc = pool.any();
    let limits: NetworkLimits = rpc.limits().await.unwrap();
    assert!(limits.instructions > 0 && limits.size_bytes > 0);
    rpc.fee_stats().await.unwrap();

    let (source, tag) = (key("source"), Tag::from_i64(4711).unwrap());
    let tx = call(&ledger, contract, "inc", account("first")).await;
    let first = runs(rpc, &tx).await;
    assert_eq!(Need::of(&first, source.account()), Need::Address);
    let (mut data, mut auth) = (first.data, first.auth);
    let expires = LedgerSeq(rpc.latest_ledger().await.unwrap().ledger.0 + VALIDITY);
    set_nonces(&mut auth, &mut data, source.account(), tag, expires);
    let digest = payload(&auth[0], network()).unwrap();
    attach(&mut auth[0], source.account(), source.sign_digest(&digest));
    let second = runs(rpc, &with(tx.clone(), data, auth.clone())).await;
    assert_eq!(second.auth, auth);
    let data = plan::resources(&second, Margin::percent(10), &limits).unwrap();
    let nonce = [Nonce::of_account(source.account(), tag.to_i64())];
    let unused = rpc.nonces(&nonce).await.unwrap();
    assert_eq!(unused.entries, []);
    assert_eq!(
        send(rpc, &with(tx, data.clone(), auth.clone()), &key("first")).await,
        (true, None)
    );
    let used = rpc.nonces(&nonce).await.unwrap();
    assert!(used.entries[0].live_until.unwrap() >= used.as_of);

    // The same entry in somebody else's transaction: refused by simulation, and by the chain itself.
    let tx = call(&ledger, contract, "inc", account("second")).await;
    let again = with(tx, data, auth);
    match rpc.simulate(&bytes(&again, None)).await.unwrap().outcome {
        SimulationOutcome::Fails(failure) => assert_eq!(failure.kind, FailureKind::NonceExists),
        SimulationOutcome::Runs(_) => panic!("the nonce is used"),
    }
    let (successful, failure) = send(rpc, &again, &key("second")).await;
    assert!(!successful, "{failure:?}");

    let tx = call(&ledger, contract, "get", account("first")).await;
    let read = runs(rpc, &tx).await;
    assert_eq!(Need::of(&read, source.account()), Need::ReadOnly);
    assert_eq!(read.value, Some(xdr::ScVal::U32(1)), "counted once");
}
