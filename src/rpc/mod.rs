//! The second way to the chain: Stellar RPC, JSON-RPC over POST. It simulates contract calls, and can submit and look up.
//!
//! [`Rpc`] is a pool of URLs, [`Endpoint`] one of them; calls live on the endpoint, because what belongs together must
//! be asked of one server. [`observe`] turns answers into what they say, and everything that says nothing into
//! [`Unknown`](crate::domain::observation::Unknown).

mod absence;
mod endpoint;
pub mod observe;
mod pool;
mod reply;
mod wire;

pub use endpoint::Endpoint;
pub use observe::{Entry, Found, LedgerEntries, Network, Span, Watermark};
pub use pool::{Rpc, RpcError, RpcOptions};

pub use crate::http::{Answer, Call, Line, MAX_BODY_BYTES, NetworkError};
