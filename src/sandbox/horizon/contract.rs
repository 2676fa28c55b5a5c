//! What the operation resource says of contract operations.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use stellar_xdr::{ContractIdPreimage, HostFunction, OperationBody, ScAddress, ScSymbol, ScVal};

use super::put_asset;
use crate::sandbox::ledger::entry::bytes;

/// Puts the fields of a contract operation; of others nothing.
pub fn put_details(into: &mut Map<String, Value>, body: &OperationBody) {
    match body {
        OperationBody::InvokeHostFunction(op) => put_function(into, &op.host_function),
        OperationBody::ExtendFootprintTtl(op) => {
            into.insert("extend_to".to_owned(), op.extend_to.into());
        }
        _ => {}
    }
}

fn put_function(into: &mut Map<String, Value>, function: &HostFunction) {
    let (name, parameters, preimage) = match function {
        HostFunction::InvokeContract(call) => {
            let contract = ScVal::Address(call.contract_address.clone());
            let name = ScVal::Symbol(ScSymbol(call.function_name.0.clone()));
            let all = [contract, name];
            let list: Vec<_> = all.iter().chain(call.args.iter()).map(parameter).collect();
            ("InvokeContract", Some(list), None)
        }
        HostFunction::CreateContract(create) => {
            ("CreateContract", None, Some(&create.contract_id_preimage))
        }
        HostFunction::CreateContractV2(create) => (
            "CreateContractV2",
            Some(create.constructor_args.iter().map(parameter).collect()),
            Some(&create.contract_id_preimage),
        ),
        HostFunction::UploadContractWasm(_) => ("UploadContractWasm", None, None),
    };
    into.insert(
        "function".to_owned(),
        format!("HostFunctionTypeHostFunctionType{name}").into(),
    );
    into.insert("parameters".to_owned(), json!(parameters));
    let (mut address, mut salt) = (String::new(), String::new());
    match preimage {
        Some(ContractIdPreimage::Address(from)) => {
            into.insert("from".to_owned(), "address".into());
            address = text(&from.address);
            salt = hex::encode(from.salt.0);
        }
        Some(ContractIdPreimage::Asset(asset)) => {
            into.insert("from".to_owned(), "asset".into());
            put_asset(into, "", asset);
        }
        None => {}
    }
    into.insert("address".to_owned(), address.into());
    into.insert("salt".to_owned(), salt.into());
    into.insert("asset_balance_changes".to_owned(), Value::Null);
}

fn text(address: &ScAddress) -> String {
    address.to_string()
}

fn parameter(value: &ScVal) -> Value {
    json!({ "value": BASE64.encode(bytes(value)), "type": kind(value) })
}

/// Horizon's name of a value's type.
fn kind(value: &ScVal) -> &'static str {
    match value {
        ScVal::Bool(_) => "B",
        ScVal::Symbol(_) => "Sym",
        ScVal::Bytes(_) => "Bytes",
        ScVal::String(_) => "Str",
        other => other.name(),
    }
}
