//! What has landed of a workflow whose intent the records have lost: whoever posts it again is answered with that.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::problem::Problem;
use crate::domain::adoption::{Adopter, Adoption, Past, past};
use crate::domain::attempt::Terms;
use crate::domain::fee::FeeCap;
use crate::domain::intent::Request;
use crate::domain::observation::Landed;
use crate::domain::primitives::{NetworkId, Stroops};
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
    let mut refused = BTreeMap::new();
    for (place, landings) in store.unclaimed_landings(batch).await? {
        let Some(intent) = batch.get(place) else {
            continue;
        };
        let landed: Vec<Landed> = landings.iter().filter_map(|l| l.read(network)).collect();
        let request = &intent.request;
        let adopter = Adopter {
            network,
            key: &request.key(&intent.tenant),
            request,
            number: 1,
            terms: terms(request),
        };
        match past(&adopter, &landed) {
            Past::Done(own) => adopt(store, intent, &own).await?,
            // Accepted as ever: whoever takes it up adopts what was made ready for it.
            Past::Open => {}
            Past::Otherwise(hash) => {
                refused.insert(place, Problem::landed_otherwise(&hash));
            }
        }
    }
    Ok(refused)
}

/// What the intent says; nothing of it matters where it has succeeded.
fn terms(request: &Request) -> Terms {
    let cap = request.max_fee_per_operation.unwrap_or(Stroops::MAX);
    Terms {
        cancel_requested: false,
        valid_until: request.valid_until,
        on_state_error: request.on_state_error,
        cap: FeeCap(cap),
        parked_times: 0,
    }
}

/// Without its idempotency key, which is put on record with the answer.
async fn adopt(store: &Store, intent: &NewIntent, own: &[Adoption]) -> Result<(), StoreError> {
    let new = NewIntent {
        id: Uuid::now_v7(),
        key: None,
        ..intent.clone()
    };
    let accepted = store.accept(&[&new]).await?;
    if let Some(Accepted::New(_)) = accepted.first() {
        tracing::warn!(intent = %new.id, workflow_id = %new.request.workflow_id, attempts = own.len(), "it has landed already, sent by a submitter whose records were lost");
        for adoption in own {
            store.adopt_landing(new.id, adoption).await?;
        }
    }
    Ok(())
}
