//! Which tags have landed, in 24 bytes a transaction: a million of them are 24 MB, however often each was seen.

use crate::domain::observation::Landed;
use crate::domain::primitives::{LedgerSeq, TxHash};
use crate::domain::tag::Tag;

/// Bytes of a hash that are kept. Two transactions of one key that share them would take 2^48 signatures to find.
const KEPT_BYTES: usize = 12;
/// The fewest sightings after which what was seen twice is dropped.
const MIN_COMPACTED: usize = 1 << 16;

/// One transaction of ours. Ordered by tag, then hash: what is equal lies together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// 0 where it carries none.
    tag: u64,
    hash: [u8; KEPT_BYTES],
    /// The ledger, and in the two lowest bits whether it was a success, and whether it only brought archived entries back.
    ledger: u32,
}

impl Sighting {
    /// Of a landed transaction.
    pub fn of(landed: &Landed, tag: Option<Tag>, restores: bool) -> Self {
        let mut hash = [0; KEPT_BYTES];
        hash.copy_from_slice(&landed.inner_hash.0[..KEPT_BYTES]);
        Self {
            tag: tag.map_or(0, Tag::get),
            hash,
            ledger: landed.ledger.0 << 2 | u32::from(restores) << 1 | u32::from(landed.successful),
        }
    }

    /// Whether its operations were applied.
    pub const fn successful(self) -> bool {
        self.ledger & 1 == 1
    }

    /// Whether it did nothing but bring archived entries back: perhaps for the call of its tag.
    pub const fn restores(self) -> bool {
        self.ledger & 2 == 2
    }

    /// The ledger that recorded it.
    pub const fn ledger(self) -> LedgerSeq {
        LedgerSeq(self.ledger >> 2)
    }

    /// Its tag, if it carries one.
    pub const fn tag(self) -> Option<Tag> {
        Tag::from_muxed_id(self.tag)
    }

    /// Whether it is the transaction with this hash.
    pub fn is(self, hash: TxHash) -> bool {
        hash.0[..KEPT_BYTES] == self.hash
    }

    /// The beginning of its hash, for people.
    pub fn beginning(self) -> String {
        hex::encode(self.hash)
    }
}

/// Everything of ours that was seen.
#[derive(Debug, Default)]
pub struct Tally {
    seen: Vec<Sighting>,
    /// So many are known to differ from each other.
    compacted: usize,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Transactions of ours, each once, in however many lists it was seen.
    pub transactions: u64,
    /// Of these, successful.
    pub successful: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Of these, without a tag.
    pub without_tag: u64,
    /// Different tags.
    pub tags: u64,
    /// Tags with exactly one success.
    pub succeeded_once: u64,
    /// Tags with more than one.
    pub succeeded_twice: u64,
    /// Tags that were tried, without success.
    pub never_succeeded: u64,
}

impl Tally {
    /// Notes one; the same one may be noted again.
    pub fn note(&mut self, sighting: Sighting) {
        self.seen.push(sighting);
        if self.seen.len() >= MIN_COMPACTED.max(self.compacted.saturating_mul(2)) {
            self.compact();
        }
    }

    /// Drops what was seen twice.
    pub fn compact(&mut self) {
        self.seen.sort_unstable();
        self.seen.dedup();
        self.compacted = self.seen.len();
    }

    /// The successes of a tag. Only after [`Self::compact`].
    pub fn successes(&self, tag: Tag) -> impl Iterator<Item = Sighting> {
        let begin = self.seen.partition_point(|one| one.tag < tag.get());
        self.seen[begin..]
            .iter()
            .take_while(move |one| one.tag == tag.get())
            .copied()
            .filter(|one| one.successful())
    }

    /// Counts, and gives every tag with more than one success to `twice`, with these. Where a tag's call has landed, what
    /// brought archived entries back for it is no success of its own. Only after [`Self::compact`].
    pub fn count(&self, mut twice: impl FnMut(Tag, &[Sighting])) -> Counts {
        let mut counts = Counts::default();
        for of_one in self.seen.chunk_by(|a, b| a.tag == b.tag) {
            let successes = of_one.iter().filter(|one| one.successful()).count();
            counts.transactions += of_one.len() as u64;
            counts.successful += successes as u64;
            counts.failed += (of_one.len() - successes) as u64;
            let Some(tag) = of_one.first().and_then(|one| one.tag()) else {
                counts.without_tag += of_one.len() as u64;
                continue;
            };
            counts.tags += 1;
            if successes < 2 {
                counts.never_succeeded += u64::from(successes == 0);
                counts.succeeded_once += u64::from(successes == 1);
                continue;
            }
            let (restorations, calls): (Vec<Sighting>, Vec<Sighting>) = of_one
                .iter()
                .filter(|one| one.successful())
                .partition(|one| one.restores());
            match (calls.as_slice(), restorations.as_slice()) {
                ([_], _) => counts.succeeded_once += 1,
                ([], several) | (several, _) => {
                    counts.succeeded_twice += 1;
                    twice(tag, several);
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::{MIN_COMPACTED, Sighting, Tally};

    fn sighting(tag: u64, number: u64, successful: bool) -> Sighting {
        let mut hash = [0; 12];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        Sighting {
            tag,
            hash,
            ledger: 7 << 2 | u32::from(successful),
        }
    }

    #[test]
    fn what_brought_archived_entries_back_for_a_call_is_no_second_success() {
        let restoration = |tag, number| Sighting {
            ledger: 5 << 2 | 3,
            ..sighting(tag, number, true)
        };
        let mut tally = Tally::default();
        for one in [
            restoration(1, 1),
            restoration(1, 2),
            sighting(1, 3, true),
            restoration(2, 4),
            // Asked for by itself it is a success.
            restoration(3, 5),
            restoration(3, 6),
            restoration(4, 7),
            sighting(4, 8, true),
            sighting(4, 9, true),
        ] {
            tally.note(one);
        }
        tally.compact();
        let mut twice = Vec::new();
        let counts = tally.count(|tag, of_one| twice.push((tag.get(), of_one.len())));
        assert_eq!(twice, [(3, 2), (4, 2)]);
        assert_eq!((counts.succeeded_once, counts.succeeded_twice), (2, 2));
        assert_eq!(counts.successful, 9);
    }

    #[test]
    fn what_is_seen_in_two_lists_counts_once_and_takes_no_room() {
        assert_eq!(size_of::<Sighting>(), 24);
        let mut tally = Tally::default();
        let many = MIN_COMPACTED as u64;
        for _ in 0..3 {
            for number in 0..many {
                tally.note(sighting(number + 1, number, true));
            }
        }
        assert!(tally.seen.len() <= 2 * MIN_COMPACTED + 1);
        tally.note(sighting(0, 1, false));
        tally.note(sighting(5, 900_000, false));
        tally.note(sighting(6, 900_001, true));
        tally.compact();
        let mut twice = Vec::new();
        let counts = tally.count(|tag, of_one| twice.push((tag.get(), of_one.len())));
        assert_eq!(twice, [(6, 2)]);
        assert_eq!(counts.transactions, many + 3);
        assert_eq!((counts.tags, counts.succeeded_once), (many, many - 1));
        assert_eq!((counts.without_tag, counts.failed), (1, 2));
    }
}
