//! Inputs to begin with: what real requests, files and envelopes look like, and what is worst in their form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use stellar_submitter::domain::primitives::AccountId;
use stellar_xdr::{self as xdr, Limits, WriteXdr as _};

use super::captures::files;

fn address(number: u8) -> String {
    AccountId([number; 32]).to_string()
}

/// A body for each operation, each memo, each field.
fn bodies() -> Vec<Value> {
    let (to, issued) = (address(9), format!("USD:{}", address(8)));
    let operations = json!([
        {"type": "payment", "destination": to, "asset": "native", "amount": "12.50"},
        {"type": "payment", "destination": to, "asset": issued, "amount": "0.0000001"},
        {"type": "path_payment_strict_send", "destination": to, "send_asset": "native", "send_amount": "1", "dest_asset": issued, "dest_min": "2", "path": [issued]},
        {"type": "path_payment_strict_receive", "destination": to, "send_asset": issued, "send_max": "1", "dest_asset": "native", "dest_amount": "2"},
        {"type": "create_account", "destination": to, "starting_balance": "0"},
        {"type": "change_trust", "asset": issued, "limit": "922337203685.4775807"},
        {"type": "create_claimable_balance", "asset": issued, "amount": "1", "claimants": [
            {"destination": to}, {"destination": address(7), "predicate": {"and": [{"not": {"before_absolute_time": "2030-01-01T00:00:00Z"}}, {"before_relative_time": "60"}]}},
        ]},
        {"type": "claim_claimable_balance", "balance_id": "00".repeat(36)},
        {"type": "clawback", "asset": issued, "from": to, "amount": "3"},
        {"type": "manage_data", "name": "k", "value": "AQID"},
        {"type": "manage_data", "name": "k"},
        {"type": "set_trust_line_flags", "trustor": to, "asset": issued, "set_flags": ["authorized"], "clear_flags": ["clawback_enabled"]},
        {"type": "xdr", "xdr": "AAAAAAAAAAoAAAABawAAAAAAAAA="},
    ]);
    let each = operations.as_array().cloned().unwrap_or_default();
    let mut bodies: Vec<Value> = each
        .into_iter()
        .map(|operation| json!({"workflow_id": "w", "operations": [operation]}))
        .collect();
    bodies.push(json!({
        "workflow_id": "w \"é\" \u{1f600}", "method": "m", "source": address(2), "operations": operations,
        "memo": {"type": "text", "value": "hello"}, "not_before": "2030-01-01T00:00:00.5+01:00",
        "valid_until": "2030-01-02T00:00:00Z", "ordering_key": "o", "on_state_error": "park",
        "max_fee_per_operation": "1000", "metadata": {"b": [1.5, -0.0, 1e300, null, {"a~/": true}], "a": 18446744073709551615_u64},
    }));
    for (kind, value) in [
        ("id", "7"),
        ("hash", &"ab".repeat(32)),
        ("return", &"cd".repeat(32)),
    ] {
        bodies.push(json!({"workflow_id": "w", "operations": [operations[0]], "memo": {"type": kind, "value": value}}));
    }
    bodies.push(json!({"workflow_id": "w", "operations": vec![&operations[0]; 100]}));
    let secret = "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMN";
    bodies.push(json!({"workflow_id": secret, "operations": [{"type": "payment", "destination": secret}], secret: secret}));
    for envelope in envelopes() {
        bodies.push(json!({"workflow_id": "w", "transaction_xdr": BASE64.encode(envelope)}));
    }
    bodies
}

