//! A load on a world for a while: what landed, what it cost, and at the end the proof that nothing landed twice or was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde::Serialize;
use tokio::task::JoinHandle;

use super::ledgers::{Closed, Follower};
use super::load::{Counts, Load, Plan, Shape, Template};
use super::meter::{self, Costs, MemoryFigures};
use super::progress::Progress;
use super::truth::{Proof, TENANT};
use super::world::World;
use crate::store::figures::Finals;

/// Between two looks how many intents may be posted.
const PACE_TICK: Duration = Duration::from_millis(10);
/// Seconds of offered intents that may wait; where more do, the rate is too high and no more are offered.
const MAX_BEHIND_SECONDS: u64 = 60;
/// Between two looks whether everything is final.
const FINAL_POLL: Duration = Duration::from_millis(500);
/// How long that may take besides what the rate so far suggests.
const FINAL_PATIENCE: Duration = Duration::from_secs(180);
/// How long a ledger may take to close.
const LEDGER_LIMIT: Duration = Duration::from_secs(120);
/// Times the rate so far suggests.
const FINAL_MARGIN: f64 = 3.0;

/// How many intents are offered.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As many as land, with so many accepted and not landed at any time.
    Full {
        /// So many.
        ahead: u64,
    },
    /// So many a second, whatever lands.
    Rate(u32),
    /// So many, as fast as they are accepted.
    Count(u64),
}

/// How intents are posted.
#[derive(Clone, Copy, Debug)]
pub struct Posting {
    /// One a request, even where the daemon takes many.
    pub single: bool,
    /// Intents of a bulk request.
    pub rows: usize,
    /// Connections; `None`: what suits.
    pub connections: Option<usize>,
}

impl Default for Posting {
    fn default() -> Self {
        Self {
            single: false,
            rows: usize::from(BULK_ROWS),
            connections: None,
        }
    }
}

/// Intents of a bulk request where nothing is said.
pub const BULK_ROWS: u16 = 500;
/// Connections where nothing is said, for bulk and for single requests.
const BULK_CONNECTIONS: usize = 2;
const SINGLE_CONNECTIONS: usize = 64;

/// It runs.
pub struct Session {
    /// On what.
    pub world: World,
    /// How intents are posted in fact.
    pub shape: Shape,
    load: Load,
    follower: Follower,
    pacer: JoinHandle<()>,
    behind: Arc<AtomicBool>,
    memory: MemoryFigures,
}

/// It has ended.
pub struct Ended {
    /// On what; it still runs.
    pub world: World,
    /// What the ledger says.
    pub proof: Proof,
    /// What was answered over the whole run.
    pub counts: Counts,
    /// Memory over the whole run.
    pub memory: MemoryFigures,
}

/// What was found in a span of time.
#[derive(Debug, Serialize)]
pub struct Window {
    /// Landed and final on record, and how long that took from accept on.
    pub finals: Finals,
    /// Of these a second.
    pub tx_per_second: f64,
    /// Accepted (202) in it, a second.
    pub accepted_per_second: f64,
    /// Landed a ledger, on average, out of the ledgers themselves.
    pub landed_per_ledger: Option<f64>,
    /// The ledgers that closed in it.
    pub ledgers: Vec<Closed>,
    #[serde(flatten)]
    pub costs: Costs,
    /// Whether so much waited that less was offered than asked for.
    pub overloaded: bool,
    /// Memory of the daemons since the load began.
    pub memory: MemoryFigures,
}

