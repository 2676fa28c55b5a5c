//! Which chain the records are about, how far it was read, and what was found there.

use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::data::{Landing, Network};
use super::state::State;
use crate::domain::event::landed_json;
use crate::domain::intent::rfc3339;
use crate::domain::observation::{Landed, LedgerHeader};
use crate::domain::primitives::LedgerSeq;
use crate::domain::tag::Tag;
use crate::store::StoreError;
use crate::store::landings::HistoryMark;
use crate::store::network::Anchor;

/// A recorded transaction as an intent keeps it.
pub(super) fn transaction_json(landed: &Landed) -> Value {
    let mut value = landed_json(landed);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("code");
        fields.insert("closed_at".to_owned(), json!(rfc3339(landed.closed_at)));
    }
    value
}

impl State {
    pub fn tie_to_network(&mut self, passphrase: &str) -> Result<Option<Anchor>, StoreError> {
        let home = self.home;
        let network = self.data.network.get_or_insert_with(|| Network {
            passphrase: passphrase.to_owned(),
            anchor: None,
            cursor: 0,
            quarantine_until: None,
            database: home,
            explained: false,
            recovery_window: 0,
            doubts: 0,
        });
        if network.passphrase != passphrase {
            return Err(StoreError::OtherNetwork {
                recorded: network.passphrase.clone(),
                configured: passphrase.to_owned(),
            });
        }
        let anchor = network.anchor.map(|(number, hash, closed_at)| Anchor {
            ledger: ledger(number),
            hash,
            closed_at,
        });
        Ok(anchor)
    }

    pub fn note_database(&mut self, now: OffsetDateTime) -> bool {
        let home = self.home;
        let network = self.data.network.as_mut();
        let Some(network) = network.filter(|network| network.database != home) else {
            return false;
        };
        network.database = home;
        network.explained = false;
        network.quarantine_until = None;
        network.recovery_window = network.recovery_window.max(1);
        network.doubts += 1;
        for until in self.data.workers.values_mut() {
            *until = (*until).min(now);
        }
        true
    }

    pub fn move_anchor(&mut self, header: &LedgerHeader) {
        let number = i64::from(header.sequence.0);
        if let Some(network) = &mut self.data.network
            && network.anchor.is_none_or(|(before, ..)| before < number)
        {
            network.anchor = Some((number, header.hash, header.closed_at));
        }
    }

    pub fn note_explained(&mut self, doubts: i64) -> bool {
        let network = self.data.network.as_mut();
        let Some(network) = network.filter(|network| network.doubts == doubts) else {
            return false;
        };
        network.explained = true;
        network.recovery_window = 0;
        true
    }

    pub fn history_mark(&self) -> Result<HistoryMark, StoreError> {
        let network = self.data.network.as_ref();
        let network =
            network.ok_or_else(|| StoreError::refusal("network has no row".to_owned()))?;
        Ok(HistoryMark {
            cursor: network.cursor,
            quarantine_until: network.quarantine_until.map(ledger),
            explained: network.explained,
            recovery_window: network.recovery_window,
            since: None,
            doubts: network.doubts,
        })
    }

    pub fn quarantine(&mut self, until: Option<LedgerSeq>) {
        if let Some(network) = &mut self.data.network {
            let until = until.map(|until| i64::from(until.0));
            network.quarantine_until = until.map(|until| {
                let before = network.quarantine_until.unwrap_or(until);
                before.max(until)
            });
        }
    }

    pub fn record_landings(&mut self, landings: &[(Tag, Landed)], cursor: Option<i64>) -> u64 {
        let mut recorded = 0;
        for (tag, landed) in landings {
            let hash = landed.inner_hash;
            let mut attempts = self.data.attempts.values();
            let ours = attempts.any(|attempt| attempt.hash == hash.0);
            if ours || self.data.landings.contains_key(&hash.0) {
                continue;
            }
            let landing = Landing {
                tag: tag.to_i64(),
                record: landed.clone(),
            };
            self.data.landings.insert(hash.0, Arc::new(landing));
            recorded += 1;
        }
        if let (Some(cursor), Some(network)) = (cursor, &mut self.data.network) {
            network.cursor = network.cursor.max(cursor);
        }
        recorded
    }
}

fn ledger(number: i64) -> LedgerSeq {
    LedgerSeq(u32::try_from(number).unwrap_or(u32::MAX))
}
