//! The operation resource.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use stellar_xdr::{
    Asset, ChangeTrustAsset, ClaimPredicate, ClaimableBalanceId, Claimant, MuxedAccount, Operation,
    OperationBody, OperationResult, OperationResultTr, PathPaymentStrictReceiveResult,
    PathPaymentStrictSendResult, SetOptionsOp, TransactionResultResult as Outer,
};

use super::transaction::Landed;
use super::{amount, asset_name, contract, link, put_account, put_asset, timestamp};
use crate::sandbox::ledger::account::{AccountKey, account_flag, line_flag};
use crate::sandbox::ledger::asset;
use crate::sandbox::ledger::frame::Frame;
use crate::sandbox::ledger::operation::is_payment;

type Fields = Map<String, Value>;

/// Which operations of a transaction are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All of them.
    Any,
    /// Payments, new accounts and merges.
    Payment,
}

impl Kind {
    /// Whether an operation is of the kind.
    pub fn includes(self, body: &OperationBody) -> bool {
        self == Self::Any || is_payment(body)
    }
}

/// One operation, by its place from 1; none if there is no such place. `base` is where this Horizon answers.
pub fn operation(base: &str, landed: &Landed, frame: &Frame, place: u32) -> Option<Value> {
    let index = usize::try_from(place.checked_sub(1)?).ok()?;
    let op = frame.operations().get(index)?;
    let token = landed.tx.toid.operation(place).0.to_string();
    let hash = hex::encode(landed.tx.hash);
    let own = format!("{base}/operations/{token}");
    let mut body = Fields::new();
    let (name, number) = kind_of(&op.body);
    put_account(
        &mut body,
        "source_account",
        op.source_account
            .as_ref()
            .unwrap_or(&frame.tx().source_account),
    );
    let rest = json!({
        "_links": {
            "self": link(own.clone()),
            "transaction": link(format!("{base}/transactions/{hash}")),
            "effects": link(format!("{own}/effects")),
            "succeeds": link(format!("{base}/effects?order=desc&cursor={token}")),
            "precedes": link(format!("{base}/effects?order=asc&cursor={token}")),
        },
        "id": token,
        "paging_token": token,
        "transaction_successful": landed.tx.successful,
        "type": name,
        "type_i": number,
        "created_at": timestamp(landed.close_time),
        "transaction_hash": hash,
    });
    if let Value::Object(rest) = rest {
        body.extend(rest);
    }
    put_details(&mut body, op, frame, landed, index);
    Some(body.into())
}

/// Horizon's name and number of an operation's type.
pub fn kind_of(body: &OperationBody) -> (&'static str, u32) {
    match body {
        OperationBody::CreateAccount(_) => ("create_account", 0),
        OperationBody::Payment(_) => ("payment", 1),
        OperationBody::PathPaymentStrictReceive(_) => ("path_payment_strict_receive", 2),
        OperationBody::ManageSellOffer(_) => ("manage_sell_offer", 3),
        OperationBody::CreatePassiveSellOffer(_) => ("create_passive_sell_offer", 4),
        OperationBody::SetOptions(_) => ("set_options", 5),
        OperationBody::ChangeTrust(_) => ("change_trust", 6),
        OperationBody::AllowTrust(_) => ("allow_trust", 7),
        OperationBody::AccountMerge(_) => ("account_merge", 8),
        OperationBody::Inflation => ("inflation", 9),
        OperationBody::ManageData(_) => ("manage_data", 10),
        OperationBody::BumpSequence(_) => ("bump_sequence", 11),
        OperationBody::ManageBuyOffer(_) => ("manage_buy_offer", 12),
        OperationBody::PathPaymentStrictSend(_) => ("path_payment_strict_send", 13),
        OperationBody::CreateClaimableBalance(_) => ("create_claimable_balance", 14),
        OperationBody::ClaimClaimableBalance(_) => ("claim_claimable_balance", 15),
        OperationBody::BeginSponsoringFutureReserves(_) => ("begin_sponsoring_future_reserves", 16),
        OperationBody::EndSponsoringFutureReserves => ("end_sponsoring_future_reserves", 17),
        OperationBody::RevokeSponsorship(_) => ("revoke_sponsorship", 18),
        OperationBody::Clawback(_) => ("clawback", 19),
        OperationBody::ClawbackClaimableBalance(_) => ("clawback_claimable_balance", 20),
        OperationBody::SetTrustLineFlags(_) => ("set_trust_line_flags", 21),
        OperationBody::LiquidityPoolDeposit(_) => ("liquidity_pool_deposit", 22),
        OperationBody::LiquidityPoolWithdraw(_) => ("liquidity_pool_withdraw", 23),
        OperationBody::InvokeHostFunction(_) => ("invoke_host_function", 24),
        OperationBody::ExtendFootprintTtl(_) => ("extend_footprint_ttl", 25),
        OperationBody::RestoreFootprint(_) => ("restore_footprint", 26),
    }
}

