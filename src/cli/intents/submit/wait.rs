//! Waiting until every posted intent is final.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use uuid::Uuid;

use super::outcome::{Accepted, Outcome, RowResult};
use crate::cli::intents::api::{Api, Patience, Request};
use crate::cli::intents::intent::Intent;
use crate::cli::intents::problem::CallError;

/// The pause after a look in which nothing had become final.
const PAUSE: Duration = Duration::from_millis(500);
/// Looks of which none finds a final intent before there is a pause: what is behind was mostly posted later still.
const IDLE_LOOKS: usize = 4;

/// An intent that was not final when it was looked at last. 32 bytes: a million are held.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Its id.
    pub id: Uuid,
    /// The row's line.
    pub line: u64,
    /// It was on record before.
    pub replayed: bool,
}

/// Looks at them in turn until each is final, or until the end; `each` is told of every one once, with how it was then.
///
/// # Errors
/// What the API says; [`CallError::Stopped`] where somebody wanted an end.
pub async fn until_final(
    api: &Api,
    mut open: VecDeque<Open>,
    at_once: usize,
    end: Instant,
    mut each: impl FnMut(RowResult) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut idle = 0;
    while !open.is_empty() {
        if api.stop.is_cancelled() {
            return Err(CallError::Stopped.into());
        }
        let over = Instant::now() >= end;
        let count = at_once.min(open.len());
        let batch: Vec<Open> = open.drain(..count).collect();
        let looks = batch.iter().map(|one| look(api, *one));
        let mut found = 0;
        for (one, seen) in batch.iter().zip(join_all(looks).await) {
            let result = seen?;
            if over || is_final(&result) {
                each(result)?;
                found += 1;
            } else {
                // To the end of the line: one that is parked for long must not hide the others.
                open.push_back(*one);
            }
        }
        idle = if found > 0 { 0 } else { idle + 1 };
        if !open.is_empty() && (idle >= IDLE_LOOKS || idle * at_once >= open.len()) {
            idle = 0;
            tokio::select! {
                () = tokio::time::sleep_until(end.min(Instant::now() + PAUSE)) => {}
                () = api.stop.cancelled() => {}
            }
        }
    }
    Ok(())
}

async fn look(api: &Api, open: Open) -> Result<RowResult, CallError> {
    let request = Request::get(format!("/v1/intents/{}", open.id));
    let answer = api.ask(&request, Patience::LONG).await?;
    let intent = Intent::of(api, &answer)?;
    let (workflow_id, method) = (intent.workflow_id.clone(), intent.method.clone());
    let accepted = Accepted::from(intent);
    Ok(RowResult {
        line: open.line,
        workflow_id,
        method,
        outcome: if open.replayed {
            Outcome::Replayed(accepted)
        } else {
            Outcome::New(accepted)
        },
    })
}

fn is_final(result: &RowResult) -> bool {
    match &result.outcome {
        Outcome::New(intent) | Outcome::Replayed(intent) => intent.status.is_final(),
        Outcome::Conflict(_) | Outcome::Refused(_) => true,
    }
}
