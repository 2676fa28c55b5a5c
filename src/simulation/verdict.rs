//! Whether what the records say in the end is what the ledger says.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use serde_json::Value;

use super::client::{self, TENANT, Told};
use super::oracle::Success;
use super::rival;
use super::world::World;
use crate::domain::primitives::AccountId;
use crate::store::intents::IntentRow;
use crate::worker::GONE;

/// Ledgers within which a daemon notices that the network began anew, a restart included.
const LEDGERS_TO_NOTICE: u32 = 20;

fn of_workflow(rows: &[IntentRow], number: u64) -> Vec<&IntentRow> {
    let name = format!("workflow-{number}");
    let own = |row: &&IntentRow| row.tenant == TENANT && row.workflow_id == name;
    rows.iter().filter(own).collect()
}

/// Whether everything that was accepted has ended, and the records have all that restored ones may lack.
pub fn is_over(world: &World, told: &Told) -> bool {
    let rows = world.records.intents();
    world.records.are_explained()
        && told.all().into_iter().all(|number| {
            let own = of_workflow(&rows, number);
            !own.is_empty() && own.iter().all(|row| row.finished_at.is_some())
        })
}

/// Whether what has not ended waits for a person.
pub fn waits_for_people(world: &World, told: &Told) -> bool {
    let rows = world.records.intents();
    told.all().into_iter().all(|number| {
        let own = of_workflow(&rows, number);
        let over =
            |row: &&IntentRow| row.finished_at.is_some() || waits_for_a_person(world, row, &rows);
        !own.is_empty() && own.iter().all(over)
    })
}

/// Whether a person must look at it, or at one that it has to come after: while that is open, no other of its order begins.
fn waits_for_a_person(world: &World, row: &IntentRow, rows: &[IntentRow]) -> bool {
    let key = |row: &IntentRow| {
        row.request.as_ref()?["ordering_key"]
            .as_str()
            .map(str::to_owned)
    };
    let order = key(row).filter(|_| row.status == "queued");
    let left = |other: &IntentRow| {
        number_of(other).is_some_and(|number| is_left_to_a_person(world, number, other))
    };
    let holds_it_up = |other: &IntentRow| order.is_some() && key(other) == order && left(other);
    left(row) || rows.iter().any(holds_it_up)
}

/// The number of a workflow of the users'.
fn number_of(row: &IntentRow) -> Option<u64> {
    row.workflow_id.strip_prefix("workflow-")?.parse().ok()
}

/// Somebody who has a channel's key can move it in another account's transaction, so that no list of Horizon's proves who used a
/// number: a person must look. Not where it was paid: that is on the ledger to be found.
fn is_left_to_a_person(world: &World, number: u64, row: &IntentRow) -> bool {
    let reason = row.reason.as_ref();
    let unexplained = reason.is_some_and(|reason| reason["code"] == "sequence_unexplained");
    let unpaid = world.oracle.successes(number).is_empty();
    let attempts = world.records.attempts_of(row.id);
    let mut channels = attempts
        .iter()
        .filter_map(|attempt| AccountId::from_str(&attempt.channel).ok());
    let moved = channels.any(|channel| world.oracle.was_moved(&channel.0));
    moved && row.status == "parked" && unexplained && unpaid
}

/// Compares the end with the ledger.
pub fn judge(world: &World, told: &Told, promised: &Promised, ended: bool) {
    let rows = world.records.intents();
    for number in told.all() {
        let own = of_workflow(&rows, number);
        if own.is_empty() {
            let what = format!("workflow {number} was accepted and is not there");
            world.oracle.violated(what);
        }
        for row in own {
            compare(world, promised, number, row, &rows);
        }
    }
    if !ended {
        world.dice.note(format_args!("{:#?}", world.records));
        world
            .oracle
            .violated("not everything has ended in time".to_owned());
    }
    if ended {
        explain_all(world);
        look_at_given_up(world);
    }
    for what in world.records.violations() {
        // Whoever was frozen builds by an old ledger, perhaps what was built by it before: that is refused, and is no harm.
        if what.starts_with("attempts_hash") {
            world.dice.count("refused: the same transaction twice");
        } else {
            world.oracle.violated(format!("records: {what}"));
        }
    }
}

