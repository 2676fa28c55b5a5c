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

use uuid::Uuid;

use super::Shared;
use super::problem::Problem;
use crate::store::intents::IntentRow;

/// The intent that a path names. What is no id names none.
async fn find(shared: &Shared, tenant: &str, id: &str) -> Result<IntentRow, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::no_such_intent())?;
    let row = shared.store.intent(tenant, id).await?;
    row.ok_or_else(Problem::no_such_intent)
}
