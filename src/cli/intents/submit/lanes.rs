//! The posting: rows go to lanes, and each lane posts one row at a time.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::outcome::RowResult;
use crate::cli::intents::api::{Api, Patience, Request};
use crate::cli::intents::file::row::Row;
use crate::cli::intents::file::{FileError, Rows};
use crate::cli::intents::problem::CallError;

/// Rows that wait in a lane.
const LANE_ROWS: usize = 4;
/// Results that wait to be counted.
const RESULTS: usize = 256;

/// The reader of the file and the lanes, at work.
pub struct Posting {
    reader: JoinHandle<Result<(), FileError>>,
    lanes: JoinSet<Result<(), CallError>>,
}

impl Posting {
    /// Starts to post; each row's result comes as soon as there is one.
    pub fn start(api: &Arc<Api>, rows: Rows, lanes: usize) -> (Self, mpsc::Receiver<RowResult>) {
        let (results, received) = mpsc::channel(RESULTS);
        let mut running = JoinSet::new();
        let mut entrances = Vec::with_capacity(lanes);
        for _ in 0..lanes {
            let (entrance, lane) = mpsc::channel(LANE_ROWS);
            entrances.push(entrance);
            running.spawn(post(Arc::clone(api), lane, results.clone()));
        }
        let stop = api.stop.clone();
        let reader = tokio::task::spawn_blocking(move || {
            let read = spread(rows, &entrances);
            if read.is_err() {
                stop.cancel();
            }
            read
        });
        let posting = Self {
            reader,
            lanes: running,
        };
        (posting, received)
    }

    /// Waits until all is done, and says why it ended early.
    ///
    /// # Errors
    /// What ended it: an error of the file, else the first that is no consequence of another.
    pub async fn end(mut self) -> anyhow::Result<()> {
        let mut first: Option<CallError> = None;
        while let Some(lane) = self.lanes.join_next().await {
            if let Err(error) = lane? {
                let consequence = matches!(error, CallError::Stopped);
                if first.is_none() || (matches!(first, Some(CallError::Stopped)) && !consequence) {
                    first = Some(error);
                }
            }
        }
        self.reader.await??;
        first.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Gives each row to a lane. Rows of one ordering key share a lane, so that they are accepted in the order of the file.
fn spread(rows: Rows, lanes: &[mpsc::Sender<Row>]) -> Result<(), FileError> {
    let mut turn = 0;
    for row in rows {
        let row = row?.map_err(|bad| FileError::Changed { line: bad.line })?;
        let lane = match &row.ordering_key {
            Some(key) => {
                let mut hash = DefaultHasher::new();
                key.hash(&mut hash);
                usize::try_from(hash.finish() % lanes.len() as u64)
                    .expect("it is less than the number of lanes")
            }
            None => {
                turn = (turn + 1) % lanes.len();
                // The first with room, so that one which waits for an answer holds nobody up.
                let room = |lane: &usize| lanes[*lane].capacity() > 0;
                let mut others = (0..lanes.len()).map(|step| (turn + step) % lanes.len());
                others.find(room).unwrap_or(turn)
            }
        };
        // A lane that is closed: the work was stopped.
        if lanes[lane].blocking_send(row).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// One lane.
async fn post(
    api: Arc<Api>,
    mut lane: mpsc::Receiver<Row>,
    results: mpsc::Sender<RowResult>,
) -> Result<(), CallError> {
    while let Some(mut row) = lane.recv().await {
        if api.stop.is_cancelled() {
            return Err(CallError::Stopped);
        }
        let body = std::mem::take(&mut row.body);
        let request = Request::post_json("/v1/intents", row.idempotency_key(), body);
        let answer = api.ask(&request, Patience::LONG).await;
        let result = RowResult::of(&api, row, answer).inspect_err(|_| api.stop.cancel())?;
        if results.send(result).await.is_err() {
            return Err(CallError::Stopped);
        }
    }
    Ok(())
}
