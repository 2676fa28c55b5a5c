//! The configured Horizons, and which of them to ask next.

use std::sync::Arc;

use thiserror::Error;
use url::Url;

use super::endpoint::{Deadlines, Endpoint};
use crate::http::{Line, LinesError, Meters, Transport, Turns, lines};

/// What is counted of Horizons.
const METERS: Meters = Meters {
    seconds: "submitter_horizon_request_seconds",
    requests: "submitter_horizon_requests_total",
};

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
#[error("horizon.urls: {0}")]
pub struct HorizonError(#[from] LinesError);

/// The pool.
#[derive(Debug)]
pub struct Horizon {
    endpoints: Vec<Endpoint>,
    turns: Turns,
}

impl Horizon {
    /// A pool of these URLs. Nothing is asked yet.
    ///
    /// # Errors
    /// [`HorizonError`] without a usable URL.
    pub fn new(options: &HorizonOptions) -> Result<Self, HorizonError> {
        let lines = lines(&options.urls, "application/hal+json, application/json")?;
        Ok(Self::over(lines, options))
    }

    /// A pool over these lines, at least one; the options' URLs are not looked at.
    #[must_use]
    pub fn over(lines: Vec<Arc<dyn Line>>, options: &HorizonOptions) -> Self {
        let endpoint = |line| {
            let transport = Transport::new(line, options.requests_per_hour, METERS);
            Endpoint::new(transport, &options.passphrase, options.deadlines)
        };
        Self {
            endpoints: lines.into_iter().map(endpoint).collect(),
            turns: Turns::default(),
        }
    }

    /// All of them, in the order configured.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// All of them, this one first.
    pub fn beginning_with<'a>(&'a self, first: &'a Endpoint) -> impl Iterator<Item = &'a Endpoint> {
        let others = self.endpoints.iter();
        let others = others.filter(move |endpoint| !std::ptr::eq(*endpoint, first));
        std::iter::once(first).chain(others)
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
        self.turns.choose(&self.endpoints, fits, Endpoint::ready_in)
    }
}
