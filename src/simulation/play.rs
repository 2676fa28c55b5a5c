//! Plays a history: ledgers close, daemons live and die, the records move, others interfere; then the storm ends, and
//! everything must have come to a true end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::client::{self, Told, Wish};
use super::dice::Dice;
use super::plan::small;
use super::records::Snapshot;
use super::rival;
use super::verdict::{self, Promised};
use super::world::World;
use crate::domain::primitives::AccountId;

/// Ledgers after the storm within which everything must have ended.
const CALM_LEDGERS: u32 = 240;
/// Seconds between ledgers, at least and at most.
const LEDGER_SECONDS: (u64, u64) = (4, 7);
/// Ledgers for which a Horizon that builds its state anew may show no account.
const REBUILD_LEDGERS: u32 = 4;
/// The longest time without a ledger, in seconds.
const STALL_SECONDS: u64 = 240;
/// Copies of the records that are kept.
const COPIES: usize = 3;
/// Lumens with which the fee account lasts, in stroops.
const ENOUGH: i64 = 100_000_000;
/// How far the clock of the records jumps, in seconds.
const CLOCK_JUMP_SECONDS: i64 = 600;

/// Keeps a daemon running, as a supervisor does.
async fn supervise(world: Arc<World>, place: usize, over: Arc<Notify>, ask_to_stop: Arc<Notify>) {
    let dice = world.dice.clone();
    tokio::time::sleep(Duration::from_millis(dice.below(3_000))).await;
    loop {
        let (running, engine) = world.begin_life(place);
        let (stop, stopped) = watch::channel(false);
        let mut run: JoinHandle<_> = tokio::spawn(engine.run(stopped));
        let ended = loop {
            tokio::select! {
                biased;
                () = over.notified() => {
                    running.life.kill();
                    run.abort();
                    return;
                }
                () = running.life.death() => {
                    run.abort();
                    break true;
                }
                () = ask_to_stop.notified() => {
                    dice.count("told to stop");
                    let _ = stop.send(true);
                }
                outcome = &mut run => {
                    let moved = matches!(outcome, Ok(Err(_)));
                    dice.note(format_args!("{} ends by itself: {outcome:?}", running.life.name));
                    dice.count(if moved { "an engine ended with an error" } else { "an engine ended" });
                    running.life.kill();
                    break false;
                }
            }
        };
        world.running()[place] = None;
        if ended {
            dice.count("an engine was killed");
        }
        tokio::time::sleep(Duration::from_millis(dice.between(500, 20_000))).await;
    }
}

/// What somebody does to a channel; whether core took it.
type Deed = fn(&World, AccountId) -> bool;

/// What happens from ledger to ledger besides the daemons.
struct Weather {
    world: Arc<World>,
    stop: Vec<Arc<Notify>>,
    copies: Vec<Snapshot>,
    promised: Promised,
    /// Something had been sent on the chain that is no more, and the records remember it.
    must_notice: bool,
    has_begun_anew: bool,
    reset_at: Option<u32>,
    surge: rival::Surge,
    wishes: Vec<Wish>,
    told: Told,
}

impl Weather {
    fn new(world: &Arc<World>, stop: Vec<Arc<Notify>>, wishes: Vec<Wish>, told: Told) -> Self {
        let (dice, plan) = (&world.dice, &world.plan);
        let storm = u64::from(plan.stormy_ledgers);
        let at = |low: u64, high: u64| u32::try_from(dice.between(low, high)).unwrap_or(1);
        Self {
            reset_at: plan.reset.then(|| at(3, storm)),
            world: Arc::clone(world),
            stop,
            copies: Vec::new(),
            promised: Promised::default(),
            must_notice: false,
            has_begun_anew: false,
            surge: rival::Surge::default(),
            wishes,
            told,
        }
    }

