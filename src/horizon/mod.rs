//! The way to the chain: Horizon over HTTP.
//!
//! [`Horizon`] is a pool of base URLs, [`Endpoint`] one of them; calls live on the endpoint, because all requests of
//! one proof must go to one Horizon. [`observe`] turns answers into what they prove, and everything that proves
//! nothing into [`Unknown`](crate::domain::observation::Unknown).

mod answer;
mod endpoint;
mod gate;
mod landed;
mod line;
pub mod observe;
mod pool;
mod transport;
mod wire;

pub use answer::{Answer, MAX_BODY_BYTES};
pub use endpoint::{Deadlines, Endpoint, NetworkError, Order};
pub use landed::{LandedError, envelope_hashes};
pub use line::{Call, Line};
pub use pool::{Horizon, HorizonError, HorizonOptions};
