//! Puts new intents on record in batches: many requests at once share one commit, and each gets its own answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::problem::Problem;
use crate::store::accept::{Accepted, NewIntent};
use crate::store::{Store, StoreError};

/// Intents that may wait to be written; more are refused with 429.
const QUEUE: usize = 4096;
/// The most intents of one commit.
const BATCH: usize = 256;
/// Batches that are written at the same time.
const WRITERS: usize = 4;
/// How long a request waits for its commit. After that nobody knows whether it is on record.
const DEADLINE: Duration = Duration::from_secs(15);

struct Waiting {
    intent: NewIntent,
    answer: oneshot::Sender<Result<Accepted, Problem>>,
}

/// The way to the writers.
pub struct Acceptor(mpsc::Sender<Waiting>);

impl Acceptor {
    /// Starts the writers. They end when the acceptor is dropped.
    pub fn start(store: &Store) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..WRITERS {
            tokio::spawn(write(store.clone(), Arc::clone(&receiver)));
        }
        Self(sender)
    }

    /// Accepts one intent.
    ///
    /// # Errors
    /// 429 when too many wait, 503 when the database is away: then whether it was accepted is not known, and asking again
    /// is safe.
    pub async fn accept(&self, intent: NewIntent) -> Result<Accepted, Problem> {
        let (answer, answered) = oneshot::channel();
        self.0
            .try_send(Waiting { intent, answer })
            .map_err(|_| Problem::over_limit(1, "too many intents wait to be put on record"))?;
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Ok(accepted)) => accepted,
            // The writer is gone with the runtime.
            Ok(Err(_)) | Err(_) => Err(Problem::database_unavailable()),
        }
    }
}

async fn write(store: Store, receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    let mut waiting = Vec::with_capacity(BATCH);
    loop {
        // One writer waits; the others take what comes while it writes.
        let taken = receiver.lock().await.recv_many(&mut waiting, BATCH).await;
        if taken == 0 {
            return;
        }
        let (intents, answers): (Vec<_>, Vec<_>) = waiting
            .drain(..)
            .map(|one| (one.intent, one.answer))
            .unzip();
        // A panic must not take the writer with it: the others would go on without one, and then without any.
        let accepting = AssertUnwindSafe(accept(&store, &intents)).catch_unwind();
        let all = accepting.await.unwrap_or_else(|_| {
            tracing::error!(batch = intents.len(), "accepting a batch panicked");
            intents.iter().map(|_| Err(Problem::internal())).collect()
        });
        for (answer, accepted) in answers.into_iter().zip(all) {
            // Whoever does not wait any more asks again.
            let _ = answer.send(accepted);
        }
    }
}

async fn accept(store: &Store, intents: &[NewIntent]) -> Vec<Result<Accepted, Problem>> {
    match store.accept(intents).await {
        Ok(all) => all.into_iter().map(Ok).collect(),
        Err(StoreError::Refused(error)) if intents.len() > 1 => {
            // One of them may be what the database does not take; the others must not suffer for it.
            tracing::warn!(%error, batch = intents.len(), "a batch was refused, each is tried alone");
            let mut all = Vec::with_capacity(intents.len());
            for intent in intents {
                let one = store.accept(std::slice::from_ref(intent)).await;
                all.push(
                    one.map_err(Problem::from)
                        .and_then(|mut one| one.pop().ok_or_else(Problem::internal)),
                );
            }
            all
        }
        Err(error) => {
            let problem = Problem::from(error);
            intents.iter().map(|_| Err(problem.clone())).collect()
        }
    }
}
