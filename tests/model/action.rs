//! Everything that can happen next.

use stellar_submitter::domain::decide::{self, Action as Decision};

use crate::facts;
use crate::model::Submitter;
use crate::setting::Bug;
use crate::state::{Landing, Phase, State, WORKERS};

/// What the network says to a worker's next question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A POST is not answered.
    Silence,
    /// A POST is answered: the bid is too low. It may land all the same.
    LowBid,
    /// A POST is answered: the sequence number is wrong. It may land, or have landed, all the same.
    BadSequence,
    /// A POST is answered: an operation fails. Core says so of its state now; it may land all the same, even successfully.
    Refused,
    /// The hash, or a POST, is answered with the landing.
    Landed,
    /// The hash is not found.
    Absent,
    /// The channel as of a step, whether the hash is found after that, and whether the history shows who used the number.
    Evidence(u8, bool, bool),
    /// The fee bump is put on record.
    Recorded,
}

/// What lands in a channel's next sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub attempt: Option<u8>,
    pub tag: u8,
    pub bump: bool,
    pub success: bool,
}

/// One thing that happens. Workers and intents by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ledgers close; what lands in each channel.
    Close([Option<Entry>; 2]),
    /// A worker takes note of the newest ledger, and of wishes to cancel.
    Follow(u8),
    /// A worker reads a queued intent and an idle channel.
    Pick(u8, u8, u8),
    /// A worker signs what it picked, and puts it on record.
    Sign(u8),
    /// By mistake: what was sent is put on record.
    Persist(u8),
    /// A worker asks `next` about an intent, does it, and `absorb`s the answer.
    Act(u8, u8, Answer),
    /// A worker reads the ledger in which its attempt landed.
    Scan(u8, u8),
    /// A worker's memory is lost, and with it its lease.
    Crash(u8),
    /// A lease ends; its worker does not know.
    EndLease(u8),
    /// A worker finds its lease ended and forgets everything.
    Notice(u8),
    /// A worker takes over an intent whose owner has no lease.
    TakeOver(u8, u8),
    /// Somebody wants an intent canceled.
    Cancel(u8),
    /// A parked intent is tried again.
    Resume(u8),
}

