//! POST /v1/intents: an intent posted any number of times is on record once.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use time::OffsetDateTime;
use tracing::Instrument;
use uuid::Uuid;

use super::accepted::AcceptedBody;
use super::asked::Asked;
use super::replay::{self, Replay};
use super::request::NewIntentBody;
use super::view::{IntentBody, normal_form};
use super::wait::until_final;
use crate::api::auth::{Caller, Write};
use crate::api::problem::{PROBLEM_JSON, Problem, ProblemBody, to_text};
use crate::api::query::Query;
use crate::api::{Shared, body, idempotency_key, prefer};
use crate::domain::intent::first_difference_of_forms;
use crate::store::accept::Accepted;
use crate::store::idempotency::StoredAnswer;
use crate::store::intents::IntentRow;

/// The path that this file answers.
pub const PATH: &str = "/v1/intents";

/// How often a request begins again because a key ended, or was taken over, between two looks.
const MAX_ROUNDS: u32 = 3;

/// An answer, made or remembered.
pub struct Reply {
    pub status: StatusCode,
    pub body: String,
    pub intent_id: Uuid,
    /// It is not the first answer to this request.
    pub replayed: bool,
    /// The wait that was observed.
    pub waited: Option<u32>,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
        const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        let media = if self.status.is_success() {
            let location = HeaderValue::try_from(format!("{PATH}/{}", self.intent_id));
            let location = location.expect("a path of ours and a UUID are visible ASCII");
            headers.insert(header::LOCATION, location);
            "application/json"
        } else {
            PROBLEM_JSON
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if let Some(seconds) = self.waited {
            let applied = HeaderValue::try_from(format!("wait={seconds}"));
            let applied = applied.expect("a word and a number are visible ASCII");
            headers.insert(PREFERENCE_APPLIED, applied);
        }
        response
    }
}

