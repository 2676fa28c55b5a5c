//! A foreign transaction used a channel's sequence number: what it may mean for what is on record, and for the channel.

use uuid::Uuid;

use super::super::records::Records;
use super::Engine;
use crate::domain::envelope::{decode, tag_of};
use crate::domain::observation::Landed;
use crate::domain::transition::{AttemptEnd, DeathProof};

/// How the reason of a channel begins that is paused for a second writer.
pub const SECOND_WRITER: &str = "second_writer";

impl Engine {
    /// A foreign transaction on a channel may be ours of an earlier life: what landed is read before anything is built
    /// again for this intent. And the channel stops where somebody else has its key. Where either fails, the proof is
    /// gathered again.
    pub(super) async fn explain_foreign(&mut self, intent: Uuid, landed: Option<Box<Landed>>) {
        let settled = self
            .flights
            .get(&intent)
            .and_then(|flight| flight.settled.as_ref());
        let foreign = settled.is_some_and(|settled| {
            matches!(
                settled.settlement.attempt,
                AttemptEnd::Dead(DeathProof::Foreign { .. })
            )
        });
        if !foreign {
            return;
        }
        // What this intent asked for, sent by an earlier life.
        let adopted = settled.and_then(|settled| settled.settlement.adopted.clone());
        let seen = landed.as_deref().or(adopted.as_deref());
        let stranger = landed.as_deref();
        if let Err(error) = self.read_foreign(seen, stranger).await {
            tracing::warn!(%intent, %error, "the history could not be read; the proof is gathered again");
            let next = self.head_now().map(|head| head.ledger.plus(1));
            if let (Some(flight), Some(next)) = (self.flights.get_mut(&intent), next) {
                flight.settled = None;
                flight.snapshot.progress.idle_until = next;
                self.settled.retain(|(settled, _)| *settled != intent);
            }
        }
    }

    /// Under the right to explain: how far was read is moved by one at a time, and only of the records that it is about.
    async fn read_foreign(
        &self,
        seen: Option<&Landed>,
        stranger: Option<&Landed>,
    ) -> Result<(), String> {
        let right = self.store.begin_explaining().await;
        let right = right.map_err(|error| error.to_string())?;
        let right = right.ok_or("another daemon reads the history just now")?;
        let read = self
            .read_foreign_into(&*right.records(), seen, stranger)
            .await;
        right.end().await;
        read
    }

    async fn read_foreign_into(
        &self,
        records: &dyn Records,
        seen: Option<&Landed>,
        stranger: Option<&Landed>,
    ) -> Result<(), String> {
        let mark = records.history_mark().await;
        let reader = self.reader(mark.map_err(|error| error.to_string())?.since);
        // The one that was seen is put on record itself: the history may come from a Horizon that lags.
        let seen: Vec<_> = seen
            .and_then(|landed| reader.tagged(landed.clone(), landed.source_account))
            .into_iter()
            .collect();
        records
            .record_landings(&seen, None)
            .await
            .map_err(|error| error.to_string())?;
        reader.read_new(records).await?;
        match stranger.filter(|landed| self.is_second_writer(landed)) {
            Some(landed) => self.stop_channel(records, landed).await,
            None => Ok(()),
        }
    }

    /// Whether somebody else has the key: a transaction without a tag, or one with a tag that landed when everything that
    /// an earlier life of ours could have sent was over.
    fn is_second_writer(&self, landed: &Landed) -> bool {
        let tag = decode(&landed.envelope_xdr)
            .ok()
            .and_then(|(inner, bump)| tag_of(&inner.tx, bump.as_ref()));
        tag.is_none() || landed.ledger > self.explained_at
    }

    /// Stops the channel that a second writer uses. Whoever owns the source account may use it by hand: that is said, and
    /// stops it only where the configuration wants that.
    async fn stop_channel(&self, records: &dyn Records, landed: &Landed) -> Result<(), String> {
        let (channel, hash, ledger) = (landed.source_account, landed.inner_hash, landed.ledger);
        let is_source = channel == self.settings.source;
        let on = if is_source { "source" } else { "channel" };
        metrics::counter!("submitter_foreign_transactions_total", "on" => on).increment(1);
        if is_source && !self.settings.pause_source {
            tracing::error!(%channel, %hash, %ledger, "the source account was used by somebody else; it goes on being used");
            return Ok(());
        }
        records
            .pause_channel(channel, Some(&why_stopped(landed)))
            .await
            .map_err(|error| error.to_string())?;
        tracing::error!(%channel, %hash, %ledger, "a second writer uses a channel: it is paused until `channels resume` allows it again");
        Ok(())
    }
}

fn why_stopped(landed: &Landed) -> String {
    let (hash, ledger, sequence) = (landed.inner_hash, landed.ledger, landed.sequence);
    format!(
        "{SECOND_WRITER}: transaction {hash} of ledger {ledger} used sequence number {sequence}, and is not ours"
    )
}

/// Whether a channel with this reason goes on by itself when what it names is over.
#[must_use]
pub fn resumes_by_itself(reason: &str) -> bool {
    reason == "sequence_unexplained" || reason == crate::worker::look::NO_KEY
}

#[cfg(test)]
mod tests {
    use super::resumes_by_itself;

    #[test]
    fn a_person_resumes_what_a_second_writer_stopped() {
        assert!(resumes_by_itself("sequence_unexplained"));
        assert!(!resumes_by_itself("second_writer: transaction 00"));
        assert!(!resumes_by_itself("paused by hand"));
    }
}
