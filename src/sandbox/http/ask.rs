//! What a request to Horizon carries, whatever it is for.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, HOST};
use axum::http::request::Parts;
use url::form_urlencoded;

use super::reply::Reply;
use crate::sandbox::faults::Draw;
use crate::sandbox::horizon::page::PageQuery;
use crate::sandbox::horizon::problem::Problem;
use crate::sandbox::ledger::account::AccountKey;
use crate::sandbox::ledger::history::Toid;

/// The common part of a request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where the client thinks Horizon is: what links begin with.
    pub base: String,
    /// Its path, without parameters.
    pub path: String,
    /// Its parameters.
    pub parameters: Vec<(String, String)>,
    /// What goes wrong with it.
    pub draw: Draw,
    /// Whether it wants events.
    pub wants_events: bool,
    /// The last event the client has seen.
    pub last_event_id: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Ask {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let host = text(HOST).unwrap_or("localhost");
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            base: format!("http://{host}"),
            path: parts.uri.path().to_owned(),
            parameters: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            draw: parts.extensions.get::<Draw>().copied().unwrap_or_default(),
            wants_events: text(ACCEPT).is_some_and(|accept| accept.contains("text/event-stream")),
            last_event_id: parts
                .headers
                .get("last-event-id")
                .and_then(|value| value.to_str().ok())
                .filter(|id| !id.is_empty())
                .map(str::to_owned),
        })
    }
}

impl Ask {
    /// A parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameters of a list, as of a ledger.
    pub fn page(&self, head: u32) -> Result<PageQuery, Problem> {
        // "now" is behind everything that this Horizon knows.
        let now = Toid(Toid::ledger(head.saturating_add(1)).0.saturating_sub(1));
        let mut query = PageQuery::parse(
            self.parameters
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            now,
        )?;
        if let Some(id) = self.last_event_id.as_deref().filter(|_| self.wants_events) {
            query.cursor = PageQuery::parse([("cursor", id)].into_iter(), now)?.cursor;
        }
        Ok(query)
    }

    /// The whole address of the list, without parameters.
    pub fn own(&self) -> String {
        format!("{}{}", self.base, self.path)
    }

    /// Refuses a client that wants events where there are none.
    pub fn refuse_events(&self) -> Result<(), Reply> {
        if self.wants_events {
            Err(Problem::not_acceptable().into())
        } else {
            Ok(())
        }
    }
}

/// An account in a path.
pub fn account_key(text: &str) -> Result<AccountKey, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_request(
            "account_id",
            "Account ID must start with `G` and contain 56 alphanum characters",
        )
    })
}

/// A transaction's hash in a path.
pub fn transaction_hash(text: &str) -> Result<[u8; 32], Problem> {
    let lower = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let mut hash = [0; 32];
    if !lower || hex::decode_to_slice(text, &mut hash).is_err() {
        return Err(Problem::bad_request(
            "tx_id",
            "Transaction hash must be a hex-encoded, lowercase SHA-256 hash",
        ));
    }
    Ok(hash)
}

/// A ledger's number in a path.
pub fn ledger_number(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_request(
            "ledger_id",
            "Ledger ID must be an integer from 0 to 4294967295",
        )
    })
}