/// Accept an intent
///
/// On record once it is answered 2xx, and on the ledger at most once, however often it is posted.
#[utoipa::path(
    post, path = PATH, operation_id = "createIntent", tag = "intents",
    security(("api_key" = ["intents:write"])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, in double quotes or not; the same again gets the same answer. X-Idempotency-Key is an alias. Needed unless the configuration says otherwise."),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, at most 60: answer when the intent is final."),
    ),
    request_body(content = NewIntentBody, content_type = "application/json", example = json!({
        "workflow_id": "payout-2026-000123", "method": "payout",
        "operations": [{"type": "payment", "destination": "GAQHWQYBBW272OOXNQMMLCA5WY2XAZPODGB7Q3S5OKKIXVESKO55ZQ7C", "asset": "native", "amount": "12.5"}],
    })),
    responses(
        (status = 202, description = "Accepted. Also the stored answer to a request that was accepted before.", body = IntentBody,
            headers(("Location" = String, description = "The intent."), ("Idempotent-Replayed" = Option<String>, description = "`true`: this is a stored answer."), ("Preference-Applied" = Option<String>, description = "The wait that was observed."))),
        (status = 200, description = "Final within the wait, or the intent of this workflow and method that exists already.", body = IntentBody,
            headers(("Location" = String, description = "The intent."), ("Idempotent-Replayed" = Option<String>, description = "`true`: it existed already."), ("Preference-Applied" = Option<String>, description = "The wait that was observed."))),
        (status = 400, description = "`invalid-request`, `idempotency-key-missing`, `idempotency-key-invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "`request-timeout`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`workflow-conflict`, `request-in-flight` (with Retry-After)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency-key-reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests` (with Retry-After)", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn post(
    caller: Caller<Write>,
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Reply, Problem> {
    Query::read(uri.query(), &[]).end()?;
    shared.posts.count(&caller.tenant, 1)?;
    let key = idempotency_key::read(&headers)?;
    if key.is_none() && shared.settings.idempotency_key_required {
        return Err(Problem::key_missing());
    }
    let value = body::read(&headers, body, shared.settings.max_body_bytes).await?;
    let wait = prefer::wait(&headers)?;
    let asked = Asked::new(&shared, caller.tenant, key, wait, &value)?;
    if wait.is_some() {
        return on_its_own(async move {
            let accepted = shared.acceptor.accept(Arc::clone(&asked.intent)).await?;
            answer(&shared, asked, accepted).await
        })
        .await;
    }
    match shared.acceptor.accept(Arc::clone(&asked.intent)).await? {
        // Whether the client still waits or not: its key is on record with the intent, and there is nothing left to do.
        Accepted::New(at) => Ok(accepted_answer(&asked, at)),
        accepted => on_its_own(async move { answer(&shared, asked, accepted).await }).await,
    }
}

/// Answers in a task of its own: a client that goes away must not leave a key without its answer.
async fn on_its_own(
    answering: impl Future<Output = Result<Reply, Problem>> + Send + 'static,
) -> Result<Reply, Problem> {
    let answering = tokio::spawn(answering.in_current_span());
    answering
        .await
        .unwrap_or_else(|error| Err(Problem::internal().because(error)))
}

async fn answer(shared: &Shared, asked: Asked, accepted: Accepted) -> Result<Reply, Problem> {
    let mut accepted = accepted;
    for _ in 0..MAX_ROUNDS {
        match accepted {
            Accepted::New(at) => return first_answer(shared, asked, at).await,
            Accepted::Existing(row) => return existing_answer(shared, &asked, *row).await,
            Accepted::KeyTaken => match replay::replay(shared, &asked).await? {
                Replay::Reply(reply) => return Ok(reply),
                Replay::Gone => {}
            },
        }
        accepted = shared.acceptor.accept(Arc::clone(&asked.intent)).await?;
    }
    Err(Problem::in_flight(1))
}

async fn first_answer(shared: &Shared, asked: Asked, at: OffsetDateTime) -> Result<Reply, Problem> {
    match asked.wait {
        Some(seconds) => late_answer(shared, &asked, asked.intent.id, seconds).await,
        None => Ok(accepted_answer(&asked, at)),
    }
}

/// The intent as it was put on record a moment ago.
fn accepted_answer(asked: &Asked, at: OffsetDateTime) -> Reply {
    Reply {
        status: StatusCode::ACCEPTED,
        intent_id: asked.intent.id,
        body: to_text(&AcceptedBody::new(&asked.intent, at)),
        replayed: false,
        waited: None,
    }
}

/// The answer after a wait. Its key was started, and is completed with it.
pub async fn late_answer(
    shared: &Shared,
    asked: &Asked,
    intent_id: Uuid,
    seconds: u32,
) -> Result<Reply, Problem> {
    let row = until_final(shared, &asked.tenant, intent_id, seconds).await?;
    let status = if row.is_final() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let body = to_text(&IntentBody::new(shared, row)?);
    if let Some(key) = asked.key() {
        let code = stored_status(status);
        let mine = shared
            .store
            .complete_key(&asked.tenant, &key.key, code, &body)
            .await?;
        if !mine {
            // Somebody took the key over and was quicker: one request has one answer.
            return match replay::replay(shared, asked).await? {
                Replay::Reply(reply) => Ok(reply),
                Replay::Gone => Err(Problem::in_flight(1)),
            };
        }
    }
    Ok(Reply {
        status,
        body,
        intent_id,
        replayed: false,
        waited: asked.wait,
    })
}

fn stored_status(status: StatusCode) -> i16 {
    i16::try_from(status.as_u16()).expect("a status has three digits")
}

/// There is an intent of this workflow and method: the same one, or another.
async fn existing_answer(shared: &Shared, asked: &Asked, row: IntentRow) -> Result<Reply, Problem> {
    let intent_id = row.id;
    let form = asked.form();
    let reply = match difference(shared, &form, &row) {
        Some(pointer) => {
            let problem = Problem::workflow_conflict(pointer, intent_id);
            Reply {
                status: problem.status(),
                body: problem.document(PATH),
                intent_id,
                replayed: false,
                waited: None,
            }
        }
        None => {
            let row = match asked.wait {
                Some(seconds) => until_final(shared, &asked.tenant, intent_id, seconds).await?,
                None => row,
            };
            Reply {
                status: StatusCode::OK,
                body: to_text(&IntentBody::new(shared, row)?),
                intent_id,
                replayed: true,
                waited: asked.wait,
            }
        }
    };
    if let Some(key) = asked.key() {
        let answer = StoredAnswer {
            tenant: &asked.tenant,
            key: &key.key,
            fingerprint: key.fingerprint,
            request: (!reply.status.is_success()).then_some(form),
            intent_id,
            status: stored_status(reply.status),
            response: &reply.body,
            keep_for: shared.settings.idempotency_ttl,
        };
        shared.store.store_answer(&answer).await?;
    }
    Ok(reply)
}

/// Where a request differs from the intent on record. One that was enqueued in SQL and is not valid differs as a whole.
pub fn difference(shared: &Shared, form: &Value, row: &IntentRow) -> Option<String> {
    match normal_form(shared, row) {
        Some(recorded) => first_difference_of_forms(form, &recorded),
        None => Some(String::new()),
    }
}