fn put_details(body: &mut Fields, op: &Operation, frame: &Frame, landed: &Landed, index: usize) {
    let actor = op
        .source_account
        .as_ref()
        .unwrap_or(&frame.tx().source_account);
    match &op.body {
        OperationBody::CreateAccount(op) => {
            put(body, "starting_balance", amount(op.starting_balance));
            put_account(body, "funder", actor);
            put(
                body,
                "account",
                AccountKey::from(&op.destination).to_string(),
            );
        }
        OperationBody::Payment(op) => {
            put_transfer(body, actor, &op.destination, &op.asset, op.amount)
        }
        OperationBody::PathPaymentStrictReceive(op) => {
            put_transfer(body, actor, &op.destination, &op.dest_asset, op.dest_amount);
            put_asset(body, "source_", &op.send_asset);
            put(body, "source_max", amount(op.send_max));
            put(
                body,
                "source_amount",
                amount(moved(landed, index).unwrap_or(0)),
            );
            put(body, "path", path(&op.path));
        }
        OperationBody::PathPaymentStrictSend(op) => {
            put_transfer(
                body,
                actor,
                &op.destination,
                &op.dest_asset,
                moved(landed, index).unwrap_or(0),
            );
            put_asset(body, "source_", &op.send_asset);
            put(body, "source_amount", amount(op.send_amount));
            put(body, "destination_min", amount(op.dest_min));
            put(body, "path", path(&op.path));
        }
        OperationBody::SetOptions(op) => put_options(body, op),
        OperationBody::ChangeTrust(op) => {
            if let Some(line) = asset::of_trust(&op.line) {
                put_asset(body, "", &line);
                put(
                    body,
                    "trustee",
                    asset::issuer(&line).map(|issuer| issuer.to_string()),
                );
            } else if matches!(op.line, ChangeTrustAsset::PoolShare(_)) {
                put(body, "asset_type", "liquidity_pool_shares");
            }
            put(body, "limit", amount(op.limit));
            put_account(body, "trustor", actor);
        }
        OperationBody::AccountMerge(to) => {
            put_account(body, "account", actor);
            put_account(body, "into", to);
        }
        OperationBody::ManageData(op) => {
            put(body, "name", op.data_name.0.to_utf8_string_lossy());
            put(
                body,
                "value",
                op.data_value
                    .as_ref()
                    .map(|value| BASE64.encode(value.0.as_slice())),
            );
        }
        OperationBody::BumpSequence(op) => put(body, "bump_to", op.bump_to.0.to_string()),
        OperationBody::CreateClaimableBalance(op) => {
            put(body, "asset", asset_name(&op.asset));
            put(body, "amount", amount(op.amount));
            put(
                body,
                "claimants",
                op.claimants.iter().map(claimant).collect::<Vec<_>>(),
            );
        }
        OperationBody::ClaimClaimableBalance(op) => {
            put(body, "balance_id", balance_id(&op.balance_id));
            put_account(body, "claimant", actor);
        }
        OperationBody::Clawback(op) => {
            put_asset(body, "", &op.asset);
            put_account(body, "from", &op.from);
            put(body, "amount", amount(op.amount));
        }
        OperationBody::ClawbackClaimableBalance(op) => {
            put(body, "balance_id", balance_id(&op.balance_id))
        }
        OperationBody::SetTrustLineFlags(op) => {
            put_asset(body, "", &op.asset);
            put(body, "trustor", AccountKey::from(&op.trustor).to_string());
            put_flags(body, "set_flags", op.set_flags, &LINE_FLAGS);
            put_flags(body, "clear_flags", op.clear_flags, &LINE_FLAGS);
        }
        OperationBody::ManageSellOffer(_)
        | OperationBody::CreatePassiveSellOffer(_)
        | OperationBody::AllowTrust(_)
        | OperationBody::Inflation
        | OperationBody::ManageBuyOffer(_)
        | OperationBody::BeginSponsoringFutureReserves(_)
        | OperationBody::EndSponsoringFutureReserves
        | OperationBody::RevokeSponsorship(_)
        | OperationBody::LiquidityPoolDeposit(_)
        | OperationBody::LiquidityPoolWithdraw(_) => {}
        OperationBody::InvokeHostFunction(_)
        | OperationBody::ExtendFootprintTtl(_)
        | OperationBody::RestoreFootprint(_) => contract::put_details(body, &op.body),
    }
}

const LINE_FLAGS: [(u32, &str); 3] = [
    (line_flag::AUTHORIZED, "authorized"),
    (
        line_flag::MAINTAIN_LIABILITIES,
        "authorized_to_maintain_liabilites",
    ),
    (line_flag::CLAWBACK_ENABLED, "clawback_enabled"),
];

