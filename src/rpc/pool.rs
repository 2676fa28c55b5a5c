//! The configured servers, and which of them to ask next.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use url::Url;

use super::endpoint::Endpoint;
use crate::http::{Line, LinesError, Meters, Transport, Turns, lines};

/// What is counted of Stellar RPC servers.
const METERS: Meters = Meters {
    seconds: "submitter_rpc_request_seconds",
    requests: "submitter_rpc_requests_total",
};

/// What the pool needs to know.
#[derive(Clone)]
pub struct RpcOptions {
    /// URLs, `http` or `https`.
    pub urls: Vec<Url>,
    /// The network that each must serve.
    pub passphrase: String,
    /// Requests an hour to each URL; 0: any number.
    pub requests_per_hour: u32,
    /// How long one call may take, from its first byte to the answer's last.
    pub deadline: Duration,
}

/// Why there is no pool.
#[derive(Debug, Error)]
#[error("rpc.urls: {0}")]
pub struct RpcError(#[from] LinesError);

/// The pool.
#[derive(Debug)]
pub struct Rpc {
    endpoints: Vec<Endpoint>,
    turns: Turns,
}

impl Rpc {
    /// A pool of these URLs. Nothing is asked yet.
    ///
    /// # Errors
    /// [`RpcError`] without a usable URL.
    pub fn new(options: &RpcOptions) -> Result<Self, RpcError> {
        let lines = lines(&options.urls, "application/json")?;
        Ok(Self::over(lines, options))
    }

    /// A pool over these lines, at least one; the options' URLs are not looked at.
    #[must_use]
    pub fn over(lines: Vec<Arc<dyn Line>>, options: &RpcOptions) -> Self {
        let endpoint = |line| {
            let transport = Transport::new(line, options.requests_per_hour, METERS);
            Endpoint::new(transport, &options.passphrase, options.deadline)
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

    /// The next endpoint that works, in turn; where none does, the one that should first. Keep it for all that belongs
    /// together: two simulations of one call, a watermark and a look-up.
    pub fn any(&self) -> &Endpoint {
        self.turns
            .choose(&self.endpoints, |_| true, Endpoint::ready_in)
            .expect("a pool has at least one endpoint")
    }
}
