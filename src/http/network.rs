//! Which network a server serves: until it has once named ours, nothing else is asked of it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use tokio::sync::Mutex;

use super::transport::Transport;
use crate::domain::observation::{Unknown, UnknownKind};

/// Why an endpoint must not be used.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// It did not say which network it is on.
    #[error("{endpoint} did not say which network it serves: {}", .unknown.detail)]
    Unknown {
        /// Host and port.
        endpoint: String,
        /// What happened instead.
        unknown: Unknown,
    },
    /// It is on another network.
    #[error("{endpoint} serves the network {answered:?}, but network.passphrase is {configured:?}")]
    Other {
        /// Host and port.
        endpoint: String,
        /// Its passphrase.
        answered: String,
        /// Ours.
        configured: String,
    },
}

/// An answer that names the server's network.
pub trait NamesNetwork {
    /// Its passphrase.
    fn passphrase(&self) -> &str;
}

/// Whether one server has named our network.
#[derive(Debug)]
pub struct NetworkCheck {
    passphrase: String,
    verified: AtomicBool,
    verifying: Mutex<()>,
}

impl NetworkCheck {
    /// It has not yet; ours has this passphrase.
    pub fn new(passphrase: &str) -> Self {
        Self {
            passphrase: passphrase.to_owned(),
            verified: AtomicBool::new(false),
            verifying: Mutex::new(()),
        }
    }

    /// Notes which network it has named.
    pub fn note(&self, named: &impl NamesNetwork) {
        self.verified.store(self.is_ours(named), Ordering::Release);
    }

    /// An answer of our network, or none.
    ///
    /// # Errors
    /// [`Unknown`] where it names another.
    pub fn ours<T: NamesNetwork>(&self, transport: &Transport, named: T) -> Result<T, Unknown> {
        if self.is_ours(&named) {
            return Ok(named);
        }
        transport.failed();
        Err(Unknown {
            kind: UnknownKind::Lying,
            status: Some(200),
            detail: "it serves another network than network.passphrase".to_owned(),
            retry_after: None,
        })
    }

    /// The same for people, with both names.
    ///
    /// # Errors
    /// [`NetworkError`]: no answer, or another network.
    pub fn compared<T: NamesNetwork>(
        &self,
        transport: &Transport,
        answer: Result<T, Unknown>,
    ) -> Result<T, NetworkError> {
        let endpoint = transport.name().to_owned();
        match answer {
            Ok(named) if self.is_ours(&named) => Ok(named),
            Ok(named) => Err(NetworkError::Other {
                endpoint,
                answered: named.passphrase().to_owned(),
                configured: self.passphrase.clone(),
            }),
            Err(unknown) => Err(NetworkError::Unknown { endpoint, unknown }),
        }
    }

    /// Has it asked where that was not done yet, once for all who wait for it; `ask` fails where it is not ours.
    ///
    /// # Errors
    /// What `ask` says.
    pub async fn ensure<T>(
        &self,
        ask: impl Future<Output = Result<T, Unknown>>,
    ) -> Result<(), Unknown> {
        if self.verified.load(Ordering::Acquire) {
            return Ok(());
        }
        let _turn = self.verifying.lock().await;
        if self.verified.load(Ordering::Acquire) {
            return Ok(());
        }
        ask.await.map(|_| ())
    }

    fn is_ours(&self, named: &impl NamesNetwork) -> bool {
        named.passphrase() == self.passphrase
    }
}
