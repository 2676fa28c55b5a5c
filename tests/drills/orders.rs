//! What clients ask for, and ask for again until it is accepted: first all of it, and after the loss all of it once more.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rand::seq::SliceRandom as _;
use rand::{Rng, RngExt as _};
use serde_json::{Value, json};

use crate::crew::Crew;
use crate::verdict::paid_by;
use crate::world::daemon::Client;
use crate::world::{account, payment};

/// Requests at once.
const CLIENTS: usize = 6;
/// The most intents of one request.
const BULK: usize = 120;
/// How long a client waits for an answer before it asks another daemon.
const TRY_LIMIT: Duration = Duration::from_secs(10);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(100);
/// How long a client tries.
const GIVE_UP: Duration = Duration::from_secs(120);
/// One in so many goes to an account that does not exist.
const VOID_EVERY: u32 = 40;
/// One in so many must wait for others of its key.
const KEYED_EVERY: u32 = 25;
/// Such keys.
const KEYS: u32 = 8;

/// One intent that is asked for.
pub struct Order {
    pub workflow: String,
    pub body: Value,
    pub ends: &'static str,
}

impl Order {
    /// So many, each with an amount of its own.
    pub fn all(count: u32) -> Vec<Self> {
        (1..=count).map(Self::new).collect()
    }

    fn new(number: u32) -> Self {
        let is_void = number % VOID_EVERY == 7;
        let (to, ends) = if is_void {
            ("nobody", "failed")
        } else {
            ("bob", "succeeded")
        };
        let workflow = format!("drill-{number}");
        let mut body = payment(&workflow, account(to), number);
        if !is_void && number % KEYED_EVERY == 3 {
            body["ordering_key"] = json!(format!("key-{}", number / KEYED_EVERY % KEYS));
        }
        Self {
            workflow,
            body,
            ends,
        }
    }

    /// What is paid, and to whom: no two orders have the same.
    pub fn paid(&self) -> String {
        paid_by(&self.body["operations"][0])
    }
}

/// Ids by workflow.
pub type Ids = HashMap<String, String>;

/// Posts them in an order that is drawn, some alone and most of them many at a time, to whoever answers, until each is
/// accepted.
pub async fn post_all(crew: &Crew, orders: &[Order], random: &mut impl Rng) -> Ids {
    let mut shuffled: Vec<&Order> = orders.iter().collect();
    shuffled.shuffle(random);
    let mut batches = Vec::new();
    let mut rest = shuffled.as_slice();
    while !rest.is_empty() {
        let count = if random.random_bool(0.5) {
            1
        } else {
            random.random_range(2..=BULK)
        };
        let (batch, after) = rest.split_at(count.min(rest.len()));
        batches.push(batch);
        rest = after;
    }
    let posting = batches
        .into_iter()
        .enumerate()
        .map(|(turn, batch)| accepted(crew, batch, turn));
    stream::iter(posting)
        .buffer_unordered(CLIENTS)
        .flat_map(stream::iter)
        .map(Ok::<_, ()>)
        .try_collect()
        .await
        .unwrap()
}

/// Asks one daemon after the other until all of these are accepted.
async fn accepted(crew: &Crew, orders: &[&Order], turn: usize) -> Vec<(String, String)> {
    let begun = Instant::now();
    for turn in turn.. {
        let clients = crew.clients();
        if let Some(client) = clients.get(turn % clients.len().max(1)) {
            let asked = tokio::time::timeout(TRY_LIMIT, ask(client, orders));
            if let Ok(Some(ids)) = asked.await {
                return ids;
            }
        }
        assert!(
            begun.elapsed() < GIVE_UP,
            "not accepted in {GIVE_UP:?}: {}",
            orders[0].workflow
        );
        tokio::time::sleep(RETRY).await;
    }
    unreachable!("it is asked until it is given up")
}

async fn ask(client: &Client, orders: &[&Order]) -> Option<Vec<(String, String)>> {
    if let [order] = orders {
        return match client.try_post(&order.workflow, &order.body).await {
            Ok((200 | 202, intent)) => Some(vec![entry(&intent)]),
            // In flight, too many at once, the database away, nobody there, no answer: asked again.
            Ok((409 | 429 | 500 | 503, _)) | Err(_) => None,
            Ok((status, problem)) => panic!("{} is answered {status}: {problem}", order.workflow),
        };
    }
    let bodies: Vec<&Value> = orders.iter().map(|order| &order.body).collect();
    match client.try_bulk(&bodies).await {
        Ok((200, answer)) => {
            let items = answer["items"].as_array().unwrap();
            let taken = items
                .iter()
                .all(|item| matches!(item["status"].as_u64(), Some(200 | 202)));
            taken.then(|| items.iter().map(entry).collect())
        }
        Ok((409 | 429 | 500 | 503, _)) | Err(_) => None,
        Ok((status, problem)) => panic!("a bulk is answered {status}: {problem}"),
    }
}

fn entry(item: &Value) -> (String, String) {
    let text = |name: &str| item[name].as_str().unwrap().to_owned();
    (text("workflow_id"), text("id"))
}
