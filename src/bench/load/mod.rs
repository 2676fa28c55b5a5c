//! The load: a thread of its own that posts intents over kept-alive connections.

mod connection;
mod template;
mod tickets;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use connection::Connection;
pub use template::{Shape, Template};
pub use tickets::Tickets;

/// How long a request waits before it is sent again, where the daemon says that it has too many, or does not answer.
const PAUSE: Duration = Duration::from_millis(10);
/// Times that one request is sent at most; the same bytes each time, so that nothing is accepted twice.
const MAX_TRIES: u32 = 500;
/// The longest answer that is told apart, in microseconds; and to how many digits.
const MAX_LATENCY_US: u64 = 60_000_000;
const DIGITS: u8 = 3;
/// Characters of an unexpected answer that are shown.
const SHOWN: usize = 400;

/// What became of what was posted, so far.
#[derive(Debug, Default)]
pub struct Tally {
    accepted: AtomicU64,
    requests: AtomicU64,
    existing: AtomicU64,
    refused: AtomicU64,
    throttled: AtomicU64,
    reconnected: AtomicU64,
    /// Whether latencies count by now.
    recording: AtomicBool,
    /// The first answer that was not expected.
    unexpected: Mutex<Option<String>>,
}

/// The same as numbers.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Answered 202: on record by our own doing.
    pub accepted: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// On record before: a try whose answer was lost.
    pub existing: u64,
    /// Not taken, and never will be.
    pub refused: u64,
    /// Answered that there are too many, or that the database is away; sent again.
    pub throttled: u64,
    /// Connections that were lost.
    pub reconnected: u64,
}

impl Tally {
    /// The numbers so far.
    pub fn counts(&self) -> Counts {
        let of = |number: &AtomicU64| number.load(Ordering::Acquire);
        Counts {
            accepted: of(&self.accepted),
            requests: of(&self.requests),
            existing: of(&self.existing),
            refused: of(&self.refused),
            throttled: of(&self.throttled),
            reconnected: of(&self.reconnected),
        }
    }

    /// From now on latencies count, or they do not.
    pub fn record(&self, on: bool) {
        self.recording.store(on, Ordering::Release);
    }

    fn note(&self, status: u16, body: &[u8]) {
        let mut first = self
            .unexpected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| {
            let text: String = String::from_utf8_lossy(body).chars().take(SHOWN).collect();
            format!("{status}: {text}")
        });
    }

    /// Fails where an answer was not expected.
    ///
    /// # Errors
    /// The first such answer.
    pub fn check(&self) -> anyhow::Result<()> {
        let first = self
            .unexpected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match first.as_deref() {
            None => Ok(()),
            Some(answer) => bail!("the daemon refused an intent: {answer}"),
        }
    }
}

/// What is posted.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One for each daemon; connections are dealt out in turn.
    pub templates: Vec<(SocketAddr, Template)>,
    /// How many connections.
    pub connections: usize,
    /// How many intents a request.
    pub shape: Shape,
}

/// It runs. Dropping it ends it.
pub struct Load {
    /// Its pace.
    pub tickets: Arc<Tickets>,
    /// What became of it.
    pub tally: Arc<Tally>,
    thread: Option<JoinHandle<anyhow::Result<Histogram<u64>>>>,
}

impl Load {
    /// Starts the thread; nothing is posted before tickets are granted.
    ///
    /// # Errors
    /// Where there is no thread.
    pub fn start(plan: Plan) -> anyhow::Result<Self> {
        let tickets = Arc::new(Tickets::default());
        let tally = Arc::new(Tally::default());
        let (pace, count) = (Arc::clone(&tickets), Arc::clone(&tally));
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || drive(&plan, &pace, &count))
            .context("the load's thread")?;
        Ok(Self {
            tickets,
            tally,
            thread: Some(thread),
        })
    }

    /// Fails where it has ended by itself, or an answer was not expected.
    ///
    /// # Errors
    /// Why.
    pub async fn check(&mut self) -> anyhow::Result<()> {
        self.tally.check()?;
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            self.join().await?;
            bail!("the load ended before its time");
        }
        Ok(())
    }

    /// Posts nothing more, waits for the answers to what was posted, and returns how long answers took while they counted,
    /// in microseconds.
    ///
    /// # Errors
    /// What went wrong with it.
    pub async fn finish(mut self) -> anyhow::Result<Histogram<u64>> {
        self.tickets.close();
        let latencies = self.join().await?;
        self.tally.check()?;
        Ok(latencies)
    }

    async fn join(&mut self) -> anyhow::Result<Histogram<u64>> {
        let thread = self.thread.take().context("the load has ended")?;
        tokio::task::spawn_blocking(move || thread.join())
            .await?
            .map_err(|_| anyhow!("the load panicked"))?
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tickets.close();
    }
}

