//! What a real Stellar RPC answered: the recorded exchanges, as far as the rules read them.

use std::path::Path;

use serde_json::Value;
use stellar_submitter::domain::soroban::{Failure, Simulated};
use stellar_xdr as xdr;
use xdr::{Limits, ReadXdr};

/// A recorded file, whole.
pub fn exchange(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rpc-captures");
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// A key of the network that was recorded.
pub fn secret(name: &str) -> String {
    let keys = exchange("contracts");
    keys["keys"][name].as_str().expect("a key").to_owned()
}

/// XDR as it stands in an exchange.
pub fn decoded<T: ReadXdr>(text: &Value) -> T {
    let text = text.as_str().expect("a text");
    T::from_xdr_base64(text, Limits::none()).expect("it decodes")
}

fn all<T: ReadXdr>(list: &Value) -> Vec<T> {
    list.as_array().into_iter().flatten().map(decoded).collect()
}

fn result(name: &str) -> Value {
    exchange(name)["response"]["body"]["result"].take()
}

/// A simulation that ran.
pub fn simulated(name: &str) -> Simulated {
    let said = result(name);
    let fee = said["minResourceFee"].as_str().expect("a fee");
    Simulated {
        data: decoded(&said["transactionData"]),
        min_resource_fee: fee.parse().expect("a number"),
        auth: all(&said["results"][0]["auth"]),
        value: Some(decoded(&said["results"][0]["xdr"])),
        events: all(&said["events"]),
        restoration: None,
    }
}

/// A simulation that failed.
pub fn failure(name: &str) -> Failure {
    let said = result(name);
    Failure::of(
        said["error"].as_str().expect("an error"),
        all(&said["events"]),
    )
}

/// The transaction that was sent.
pub fn sent(name: &str) -> xdr::TransactionV1Envelope {
    match decoded(&exchange(name)["request"]["params"]["transaction"]) {
        xdr::TransactionEnvelope::Tx(envelope) => envelope,
        other => panic!("{name}: {}", other.name()),
    }
}

/// The authorisations that were sent.
pub fn auth_of(envelope: &xdr::TransactionV1Envelope) -> Vec<xdr::SorobanAuthorizationEntry> {
    match &envelope.tx.operations[0].body {
        xdr::OperationBody::InvokeHostFunction(call) => call.auth.to_vec(),
        other => panic!("{}", other.name()),
    }
}

/// The resources that were sent.
pub fn data_of(envelope: &xdr::TransactionV1Envelope) -> xdr::SorobanTransactionData {
    match &envelope.tx.ext {
        xdr::TransactionExt::V1(data) => data.clone(),
        xdr::TransactionExt::V0 => panic!("no resources"),
    }
}

/// What a transaction that landed left in its ledger.
pub fn meta(name: &str) -> xdr::TransactionMeta {
    decoded(&result(name)["resultMetaXdr"])
}
