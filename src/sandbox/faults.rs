//! Faults on request: how often what goes wrong, drawn from a seed, so that the same requests meet the same faults.

use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ledger::state::MAX_READ_LAG_LEDGERS;

/// The longest that a body may be slowed down, in milliseconds.
const MAX_SLOW_BODY_MS: u64 = 60_000;
/// The most ledgers that a landing may be delayed by.
const MAX_DELAY_LEDGERS: u32 = 1000;

/// What goes wrong, and how often: rates are from 0 (never) to 1 (always).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Where the draws start.
    pub seed: u64,
    /// POST: core takes the transaction, then the connection is dropped without an answer.
    pub lose_answer_after: f64,
    /// POST: the connection is dropped before core sees the transaction.
    pub lose_answer_before: f64,
    /// POST: 504 at once; in half of the cases core has the transaction.
    pub answer_504: f64,
    /// POST: 503 at once; core has not seen the transaction.
    pub answer_503: f64,
    /// POST: `tx_bad_seq`, though core has taken the transaction.
    pub late_bad_seq: f64,
    /// An accepted transaction is forgotten.
    pub never_land: f64,
    /// An accepted transaction is held back.
    pub delay_ledgers: DelayLedgers,
    /// Every body comes in two halves with this pause between them, in milliseconds.
    pub slow_body_ms: u64,
    /// The connection is dropped in the middle of the body.
    pub cut_body: f64,
    /// Each read is answered as of 0 to so many ledgers ago, as by several Horizons behind one name.
    pub read_lag_ledgers: u32,
}

/// How often, and for how long at most, an accepted transaction is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DelayLedgers {
    /// How often.
    pub rate: f64,
    /// For 1 to so many ledgers.
    pub max: u32,
}

/// Why faults are not what they should be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{field}: {reason}")]
pub struct FaultsError {
    /// The field that is wrong.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FaultsError {
    fn new(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.into(),
        }
    }
}

impl Faults {
    /// Checks every number against its range.
    pub fn validate(&self) -> Result<(), FaultsError> {
        let rates = [
            ("lose_answer_after", self.lose_answer_after),
            ("lose_answer_before", self.lose_answer_before),
            ("answer_504", self.answer_504),
            ("answer_503", self.answer_503),
            ("late_bad_seq", self.late_bad_seq),
            ("never_land", self.never_land),
            ("delay_ledgers.rate", self.delay_ledgers.rate),
            ("cut_body", self.cut_body),
        ];
        for (name, rate) in rates {
            if !(0.0..=1.0).contains(&rate) {
                return Err(FaultsError::new(
                    name,
                    format!("{rate} is not a rate from 0 to 1"),
                ));
            }
        }
        let delay = self.delay_ledgers;
        if delay.rate > 0.0 && !(1..=MAX_DELAY_LEDGERS).contains(&delay.max) {
            return Err(FaultsError::new(
                "delay_ledgers.max",
                format!("must be from 1 to {MAX_DELAY_LEDGERS} ledgers"),
            ));
        }
        if self.slow_body_ms > MAX_SLOW_BODY_MS {
            return Err(FaultsError::new(
                "slow_body_ms",
                format!("must be at most {MAX_SLOW_BODY_MS} ms"),
            ));
        }
        if self.read_lag_ledgers > MAX_READ_LAG_LEDGERS {
            return Err(FaultsError::new(
                "read_lag_ledgers",
                format!("must be at most {MAX_READ_LAG_LEDGERS} ledgers"),
            ));
        }
        Ok(())
    }
}

