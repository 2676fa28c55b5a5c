//! /v1/intents.

mod accepted;
mod asked;
pub mod attempts;
pub mod bulk;
pub mod change;
pub mod explain;
pub mod list;
pub mod one;
pub mod post;
pub mod preview;
pub mod receipt;
mod replay;
pub mod request;
pub mod rows;
pub mod timeline;
pub mod view;
mod wait;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

use super::Shared;
use super::problem::Problem;
use crate::store::intents::IntentRow;

/// What a path names an intent by. What is no text names none.
pub struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, state).await;
        named
            .map(|Path(id)| Self(id))
            .map_err(|_| Problem::no_such_intent())
    }
}

/// The intent that a path names. What is no id names none.
async fn find(shared: &Shared, tenant: &str, id: &str) -> Result<IntentRow, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::no_such_intent())?;
    let row = shared.store.intent(tenant, id).await?;
    row.ok_or_else(Problem::no_such_intent)
}
