//! What has landed of a workflow whose intent the records have lost: whoever posts it again is answered with that.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::problem::Problem;
use crate::domain::envelope::{decode, inner_hash, recognise};
use crate::domain::primitives::{NetworkId, TxHash};
use crate::store::accept::{Accepted, NewIntent};
use crate::store::{Store, StoreError};

/// Puts each of a batch on record that has landed already, as succeeded by that: from then on it exists. Returns those that
/// have landed with other content, by their place, and why they are refused.
///
/// # Errors
/// [`StoreError`]: what was put on record by then is ended by the engine.
pub(super) async fn claim(
    store: &Store,
    network: NetworkId,
    batch: &[Arc<NewIntent>],
) -> Result<BTreeMap<usize, Problem>, StoreError> {
    let mut landed: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
    for (place, envelope) in store.unclaimed_landings(batch).await? {
        landed.entry(place).or_default().push(envelope);
    }
    let mut refused = BTreeMap::new();
    for (place, envelopes) in landed {
        let intent = &batch[place];
        match Found::of(network, intent, &envelopes) {
            Found::Own(hash) => adopt(store, intent, hash).await?,
            Found::Other(hash) => {
                refused.insert(place, Problem::landed_otherwise(&hash));
            }
            Found::Unreadable => {}
        }
    }
    Ok(refused)
}

enum Found {
    /// One that is this intent's, rebuilt.
    Own(TxHash),
    /// Its tag, but other content.
    Other(TxHash),
    /// Nothing that can be read.
    Unreadable,
}

impl Found {
    fn of(network: NetworkId, intent: &NewIntent, envelopes: &[Vec<u8>]) -> Self {
        let key = intent.request.key(&intent.tenant);
        let mut found = Self::Unreadable;
        for bytes in envelopes {
            let Ok((inner, _)) = decode(bytes) else {
                continue;
            };
            let hash = inner_hash(&inner.tx, network);
            if recognise(network, &key, &intent.request, &inner.tx) {
                return Self::Own(hash);
            }
            found = Self::Other(hash);
        }
        found
    }
}

/// Without its idempotency key, which is put on record with the answer.
async fn adopt(store: &Store, intent: &NewIntent, hash: TxHash) -> Result<(), StoreError> {
    let new = NewIntent {
        id: Uuid::now_v7(),
        key: None,
        ..intent.clone()
    };
    let accepted = store.accept(&[&new]).await?;
    if let Some(Accepted::New(_)) = accepted.first() {
        tracing::warn!(intent = %new.id, workflow_id = %new.request.workflow_id, %hash, "it has landed already, sent by a submitter whose records were lost");
        store.adopt_landing(new.id, &hash.0).await?;
    }
    Ok(())
}
