//! A town with the counter's contract, and short ways to call it over RPC.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stellar_submitter::sandbox::Config;
use stellar_submitter::sandbox::ledger::genesis::network_id;
use stellar_xdr::{
    ContractId, Hash, HashIdPreimage, HashIdPreimageSorobanAuthorization, HostFunction,
    InvokeContractArgs, InvokeHostFunctionOp, LedgerKey, Limits, OperationBody, OperationResult,
    OperationResultTr as Tr, ReadXdr, ScAddress, ScMap, ScMapEntry, ScSymbol, ScVal, ScVec,
    SorobanAuthorizationEntry, SorobanCredentials, SorobanTransactionData, TransactionExt,
    TransactionMeta, TransactionResult, TransactionResultResult as Outer, WriteXdr,
};

use crate::town::Town;
use crate::wallet::{Draft, Envelope, PASSPHRASE, Wallet, operation, result};

/// The example contract's code.
pub fn code() -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/rpc-captures/counter.wasm");
    std::fs::read(path).unwrap()
}

pub struct Stage {
    pub town: Town,
    pub counter: ScAddress,
}

impl Stage {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let town = Town::start(change).await;
        let id = deploy(&town).await;
        Self {
            town,
            counter: contract(&id),
        }
    }

    /// The whole body of an answer.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let request = self
            .town
            .client
            .post(self.town.url("/rpc"))
            .body(request.to_string());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!(7)));
        body
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        let body = self.ask(method, params).await;
        assert!(body["error"].is_null(), "{body}");
        body["result"].clone()
    }

    pub async fn simulate(&self, draft: &Draft) -> Value {
        let envelope = draft.with_signatures(Vec::new());
        self.rpc(
            "simulateTransaction",
            json!({ "transaction": envelope.base64() }),
        )
        .await
    }

    /// The draft with the resources that a simulation says; what it says of authorisation is left alone.
    pub async fn prepared(&self, draft: Draft) -> Draft {
        let simulated = self.simulate(&draft).await;
        with_data(draft, data(&simulated))
    }

    pub async fn send(&self, envelope: &Envelope) -> Value {
        self.rpc(
            "sendTransaction",
            json!({ "transaction": envelope.base64() }),
        )
        .await
    }

    pub async fn transaction(&self, hash: &str) -> Value {
        self.rpc("getTransaction", json!({ "hash": hash })).await
    }

    /// Sends what is signed, closes a ledger, and says what the ledger then holds of it.
    pub async fn land(&self, envelope: &Envelope) -> Value {
        let sent = self.send(envelope).await;
        assert_eq!(sent["status"], "PENDING", "{sent}");
        self.town.close(1).await;
        let found = self.transaction(&envelope.hash()).await;
        assert_ne!(found["status"], "NOT_FOUND", "{found}");
        found
    }

    /// What stands under `COUNT`, straight from the ledger.
    pub async fn count(&self) -> u64 {
        let path = format!("/sandbox/contract?id={}&symbol=COUNT", self.counter);
        match self.town.get(&path).await {
            (200, body) => body["value"]["u32"].as_u64().unwrap(),
            (status, _) => {
                assert_eq!(status, 404);
                0
            }
        }
    }

    pub fn balance(&self, wallet: &Wallet) -> i64 {
        let core = self.town.sandbox.node().core();
        core.ledger().state().account(wallet.key()).unwrap().balance
    }

    pub fn sequence(&self, wallet: &Wallet) -> i64 {
        let core = self.town.sandbox.node().core();
        let state = core.ledger().state();
        state.account(wallet.key()).unwrap().sequence
    }

    /// A call of the counter by a wallet as transaction source, with its next sequence number.
    pub fn call(&self, source: &Wallet, function: &str, args: Vec<ScVal>) -> Draft {
        self.invoke(source, self.counter.clone(), function, args)
    }

    pub fn invoke(
        &self,
        source: &Wallet,
        contract: ScAddress,
        function: &str,
        args: Vec<ScVal>,
    ) -> Draft {
        let body = invoke(contract, function, args, Vec::new());
        Draft::new(
            source.address(),
            self.sequence(source) + 1,
            vec![operation(None, body)],
        )
    }

    /// `inc` of a wallet by another as channel, its authorisation signed with a nonce, ready to be signed by the channel.
    pub async fn inc(&self, channel: &Wallet, who: &Wallet, nonce: i64, expires: u32) -> Draft {
        let mut draft = self.call(channel, "inc", vec![address(who)]);
        let first = self.simulate(&draft).await;
        let text = first["results"][0]["auth"][0].as_str().unwrap();
        let mut entry: SorobanAuthorizationEntry = read(text);
        authorise(&mut entry, who, nonce, expires);
        set_auth(&mut draft, vec![entry]);
        self.prepared(draft).await
    }
}

pub async fn deploy(town: &Town) -> String {
    let request = town.client.post(town.url("/sandbox/contract")).body(code());
    let response = request.send().await.unwrap();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(
        body["wasm_hash"],
        hex::encode(Sha256::digest(code())).as_str(),
        "{body}"
    );
    body["contract"].as_str().unwrap().to_owned()
}

