//! What ledgers, leases and workers' lives change: the ledger's own account of it, the records, and memory.

use stellar_submitter::domain::attempt::Progress;

use crate::action::Entry;
use crate::facts;
use crate::setting::Setting;
use crate::state::{Known, Landing, Mind, Phase, State};

/// Ledgers close, with what lands in each channel.
pub fn close(state: &mut State, entries: [Option<Entry>; 2], setting: &Setting) {
    state.now += 1;
    for (channel, entry) in state.channels.iter_mut().zip(entries) {
        let Some(entry) = entry else { continue };
        state.left.failures -= u8::from(!entry.success);
        state.left.strangers -= u8::from(entry.attempt.is_none());
        channel.landed.push(Landing {
            attempt: entry.attempt,
            tag: entry.tag,
            bump: entry.bump,
            step: state.now,
            success: entry.success,
        });
    }
    // What no ledger can take any more is not in the network's hands either.
    for number in 0..u8::try_from(state.attempts.len()).expect("few") {
        let over = state.user_of(number).is_some()
            || !facts::is_in_time(setting, state, number, state.now + 1);
        if over {
            let row = &mut state.attempts[usize::from(number)];
            (row.sent, row.bump_sent) = (false, false);
        }
    }
}

/// A worker takes note of the newest ledger, and of wishes to cancel.
pub fn follow(state: &mut State, worker: u8) {
    let now = state.now;
    let canceled: Vec<bool> = state.intents.iter().map(|intent| intent.cancel).collect();
    let worker = state.worker_mut(worker);
    worker.head = now;
    for (mind, canceled) in worker.minds.iter_mut().zip(canceled) {
        if let Some(mind) = mind {
            mind.canceled |= canceled;
            mind.known.forget_passed(facts::ledger(now));
        }
    }
}

/// By mistake: a transaction that was sent before goes on record.
pub fn persist(state: &mut State, worker: u8) {
    let Some(number) = state.worker_mut(worker).unwritten.take() else {
        return;
    };
    let row = *state.attempt(number);
    let fits = state.intents[usize::from(row.intent)].phase == Phase::Queued
        && state.channel(row.channel).busy.is_none();
    if state.worker(worker).leased && fits {
        state.attempts[usize::from(number)].open = true;
        record_attempt(state, worker, number, Progress::recovered());
    }
}

/// An attempt on record: the intent is in flight, the channel busy, and the worker drives it.
pub fn record_attempt(state: &mut State, worker: u8, number: u8, progress: Progress) {
    let row = *state.attempt(number);
    state.intents[usize::from(row.intent)].phase = Phase::InFlight(number, Some(worker));
    state.channels[usize::from(row.channel)].busy = Some(row.intent);
    let canceled = state.intents[usize::from(row.intent)].cancel;
    let mind = Mind {
        attempt: number,
        canceled,
        bumped: row.bump,
        known: Known(progress.clone()),
    };
    remember(state, worker, row.intent, mind, progress);
}

/// A worker loads what another owned: it may have been sent.
pub fn take_over(state: &mut State, worker: u8, intent: u8) {
    let Phase::InFlight(attempt, None) = state.intents[usize::from(intent)].phase else {
        return;
    };
    record_attempt(state, worker, attempt, Progress::recovered());
}

/// What a worker knows from now on.
pub fn remember(state: &mut State, worker: u8, intent: u8, mut mind: Mind, progress: Progress) {
    let worker = state.worker_mut(worker);
    mind.known = Known(progress);
    mind.known.forget_passed(facts::ledger(worker.head));
    worker.minds[usize::from(intent)] = Some(mind);
}

/// What a worker owns has no owner any more.
pub fn orphan(state: &mut State, worker: u8) {
    for intent in &mut state.intents {
        if let Phase::InFlight(_, owner) = &mut intent.phase
            && *owner == Some(worker)
        {
            *owner = None;
        }
    }
}

/// A worker begins another life.
pub fn forget(state: &mut State, number: u8) {
    orphan(state, number);
    let worker = state.worker_mut(number);
    worker.leased = true;
    worker.picked = None;
    worker.unwritten = None;
    worker.minds.fill(None);
}
