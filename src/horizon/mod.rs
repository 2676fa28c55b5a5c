//! The way to the chain: Horizon over HTTP.
//!
//! [`Horizon`] is a pool of base URLs, [`Endpoint`] one of them; calls live on the endpoint, because all requests of
//! one proof must go to one Horizon. [`observe`] turns answers into what they prove, and everything that proves
//! nothing into [`Unknown`](crate::domain::observation::Unknown).

mod endpoint;
pub mod observe;
mod pool;
mod record;
mod wire;

pub use endpoint::{Deadlines, Endpoint, Order};
pub use pool::{Horizon, HorizonError, HorizonOptions};

pub use crate::domain::landed::{LandedError, envelope_hashes};
pub use crate::http::{Answer, Call, Line, MAX_BODY_BYTES, NetworkError};
