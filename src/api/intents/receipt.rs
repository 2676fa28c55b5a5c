//! GET /v1/intents/{id}/receipt: what became of an intent, signed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::one::json;
use super::view::utc;
use super::{Named, find};
use crate::api::Shared;
use crate::api::auth::{Caller, Read};
use crate::api::problem::{Problem, ProblemBody, to_text};
use crate::api::query::Query;
use crate::domain::primitives::TxHash;
use crate::domain::receipt::{
    AttemptReceipt, BumpReceipt, FORMAT, LandedReceipt, PlanReceipt, Receipt, SignedReceipt,
    carried,
};
use crate::domain::seed::holds_seed;
use crate::store::StoreError;
use crate::store::attempts::{AttemptRow, BumpRow};
use crate::store::intents::IntentRow;

/// The most attempts of a receipt: each is about a kilobyte.
const MAX_ATTEMPTS: i64 = 10_000;

/// What a receipt tells of a recorded transaction.
const LANDED: [&str; 9] = [
    "hash",
    "fee_bump_hash",
    "ledger",
    "closed_at",
    "successful",
    "fee_charged",
    "channel",
    "sequence",
    "code",
];

/// The receipt of a final intent
///
/// Its key and tag, every transaction that was signed for it with its plan and hash, the recorded one, and the proof that
/// each of the others is dead; signed. `stellar-submitter receipt check` verifies it without us, and docs/audit.md says how.
#[utoipa::path(
    get, path = "/v1/intents/{id}/receipt", operation_id = "getReceipt", tag = "intents",
    security(("api_key" = ["intents:read"])),
    params(("id" = String, Path, description = "The intent's id.")),
    responses(
        (status = 200, description = "The signed receipt.", body = Object),
        (status = 400, description = "`invalid-request`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`intent-not-found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`intent-not-final`, `receipt-too-large`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn receipt(
    caller: Caller<Read>,
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::read(uri.query(), &[]).end()?;
    let row = find(&shared, &caller.tenant, &id).await?;
    let Some(finished_at) = row.finished_at else {
        return Err(Problem::intent_not_final(row.id, &row.status));
    };
    let store = &shared.store;
    let attempts = store.attempts_after(row.id, 0, MAX_ATTEMPTS + 1).await?;
    let limit = usize::try_from(MAX_ATTEMPTS).unwrap_or(usize::MAX);
    if attempts.len() > limit {
        return Err(Problem::receipt_too_large(row.id, limit));
    }
    // To the second: nobody needs more.
    let now = (shared.receipts.now)();
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let bumps = store.fee_bumps(&[row.id]).await?;
    let mut transaction = landed("intents", row.transaction.clone())?;
    if let Some(landed) = &mut transaction
        && attempts.iter().all(|one| one.hash[..] != landed.hash.0)
    {
        let envelope = store.landing_envelope(&landed.hash.0).await?;
        landed.envelope_xdr = envelope.map(|bytes| BASE64.encode(bytes));
    }
    let attempts = attempts.into_iter().map(|one| attempt(one, &bumps));
    let receipt = Receipt {
        format: FORMAT.to_owned(),
        issued_at: utc(now),
        network: shared.receipts.network.clone(),
        intent_id: row.id.to_string(),
        tag: tag(&shared, &row),
        reason: column("intents", row.reason.clone())?,
        accepted_at: utc(row.created_at),
        finished_at: utc(finished_at),
        enqueued: match row.request {
            Some(_) => None,
            None => row.enqueued.as_ref().map(without_secrets),
        },
        request: row.request.map(carried),
        attempts: attempts.collect::<Result<_, _>>()?,
        transaction,
        tenant: row.tenant,
        workflow_id: row.workflow_id,
        method: row.method,
        status: row.status,
    };
    let digest = receipt.digest().map_err(|error| {
        tracing::error!(%error, intent = %receipt.intent_id, "a receipt has no canonical form");
        Problem::internal()
    })?;
    let signed = SignedReceipt {
        receipt,
        public_key: shared.receipts.public_key,
        signature: (shared.receipts.sign)(&digest),
    };
    Ok(json(to_text(&signed)))
}

/// What was enqueued, as JSON text. A secret key that was in it goes no further.
fn without_secrets(enqueued: &Value) -> String {
    let text = enqueued.to_string();
    if holds_seed(&text) {
        Value::from("withheld: it holds a secret key").to_string()
    } else {
        text
    }
}

fn tag(shared: &Shared, row: &IntentRow) -> String {
    let tag =
        crate::domain::tag::Tag::derive(shared.network, &row.tenant, &row.workflow_id, &row.method);
    tag.to_string()
}

fn attempt(row: AttemptRow, bumps: &[BumpRow]) -> Result<AttemptReceipt, StoreError> {
    const TABLE: &str = "attempts";
    let mine: Vec<BumpRow> = bumps
        .iter()
        .filter(|bump| bump.number == row.number)
        .cloned()
        .collect();
    let typed = row.to_attempt(&mine)?;
    let plan = typed.plan;
    let fee_bumps = mine
        .iter()
        .zip(&typed.bumps)
        .map(|(row, bump)| BumpReceipt {
            hash: bump.hash,
            fee: bump.fee.get().to_string(),
            envelope_xdr: BASE64.encode(&row.envelope),
        });
    Ok(AttemptReceipt {
        number: typed.number,
        plan: PlanReceipt {
            channel: plan.channel,
            sequence: plan.sequence.to_string(),
            min_time: plan.min_time.0.to_string(),
            max_time: plan.max_time.0.to_string(),
            max_ledger: plan.max_ledger.0,
            base_fee: plan.base_fee.get().to_string(),
        },
        presigned: typed.presigned,
        hash: TxHash(typed.inner_hash.0),
        envelope_xdr: BASE64.encode(&row.envelope),
        fee_bumps: fee_bumps.collect(),
        signed_at_ledger: typed.signed_at.0,
        outcome: row.state,
        landed: landed(TABLE, row.landed)?,
        death_proof: column(TABLE, row.death_proof)?,
    })
}

/// A recorded transaction out of its column, which may tell more than a receipt does.
fn landed(table: &'static str, value: Option<Value>) -> Result<Option<LandedReceipt>, StoreError> {
    let told = value.map(|mut value| {
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|name, _| LANDED.contains(&name.as_str()));
        }
        value
    });
    column(table, told)
}

/// A column that holds what the receipt has.
fn column<T: DeserializeOwned>(
    table: &'static str,
    value: Option<Value>,
) -> Result<Option<T>, StoreError> {
    let parsed = value.map(serde_json::from_value).transpose();
    parsed.map_err(|error| StoreError::Corrupt {
        table,
        what: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_secret_key_that_was_enqueued_is_not_shown() {
        let seed = stellar_strkey::ed25519::PrivateKey([7; 32]);
        let seed = seed.as_unredacted().to_string();
        let enqueued = json!({"operations": [{"destination": &seed[..]}]});
        let shown = super::without_secrets(&enqueued);
        assert!(!shown.contains(&seed[..]), "{shown}");
        let harmless = json!({"operations": 1});
        assert_eq!(super::without_secrets(&harmless), r#"{"operations":1}"#);
    }
}