/// Bodies of one intent.
pub fn intents() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = bodies()
        .iter()
        .map(|body| body.to_string().into_bytes())
        .collect();
    for text in files("vectors") {
        let vectors: Value = serde_json::from_str(&text).expect("vectors are JSON");
        let bodies = vectors["envelopes"].as_array().into_iter().flatten();
        texts.extend(bodies.map(|vector| vector["body"].to_string().into_bytes()));
    }
    let nested = |depth: usize| {
        format!(
            "{{\"metadata\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    texts.extend([nested(31), nested(126), nested(5_000)].map(String::into_bytes));
    texts.push(b"{\"a\":1,\"a\":2}".to_vec());
    texts
}

/// Bodies of many, after the byte that says how they are written.
pub fn bulks() -> Vec<Vec<u8>> {
    let bodies: Vec<Value> = bodies().into_iter().take(20).collect();
    let array = json!(bodies).to_string();
    let lines: Vec<String> = bodies.iter().map(Value::to_string).collect();
    vec![
        format!("\0{array}").into_bytes(),
        format!("\0[ {},\n 7, \"x\" ]", lines[0]).into_bytes(),
        format!("\u{1}{}\n", lines.join("\n")).into_bytes(),
        format!("\u{1}\n  {}\r\n\n{{}}\nnull", lines[1]).into_bytes(),
        b"\0[]".to_vec(),
    ]
}

/// Files, after the byte that says how they are written.
pub fn rows() -> Vec<Vec<u8>> {
    let (to, issued) = (address(9), format!("USD:{}", address(8)));
    let all = "workflow_id,method,destination,asset,amount,memo,memo_type,source,ordering_key,valid_until,metadata";
    let metadata = "\"{\"\"a\"\":\n1}\"";
    let mut rows = vec![
        format!("\0workflow_id,destination,amount\nw-1,{to},12.50\nw-2,{to},1\n\n,,\nw-3,{to},x"),
        format!("\0{all}\r\nw,m,{to},{issued},1,7,id,{to},o,2030-01-01T00:00:00Z,{metadata}\r\n"),
        format!("\0{all}\n\"w \"\"q\"\"\",,{to},,1,\"a,b\",,,,,\n"),
        "\0workflow_id,amount".to_owned(),
        "\0workflow_id,destination,amount\n\"open,1".to_owned(),
    ];
    // A last row whose newline is within a quote: closed, closed twice, and not.
    for end in [
        "\"\n\"\n",
        "\"\n\"",
        "\"\"\"\n\"\"\n",
        "\"\"\n\"\n",
        "\"\n\"\r\n",
        "\"a,{},\n",
    ] {
        rows.push(format!(
            "\0workflow_id,destination,amount\nw,{to},1\nw-2,{to},{end}"
        ));
    }
    let lines: Vec<String> = bodies().iter().take(16).map(Value::to_string).collect();
    rows.push(format!("\u{1}\u{feff}{}\n", lines.join("\n")));
    rows.push(format!("\u{1}{}\r\n\n{{}}\n{{", lines[0]));
    rows.into_iter().map(String::into_bytes).collect()
}

/// XDR: envelopes of all kinds, operations, results, and some that nest.
pub fn envelopes() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for text in files("vectors")
        .into_iter()
        .chain(files("horizon-captures"))
    {
        let value: Value = serde_json::from_str(&text).expect("fixtures are JSON");
        xdr_in(&value, &mut all);
    }
    all.sort();
    all.dedup();
    all.extend([nested_call(20), nested_call(100), nested_call(400)]);
    all.extend([nested_claim(4), nested_claim(60), nested_claim(400)]);
    all
}

/// Every text that stands under a name that ends in `xdr` or is `tx`.
fn xdr_in(value: &Value, all: &mut Vec<Vec<u8>>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(text) if name == "tx" || name.contains("xdr") => {
                        all.extend(BASE64.decode(text));
                    }
                    Some(_) => {}
                    None => xdr_in(field, all),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| xdr_in(item, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn envelope(body: xdr::OperationBody) -> Vec<u8> {
    let operation = xdr::Operation {
        source_account: None,
        body,
    };
    let bounds = xdr::TimeBounds {
        min_time: xdr::TimePoint(0),
        max_time: xdr::TimePoint(2_000_000_000),
    };
    let tx = xdr::Transaction {
        source_account: xdr::MuxedAccount::Ed25519(xdr::Uint256([5; 32])),
        fee: 100,
        seq_num: xdr::SequenceNumber(1),
        cond: xdr::Preconditions::Time(bounds),
        memo: xdr::Memo::None,
        operations: vec![operation].try_into().expect("one operation"),
        ext: xdr::TransactionExt::V0,
    };
    let signature = xdr::DecoratedSignature {
        hint: xdr::SignatureHint([0; 4]),
        signature: xdr::Signature(vec![7; 64].try_into().expect("64 bytes")),
    };
    let signatures = vec![signature].try_into().expect("one signature");
    xdr::TransactionEnvelope::Tx(xdr::TransactionV1Envelope { tx, signatures })
        .to_xdr(Limits::none())
        .expect("an envelope encodes")
}

/// A contract call with lists in lists.
fn nested_call(depth: usize) -> Vec<u8> {
    let mut value = xdr::ScVal::Void;
    for _ in 0..depth {
        let list: xdr::VecM<xdr::ScVal> = vec![value].try_into().expect("one item");
        value = xdr::ScVal::Vec(Some(xdr::ScVec(list)));
    }
    let function = xdr::HostFunction::InvokeContract(xdr::InvokeContractArgs {
        contract_address: xdr::ScAddress::Contract(xdr::ContractId(xdr::Hash([4; 32]))),
        function_name: xdr::ScSymbol("f".try_into().expect("a short name")),
        args: vec![value].try_into().expect("one argument"),
    });
    envelope(xdr::OperationBody::InvokeHostFunction(
        xdr::InvokeHostFunctionOp {
            host_function: function,
            auth: xdr::VecM::default(),
        },
    ))
}

/// A claimable balance whose predicate is negated again and again.
fn nested_claim(depth: usize) -> Vec<u8> {
    let mut predicate = xdr::ClaimPredicate::Unconditional;
    for _ in 0..depth {
        predicate = xdr::ClaimPredicate::Not(Some(Box::new(predicate)));
    }
    let claimant = xdr::Claimant::ClaimantTypeV0(xdr::ClaimantV0 {
        destination: xdr::AccountId(xdr::PublicKey::PublicKeyTypeEd25519(xdr::Uint256([9; 32]))),
        predicate,
    });
    envelope(xdr::OperationBody::CreateClaimableBalance(
        xdr::CreateClaimableBalanceOp {
            asset: xdr::Asset::Native,
            amount: 1,
            claimants: vec![claimant].try_into().expect("one claimant"),
        },
    ))
}
