//! HTTP to somebody's server: one request and its whole answer, bounded; budget, pauses and health of each base URL.
//!
//! [`Transport`] is one base URL, over a [`Line`] that is HTTP or stands in for it. Nothing here knows what is asked:
//! `horizon` and `rpc` do.

mod answer;
mod gate;
mod line;
mod network;
mod pool;
mod transport;

pub use answer::{Answer, MAX_BODY_BYTES};
pub use line::{Call, Line};
pub use network::{NamesNetwork, NetworkCheck, NetworkError};
pub use pool::{LinesError, Turns, lines};
pub use transport::{Meters, Transport};
