//! What a request asks for, read and ready to be put on record.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::api::Shared;
use crate::api::problem::{Problem, Violation};
use crate::domain::intent::read;
use crate::domain::tag::Tag;
use crate::store::accept::{Lane, NewIntent, NewKey};

/// What is added to the client's wait before somebody else may take an unanswered key over.
const ANSWER_MARGIN: Duration = Duration::from_secs(15);

/// A request that may be accepted.
pub struct Asked {
    pub tenant: Arc<str>,
    /// Seconds that the client wants to wait.
    pub wait: Option<u32>,
    /// What is put on record.
    pub intent: Arc<NewIntent>,
}

impl Asked {
    /// A request with its idempotency key, if it has one.
    pub fn new(
        shared: &Shared,
        tenant: Arc<str>,
        key: Option<String>,
        wait: Option<u32>,
        body: &Value,
    ) -> Result<Self, Problem> {
        let mut intent = intent(shared, &tenant, body)?;
        intent.key = key.map(|key| NewKey {
            key,
            fingerprint: Sha256::digest(intent.form.as_bytes()).into(),
            keep_for: shared.settings.idempotency_ttl,
            answered_within: wait.map(answered_within),
        });
        Ok(Self {
            tenant,
            wait,
            intent: Arc::new(intent),
        })
    }

    /// Its normal form.
    pub fn form(&self) -> Value {
        self.intent.request.to_json()
    }

    /// Its idempotency key, if it has one.
    pub fn key(&self) -> Option<&NewKey> {
        self.intent.key.as_ref()
    }

    /// For how long a key that is answered later is nobody else's.
    pub fn answered_within(&self) -> Duration {
        answered_within(self.wait.unwrap_or(0))
    }
}

fn answered_within(wait: u32) -> Duration {
    Duration::from_secs(wait.into()) + ANSWER_MARGIN
}

/// Reads a body into an intent without an idempotency key.
///
/// # Errors
/// 400 with every mistake and its pointer.
pub fn intent(shared: &Shared, tenant: &str, body: &Value) -> Result<NewIntent, Problem> {
    let request = read(body, &shared.accounts)
        .map_err(|errors| Problem::invalid(errors.into_iter().map(Violation::from).collect()))?;
    Ok(NewIntent {
        id: Uuid::now_v7(),
        tenant: tenant.to_owned(),
        tag: Tag::derive(
            shared.network,
            tenant,
            &request.workflow_id,
            &request.method,
        ),
        lane: Lane::User,
        form: request.to_text(),
        request,
        key: None,
    })
}
