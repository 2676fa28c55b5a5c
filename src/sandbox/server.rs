//! Starts and stops a sandbox.

use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::clock::monotonic;
use super::config::Config;
use super::faults::FaultsError;
use super::http::connection::{Link, Severable};
use super::node::{FRIENDBOT_QUEUE, Node};
use super::{friendbot, http};

/// Why a sandbox does not start.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A fault is not what it should be.
    #[error("faults: {0}")]
    Faults(#[from] FaultsError),
}

/// A running sandbox; it stops when it is dropped.
pub struct Sandbox {
    address: SocketAddr,
    node: Arc<Node>,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts a sandbox on the current runtime.
pub async fn start(config: Config) -> Result<Sandbox, SandboxError> {
    config.faults.validate()?;
    let failed = |source| SandboxError::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (asks, asked) = mpsc::channel(FRIENDBOT_QUEUE);
    let node = Arc::new(Node::new(config, asks));
    let app = http::router(Arc::clone(&node)).into_make_service_with_connect_info::<Link>();
    let serve = async move {
        if let Err(error) = axum::serve(Severable(listener), app).await {
            tracing::error!(%error, "the sandbox's listener failed");
        }
    };
    let tasks = vec![
        tokio::spawn(serve),
        tokio::spawn(keep_pace(Arc::clone(&node))),
        tokio::spawn(friendbot::run(Arc::clone(&node), asked)),
    ];
    Ok(Sandbox {
        address,
        node,
        tasks,
    })
}

impl Sandbox {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its inside, for tests that set up a case or look at the ledger itself.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Stops it; the address is free when this returns.
    pub async fn shutdown(mut self) {
        self.node.stop.cancel();
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // The task was told to end, so the error that says so is no news.
            drop(task.await);
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.node.stop.cancel();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Closes ledgers at the rhythm that is set. A ledger that took long does not make the next ones hurry.
async fn keep_pace(node: Arc<Node>) {
    let mut rhythm = node.rhythm();
    let mut last = monotonic();
    loop {
        let interval = rhythm.borrow_and_update().interval();
        let Some(interval) = interval else {
            if rhythm.changed().await.is_err() {
                return;
            }
            last = monotonic();
            continue;
        };
        tokio::select! {
            () = tokio::time::sleep_until(last + interval) => {
                last = (last + interval).max(monotonic() - interval);
                let closing = Arc::clone(&node);
                // Applying a full ledger takes a while, which the tasks that serve requests should not feel.
                if tokio::task::spawn_blocking(move || closing.tick()).await.is_err() {
                    tracing::error!("closing a ledger panicked; no more ledgers close by themselves");
                    return;
                }
            }
            changed = rhythm.changed() => if changed.is_err() { return },
        }
    }
}
