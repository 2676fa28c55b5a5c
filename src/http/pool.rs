//! Lines to the configured base URLs, and which of them to ask next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use thiserror::Error;
use url::Url;

use super::line::{Http, Line};

/// How long a connection may take to open.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: below the minute after which balancers drop theirs.
const IDLE_CONNECTION: Duration = Duration::from_secs(45);
/// Names us in servers' logs.
const USER_AGENT: &str = concat!("stellar-submitter/", env!("CARGO_PKG_VERSION"));

/// Why there are no lines.
#[derive(Debug, Error)]
pub enum LinesError {
    /// No URL at all.
    #[error("no URL is given")]
    NoUrl,
    /// Not a URL that can be asked.
    #[error("a URL must begin with http:// or https:// and name a host")]
    BadUrl,
    /// The HTTP client did not start.
    #[error("the HTTP client did not start: {0}")]
    Client(#[from] reqwest::Error),
}

/// A line to each of these base URLs, for answers of these kinds. Nothing is asked yet.
///
/// # Errors
/// [`LinesError`] without a usable URL.
pub fn lines(urls: &[Url], accept: &'static str) -> Result<Vec<Arc<dyn Line>>, LinesError> {
    if urls.is_empty() {
        return Err(LinesError::NoUrl);
    }
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if !urls.iter().all(is_web) {
        return Err(LinesError::BadUrl);
    }
    let mut builder = reqwest::Client::builder();
    if !urls.iter().any(|url| url.scheme() == "https") {
        // A small image has no certificates, and without TLS none are needed: do not look for them.
        builder = builder.tls_certs_only([]);
    }
    let accept = HeaderValue::from_static(accept);
    let client = builder
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([(ACCEPT, accept)]))
        // A redirected POST would go to a host that nobody configured.
        .redirect(Policy::none())
        // Whether the same bytes go out again is the engine's decision.
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_DEADLINE)
        .pool_idle_timeout(IDLE_CONNECTION)
        .build()?;
    let line = |url: &Url| -> Arc<dyn Line> {
        Arc::new(Http {
            base: url.clone(),
            client: client.clone(),
        })
    };
    Ok(urls.iter().map(line).collect())
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub struct Turns(AtomicUsize);

impl Turns {
    /// The next of those that fit and work, in turn; where none works, the one that should first. `None` where none fits.
    pub fn choose<'a, T>(
        &self,
        all: &'a [T],
        fits: impl Fn(&T) -> bool,
        ready_in: impl Fn(&T) -> Duration,
    ) -> Option<&'a T> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed) % all.len().max(1);
        let (before, from_turn) = all.split_at(turn);
        // `min_by_key` takes the first of equals: among those that are ready, the one whose turn it is.
        from_turn
            .iter()
            .chain(before)
            .filter(|one| fits(one))
            .min_by_key(|one| ready_in(one))
    }
}