/// What users were told as final before the records were restored.
#[derive(Default)]
pub struct Promised {
    /// Workflow and amount of what must not be paid any more, though the records may know nothing of it.
    unpaid: BTreeSet<(u64, i64)>,
    /// Workflows that were paid after the copy was made in which they had ended without: an older copy had been restored in
    /// between. What users were told then was true.
    outdated: BTreeSet<u64>,
}

impl Promised {
    /// What users could be told now. That something was canceled, or failed without coming onto the ledger, is nowhere but
    /// in the records, and is lost with them.
    pub fn remember(&mut self, world: &World) {
        for (number, row, asked, is_presigned) in ended(world) {
            if is_paid(world, number, asked) && !self.outdated.contains(&number) {
                let status = &row.status;
                world.oracle.violated(format!(
                    "workflow {number} is {status} before the records are restored, and was paid"
                ));
            }
            // What its payer signed is his to send.
            let is_final =
                row.status == "expired" || (row.status == "failed" && row.transaction.is_some());
            if is_final && !is_presigned {
                self.unpaid.insert((number, asked));
            }
        }
    }

    /// A copy has been restored: what it says is of the time when it was made.
    pub fn look_at_copy(&mut self, world: &World) {
        self.outdated = ended(world)
            .into_iter()
            .filter(|(number, _, asked, _)| is_paid(world, *number, *asked))
            .map(|(number, ..)| number)
            .collect();
    }

    /// Compares it with the ledger.
    pub fn judge(&self, world: &World) {
        for (number, asked) in &self.unpaid {
            if is_paid(world, *number, *asked) {
                world.oracle.violated(format!(
                    "workflow {number} was told to have failed, the records were restored, and it was paid"
                ));
            }
        }
    }
}

/// The intents of which the records say that they ended and were not paid, with workflow and amount, and whether their payer
/// signed them himself.
fn ended(world: &World) -> Vec<(u64, IntentRow, i64, bool)> {
    let rows = world.records.intents().into_iter();
    rows.filter_map(|row| {
        let number = number_of(&row)?;
        let request = row.request.as_ref()?;
        let is_presigned = request["transaction_xdr"].is_string();
        let asked = if is_presigned {
            client::amount(number, false)
        } else {
            asked_amount(Some(request))?
        };
        let ended = matches!(row.status.as_str(), "failed" | "expired" | "canceled");
        ended.then_some((number, row, asked, is_presigned))
    })
    .collect()
}

fn is_paid(world: &World, number: u64, asked: i64) -> bool {
    let successes = world.oracle.successes(number);
    successes.iter().any(|success| success.amount == asked)
}

/// After the network began anew every daemon notices within some ledgers, and sends nothing more.
pub async fn all_has_stopped(world: &World) {
    world.pass(LEDGERS_TO_NOTICE).await;
    let posts = world.oracle.posts();
    world.pass(LEDGERS_TO_NOTICE).await;
    if world.oracle.posts() != posts {
        let what = "something was sent long after the network began anew";
        world.oracle.violated(what.to_owned());
    }
}

/// Each sequence number of ours that was used is on record, with what used it.
fn explain_all(world: &World) {
    for used in world.oracle.used() {
        let (sequence, hash) = (used.sequence, used.hash);
        let wrong = if !world.records.knows(&hash) {
            "which is not on record"
        } else if used.taken && world.records.is_dead(&hash) {
            "which is dead by the records"
        } else {
            continue;
        };
        let account = AccountId(used.account);
        world.oracle.violated(format!(
            "sequence number {sequence} of {account} was used by {}, {wrong}",
            hex::encode(hash)
        ));
    }
}