impl Session {
    /// Begins to post.
    ///
    /// # Errors
    /// Where a daemon does not answer.
    pub async fn start(world: World, pace: Pace, posting: Posting) -> anyhow::Result<Self> {
        let shape = if !posting.single && world.takes_bulk().await? {
            Shape::Bulk(posting.rows)
        } else {
            Shape::Single
        };
        let connections = posting.connections.unwrap_or(match shape {
            Shape::Single => SINGLE_CONNECTIONS,
            Shape::Bulk(_) => BULK_CONNECTIONS,
        });
        let templates = world.daemons.iter().map(|daemon| {
            let template = Template::new(daemon.api, world.destination, false);
            (daemon.api, template)
        });
        let memory = MemoryFigures::begin(&world)?;
        let load = Load::start(Plan {
            templates: templates.collect(),
            connections: connections.max(world.daemons.len()),
            shape,
        })?;
        let follower = Follower::start(&world).await?;
        let behind = Arc::new(AtomicBool::new(false));
        let tickets = Arc::clone(&load.tickets);
        let (landed, too_many) = (follower.landed(), Arc::clone(&behind));
        let pacer = tokio::spawn(async move {
            let begun = Instant::now();
            let mut ticks = tokio::time::interval(PACE_TICK);
            loop {
                ticks.tick().await;
                let landed = landed.load(Ordering::Acquire);
                tickets.grant(allowed(pace, landed, begun.elapsed(), &too_many));
            }
        });
        Ok(Self {
            world,
            shape,
            load,
            follower,
            pacer,
            behind,
            memory,
        })
    }

    /// Lets it run for so long without measuring.
    ///
    /// # Errors
    /// Where something ended.
    pub async fn warm_up(
        &mut self,
        span: Duration,
        progress: &Progress,
        what: &str,
    ) -> anyhow::Result<()> {
        let landed = self.follower.landed();
        let (load, world) = (&mut self.load, &mut self.world);
        self.memory
            .watch(world, span, async |passed| {
                let landed = landed.load(Ordering::Acquire);
                let seconds = passed.as_secs();
                progress.say(format!("{what}: warming up {seconds} s, {landed} landed"));
                load.check().await
            })
            .await
    }

    /// Measures for so long.
    ///
    /// # Errors
    /// Where something ended.
    pub async fn window(
        &mut self,
        span: Duration,
        progress: &Progress,
        what: &str,
    ) -> anyhow::Result<Window> {
        let seconds = self.world.ledger_seconds;
        self.between_ledgers(seconds).await?;
        let landed = self.follower.landed();
        let tally = Arc::clone(&self.load.tally);
        let before = landed.load(Ordering::Acquire);
        let begin = meter::read(&self.world, &tally).await?;
        let (load, world) = (&mut self.load, &mut self.world);
        self.memory
            .watch(world, span, async |passed| {
                let landed = landed.load(Ordering::Acquire) - before;
                let rate = landed as f64 / passed.as_secs_f64();
                let seconds = passed.as_secs();
                progress.say(format!("{what}: {seconds} s, {rate:.0} landed a second"));
                load.check().await
            })
            .await?;
        self.between_ledgers(seconds).await?;
        let end = meter::read(&self.world, &tally).await?;
        let (from, to) = begin.span(&end);
        let finals = self.world.store.finals(TENANT, from, to).await?;
        let count = u64::try_from(finals.count).unwrap_or(0);
        let costs = meter::costs(&begin, &end, count);
        let ledgers = self.follower.between(begin.at, end.at);
        let landed: u64 = ledgers.iter().map(|closed| closed.landed).sum();
        let accepted = end.counts.accepted - begin.counts.accepted;
        Ok(Window {
            tx_per_second: finals.count as f64 / costs.seconds,
            accepted_per_second: accepted as f64 / costs.seconds,
            landed_per_ledger: (!ledgers.is_empty()).then(|| landed as f64 / ledgers.len() as f64),
            finals,
            ledgers,
            costs,
            overloaded: self.behind.load(Ordering::Acquire),
            memory: self.memory.clone(),
        })
    }

    /// Waits until so many are accepted; memory is watched meanwhile.
    ///
    /// # Errors
    /// Where something ended, or it takes longer than `limit`.
    pub async fn accepted(
        &mut self,
        wanted: u64,
        limit: Duration,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.load.tally.counts().accepted < wanted {
            if begun.elapsed() > limit {
                bail!("{wanted} intents were not accepted within {limit:?}");
            }
            let tally = Arc::clone(&self.load.tally);
            let (load, world) = (&mut self.load, &mut self.world);
            self.memory
                .watch(world, Duration::from_secs(1), async |_| {
                    progress.say(format!("{} of {wanted} queued", tally.counts().accepted));
                    load.check().await
                })
                .await?;
        }
        Ok(())
    }