pub fn contract(id: &str) -> ScAddress {
    ScAddress::Contract(ContractId(Hash(
        stellar_strkey::Contract::from_string(id).unwrap().0,
    )))
}

pub fn read<T: ReadXdr>(text: &str) -> T {
    T::from_xdr_base64(text, Limits::none()).unwrap()
}

pub fn address(wallet: &Wallet) -> ScVal {
    ScVal::Address(ScAddress::Account(wallet.key().xdr()))
}

pub fn symbol(text: &str) -> ScSymbol {
    ScSymbol(text.try_into().unwrap())
}

pub fn invoke(
    contract_address: ScAddress,
    function: &str,
    args: Vec<ScVal>,
    auth: Vec<SorobanAuthorizationEntry>,
) -> OperationBody {
    OperationBody::InvokeHostFunction(InvokeHostFunctionOp {
        host_function: HostFunction::InvokeContract(InvokeContractArgs {
            contract_address,
            function_name: symbol(function),
            args: args.try_into().unwrap(),
        }),
        auth: auth.try_into().unwrap(),
    })
}

pub fn set_auth(draft: &mut Draft, auth: Vec<SorobanAuthorizationEntry>) {
    let mut operations = draft.0.operations.to_vec();
    let OperationBody::InvokeHostFunction(op) = &mut operations[0].body else {
        panic!("a call")
    };
    op.auth = auth.try_into().unwrap();
    draft.0.operations = operations.try_into().unwrap();
}

/// Sets nonce and expiration of ADDRESS credentials, and signs them.
pub fn authorise(entry: &mut SorobanAuthorizationEntry, who: &Wallet, nonce: i64, expires: u32) {
    let preimage = HashIdPreimage::SorobanAuthorization(HashIdPreimageSorobanAuthorization {
        network_id: Hash(network_id(PASSPHRASE)),
        nonce,
        signature_expiration_ledger: expires,
        invocation: entry.root_invocation.clone(),
    });
    let payload = Sha256::digest(preimage.to_xdr(Limits::none()).unwrap());
    let signature = who.sign(payload.into()).signature.0;
    let field = |name: &str, bytes: Vec<u8>| ScMapEntry {
        key: ScVal::Symbol(symbol(name)),
        val: ScVal::Bytes(bytes.try_into().unwrap()),
    };
    let map = ScMap(
        vec![
            field("public_key", who.key().0.to_vec()),
            field("signature", signature.to_vec()),
        ]
        .try_into()
        .unwrap(),
    );
    let SorobanCredentials::Address(credentials) = &mut entry.credentials else {
        panic!("{:?}", entry.credentials)
    };
    credentials.nonce = nonce;
    credentials.signature_expiration_ledger = expires;
    credentials.signature =
        ScVal::Vec(Some(ScVec(vec![ScVal::Map(Some(map))].try_into().unwrap())));
}

pub fn data(simulated: &Value) -> SorobanTransactionData {
    let text = simulated["transactionData"]
        .as_str()
        .unwrap_or_else(|| panic!("{simulated}"));
    let data: SorobanTransactionData = read(text);
    assert_eq!(
        simulated["minResourceFee"],
        data.resource_fee.to_string().as_str()
    );
    data
}

/// Declares resources; the bid is 100 stroops and the resources' fee.
pub fn with_data(mut draft: Draft, data: SorobanTransactionData) -> Draft {
    draft.0.fee = u32::try_from(100 + data.resource_fee).unwrap();
    draft.0.ext = TransactionExt::V1(data);
    draft
}

pub fn data_mut(draft: &mut Draft) -> &mut SorobanTransactionData {
    match &mut draft.0.ext {
        TransactionExt::V1(data) => data,
        TransactionExt::V0 => panic!("no resources are declared"),
    }
}

/// The code of the only operation of what has landed and failed.
pub fn failure(found: &Value) -> Tr {
    assert_eq!(found["status"], "FAILED", "{found}");
    let result: TransactionResult = result(found["resultXdr"].as_str().unwrap());
    match result.result {
        Outer::TxFailed(list) => match &list[0] {
            OperationResult::OpInner(code) => code.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The code of what core refused.
pub fn refusal(sent: &Value) -> Outer {
    assert_eq!(sent["status"], "ERROR", "{sent}");
    result(sent["errorResultXdr"].as_str().unwrap()).result
}

/// What a call returned.
pub fn returned(found: &Value) -> ScVal {
    assert_eq!(found["status"], "SUCCESS", "{found}");
    match read(found["resultMetaXdr"].as_str().unwrap()) {
        TransactionMeta::V4(meta) => meta.soroban_meta.unwrap().return_value.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The key of a consumed nonce.
pub fn nonce_key(who: &Wallet, nonce: i64) -> LedgerKey {
    LedgerKey::ContractData(stellar_xdr::LedgerKeyContractData {
        contract: ScAddress::Account(who.key().xdr()),
        key: ScVal::LedgerKeyNonce(stellar_xdr::ScNonceKey { nonce }),
        durability: stellar_xdr::ContractDataDurability::Temporary,
    })
}