    /// Whether the chain is another one now.
    fn ledger(&mut self, number: u32) -> bool {
        let world = Arc::clone(&self.world);
        let (dice, plan) = (&world.dice, &world.plan);
        let now = world.seconds();
        // In a full ledger it may be missed: then it is tried again.
        for (at, account) in self.wishes.iter().filter_map(|wish| wish.founds) {
            if now >= at && !rival::is_there(&world, account) {
                rival::found(&world, account);
                break;
            }
        }
        let fees = world.keys.fees;
        if plan.fees_from.is_some_and(|ledger| number >= ledger)
            && rival::balance(&world, fees) < ENOUGH
            && rival::fund(&world, fees)
        {
            dice.count("the fee account is funded");
        }
        if dice.is_calm() {
            self.surge.end(&world);
            return false;
        }
        if plan.surges {
            self.surge.ledger(&world);
        }
        if plan.second_writer {
            self.intrude();
        }
        if plan.clock_jumps && dice.strikes("clock of the records jumps", 0.25) {
            let span = u64::try_from(2 * CLOCK_JUMP_SECONDS).unwrap_or(0);
            let offset = i64::try_from(dice.below(span)).unwrap_or(0) - CLOCK_JUMP_SECONDS;
            world.records.set_clock_offset(offset);
        }
        if plan.clock_jumps && dice.strikes("clock of the daemons jumps ahead", 0.1) {
            let ahead = i64::try_from(dice.below(CLOCK_JUMP_SECONDS.unsigned_abs())).unwrap_or(0);
            world.machine.set_ahead(ahead);
        }
        if dice.aims(0.1) && rival::echo(&world) {
            dice.struck("an old envelope surfaces");
        }
        if dice.strikes("connections to the records cut", 0.02) {
            world.records.restart();
        }
        if dice.strikes("a daemon told to stop", 0.02) {
            let place = usize::try_from(dice.below(self.stop.len() as u64)).unwrap_or(0);
            self.stop[place].notify_one();
        }
        self.horizons();
        if plan.restored {
            self.records();
        }
        if self.reset_at == Some(number) {
            dice.count("network reset");
            dice.note(format_args!("the network begins anew"));
            self.must_notice = world.oracle.posts() > 0 && world.records.anchor().is_some();
            world.network.node.reset();
            world.oracle.begin_anew();
            self.has_begun_anew = true;
            if world.records.anchor().is_none() {
                world.oracle.old_chain_is_forgotten();
            }
            return true;
        }
        false
    }

    /// What somebody does who has a channel's key.
    fn intrude(&self) {
        let (world, dice) = (&self.world, &self.world.dice);
        let channels = u64::from(world.plan.channels.max(1));
        let deeds: [(_, _, Deed); 3] = [
            ("second writer", 0.06, rival::write_on_channel),
            ("channel merged away", 0.05, rival::merge_channel),
            ("a channel jumps", 0.03, rival::jump),
        ];
        for (what, rate, does) in deeds {
            let index = u32::try_from(dice.below(channels)).unwrap_or(0);
            if dice.aims(rate)
                && let Some(channel) = world.keys.ours.channel(index)
                && does(world, channel)
            {
                dice.struck(what);
            }
        }
    }

    /// What happens to whole Horizons.
    fn horizons(&self) {
        let (dice, network) = (&self.world.dice, &self.world.network);
        let rates = &self.world.plan.rates;
        let newest = network.newest();
        let horizon = |dice: &Dice| usize::try_from(dice.below(2)).unwrap_or(0);
        if dice.strikes("a Horizon stands still", rates.stuck) {
            let until = newest + small(dice, 3, 30);
            network.ailments[horizon(dice)].stand_still(newest, until);
        }
        if dice.strikes("a Horizon builds its state anew", rates.rebuilt) {
            network.ailments[horizon(dice)].rebuild(newest + REBUILD_LEDGERS);
        }
    }

    /// What happens to the records: copies are made, and come back.
    fn records(&mut self) {
        let (dice, records) = (&self.world.dice, &self.world.records);
        if dice.chance(0.12) {
            if self.copies.len() == COPIES {
                self.copies.remove(0);
            }
            self.copies.push(records.snapshot());
        }
        if self.copies.is_empty() || !dice.strikes("records restored", 0.06) {
            return;
        }
        // What users were told is of the chain that was then: on another one, what they were told was not sent may land.
        if !self.has_begun_anew {
            self.promised.remember(&self.world);
        }
        if dice.chance(0.2) {
            records.restore(&Snapshot::empty());
        } else {
            let place = dice.below(self.copies.len() as u64);
            records.restore(&self.copies[usize::try_from(place).unwrap_or(0)]);
        }
        self.promised.look_at_copy(&self.world);
        match records.anchor() {
            None => {
                self.must_notice = false;
                if self.has_begun_anew {
                    self.world.oracle.old_chain_is_forgotten();
                }
            }
            // By what they remember of the old chain it is known again that this is another one.
            Some((number, hash)) if self.has_begun_anew && !self.is_of_this_chain(number, hash) => {
                self.must_notice = self.world.oracle.posts() > 0;
                self.world.oracle.old_chain_is_known();
            }
            Some(_) => {}
        }
        if records.is_empty() {
            dice.count("records lost");
            self.world.oracle.all_is_lost();
        }
        self.ask_for_all_again();
    }