    /// Waits until the middle between two ledgers, when what the last one took is on record and the next has not closed: a span
    /// between two such times has whole ledgers in it.
    async fn between_ledgers(&mut self, seconds: f64) -> anyhow::Result<()> {
        let before = self.follower.count();
        let begun = Instant::now();
        while self.follower.count() == before {
            self.world.check()?;
            if begun.elapsed() > LEDGER_LIMIT {
                bail!("no ledger has closed for {LEDGER_LIMIT:?}");
            }
            tokio::time::sleep(PACE_TICK).await;
        }
        tokio::time::sleep(Duration::from_secs_f64(seconds / 2.0)).await;
        Ok(())
    }

    /// Posts nothing more, waits until everything is final (where `to_the_end`), and reads the whole ledger.
    ///
    /// # Errors
    /// Where something ended, or does not become final.
    pub async fn finish(mut self, to_the_end: bool, progress: &Progress) -> anyhow::Result<Ended> {
        self.pacer.abort();
        let tally = Arc::clone(&self.load.tally);
        let landed = self.follower.landed();
        self.load.finish().await?;
        let counts = tally.counts();
        let accepted = counts.accepted + counts.existing;
        if to_the_end {
            let begun = Instant::now();
            let behind = accepted.saturating_sub(landed.load(Ordering::Acquire));
            let limit = FINAL_PATIENCE + patience(&self.memory, behind);
            while self.world.store.has_open(TENANT).await? {
                self.world.check()?;
                let landed = landed.load(Ordering::Acquire);
                progress.say(format!(
                    "waiting for the last of {accepted}, {landed} landed"
                ));
                if begun.elapsed() > limit {
                    let outcomes = self.world.store.outcomes(TENANT).await?;
                    bail!("not everything became final within {limit:?}: {outcomes:?}");
                }
                tokio::time::sleep(FINAL_POLL).await;
            }
        }
        progress.say("reading the whole ledger");
        let proof = Proof::of(&self.world, accepted).await?;
        Ok(Ended {
            world: self.world,
            proof,
            counts,
            memory: self.memory,
        })
    }
}

/// How long it may take to land so many, at a transaction for each attempt in flight and ledger.
fn patience(memory: &MemoryFigures, behind: u64) -> Duration {
    let a_ledger = memory.most_in_flight.max(1) as f64;
    Duration::from_secs_f64(behind as f64 / a_ledger * FINAL_MARGIN)
}

fn allowed(pace: Pace, landed: u64, passed: Duration, behind: &AtomicBool) -> u64 {
    match pace {
        Pace::Full { ahead } => landed + ahead,
        Pace::Count(count) => count,
        Pace::Rate(rate) => {
            let offered = (passed.as_secs_f64() * f64::from(rate)) as u64;
            let most = landed + u64::from(rate) * MAX_BEHIND_SECONDS;
            if offered > most {
                behind.store(true, Ordering::Release);
            }
            offered.min(most)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::{MAX_BEHIND_SECONDS, Pace, allowed};

    #[test]
    fn the_pace_is_kept_and_bounded() {
        let behind = AtomicBool::new(false);
        let second = Duration::from_secs(1);
        assert_eq!(allowed(Pace::Full { ahead: 30 }, 12, second, &behind), 42);
        assert_eq!(allowed(Pace::Count(7), 100, second, &behind), 7);
        assert_eq!(allowed(Pace::Rate(50), 0, second * 3, &behind), 150);
        assert!(!behind.load(Ordering::Acquire));
        let late = Duration::from_secs(MAX_BEHIND_SECONDS + 10);
        assert_eq!(
            allowed(Pace::Rate(50), 1, late, &behind),
            50 * MAX_BEHIND_SECONDS + 1
        );
        assert!(behind.load(Ordering::Acquire));
    }
}