const ACCOUNT_FLAGS: [(u32, &str); 4] = [
    (account_flag::AUTH_REQUIRED, "auth_required"),
    (account_flag::AUTH_REVOCABLE, "auth_revocable"),
    (account_flag::AUTH_IMMUTABLE, "auth_immutable"),
    (account_flag::AUTH_CLAWBACK_ENABLED, "auth_clawback_enabled"),
];

fn put(body: &mut Fields, name: &str, value: impl Into<Value>) {
    body.insert(name.to_owned(), value.into());
}

fn put_transfer(
    body: &mut Fields,
    from: &MuxedAccount,
    to: &MuxedAccount,
    asset: &Asset,
    stroops: i64,
) {
    put_asset(body, "", asset);
    put_account(body, "from", from);
    put_account(body, "to", to);
    put(body, "amount", amount(stroops));
}

fn put_flags(body: &mut Fields, name: &str, flags: u32, names: &[(u32, &str)]) {
    if flags == 0 {
        return;
    }
    let (numbers, texts): (Vec<u32>, Vec<&str>) = names
        .iter()
        .copied()
        .filter(|(flag, _)| flags & flag != 0)
        .unzip();
    put(body, name, numbers);
    put(body, &format!("{name}_s"), texts);
}

fn put_options(body: &mut Fields, op: &SetOptionsOp) {
    if let Some(domain) = &op.home_domain {
        put(body, "home_domain", domain.0.to_utf8_string_lossy());
    }
    if let Some(destination) = &op.inflation_dest {
        put(
            body,
            "inflation_dest",
            AccountKey::from(destination).to_string(),
        );
    }
    let weights = [
        ("master_key_weight", op.master_weight),
        ("low_threshold", op.low_threshold),
        ("med_threshold", op.med_threshold),
        ("high_threshold", op.high_threshold),
    ];
    for (name, weight) in weights {
        if let Some(weight) = weight {
            put(body, name, weight);
        }
    }
    if let Some(signer) = &op.signer {
        put(body, "signer_key", signer.key.to_string());
        put(body, "signer_weight", signer.weight);
    }
    put_flags(body, "set_flags", op.set_flags.unwrap_or(0), &ACCOUNT_FLAGS);
    put_flags(
        body,
        "clear_flags",
        op.clear_flags.unwrap_or(0),
        &ACCOUNT_FLAGS,
    );
}

fn path(assets: &[Asset]) -> Vec<Value> {
    let hop = |asset: &Asset| {
        let mut fields = Fields::new();
        put_asset(&mut fields, "", asset);
        Value::from(fields)
    };
    assets.iter().map(hop).collect()
}

/// The id of a claimable balance as Horizon writes it: XDR in hex.
fn balance_id(id: &ClaimableBalanceId) -> String {
    let ClaimableBalanceId::ClaimableBalanceIdTypeV0(hash) = id;
    format!("00000000{}", hex::encode(hash.0))
}

fn claimant(claimant: &Claimant) -> Value {
    let Claimant::ClaimantTypeV0(claimant) = claimant;
    json!({
        "destination": AccountKey::from(&claimant.destination).to_string(),
        "predicate": predicate(&claimant.predicate),
    })
}

fn predicate(condition: &ClaimPredicate) -> Value {
    match condition {
        ClaimPredicate::Unconditional => json!({ "unconditional": true }),
        ClaimPredicate::And(both) => {
            json!({ "and": both.iter().map(predicate).collect::<Vec<_>>() })
        }
        ClaimPredicate::Or(both) => json!({ "or": both.iter().map(predicate).collect::<Vec<_>>() }),
        ClaimPredicate::Not(part) => json!({ "not": part.as_deref().map(predicate) }),
        ClaimPredicate::BeforeAbsoluteTime(time) => json!({
            "abs_before": timestamp(u64::try_from(*time).unwrap_or(0)),
            "abs_before_epoch": time.to_string(),
        }),
        ClaimPredicate::BeforeRelativeTime(seconds) => json!({ "rel_before": seconds.to_string() }),
    }
}

/// What a path payment moved, if it did.
fn moved(landed: &Landed, index: usize) -> Option<i64> {
    let result = landed.result();
    let list = match &result.result {
        Outer::TxSuccess(list) => list,
        Outer::TxFeeBumpInnerSuccess(pair) => match &pair.result.result {
            stellar_xdr::InnerTransactionResultResult::TxSuccess(list) => list,
            _ => return None,
        },
        _ => return None,
    };
    match list.get(index)? {
        OperationResult::OpInner(OperationResultTr::PathPaymentStrictReceive(
            PathPaymentStrictReceiveResult::Success(done),
        )) => Some(done.last.amount),
        OperationResult::OpInner(OperationResultTr::PathPaymentStrictSend(
            PathPaymentStrictSendResult::Success(done),
        )) => Some(done.last.amount),
        _ => None,
    }
}