    fn is_of_this_chain(&self, number: u32, hash: [u8; 32]) -> bool {
        let core = self.world.network.node.core();
        let ledger = core.ledger();
        ledger
            .history()
            .ledger(number)
            .is_some_and(|record| record.hash == hash)
    }

    /// Users whose payments the records may have lost ask for them again.
    fn ask_for_all_again(&self) {
        for wish in self.wishes.clone() {
            let (world, told) = (Arc::clone(&self.world), self.told.clone());
            let wait = world.dice.between(0, 40);
            // What was asked for first may come second this time.
            let swaps = world.dice.chance(0.5);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                if told.all().contains(&wish.number) {
                    let body = wish.other.as_ref().filter(|_| swaps);
                    client::ask(&world, body.unwrap_or(&wish.body)).await;
                }
            });
        }
    }
}

/// Plays it to its end.
pub async fn play(world: &Arc<World>) {
    let (dice, plan) = (world.dice.clone(), world.plan.clone());
    dice.note(format_args!("{plan:?}"));
    let told = Told::default();
    let storm_seconds = u64::from(plan.stormy_ledgers) * 4;
    let mut wishes = Vec::new();
    let mut users = Vec::new();
    for number in 0..plan.workflows {
        let begins = dice.below(storm_seconds);
        let wish = client::wish(world, number, begins);
        wishes.push(wish.clone());
        users.push(tokio::spawn(client::live(
            Arc::clone(world),
            wish,
            begins,
            told.clone(),
        )));
    }
    let over: Vec<Arc<Notify>> = (0..plan.daemons).map(|_| Arc::default()).collect();
    let stop: Vec<Arc<Notify>> = (0..plan.daemons).map(|_| Arc::default()).collect();
    for place in 0..plan.daemons {
        tokio::spawn(supervise(
            Arc::clone(world),
            place,
            Arc::clone(&over[place]),
            Arc::clone(&stop[place]),
        ));
    }
    let mut weather = Weather::new(world, stop, wishes, told.clone());
    let mut reset = false;
    let mut ended = false;
    for number in 1..=plan.stormy_ledgers + CALM_LEDGERS {
        let mut millis = dice.between(LEDGER_SECONDS.0 * 1_000, LEDGER_SECONDS.1 * 1_000);
        if dice.strikes("no ledger for a while", plan.rates.stalled) {
            millis += dice.between(20_000, STALL_SECONDS * 1_000);
        }
        tokio::time::sleep(Duration::from_millis(millis)).await;
        if number == plan.stormy_ledgers {
            dice.note(format_args!("the storm ends"));
            dice.calm_down();
            world.records.set_clock_offset(0);
            world.machine.set_ahead(0);
        }
        world.close_ledger();
        crate::defect::set_wall(world.records.now());
        reset |= weather.ledger(number);
        let all_asked = users.iter().all(JoinHandle::is_finished);
        // After a reset no proof is good: all stops, and a person must look.
        if reset && dice.is_calm() {
            break;
        }
        if dice.is_calm() && all_asked && verdict::is_over(world, &told) {
            ended = true;
            break;
        }
    }
    ended |= verdict::waits_for_people(world, &told);
    // Whoever had sent nothing yet may begin on the new chain.
    if reset && weather.must_notice {
        verdict::all_has_stopped(world).await;
    }
    for over in over {
        over.notify_one();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // What was sent and is still on its way, and every ledger that could take it.
    world.pass(plan.validity_ledgers + 14).await;
    if !reset {
        verdict::judge(world, &told, &weather.promised, ended);
        weather.promised.judge(world);
    }
    verdict::count(world);
}