/// Reads `NAME=VALUE,…`, the names being the fields; a delay is `delay_ledgers=RATE:MAX`.
impl FromStr for Faults {
    type Err = FaultsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut faults = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| FaultsError::new(part, "wants NAME=VALUE"))?;
            match name {
                "seed" => faults.seed = number(name, value)?,
                "lose_answer_after" => faults.lose_answer_after = number(name, value)?,
                "lose_answer_before" => faults.lose_answer_before = number(name, value)?,
                "answer_504" => faults.answer_504 = number(name, value)?,
                "answer_503" => faults.answer_503 = number(name, value)?,
                "late_bad_seq" => faults.late_bad_seq = number(name, value)?,
                "never_land" => faults.never_land = number(name, value)?,
                "delay_ledgers" => {
                    let (rate, max) = value
                        .split_once(':')
                        .ok_or_else(|| FaultsError::new(name, "wants RATE:MAX, as 0.1:3"))?;
                    faults.delay_ledgers = DelayLedgers {
                        rate: number(name, rate)?,
                        max: number(name, max)?,
                    };
                }
                "slow_body_ms" => faults.slow_body_ms = number(name, value)?,
                "cut_body" => faults.cut_body = number(name, value)?,
                "read_lag_ledgers" => faults.read_lag_ledgers = number(name, value)?,
                unknown => return Err(FaultsError::new(unknown, "no such fault")),
            }
        }
        faults.validate()?;
        Ok(faults)
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, FaultsError> {
    value
        .parse()
        .map_err(|_| FaultsError::new(name, format!("{value:?} is not a number for it")))
}

/// What one request meets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Draw {
    /// The answer of a POST.
    pub answer: AnswerFault,
    /// Whether an accepted transaction is forgotten.
    pub lost: bool,
    /// For how many ledgers an accepted transaction is held back; 0 for none.
    pub delay_ledgers: u32,
    /// Pause in the middle of the body, in milliseconds.
    pub slow_body_ms: u64,
    /// Whether the body ends in its middle.
    pub cut_body: bool,
    /// How many ledgers ago a read is answered.
    pub lag_ledgers: u32,
}

/// What becomes of the answer to a POST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerFault {
    /// It is given.
    #[default]
    None,
    /// It is lost, and core has not seen the transaction.
    LostBefore,
    /// 503, and core has not seen the transaction.
    Unavailable,
    /// 504; core has the transaction or not.
    Timeout {
        /// Whether it has.
        taken: bool,
    },
    /// It is lost, and core has the transaction.
    LostAfter,
    /// `tx_bad_seq`, and core has the transaction.
    BadSequence,
}

/// Draws the faults of each request in turn.
pub struct Injector {
    faults: Faults,
    least_lag: u32,
    rng: ChaCha8Rng,
}

impl Injector {
    /// Starts from the seed.
    pub fn new(faults: Faults) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(faults.seed);
        Self {
            faults,
            least_lag: 0,
            rng,
        }
    }

    /// From now on each read is answered as of so many ledgers ago at least: a Horizon that stands still.
    pub fn set_least_lag(&mut self, ledgers: u32) {
        self.least_lag = ledgers.min(MAX_READ_LAG_LEDGERS);
    }

    /// What is set.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The next request's faults. Every request draws as many numbers, whatever it is and whatever is set.
    pub fn draw(&mut self) -> Draw {
        let rolls: [f64; 10] = std::array::from_fn(|_| self.rng.random());
        let faults = &self.faults;
        let [
            before,
            unavailable,
            timeout,
            taken,
            after,
            bad_sequence,
            lost,
            delayed,
            cut,
            lag,
        ] = rolls;
        let length: f64 = self.rng.random();
        let answer = if before < faults.lose_answer_before {
            AnswerFault::LostBefore
        } else if unavailable < faults.answer_503 {
            AnswerFault::Unavailable
        } else if timeout < faults.answer_504 {
            AnswerFault::Timeout { taken: taken < 0.5 }
        } else if after < faults.lose_answer_after {
            AnswerFault::LostAfter
        } else if bad_sequence < faults.late_bad_seq {
            AnswerFault::BadSequence
        } else {
            AnswerFault::None
        };
        let delay = faults.delay_ledgers;
        Draw {
            answer,
            lost: lost < faults.never_land,
            delay_ledgers: if delayed < delay.rate {
                1 + scaled(length, delay.max)
            } else {
                0
            },
            slow_body_ms: faults.slow_body_ms,
            cut_body: cut < faults.cut_body,
            lag_ledgers: scaled(lag, faults.read_lag_ledgers + 1).max(self.least_lag),
        }
    }
}

/// A number below `count` (0 for none) from a roll below 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a roll is from 0 to below 1"
)]
fn scaled(roll: f64, count: u32) -> u32 {
    ((roll * f64::from(count)) as u32).min(count.saturating_sub(1))
}
