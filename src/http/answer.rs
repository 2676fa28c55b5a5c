//! One HTTP answer, as far as it matters: status, two headers, and a body that is not larger than it may be.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::domain::observation::{Unknown, UnknownKind};
use crate::domain::primitives::LedgerSeq;

/// The largest body that is read, in bytes: 10 MiB. Two hundred ordinary transactions need a tenth of it.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// The longest wait that a server may ask for. A wrong header must not stop payments for a day.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header `Latest-Ledger`: the ledger whose state the body is. Only state routes of Horizon have it.
    pub latest_ledger: Option<LedgerSeq>,
    /// Header `Retry-After`, at most an hour.
    pub retry_after: Option<Duration>,
    /// The body; `None` where it is larger than [`MAX_BODY_BYTES`].
    pub body: Option<Vec<u8>>,
}

impl Answer {
    /// An answer of these parts; `body` is `None` where it was too large to read.
    #[must_use]
    pub fn new(status: u16, headers: &HeaderMap, body: Option<Vec<u8>>) -> Self {
        let latest_ledger = text(headers, "latest-ledger")
            .and_then(|value| value.parse().ok())
            .map(LedgerSeq);
        Self {
            status,
            latest_ledger,
            retry_after: retry_after(headers),
            body,
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Unknown`] where it is none, or is too large.
    pub fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Unknown> {
        let Some(body) = &self.body else {
            return Err(self.unknown(
                UnknownKind::Lying,
                format!("a body of more than {MAX_BODY_BYTES} bytes instead of {what}"),
            ));
        };
        // The parser's own message may quote the body, so only where it stopped is told.
        serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.unknown(
                UnknownKind::Unparsable,
                format!("the body is not {what}: line {line}, column {column}"),
            )
        })
    }

    /// Nothing is known, and this is why.
    #[must_use]
    pub fn unknown(&self, kind: UnknownKind, detail: impl Into<String>) -> Unknown {
        Unknown {
            kind,
            status: Some(self.status),
            detail: detail.into(),
            retry_after: self.retry_after,
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Seconds, or a date: the date is compared with the answer's own, so that no clock of ours is needed.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER.as_str())?;
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = OffsetDateTime::parse(value, &Rfc2822).ok()?;
            let sent = OffsetDateTime::parse(text(headers, DATE.as_str())?, &Rfc2822).ok()?;
            Duration::try_from(until - sent).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}
