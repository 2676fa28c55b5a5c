//! Fee bumps: signed and put on record in batches, beside the engine. None is sent before.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::flight::Errand;
use super::off_thread;
use super::records::Records;
use crate::domain::attempt::Bump;
use crate::domain::envelope;
use crate::domain::primitives::{AccountId, NetworkId, Stroops};
use crate::domain::tag::Tag;
use crate::signer::{Keyring, Signer as _};
use crate::store::attempts::NewBump;

/// A fee bump that is due.
pub(super) struct BumpOrder {
    pub errand: Errand,
    /// The plain envelope, XDR.
    pub plain: Arc<Vec<u8>>,
    pub tag: Tag,
    /// The whole fee.
    pub fee: Stroops,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Bumped {
    /// The life of the worker that asked.
    pub worker: Uuid,
    /// On record: they may be sent.
    pub on_record: Vec<(Errand, NewBump)>,
    /// Could not be signed.
    pub unsigned: Vec<Errand>,
    /// No longer this worker's.
    pub lost: Vec<Errand>,
    /// Whether they are on record is not known.
    pub unclear: Vec<Errand>,
}

/// Signs fee bumps and puts them on record.
pub(super) struct Bumping {
    pub store: Arc<dyn Records>,
    pub keys: Arc<Keyring>,
    pub network: NetworkId,
    pub fee_account: AccountId,
    pub worker: Uuid,
}

impl Bumping {
    pub(super) async fn run(self, orders: Vec<BumpOrder>) -> Bumped {
        let mut bumped = Bumped {
            worker: self.worker,
            on_record: Vec::new(),
            unsigned: Vec::new(),
            lost: Vec::new(),
            unclear: Vec::new(),
        };
        let asked: Vec<Errand> = orders.iter().map(|order| order.errand).collect();
        let (store, worker) = (Arc::clone(&self.store), self.worker);
        let signing = off_thread(move || {
            let signed = orders.iter().map(|order| self.sign(order));
            signed.collect::<Vec<Option<NewBump>>>()
        });
        let Ok(signed) = signing.await else {
            tracing::error!("signing fee bumps panicked");
            bumped.unsigned = asked;
            return bumped;
        };
        let mut batch = Vec::with_capacity(signed.len());
        let mut errands = Vec::with_capacity(signed.len());
        for (errand, new) in asked.into_iter().zip(signed) {
            match new {
                Some(new) => {
                    errands.push(errand);
                    batch.push(new);
                }
                None => bumped.unsigned.push(errand),
            }
        }
        if batch.is_empty() {
            return bumped;
        }
        match store.add_fee_bumps(worker, &batch).await {
            Ok(done) => {
                let done: HashSet<Uuid> = done.into_iter().collect();
                for (errand, new) in errands.into_iter().zip(batch) {
                    if done.contains(&new.intent_id) {
                        bumped.on_record.push((errand, new));
                    } else {
                        bumped.lost.push(errand);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, bumps = batch.len(), "fee bumps could not be put on record");
                bumped.unclear = errands;
            }
        }
        bumped
    }

    /// A fee bump of the same inner transaction.
    fn sign(&self, order: &BumpOrder) -> Option<NewBump> {
        let Errand {
            intent, attempt, ..
        } = order.errand;
        let Ok((inner, _)) = envelope::decode(&order.plain) else {
            tracing::error!(%intent, "an envelope on record cannot be decoded");
            return None;
        };
        let bump = envelope::fee_bump(inner, self.fee_account, order.tag, order.fee);
        let hash = envelope::fee_bump_hash(&bump, self.network);
        let signature = match self.keys.sign(self.fee_account, &hash.0) {
            Ok(signature) => signature,
            Err(error) => {
                tracing::error!(%intent, %error, "a fee bump cannot be signed");
                return None;
            }
        };
        Some(NewBump {
            intent_id: intent,
            number: attempt,
            bump: Bump {
                hash,
                fee: order.fee,
            },
            envelope: envelope::encode(&envelope::sign_fee_bump(bump, vec![signature])),
        })
    }
}