/// No account is given up as gone that is there: a Horizon that did not show it for a while proves nothing. Where somebody merges
/// them away, one may have been gone, and be made anew.
fn look_at_given_up(world: &World) {
    if world.plan.second_writer {
        return;
    }
    for (account, reason) in world.records.paused() {
        let gone = reason.as_deref() == Some(GONE);
        let is_there = AccountId::from_str(&account).is_ok_and(|id| rival::is_there(world, id));
        if gone && is_there {
            let what = format!("{account} is there, and was given up as gone");
            world.oracle.violated(what);
        }
    }
}

fn compare(world: &World, promised: &Promised, number: u64, row: &IntentRow, rows: &[IntentRow]) {
    let successes = world.oracle.successes(number);
    let presigned = |request: &Value| request["transaction_xdr"].is_string();
    let asked = if row.request.as_ref().is_some_and(presigned) {
        Some(client::amount(number, false))
    } else {
        asked_amount(row.request.as_ref())
    };
    let paid = successes
        .iter()
        .filter(|success| Some(success.amount) == asked)
        .count();
    let status = row.status.as_str();
    let wrong = match status {
        "succeeded" => paid != 1,
        "failed" | "expired" | "canceled" if promised.outdated.contains(&number) => {
            world.dice.count("a copy was outdated");
            paid != 1
        }
        "failed" | "expired" | "canceled" => paid != 0,
        "parked" | "queued" if waits_for_a_person(world, row, rows) => {
            world.dice.count("left to a person");
            false
        }
        other => {
            let reason = row.reason.as_ref().map(|reason| reason["code"].clone());
            world.oracle.violated(format!(
                "workflow {number} has not ended: it is {other}, {reason:?}"
            ));
            false
        }
    };
    let by = row.transaction.as_ref();
    let told = |success: &Success| {
        by.is_some_and(|by| {
            by["hash"] == hex::encode(success.hash) && by["ledger"] == success.ledger
        })
    };
    if status == "succeeded" && paid == 1 && !successes.iter().any(told) {
        world.oracle.violated(format!(
            "workflow {number} is said to have been paid by {by:?}, but was by {successes:?}"
        ));
    }
    if wrong {
        world.oracle.violated(format!(
            "workflow {number} is {status}, but its payment is {paid} times in the ledger (asked for {asked:?}, paid {successes:?})"
        ));
    }
}

/// The amount of the one payment that a request asks for.
fn asked_amount(request: Option<&Value>) -> Option<i64> {
    let text = request?["operations"][0]["amount"].as_str()?;
    let fraction = text.strip_prefix("0.")?;
    let padded = format!("{fraction:0<7}");
    padded.parse().ok()
}

/// Counts what became of everything.
pub fn count(world: &World) {
    let dice = &world.dice;
    for row in world.records.intents() {
        for (kind, data) in world.records.events_of(row.id) {
            let name = known_kind(&kind, &data);
            dice.count(name);
        }
    }
}

/// The transitions that there are, by their event.
fn known_kind(kind: &str, data: &Value) -> &'static str {
    match kind {
        "intent.accepted" => "intent accepted",
        "intent.succeeded" if data.get("adopted").is_some() => "landing adopted",
        "intent.succeeded" => "intent succeeded",
        "intent.failed" => "intent failed",
        "intent.expired" => "intent expired",
        "intent.canceled" => "intent canceled",
        "intent.cancel_requested" => "cancellation requested",
        "intent.parked" if data["reason"]["code"] == "sequence_unexplained" => {
            "intent parked, its sequence number unexplained"
        }
        "intent.parked" => "intent parked",
        "intent.requeued" => "intent requeued",
        "attempt.signed" => "attempt signed",
        "attempt.bumped" => "attempt bumped",
        "attempt.landed_failed" => "attempt landed and failed",
        "attempt.dead" => match data["proof"]["kind"].as_str() {
            Some("fence") => "attempt dead by its fence",
            Some("foreign_transaction") => "attempt dead by a foreign transaction",
            Some("skipped") => "attempt dead, its number passed over",
            Some("account_missing") => "attempt dead, its account missing",
            _ => "attempt dead by another proof",
        },
        _ => "another event",
    }
}