fn drive(plan: &Plan, tickets: &Tickets, tally: &Tally) -> anyhow::Result<Histogram<u64>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the load's runtime")?;
    let latencies = Histogram::new_with_bounds(1, MAX_LATENCY_US, DIGITS)?;
    let latencies = Rc::new(RefCell::new(latencies));
    runtime.block_on(async {
        let lanes = (0..plan.connections).map(|index| {
            let (to, template) = &plan.templates[index % plan.templates.len()];
            Lane {
                to: *to,
                template,
                shape: plan.shape,
                tickets,
                tally,
                latencies: Rc::clone(&latencies),
            }
            .run()
        });
        futures_util::future::try_join_all(lanes).await
    })?;
    let latencies = latencies.borrow().clone();
    Ok(latencies)
}

/// One connection's work.
struct Lane<'a> {
    to: SocketAddr,
    template: &'a Template,
    shape: Shape,
    tickets: &'a Tickets,
    tally: &'a Tally,
    latencies: Rc<RefCell<Histogram<u64>>>,
}

/// What a bulk request is answered; the rows are not looked at.
#[derive(Deserialize)]
struct BulkAnswer {
    accepted: u64,
    existing: u64,
    refused: u64,
}

impl Lane<'_> {
    async fn run(self) -> anyhow::Result<()> {
        let mut request = Vec::new();
        let mut connection = None;
        while let Some(numbers) = self.tickets.take(self.shape.rows()).await {
            let rows = numbers.end - numbers.start;
            self.template.write(self.shape, numbers, &mut request);
            self.post(&mut connection, &request, rows).await?;
        }
        Ok(())
    }

    /// Until it is answered for good.
    async fn post(
        &self,
        connection: &mut Option<Connection>,
        request: &[u8],
        rows: u64,
    ) -> anyhow::Result<()> {
        let mut last = None;
        for _ in 0..MAX_TRIES {
            let begun = Instant::now();
            let open = match connection.take() {
                Some(open) => Ok(open),
                None => Connection::open(self.to).await,
            };
            let answered = match open {
                Err(error) => Err(error),
                Ok(mut open) => match open.exchange(request).await {
                    Ok((status, body)) => {
                        let done = self.count(status, body, rows);
                        *connection = Some(open);
                        Ok(done)
                    }
                    Err(error) => Err(error),
                },
            };
            match answered {
                Ok(true) => {
                    self.took(begun.elapsed());
                    return Ok(());
                }
                Ok(false) => {}
                Err(error) => {
                    self.tally.reconnected.fetch_add(1, Ordering::AcqRel);
                    last = Some(error);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        match last {
            Some(error) => Err(error).context("posting intents"),
            None => bail!("the daemon had too much to do for too long"),
        }
    }

    /// Counts an answer; `false` where the request must be sent again.
    fn count(&self, status: u16, body: &[u8], rows: u64) -> bool {
        let tally = self.tally;
        tally.requests.fetch_add(1, Ordering::AcqRel);
        match (self.shape, status) {
            (_, 429 | 503 | 409) => {
                tally.throttled.fetch_add(1, Ordering::AcqRel);
                return false;
            }
            (Shape::Single, 202) => {
                tally.accepted.fetch_add(1, Ordering::AcqRel);
            }
            (Shape::Single, 200) => {
                tally.existing.fetch_add(1, Ordering::AcqRel);
            }
            (Shape::Bulk(_), 200) => match serde_json::from_slice::<BulkAnswer>(body) {
                Ok(answer) => {
                    tally.accepted.fetch_add(answer.accepted, Ordering::AcqRel);
                    tally.existing.fetch_add(answer.existing, Ordering::AcqRel);
                    tally.refused.fetch_add(answer.refused, Ordering::AcqRel);
                    if answer.refused > 0 {
                        tally.note(status, body);
                    }
                }
                Err(_) => self.refuse(status, body, rows),
            },
            _ => self.refuse(status, body, rows),
        }
        true
    }

    fn refuse(&self, status: u16, body: &[u8], rows: u64) {
        self.tally.refused.fetch_add(rows, Ordering::AcqRel);
        self.tally.note(status, body);
    }

    fn took(&self, took: Duration) {
        if self.tally.recording.load(Ordering::Acquire) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(MAX_LATENCY_US);
            self.latencies.borrow_mut().saturating_record(micros);
        }
    }
}
