//! Tokens by the contracts of their assets.

use serde_json::{Value, json};
use stellar_submitter::sandbox::ledger::genesis::network_id;
use stellar_submitter::sandbox::rpc::transaction::asset_contract;
use stellar_xdr::{
    AlphaNum4, Asset, AssetCode4, ChangeTrustAsset, ChangeTrustOp, Int128Parts, OperationBody,
    PaymentOp, ScAddress, ScVal, SorobanAuthorizationEntry,
};

use super::stage::{Stage, address, contract, read, returned, set_auth};
use crate::wallet::{Draft, PASSPHRASE, Wallet, operation};

fn holder() -> Wallet {
    Wallet::new(1)
}

fn channel() -> Wallet {
    Wallet::new(2)
}

fn taker() -> Wallet {
    Wallet::new(3)
}

fn amount(stroops: u64) -> ScVal {
    ScVal::I128(Int128Parts { hi: 0, lo: stroops })
}

async fn transfer(stage: &Stage, token: &ScAddress, to: ScVal, stroops: u64, nonce: i64) -> Value {
    let args = vec![address(&holder()), to, amount(stroops)];
    let mut draft = stage.invoke(&channel(), token.clone(), "transfer", args);
    let first = stage.simulate(&draft).await;
    let auth = first["results"][0]["auth"][0]
        .as_str()
        .unwrap_or_else(|| panic!("{first}"));
    let mut entry: SorobanAuthorizationEntry = read(auth);
    super::stage::authorise(&mut entry, &holder(), nonce, 700);
    set_auth(&mut draft, vec![entry]);
    let draft = stage.prepared(draft).await;
    stage.land(&draft.sign(&[&channel()])).await
}

async fn balance(stage: &Stage, token: &ScAddress, of: ScVal) -> ScVal {
    let draft = stage.invoke(&channel(), token.clone(), "balance", vec![of]);
    let simulated = stage.simulate(&draft).await;
    read(simulated["results"][0]["xdr"].as_str().unwrap())
}

#[tokio::test]
async fn lumens_move_by_their_contract_to_accounts_and_to_contracts() {
    let stage = Stage::start().await;
    let token = ScAddress::Contract(asset_contract(network_id(PASSPHRASE), Asset::Native));
    assert_eq!(
        token.to_string(),
        "CDMLFMKMMD7MWZP3FKUBZPVHTUEDLSX4BYGYKH4GCESXYHS3IHQ4EIG4",
        "as on the recorded network of this passphrase"
    );
    let (had, has) = (stage.balance(&holder()), stage.balance(&taker()));
    let found = transfer(&stage, &token, address(&taker()), 15_000_000, 1).await;
    assert_eq!(returned(&found), ScVal::Void);
    assert_eq!(stage.balance(&holder()), had - 15_000_000);
    assert_eq!(stage.balance(&taker()), has + 15_000_000);
    assert_eq!(
        found["events"]["contractEventsXdr"][0]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let counter = ScVal::Address(stage.counter.clone());
    let found = transfer(&stage, &token, counter.clone(), 7, 2).await;
    assert_eq!(returned(&found), ScVal::Void);
    assert_eq!(stage.balance(&holder()), had - 15_000_007);
    assert_eq!(balance(&stage, &token, counter).await, amount(7));

    let events = json!({
        "startLedger": 2,
        "filters": [{ "type": "contract", "contractIds": [token.to_string()] }],
    });
    let events = stage.rpc("getEvents", events).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 2);
    let page = json!({ "startLedger": 2, "pagination": { "limit": 1 } });
    let events = stage.rpc("getEvents", page).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    let page = json!({ "pagination": { "limit": 5, "cursor": events["cursor"] } });
    let events = stage.rpc("getEvents", page).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn more_than_there_is_is_the_contracts_error_ten() {
    let stage = Stage::start().await;
    let token = ScAddress::Contract(asset_contract(network_id(PASSPHRASE), Asset::Native));
    let args = vec![address(&holder()), address(&taker()), amount(1 << 60)];
    let draft = stage.invoke(&channel(), token, "transfer", args);
    let simulated = stage.simulate(&draft).await;
    let error = simulated["error"].as_str().unwrap();
    assert!(
        error.starts_with("HostError: Error(Contract, #10)"),
        "{error}"
    );
}

#[tokio::test]
async fn an_issued_asset_moves_between_trustlines() {
    let stage = Stage::start().await;
    let issuer = Wallet::new(4);
    let credit = AlphaNum4 {
        asset_code: AssetCode4(*b"USD\0"),
        issuer: issuer.key().xdr(),
    };
    let trust = OperationBody::ChangeTrust(ChangeTrustOp {
        line: ChangeTrustAsset::CreditAlphanum4(credit.clone()),
        limit: 1000,
    });
    let asset = Asset::CreditAlphanum4(credit);
    for wallet in [holder(), taker()] {
        let draft = Draft::new(wallet.address(), 1, vec![operation(None, trust.clone())]);
        let landed = stage.land(&draft.sign(&[&wallet])).await;
        assert_eq!(landed["status"], "SUCCESS");
    }
    let pay = operation(
        None,
        OperationBody::Payment(PaymentOp {
            destination: holder().address(),
            asset: asset.clone(),
            amount: 100,
        }),
    );
    let draft = Draft::new(issuer.address(), 1, vec![pay]);
    stage.land(&draft.sign(&[&issuer])).await;
    let path = format!("/sandbox/contract?asset=USD:{}", issuer.key());
    let (status, body) = stage.town.post(&path).await;
    assert_eq!(status, 200, "{body}");
    let token = contract(body["contract"].as_str().unwrap());
    let found = transfer(&stage, &token, address(&taker()), 30, 1).await;
    assert_eq!(returned(&found), ScVal::Void);
    let line = |wallet: &Wallet| {
        let core = stage.town.sandbox.node().core();
        let account = core.ledger().state().account(wallet.key()).unwrap();
        account.lines[&asset].balance
    };
    assert_eq!((line(&holder()), line(&taker())), (70, 30));
}
