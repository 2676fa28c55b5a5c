//! Nothing twice, nothing lost: the records against everything that the ledger took.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::world::World;
use crate::store::figures::Outcomes;
use crate::worker::SYSTEM_TENANT;

/// Whose intents are posted: the tenant of the bootstrap key.
pub const TENANT: &str = "default";
/// Transactions that are read at once.
const PAGE: u32 = 10_000;

/// What the ledger says about what was accepted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Proof {
    /// Answered 202.
    pub accepted: u64,
    /// What the records say.
    pub records: Outcomes,
    /// Intents with exactly one successful transaction in the ledger.
    pub landed_once: u64,
    /// With more than one: must be 0.
    pub twice: u64,
    /// Accepted, and neither in the ledger nor waiting on record: must be 0.
    pub lost: u64,
    /// Successful transactions with a tag that nobody asked for: must be 0.
    pub unasked: u64,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    tag: Option<String>,
    successful: bool,
}

impl Proof {
    /// Reads the whole ledger.
    ///
    /// # Errors
    /// Where the sandbox or the database does not answer.
    pub async fn of(world: &World, accepted: u64) -> anyhow::Result<Self> {
        let landed = landed(world).await?;
        let records = world.store.outcomes(TENANT).await?;
        let tags: HashSet<i64> = world.store.tags(TENANT).await?.into_iter().collect();
        let own: HashSet<i64> = world.store.tags(SYSTEM_TENANT).await?.into_iter().collect();
        Ok(Self::compare(accepted, records, &tags, &own, &landed))
    }

    fn compare(
        accepted: u64,
        records: Outcomes,
        tags: &HashSet<i64>,
        own: &HashSet<i64>,
        landed: &HashMap<i64, u64>,
    ) -> Self {
        let times = |tag: &i64| landed.get(tag).copied().unwrap_or(0);
        let with = |wanted: fn(u64) -> bool| {
            let count = tags.iter().filter(|tag| wanted(times(tag))).count();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        let recorded = u64::try_from(tags.len()).unwrap_or(u64::MAX);
        let waiting = u64::try_from(records.open).unwrap_or(0);
        let unasked = landed
            .keys()
            .filter(|tag| !tags.contains(tag) && !own.contains(tag))
            .count();
        Self {
            accepted,
            records,
            landed_once: with(|times| times == 1),
            twice: with(|times| times > 1),
            // What waits has not landed; what has not landed and does not wait is lost.
            lost: accepted.saturating_sub(recorded)
                + with(|times| times == 0).saturating_sub(waiting),
            unasked: u64::try_from(unasked).unwrap_or(u64::MAX),
        }
    }

    /// Whether the promise was kept.
    pub const fn is_right(&self) -> bool {
        self.twice == 0 && self.lost == 0 && self.unasked == 0 && self.records.failed == 0
    }
}

/// How often each tag stands in the ledger, in successful transactions.
async fn landed(world: &World) -> anyhow::Result<HashMap<i64, u64>> {
    let mut landed = HashMap::new();
    let mut cursor = String::new();
    loop {
        let url = format!(
            "{}/sandbox/truth?limit={PAGE}&cursor={cursor}",
            world.horizon
        );
        let answer = world.client.get(url).send().await?.error_for_status()?;
        let page: Page = answer.json().await.context("a page of the truth")?;
        let successful = page.items.iter().filter(|item| item.successful);
        for tag in successful.filter_map(|item| item.tag.as_ref()?.parse().ok()) {
            *landed.entry(tag).or_insert(0) += 1;
        }
        match page.next {
            Some(next) => cursor = next,
            None => return Ok(landed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcomes, Proof};

    #[test]
    fn what_is_twice_lost_or_unasked_is_counted() {
        let tags = [1, 2, 3, 4].into();
        let own = [9].into();
        // 1 once, 2 twice, 3 and 4 not at all, of which one waits; 7 was never asked for; 9 is our own.
        let landed = [(1, 1), (2, 2), (7, 1), (9, 1)].into();
        let records = Outcomes {
            recorded: 4,
            succeeded: 3,
            open: 1,
            ..Outcomes::default()
        };
        let proof = Proof::compare(5, records, &tags, &own, &landed);
        assert_eq!((proof.landed_once, proof.twice), (1, 1));
        // One of the five accepted is not on record, and one on record neither landed nor waits.
        assert_eq!((proof.lost, proof.unasked), (2, 1));
        assert!(!proof.is_right());
        let right = Proof::compare(1, Outcomes::default(), &[1].into(), &own, &[(1, 1)].into());
        assert!(right.is_right(), "{right:?}");
    }
}