impl Submitter {
    /// Everything that can happen in a state. Of the answers to one question those that show most come first.
    pub fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        for worker in 0..WORKERS {
            self.by_worker(state, worker, actions);
        }
        for (intent, record) in (0..).zip(&state.intents) {
            if record.phase == Phase::Parked {
                actions.push(Action::Resume(intent));
            }
            if state.left.cancels > 0 && !record.cancel && !record.phase.is_final() {
                actions.push(Action::Cancel(intent));
            }
        }
        if state.now < self.setting.steps {
            self.close_ways(state, actions);
        }
    }

    fn by_worker(&self, state: &State, number: u8, actions: &mut Vec<Action>) {
        let worker = state.worker(number);
        if worker.head < state.now {
            actions.push(Action::Follow(number));
        }
        let in_hands = worker.minds.iter().any(Option::is_some);
        let idle = !in_hands && worker.picked.is_none() && worker.unwritten.is_none();
        if worker.leased {
            if state.left.crashes > 0 && !idle {
                actions.push(Action::Crash(number));
            }
            if state.left.leases > 0 && !idle {
                actions.push(Action::EndLease(number));
            }
        } else {
            actions.push(Action::Notice(number));
        }
        if worker.picked.is_some() {
            actions.push(Action::Sign(number));
        }
        if worker.unwritten.is_some() {
            actions.push(Action::Persist(number));
        }
        for (intent, record) in (0..).zip(&state.intents) {
            match (state.mind(number, intent), record.phase) {
                (Some(mind), _) => {
                    if state.landing_of(mind.attempt).is_some() {
                        actions.push(Action::Scan(number, intent));
                    }
                    self.answers(state, number, intent, actions);
                }
                (None, Phase::InFlight(_, None)) if worker.leased => {
                    actions.push(Action::TakeOver(number, intent));
                }
                (None, Phase::Queued) => self.picks(state, number, intent, actions),
                _ => {}
            }
        }
    }

    fn picks(&self, state: &State, number: u8, intent: u8, actions: &mut Vec<Action>) {
        let worker = state.worker(number);
        let can = worker.leased && worker.picked.is_none() && worker.unwritten.is_none();
        if !can || state.attempts.len() >= self.setting.attempts {
            return;
        }
        // Of channels that are alike, the first stands for all.
        let idle = (0..).zip(&state.channels).filter(|(number, channel)| {
            let before = &state.channels[..usize::from(*number)];
            channel.busy.is_none() && !before.contains(channel)
        });
        actions.extend(idle.map(|(channel, _)| Action::Pick(number, intent, channel)));
    }

    fn answers(&self, state: &State, worker: u8, intent: u8, actions: &mut Vec<Action>) {
        let mut say = |answer| actions.push(Action::Act(worker, intent, answer));
        let Some(mind) = state.mind(worker, intent) else {
            return;
        };
        let attempt = mind.attempt;
        let snapshot = facts::snapshot(&self.setting, state, intent, mind);
        let shown = self.is_shown(state, attempt, mind.bumped);
        match decide::next(
            &snapshot,
            facts::head(&self.setting, state.worker(worker).head),
        ) {
            Decision::Wait => {}
            Decision::Submit => {
                if shown {
                    say(Answer::Landed);
                }
                say(Answer::Silence);
                if self.setting.bumps && !mind.bumped {
                    say(Answer::LowBid);
                }
                if state.left.bad_sequences > 0 {
                    say(Answer::BadSequence);
                }
                if state.left.refusals > 0 {
                    say(Answer::Refused);
                }
            }
            Decision::Bump(_) => say(Answer::Recorded),
            Decision::LookUp => {
                if shown {
                    say(Answer::Landed);
                }
                // A replica that lags has not seen it.
                say(Answer::Absent);
            }
            Decision::Prove => self.shown_evidence(state, attempt, shown, &mut say),
        }
    }

    /// The channel as of any step so far, and a history that may lag behind it.
    fn shown_evidence(
        &self,
        state: &State,
        attempt: u8,
        shown: bool,
        say: &mut impl FnMut(Answer),
    ) {
        let user = state
            .user_of(attempt)
            .filter(|landing| self.is_seen(landing));
        let row = state.attempt(attempt);
        let used = |as_of| state.channel(row.channel).sequence_at(as_of) >= row.sequence;
        let ended = |as_of| !facts::is_in_time(&self.setting, state, attempt, as_of + 1);
        if used(state.now) {
            if shown {
                say(Answer::Evidence(state.now, true, false));
            }
            if user.is_some() {
                say(Answer::Evidence(state.now, false, true));
            }
        }
        // States in which the number is used, is not and never will be, or is not yet: of each kind the newest, and of the
        // first, which may remain unexplained from then on, the oldest too.
        let kinds: [&dyn Fn(u8) -> bool; 3] = [
            &|as_of| used(as_of),
            &|as_of| !used(as_of) && ended(as_of),
            &|as_of| !used(as_of) && !ended(as_of),
        ];
        for kind in kinds {
            let newest = (0..=state.now).rev().find(|as_of| kind(*as_of));
            if let Some(newest) = newest {
                say(Answer::Evidence(newest, false, false));
            }
        }
        let oldest = (0..state.now).find(|as_of| used(*as_of));
        if let Some(oldest) = oldest {
            say(Answer::Evidence(oldest, false, false));
        }
    }

    /// Whether reads show a landing at all.
    fn is_seen(&self, landing: &Landing) -> bool {
        landing.success || self.setting.bug != Bug::IgnoreFailed
    }

    /// Whether a look-up by hash shows where an attempt stands.
    pub fn is_shown(&self, state: &State, attempt: u8, bumped: bool) -> bool {
        state.landing_of(attempt).is_some_and(|landing| {
            let known = self.setting.bug != Bug::ForgetOlderHashes || landing.bump == bumped;
            known && self.is_seen(landing)
        })
    }

    /// Every way in which the next ledgers can close: a channel takes nothing, or anything valid that was ever sent.
    pub fn close_ways(&self, state: &State, actions: &mut Vec<Action>) {
        let choices: Vec<Vec<Option<Entry>>> = (0..)
            .zip(&state.channels)
            .map(|(channel, _)| self.entries(state, channel))
            .collect();
        for first in &choices[0] {
            match choices.get(1) {
                None => actions.push(Action::Close([*first, None])),
                Some(second) => {
                    let both = second.iter().map(|second| Action::Close([*first, *second]));
                    actions.extend(both);
                }
            }
        }
    }

    fn entries(&self, state: &State, channel: u8) -> Vec<Option<Entry>> {
        let next = state.channel(channel).landed.len() + 1;
        let mut entries = Vec::new();
        for (number, attempt) in (0..).zip(&state.attempts) {
            let fits = attempt.channel == channel
                && usize::from(attempt.sequence) == next
                && facts::is_in_time(&self.setting, state, number, state.now + 1);
            let envelopes = [(attempt.sent, false), (attempt.bump_sent, true)];
            for (_, bump) in envelopes.into_iter().filter(|(sent, _)| fits && *sent) {
                let entry = Entry {
                    attempt: Some(number),
                    tag: attempt.intent,
                    bump,
                    success: true,
                };
                entries.push(Some(entry));
                if state.left.failures > 0 {
                    entries.push(Some(Entry {
                        success: false,
                        ..entry
                    }));
                }
            }
        }
        entries.push(None);
        if state.left.strangers > 0 {
            entries.push(Some(Entry {
                attempt: None,
                tag: 0,
                bump: false,
                success: true,
            }));
        }
        entries
    }
}
