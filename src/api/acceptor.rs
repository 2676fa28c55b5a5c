//! Puts new intents on record in batches: many requests at once share one commit, and each gets its own answer.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::announcer::Announcer;
use super::problem::Problem;
use super::unclaimed;
use crate::domain::primitives::NetworkId;
use crate::store::accept::{Accepted, NewIntent};
use crate::store::{Store, StoreError};

/// Intents that may wait to be written; more are refused with 429.
const QUEUE: usize = 4096;
/// The most intents of one commit.
const BATCH: usize = 512;
/// Batches that are written at the same time: while one waits for the disk, the next is made.
const WRITERS: usize = 2;
/// After a batch of so many, the next is waited for a little: they come thick, and a commit costs the database as much as the
/// rows of twenty. A lone request waits for nobody.
const BUSY: usize = 16;
/// So many are not waited for more.
const ENOUGH: usize = 128;
/// How long a batch waits for more, while it is busy.
const LINGER: Duration = Duration::from_millis(3);
/// How long a request waits for its commit. After that nobody knows whether it is on record.
const DEADLINE: Duration = Duration::from_secs(15);

/// What became of an intent, or why nobody knows.
pub type Outcome = Result<Accepted, Problem>;

struct Waiting {
    intent: Arc<NewIntent>,
    answer: oneshot::Sender<Outcome>,
}

/// The way to the writers.
pub struct Acceptor {
    queue: mpsc::Sender<Waiting>,
    writer: Writer,
}

impl Acceptor {
    /// Starts the writers. They end when the acceptor is dropped.
    pub fn start(store: &Store, network: NetworkId, announcer: &Arc<Announcer>) -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let receiver = Arc::new(Mutex::new(Queue { receiver, last: 0 }));
        let writer = Writer {
            store: store.clone(),
            network,
            announcer: Arc::clone(announcer),
        };
        for _ in 0..WRITERS {
            tokio::spawn(writer.clone().run(Arc::clone(&receiver)));
        }
        Self { queue, writer }
    }

    /// Accepts one intent.
    ///
    /// # Errors
    /// 429 when too many wait, 503 when the database is away: then whether it was accepted is not known, and asking again
    /// is safe.
    pub async fn accept(&self, intent: Arc<NewIntent>) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { intent, answer })
            .map_err(|_| Problem::over_limit(1, "too many intents wait to be put on record"))?;
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Ok(accepted)) => accepted,
            // The writer is gone with the runtime.
            Ok(Err(_)) | Err(_) => Err(Problem::database_unavailable()),
        }
    }

    /// Accepts a batch in its order, in one commit of its own.
    pub async fn accept_batch(&self, intents: &[Arc<NewIntent>]) -> Vec<Outcome> {
        self.writer.accept(intents).await
    }
}

/// What waits to be written.
struct Queue {
    receiver: mpsc::Receiver<Waiting>,
    /// How many the last batch had.
    last: usize,
}

impl Queue {
    /// The next batch; none when the acceptor is gone.
    async fn batch(&mut self) -> Vec<Waiting> {
        let mut batch = Vec::with_capacity(self.last.max(BUSY));
        self.receiver.recv_many(&mut batch, BATCH).await;
        if self.last >= BUSY {
            let until = Instant::now() + LINGER;
            while (1..ENOUGH).contains(&batch.len()) {
                let room = BATCH - batch.len();
                let more = self.receiver.recv_many(&mut batch, room);
                if matches!(timeout_at(until, more).await, Ok(0) | Err(_)) {
                    break;
                }
            }
        }
        self.last = batch.len();
        batch
    }
}

#[derive(Clone)]
struct Writer {
    store: Store,
    /// The network that landings are of.
    network: NetworkId,
    announcer: Arc<Announcer>,
}

impl Writer {
    async fn run(self, receiver: Arc<Mutex<Queue>>) {
        loop {
            // One writer waits; the others take what comes while it writes.
            let waiting = receiver.lock().await.batch().await;
            if waiting.is_empty() {
                return;
            }
            let (intents, answers): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .map(|one| (one.intent, one.answer))
                .unzip();
            // A panic must not take the writer with it: the others would go on without one, and then without any.
            let accepting = AssertUnwindSafe(self.accept(&intents)).catch_unwind();
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

    async fn accept(&self, intents: &[Arc<NewIntent>]) -> Vec<Outcome> {
        let outcomes = match unclaimed::claim(&self.store, self.network, intents).await {
            Ok(refused) if refused.is_empty() => self.write(intents).await,
            Ok(refused) => self.write_others(intents, refused).await,
            Err(error) => {
                let mut problem = Problem::from(error);
                if let Some(cause) = problem.take_cause() {
                    tracing::error!(%cause, "what has landed could not be looked for");
                }
                intents.iter().map(|_| Err(problem.clone())).collect()
            }
        };
        if outcomes
            .iter()
            .any(|outcome| matches!(outcome, Ok(Accepted::New(_))))
        {
            self.announcer.announce();
        }
        outcomes
    }

    /// All but those that are refused at these places.
    async fn write_others(
        &self,
        intents: &[Arc<NewIntent>],
        mut refused: BTreeMap<usize, Problem>,
    ) -> Vec<Outcome> {
        let places = intents.iter().enumerate();
        let others = places.filter(|(place, _)| !refused.contains_key(place));
        let others: Vec<_> = others.map(|(_, intent)| Arc::clone(intent)).collect();
        let mut written = self.write(&others).await.into_iter();
        let outcomes = (0..intents.len()).map(|place| match refused.remove(&place) {
            Some(problem) => Err(problem),
            None => written.next().unwrap_or_else(|| Err(Problem::internal())),
        });
        outcomes.collect()
    }

    async fn write(&self, intents: &[Arc<NewIntent>]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(intents.len());
        // What is still to be written, the next part last.
        let mut parts = vec![intents];
        while let Some(part) = parts.pop() {
            match self.store.accept(part).await {
                Ok(accepted) => outcomes.extend(accepted.into_iter().map(Ok)),
                Err(StoreError::Refused(error)) if part.len() > 1 => {
                    // One of them is what the database does not take; the others must not suffer for it.
                    tracing::warn!(%error, intents = part.len(), "a batch was refused, its halves are tried alone");
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) => {
                    let mut problem = Problem::from(error);
                    // Here, once, and not with each of the requests.
                    if let Some(cause) = problem.take_cause() {
                        tracing::error!(%cause, intents = part.len(), "a batch could not be put on record");
                    }
                    outcomes.extend(part.iter().map(|_| Err(problem.clone())));
                    if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
                        // What comes later must not be accepted before it.
                        while let Some(later) = parts.pop() {
                            outcomes.extend(later.iter().map(|_| Err(problem.clone())));
                        }
                    }
                }
            }
        }
        outcomes
    }
}
