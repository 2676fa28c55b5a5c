//! What a history is like: drawn from its seed before it begins.

use super::dice::Dice;

/// How often what goes wrong: rates from 0 (never) to 1 (always), of each step of its kind.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// A daemon is killed before or after a step.
    pub crash: f64,
    /// A daemon is frozen.
    pub freeze: f64,
    /// The records cannot be reached; nothing was done.
    pub away: f64,
    /// The connection to the records ends behind the commit.
    pub unclear: f64,
    /// The records are slow.
    pub slow_records: f64,
    /// A Horizon cannot be reached.
    pub unreachable: f64,
    /// A POST is lost on its way to core.
    pub lost_before: f64,
    /// The answer to a POST is lost.
    pub lost_after: f64,
    /// 504 to a POST.
    pub timeout: f64,
    /// 503 to a POST.
    pub unavailable: f64,
    /// 429.
    pub limited: f64,
    /// A body that is cut in its middle.
    pub cut: f64,
    /// A body that is no JSON.
    pub garbage: f64,
    /// An answer that comes late, perhaps after its deadline.
    pub slow: f64,
    /// A POST that arrives twice, the second time later.
    pub repeated: f64,
    /// `tx_bad_seq`, though core has taken the transaction.
    pub late_bad_seq: f64,
    /// Core forgets a transaction that it took.
    pub never_land: f64,
    /// Core holds a transaction back for some ledgers.
    pub delayed: f64,
    /// An answer that says something else than what was asked.
    pub odd: f64,
    /// History leaves a transaction out, as a Horizon with ingestion filters does, or says that it is not there.
    pub left_out: f64,
    /// No ledger closes for minutes.
    pub stalled: f64,
    /// A Horizon builds its state anew, and shows no account.
    pub rebuilt: f64,
    /// A Horizon stands still.
    pub stuck: f64,
}

/// A history.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many daemons.
    pub daemons: usize,
    /// How many channels.
    pub channels: u32,
    /// How many workflows are asked for.
    pub workflows: u64,
    /// Ledgers for which an attempt may land.
    pub validity_ledgers: u32,
    /// Whether fees are always paid in a fee bump.
    pub sponsored: bool,
    /// The fee account cannot pay anything before this ledger.
    pub fees_from: Option<u32>,
    /// Whether POSTs wait for their ledger.
    pub synchronous: bool,
    /// Ledgers that each of two Horizons lags at most.
    pub lags: [u32; 2],
    /// Ledgers until faults end.
    pub stormy_ledgers: u32,
    /// Ledgers are full, and others bid more, from time to time.
    pub surges: bool,
    /// Somebody else uses a channel's key.
    pub second_writer: bool,
    /// The clock of the records jumps.
    pub clock_jumps: bool,
    /// The records are restored from copies, and lose what came after them.
    pub restored: bool,
    /// Horizon keeps so many ledgers of history.
    pub keeps_ledgers: Option<u32>,
    /// The network begins anew.
    pub reset: bool,
    /// How often what goes wrong.
    pub rates: Rates,
}

impl Plan {
    /// The history of these dice.
    pub fn draw(dice: &Dice) -> Self {
        let rate = |usual: f64, high: f64| {
            if dice.chance(0.5) {
                0.0
            } else if dice.chance(0.8) {
                usual
            } else {
                high
            }
        };
        let rates = Rates {
            crash: rate(0.002, 0.01),
            freeze: rate(0.002, 0.02),
            away: rate(0.01, 0.1),
            unclear: rate(0.01, 0.1),
            slow_records: rate(0.02, 0.2),
            unreachable: rate(0.02, 0.2),
            lost_before: rate(0.1, 0.5),
            lost_after: rate(0.15, 0.6),
            timeout: rate(0.1, 0.5),
            unavailable: rate(0.05, 0.3),
            limited: rate(0.01, 0.05),
            cut: rate(0.03, 0.2),
            garbage: rate(0.03, 0.2),
            slow: rate(0.05, 0.3),
            repeated: rate(0.1, 0.4),
            late_bad_seq: rate(0.1, 0.4),
            never_land: rate(0.05, 0.3),
            delayed: rate(0.1, 0.5),
            odd: rate(0.02, 0.2),
            left_out: rate(0.05, 0.3),
            stalled: rate(0.03, 0.1),
            rebuilt: rate(0.05, 0.15),
            stuck: rate(0.05, 0.15),
        };
        let lag = || {
            if dice.chance(0.5) {
                0
            } else {
                small(dice, 1, 6)
            }
        };
        let restored = dice.chance(0.25);
        let clock_jumps = dice.chance(0.35);
        let quiet = [
            rates.odd,
            rates.left_out,
            rates.garbage,
            rates.cut,
            rates.unreachable,
        ]
        .iter()
        .all(|rate| *rate < 0.1);
        let mut plan = Self {
            daemons: usize::try_from(dice.between(1, 3)).unwrap_or(1),
            channels: small(dice, 0, 4),
            workflows: dice.between(3, 9),
            validity_ledgers: small(dice, 5, 16),
            sponsored: dice.chance(0.15),
            fees_from: dice.chance(0.3).then(|| small(dice, 2, 10)),
            synchronous: dice.chance(0.15),
            lags: [lag(), lag()],
            stormy_ledgers: small(dice, 10, 40),
            surges: dice.chance(0.3),
            second_writer: dice.chance(0.15),
            clock_jumps,
            restored,
            // What history no longer has cannot be explained, and waits for a person: so nothing may last longer than it reaches
            // back. A clock that jumps keeps leases of the dead for minutes, and a second writer makes the first start wait.
            keeps_ledgers: (dice.chance(0.3) && !restored && !clock_jumps && quiet)
                .then(|| small(dice, 60, 90)),
            reset: dice.chance(0.02),
            rates,
        };
        // The first start may last as long as the storm, and then waits until nothing of an earlier life can land: longer where the
        // newest ledger was shown late.
        let longest_start = plan.stormy_ledgers + plan.validity_ledgers + 80;
        plan.keeps_ledgers = plan
            .keeps_ledgers
            .filter(|_| !plan.second_writer)
            .map(|ledgers| ledgers.max(longest_start));
        plan.fees_from = plan.fees_from.filter(|_| plan.sponsored);
        plan
    }
}

/// A small number from `low` to `high`.
pub fn small(dice: &Dice, low: u32, high: u32) -> u32 {
    u32::try_from(dice.between(u64::from(low), u64::from(high))).unwrap_or(low)
}
