//! The configured Horizons, and which of them to ask next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use thiserror::Error;
use url::Url;

use super::endpoint::{Deadlines, Endpoint};
use super::line::{Http, Line};
use super::transport::Transport;

/// How long a connection may take to open.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: below the minute after which balancers drop theirs.
const IDLE_CONNECTION: Duration = Duration::from_secs(45);
/// Names us in Horizon's logs.
const USER_AGENT: &str = concat!("stellar-submitter/", env!("CARGO_PKG_VERSION"));

/// What the pool needs to know.
#[derive(Clone)]
pub struct HorizonOptions {
    /// Base URLs, `http` or `https`.
    pub urls: Vec<Url>,
    /// The network that each must serve.
    pub passphrase: String,
    /// Requests an hour to each URL; 0: any number.
    pub requests_per_hour: u32,
    /// How long a request may take.
    pub deadlines: Deadlines,
}

/// Why there is no pool.
#[derive(Debug, Error)]
pub enum HorizonError {
    /// No URL at all.
    #[error("no Horizon URL is given")]
    NoUrl,
    /// Not a URL that can be asked.
    #[error("a Horizon URL must begin with http:// or https:// and name a host")]
    BadUrl,
    /// The HTTP client did not start.
    #[error("the HTTP client did not start: {0}")]
    Client(#[from] reqwest::Error),
}

/// The pool.
#[derive(Debug)]
pub struct Horizon {
    endpoints: Vec<Endpoint>,
    turn: AtomicUsize,
}

impl Horizon {
    /// A pool of these URLs. Nothing is asked yet.
    ///
    /// # Errors
    /// [`HorizonError`] without a usable URL.
    pub fn new(options: &HorizonOptions) -> Result<Self, HorizonError> {
        if options.urls.is_empty() {
            return Err(HorizonError::NoUrl);
        }
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if !options.urls.iter().all(is_web) {
            return Err(HorizonError::BadUrl);
        }
        let accept = HeaderValue::from_static("application/hal+json, application/json");
        let mut builder = reqwest::Client::builder();
        if !options.urls.iter().any(|url| url.scheme() == "https") {
            // A small image has no certificates, and without TLS none are needed: do not look for them.
            builder = builder.tls_certs_only([]);
        }
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
        let lines = options.urls.iter().map(line).collect();
        Ok(Self::over(lines, options))
    }

    /// A pool over these lines, at least one; the options' URLs are not looked at.
    #[must_use]
    pub fn over(lines: Vec<Arc<dyn Line>>, options: &HorizonOptions) -> Self {
        let endpoint = |line| {
            let transport = Transport::new(line, options.requests_per_hour);
            Endpoint::new(transport, &options.passphrase, options.deadlines)
        };
        Self {
            endpoints: lines.into_iter().map(endpoint).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// All of them, in the order configured.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The next endpoint that works, in turn; where none does, the one that should first. Keep it for all requests of
    /// one proof.
    pub fn any(&self) -> &Endpoint {
        self.choose(|_| true)
            .expect("a pool has at least one endpoint")
    }

    /// As [`Self::any`], of those that take transactions; where none does, any.
    pub fn for_submission(&self) -> &Endpoint {
        self.choose(Endpoint::takes_transactions)
            .unwrap_or_else(|| self.any())
    }

    fn choose(&self, fits: impl Fn(&Endpoint) -> bool) -> Option<&Endpoint> {
        let count = self.endpoints.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        let (before, from_turn) = self.endpoints.split_at(turn);
        // `min_by_key` takes the first of equals: among those that are ready, the one whose turn it is.
        from_turn
            .iter()
            .chain(before)
            .filter(|endpoint| fits(endpoint))
            .min_by_key(|endpoint| endpoint.ready_in())
    }
}
