//! Users: they ask for payments, ask again, ask for something else under the same name, and cancel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::rival;
use super::world::{BEGINNING, SIGNERS, World};
use crate::domain::intent;
use crate::domain::primitives::{AccountId, NetworkId};
use crate::store::accept::{Accepted, Lane, NewIntent};
use crate::worker::records::Records as _;

/// Whose the workflows are.
pub const TENANT: &str = "treasury";
/// Seconds until a user who was not answered asks again.
const ASK_AGAIN_SECONDS: u64 = 3;
/// Stroops between the amounts of one workflow and the next.
const AMOUNTS: i64 = 1_000;

/// What users ask for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which workflow.
    pub number: u64,
    /// What is asked for, in JSON.
    pub body: Value,
    /// Another payment under the same workflow, if somebody asks for that, too.
    pub other: Option<Value>,
    /// An account that somebody makes at some second.
    pub founds: Option<(u64, AccountId)>,
}

/// What users were told.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<BTreeMap<u64, ()>>>);

impl Told {
    /// This workflow was accepted.
    pub fn accepted(&self, number: u64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, ());
    }

    /// All that were.
    pub fn all(&self) -> Vec<u64> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.keys().copied().collect()
    }
}

/// The amount of a workflow's payment, and of what else is asked for under its name.
#[must_use]
pub const fn amount(number: u64, other: bool) -> i64 {
    1_000_000 + number as i64 * AMOUNTS + other as i64
}

fn body(world: &World, number: u64, other: bool) -> Value {
    let stroops = amount(number, other);
    let to = world.keys.payee;
    world.oracle.watch_for(stroops, number, to.0);
    json!({
        "workflow_id": format!("workflow-{number}"),
        "operations": [{
            "type": "payment",
            "destination": to.to_string(),
            "asset": "native",
            "amount": format!("0.{stroops:07}"),
        }],
    })
}

fn time(seconds: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(BEGINNING + seconds).unwrap_or(0));
    at.ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Draws a wish.
pub fn wish(world: &World, number: u64, begins: u64) -> Wish {
    let dice = &world.dice;
    let mut body_ = body(world, number, false);
    if dice.chance(0.1) {
        dice.count("wish: signed by its payer");
        let signer = world.keys.signers[usize::try_from(number).unwrap_or(0) % SIGNERS];
        let until = BEGINNING + begins + dice.between(60, 300);
        body_ = json!({
            "workflow_id": body_["workflow_id"],
            "transaction_xdr": rival::presigned(world, signer, amount(number, false), until),
        });
        return Wish {
            number,
            body: body_,
            other: None,
            founds: None,
        };
    }
    let mut founds = None;
    if dice.chance(0.2) {
        let nobody = AccountId([u8::try_from(number).unwrap_or(0) + 100; 32]);
        body_["operations"][0]["destination"] = json!(nobody.to_string());
        let stroops = amount(number, false);
        world.oracle.watch_for(stroops, number, nobody.0);
        if dice.chance(0.5) {
            dice.count("wish: nobody there to be paid");
        } else {
            dice.count("wish: parked until somebody is there");
            body_["on_state_error"] = json!("park");
            founds = Some((begins + dice.between(10, 120), nobody));
        }
    }
    if dice.chance(0.15) {
        dice.count("wish: soon too late");
        body_["valid_until"] = json!(time(begins + dice.between(5, 90)));
    }
    if dice.chance(0.1) {
        dice.count("wish: not before");
        body_["not_before"] = json!(time(begins + dice.between(5, 60)));
        if let Some(map) = body_.as_object_mut() {
            map.remove("valid_until");
        }
    }
    if dice.chance(0.2) {
        dice.count("wish: in order");
        body_["ordering_key"] = json!("in-order");
    }
    let other = dice.chance(0.2).then(|| body(world, number, true));
    Wish {
        number,
        body: body_,
        other,
        founds,
    }
}

/// Asks until somebody answers.
pub async fn ask(world: &World, wish: &Value) -> Option<bool> {
    let request = intent::read(wish, &world.accounts()).ok()?;
    loop {
        let new = NewIntent {
            id: world.records.new_id(),
            tenant: TENANT.to_owned(),
            tag: request
                .key(TENANT)
                .tag(NetworkId::of(super::world::PASSPHRASE)),
            lane: Lane::User,
            form: request.to_text(),
            request: request.clone(),
            key: None,
        };
        if world.dice.strikes("post lost", 0.1) {
            tokio::time::sleep(Duration::from_secs(ASK_AGAIN_SECONDS)).await;
            continue;
        }
        let accepted = world.records.accept(&[&new]).await;
        if world.dice.strikes("answer to a post lost", 0.1) {
            tokio::time::sleep(Duration::from_secs(ASK_AGAIN_SECONDS)).await;
            continue;
        }
        match accepted.ok()?.into_iter().next()? {
            Accepted::New(_) => {
                world.dice.note(format_args!(
                    "{} of {} is accepted",
                    new.id, new.request.workflow_id
                ));
                wake(world);
                return Some(true);
            }
            Accepted::Existing(row) => {
                return Some(row.request.as_ref() == Some(&request.to_json()));
            }
            Accepted::KeyTaken => return None,
        }
    }
}

fn wake(world: &World) {
    for running in world.running().iter().flatten() {
        if world.dice.chance(0.5) {
            running.waker.wake();
        }
    }
}

/// One user's doings: asks, perhaps again and for something else, perhaps cancels.
pub async fn live(world: Arc<World>, wish: Wish, begins: u64, told: Told) {
    let dice = world.dice.clone();
    tokio::time::sleep(Duration::from_secs(begins)).await;
    let first = match &wish.other {
        Some(other) if dice.chance(0.5) => other,
        Some(_) | None => &wish.body,
    };
    if ask(&world, first).await.is_some() {
        told.accepted(wish.number);
    }
    while dice.chance(0.4) {
        dice.count("asked again");
        tokio::time::sleep(Duration::from_secs(dice.below(30))).await;
        ask(&world, first).await;
    }
    if let Some(other) = &wish.other {
        dice.count("asked for something else");
        tokio::time::sleep(Duration::from_secs(dice.below(60))).await;
        let other = if std::ptr::eq(first, other) {
            &wish.body
        } else {
            other
        };
        if ask(&world, other).await == Some(true) {
            // Only where the first was lost with the records may it be taken.
            told.accepted(wish.number);
        }
    }
    if dice.chance(0.15) {
        tokio::time::sleep(Duration::from_secs(dice.below(60))).await;
        let name = format!("workflow-{}", wish.number);
        let rows = world.records.intents();
        if let Some(row) = rows.iter().find(|row| row.workflow_id == name) {
            dice.count("wish: cancel");
            let outcome = world.records.cancel(TENANT, row.id).await;
            dice.note(format_args!("{} is canceled: {outcome:?}", row.id));
        }
    }
}
