//! Calls that somebody else authorises.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stellar_submitter::domain::primitives::{AccountId, NetworkId};
use stellar_submitter::domain::soroban::auth::{address_of, attach, payload};
use stellar_xdr as xdr;
use xdr::{Limits, ScVal, WriteXdr as _};

use crate::stage::Stage;
use crate::world::ledger::PASSPHRASE;
use crate::world::{PATIENCE, account, key};

/// Somebody's signed authorisation of a call, in base64.
fn authorization(
    who: &str,
    contract: &str,
    function: &str,
    args: Vec<ScVal>,
    nonce: i64,
    expires: u64,
) -> String {
    let contract: stellar_strkey::Contract = contract.parse().unwrap();
    let function = xdr::SorobanAuthorizedFunction::ContractFn(xdr::InvokeContractArgs {
        contract_address: xdr::ScAddress::Contract(xdr::ContractId(xdr::Hash(contract.0))),
        function_name: xdr::ScSymbol(function.try_into().unwrap()),
        args: args.try_into().unwrap(),
    });
    let mut entry = xdr::SorobanAuthorizationEntry {
        credentials: xdr::SorobanCredentials::Address(xdr::SorobanAddressCredentials {
            address: address_of(account(who)),
            nonce,
            signature_expiration_ledger: expires.try_into().unwrap(),
            signature: ScVal::Void,
        }),
        root_invocation: xdr::SorobanAuthorizedInvocation {
            function,
            sub_invocations: xdr::VecM::default(),
        },
    };
    let network = NetworkId(Sha256::digest(PASSPHRASE.as_bytes()).into());
    let digest = payload(&entry, network).unwrap();
    attach(&mut entry, account(who), key(who).sign_digest(&digest));
    entry.to_xdr_base64(Limits::none()).unwrap()
}

fn of(account: AccountId) -> ScVal {
    ScVal::Address(address_of(account))
}

/// The contract of lumens.
fn lumens() -> String {
    let preimage = xdr::HashIdPreimage::ContractId(xdr::HashIdPreimageContractId {
        network_id: xdr::Hash(Sha256::digest(PASSPHRASE.as_bytes()).into()),
        contract_id_preimage: xdr::ContractIdPreimage::Asset(xdr::Asset::Native),
    });
    let bytes = preimage.to_xdr(Limits::none()).unwrap();
    let id = xdr::ContractId(xdr::Hash(Sha256::digest(bytes).into()));
    xdr::ScAddress::Contract(id).to_string()
}

/// `inc` for another account, with its authorisation where it is given.
fn inc_of_bob(stage: &Stage, workflow: &str, entry: Option<&str>) -> Value {
    let mut body = stage.call(workflow, "inc", &[json!({"address": account("bob")})]);
    if let Some(entry) = entry {
        body["operations"][0]["auth_entries"] = json!([entry]);
    }
    body
}

#[tokio::test]
async fn what_another_account_has_signed_is_used_once() {
    let (stage, daemon) = Stage::ready(2).await;
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    ledger.fund(account("bob")).await;
    let expires = ledger.head().await + 500;
    let args = vec![of(account("bob"))];
    let entry = authorization("bob", &stage.counter, "inc", args.clone(), 77, expires);
    // Without it, it is said whose is missing.
    let id = client.post(&inc_of_bob(&stage, "missing", None)).await;
    let intent = client.wait_for(&id, "failed", PATIENCE).await;
    assert_eq!(
        intent["reason"]["code"], "authorization_missing",
        "{intent}"
    );
    let detail = intent["reason"]["detail"].as_str().unwrap();
    assert!(detail.contains(&account("bob").to_string()), "{intent}");
    assert!(detail.contains("auth_entries"), "{intent}");

    let id = client
        .post(&inc_of_bob(&stage, "signed", Some(&entry)))
        .await;
    let intent = client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(intent["result"], json!({"u32": 1}), "{intent}");
    // The source authorises nothing: the tag is the fee bump's.
    assert!(
        intent["transaction"]["fee_bump_hash"].is_string(),
        "{intent}"
    );
    // Another workflow with the same authorisation: it is used up, and by whom is said.
    let id = client
        .post(&inc_of_bob(&stage, "again", Some(&entry)))
        .await;
    let again = client.wait_for(&id, "parked", PATIENCE).await;
    assert_eq!(again["reason"]["code"], "nonce_used_elsewhere", "{again}");
    let detail = again["reason"]["detail"].as_str().unwrap();
    for part in [
        account("bob").to_string(),
        "nonce 77".to_owned(),
        intent["transaction"]["hash"].as_str().unwrap().to_owned(),
    ] {
        assert!(detail.contains(&part), "{part}: {again}");
    }
    assert_eq!(again["attempt_count"], 0);
    // One that holds no more, and one of another call.
    let past = authorization("bob", &stage.counter, "inc", args.clone(), 78, 1);
    let id = client.post(&inc_of_bob(&stage, "past", Some(&past))).await;
    let intent = client.wait_for(&id, "failed", PATIENCE).await;
    assert_eq!(intent["reason"]["code"], "authorization_failed", "{intent}");
    let other = authorization("bob", &stage.counter, "tick", Vec::new(), 79, expires);
    let id = client
        .post(&inc_of_bob(&stage, "other", Some(&other)))
        .await;
    let intent = client.wait_for(&id, "failed", PATIENCE).await;
    let code = &intent["reason"]["code"];
    assert_eq!(code, "authorization_not_asked_for", "{intent}");
    ledger.pass(5).await;
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn a_token_moves_from_an_account_that_has_signed() {
    let (stage, daemon) = Stage::ready(1).await;
    let (client, ledger) = (&daemon.client, &stage.world.ledger);
    ledger.fund(account("bob")).await;
    ledger.fund(account("carol")).await;
    let token = lumens();
    let amount = ScVal::I128(xdr::Int128Parts {
        hi: 0,
        lo: 25_000_000,
    });
    let args = vec![of(account("bob")), of(account("carol")), amount];
    let expires = ledger.head().await + 500;
    let entry = authorization("bob", &token, "transfer", args, 4711, expires);
    let body = json!({"workflow_id": "from-bob", "operations": [{
        "type": "invoke_contract", "contract": token, "function": "transfer",
        "args": [{"address": account("bob")}, {"address": account("carol")}, {"i128": "25000000"}],
        "auth_entries": [entry],
    }]});
    let id = client.post(&body).await;
    client.wait_for(&id, "succeeded", PATIENCE).await;
    let balance = async |name: &str| {
        let (_, body) = ledger
            .horizon(&format!("/accounts/{}", account(name)))
            .await;
        body["balances"][0]["balance"].as_str().unwrap().to_owned()
    };
    assert_eq!(balance("bob").await, "9997.5000000");
    assert_eq!(balance("carol").await, "10002.5000000");
}
