//! What must hold in every state, and what must be possible at all. All of it is asked of the ledger, not of the records.

use stateright::Property;

use crate::action::Action;
use crate::facts;
use crate::model::Submitter;
use crate::setting::Setting;
use crate::state::{Landing, Phase, State, WORKERS};

pub const ONE_SUCCESS: &str = "an intent succeeds at most once";
pub const ONE_ALIVE: &str = "no attempt can land beside another";
pub const NEVER_LATER: &str = "what ended without success has not landed, and never lands";
pub const TRUE_SUCCESS: &str = "what succeeded stands in the ledger";
pub const ENDS: &str = "once nothing goes wrong any more, every intent ends";
pub const ALL_SUCCEED: &str = "all intents can succeed";
pub const REBUILT: &str = "an intent can succeed by another attempt than its first";
pub const CANCELED: &str = "an intent can be canceled";
pub const FAILED: &str = "an intent can fail";
pub const EXPIRED: &str = "an intent can expire";
pub const BUMPED: &str = "an intent can succeed by its fee bump";

/// Rounds of a worker's turn in which everything ends once nothing goes wrong: every attempt has ended after its
/// validity, each of the few that are allowed one after the other, and what is unexplained is looked at every two steps.
const CALM_ROUNDS: u8 = 16;
/// Things that one worker does about one intent between two ledgers.
const MAX_ACTS: u8 = 8;

pub fn all(setting: &Setting) -> Vec<Property<Submitter>> {
    let mut all = vec![
        Property::always(ONE_SUCCESS, |_, state| {
            intents(state).all(|intent| state.successes(intent) <= 1)
        }),
        Property::always(ONE_ALIVE, one_alive),
        Property::always(NEVER_LATER, |_, state| {
            intents(state).all(|intent| match phase(state, intent) {
                Phase::Failed | Phase::Expired | Phase::Canceled => state.successes(intent) == 0,
                Phase::Queued | Phase::InFlight(..) | Phase::Parked | Phase::Succeeded => true,
            })
        }),
        Property::always(TRUE_SUCCESS, |_, state| {
            intents(state).all(|intent| {
                phase(state, intent) != Phase::Succeeded || state.successes(intent) > 0
            })
        }),
        Property::always(ENDS, ends),
        Property::sometimes(ALL_SUCCEED, |_, state| {
            intents(state).all(|intent| phase(state, intent) == Phase::Succeeded)
        }),
    ];
    let mut possible = |when: bool, name, reached| {
        if when {
            all.push(Property::sometimes(name, reached));
        }
    };
    possible(setting.attempts > 1, REBUILT, |_, state| {
        successes(state).any(|landing| {
            let first = state
                .attempts
                .iter()
                .position(|attempt| attempt.intent == landing.tag);
            first != landing.attempt.map(usize::from)
        })
    });
    possible(setting.bumps, BUMPED, |_, state| {
        successes(state).any(|landing| landing.bump)
    });
    possible(setting.cancels > 0, CANCELED, |_, state| {
        ended(state, Phase::Canceled)
    });
    possible(setting.failures > 0, FAILED, |_, state| {
        ended(state, Phase::Failed)
    });
    possible(setting.valid_until.is_some(), EXPIRED, |_, state| {
        ended(state, Phase::Expired)
    });
    all
}

/// Our own transactions that the ledger applied.
fn successes(state: &State) -> impl Iterator<Item = &Landing> {
    let landed = state.channels.iter().flat_map(|channel| &channel.landed);
    landed.filter(|landing| landing.attempt.is_some() && landing.success)
}

fn ended(state: &State, phase: Phase) -> bool {
    state.intents.iter().any(|intent| intent.phase == phase)
}

fn intents(state: &State) -> impl Iterator<Item = u8> {
    0..u8::try_from(state.intents.len()).expect("few")
}

fn phase(state: &State, intent: u8) -> Phase {
    state.intents[usize::from(intent)].phase
}

/// Of an intent, and of a sequence number, one attempt can still land, and none beside one that has succeeded.
fn one_alive(model: &Submitter, state: &State) -> bool {
    let numbers = || 0..u8::try_from(state.attempts.len()).expect("few");
    let can_land = |number: u8| {
        state.user_of(number).is_none()
            && facts::is_in_time(&model.setting, state, number, state.now + 1)
    };
    numbers().filter(|number| can_land(*number)).all(|number| {
        let attempt = state.attempt(number);
        let alone = numbers().all(|other| {
            let row = state.attempt(other);
            let same = row.intent == attempt.intent
                || (row.channel, row.sequence) == (attempt.channel, attempt.sequence);
            other == number || !same || !can_land(other)
        });
        alone && state.successes(attempt.intent) == 0
    })
}

/// Lets everything go well from here on: each intent must come to an end. Asked where no more ledgers are explored: what
/// ends from there would have ended before.
fn ends(model: &Submitter, state: &State) -> bool {
    if state.now < model.setting.steps {
        return true;
    }
    let mut state = state.clone();
    let mut actions = Vec::new();
    for _ in 0..CALM_ROUNDS {
        if intents(&state).all(|intent| phase(&state, intent).is_final()) {
            return true;
        }
        for worker in 0..WORKERS {
            turn(model, &mut state, worker, &mut actions);
        }
        calm_close(model, &mut state, &mut actions);
    }
    // What could only go on by one more attempt than the bounds allow has not been given up.
    intents(&state).all(|intent| match phase(&state, intent) {
        Phase::Queued | Phase::Parked => state.attempts.len() >= model.setting.attempts,
        Phase::InFlight(..) => false,
        Phase::Succeeded | Phase::Failed | Phase::Expired | Phase::Canceled => true,
    })
}

/// A worker does all that there is to do, and is told the truth.
fn turn(model: &Submitter, state: &mut State, worker: u8, actions: &mut Vec<Action>) {
    for _ in 0..MAX_ACTS {
        actions.clear();
        model.possible(state, actions);
        let is_its = |action: &&Action| match action {
            Action::Follow(who)
            | Action::Notice(who)
            | Action::Sign(who)
            | Action::Persist(who)
            | Action::Pick(who, ..)
            | Action::Scan(who, _)
            | Action::TakeOver(who, _)
            | Action::Act(who, ..) => *who == worker,
            Action::Resume(_) => true,
            Action::Close(_) | Action::Crash(_) | Action::EndLease(_) | Action::Cancel(_) => false,
        };
        // A truthful answer comes first among those to one question.
        let afters = actions
            .iter()
            .filter(is_its)
            .map(|action| model.after(state, *action));
        let Some(after) = { afters }.find(|after| after != state) else {
            return;
        };
        *state = after;
    }
}

/// Ledgers close, and take what they can.
fn calm_close(model: &Submitter, state: &mut State, actions: &mut Vec<Action>) {
    actions.clear();
    model.close_ways(state, actions);
    if let Some(action) = actions.first().copied() {
        *state = model.after(state, action);
    }
}
