//! Starts and stops a sandbox.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::clock::monotonic;
use super::config::Config;
use super::faults::FaultsError;
use super::friendbot::Ask;
use super::http::connection::{Link, Severable};
use super::node::{FRIENDBOT_QUEUE, Node};
use super::{friendbot, http};

/// Contracts call each other, and the interpreter's frames are large where nothing is optimised.
const STACK_BYTES: usize = 16 << 20;
/// Time for the last answers to leave.
const FAREWELL: Duration = Duration::from_millis(20);

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
    /// There is no thread for it.
    #[error("the sandbox's thread did not start: {0}")]
    Thread(std::io::Error),
    /// A fault is not what it should be.
    #[error("faults: {0}")]
    Faults(#[from] FaultsError),
}

/// A running sandbox; it stops when it is dropped.
pub struct Sandbox {
    address: SocketAddr,
    node: Arc<Node>,
    stopped: oneshot::Receiver<()>,
}

/// Starts a sandbox on a thread of its own.
///
/// One thread is enough for thousands of transactions a second, and no request is passed from one processor to another: waking
/// the other one costs more than most requests take. Ledgers close on a second thread.
pub async fn start(config: Config) -> Result<Sandbox, SandboxError> {
    config.faults.validate()?;
    let failed = |source| SandboxError::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    // A listener belongs to the runtime that it was made on.
    let listener = listener.into_std().map_err(failed)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(SandboxError::Thread)?;
    let listener = {
        let _inside = runtime.enter();
        TcpListener::from_std(listener).map_err(failed)?
    };
    let (asks, asked) = mpsc::channel(FRIENDBOT_QUEUE);
    let node = Arc::new(Node::new(config, asks));
    let (stopping, stopped) = oneshot::channel();
    let running = Arc::clone(&node);
    std::thread::Builder::new()
        .name("sandbox".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            runtime.block_on(run(running, listener, asked));
            drop(runtime);
            // Nobody waits for a sandbox that was dropped.
            let _ = stopping.send(());
        })
        .map_err(SandboxError::Thread)?;
    Ok(Sandbox {
        address,
        node,
        stopped,
    })
}

/// Serves until it is told to stop.
async fn run(node: Arc<Node>, listener: TcpListener, asked: mpsc::Receiver<Ask>) {
    let app = http::router(Arc::clone(&node)).into_make_service_with_connect_info::<Link>();
    let serve = async {
        if let Err(error) = axum::serve(Severable(listener), app).await {
            tracing::error!(%error, "the sandbox's listener failed");
        }
    };
    tokio::spawn(keep_pace(Arc::clone(&node)));
    tokio::spawn(friendbot::run(Arc::clone(&node), asked));
    tokio::select! {
        () = serve => {}
        () = node.stop.cancelled() => {}
    }
    // Who waits for a ledger is told that it is over.
    tokio::time::sleep(FAREWELL).await;
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
        // An error says that the thread is gone, which is what is waited for.
        let _ = (&mut self.stopped).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.node.stop.cancel();
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
