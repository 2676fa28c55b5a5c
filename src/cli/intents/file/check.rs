//! Every row of a file, checked before the first is posted.

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use serde::Serialize;

use super::row::{BadRow, Row};
use super::{FileError, MAX_ROWS, RowFile};

/// The most bad rows that are named.
const MAX_NAMED: usize = 1000;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// How many rows there are.
    pub rows: u64,
    /// How many say exactly what an earlier one says: both are one intent.
    pub repeated: u64,
    /// How many cannot be posted.
    pub bad: u64,
    /// The first thousand of them.
    pub bad_rows: Vec<BadRow>,
}

/// What is kept of each row, to find those that contradict each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    identity: [u8; 16],
    line: u64,
    content: [u8; 8],
}

impl Seen {
    fn new(row: &Row) -> Self {
        let mut content = [0; 8];
        content.copy_from_slice(&row.content[..8]);
        Self {
            identity: row.identity(),
            line: row.line,
            content,
        }
    }
}

/// Bad rows: all are counted, the first ones are named.
#[derive(Default)]
struct Bad {
    count: u64,
    named: BTreeMap<u64, BadRow>,
}

impl Bad {
    fn add(&mut self, row: BadRow) {
        self.count += 1;
        self.named.insert(row.line, row);
        if self.named.len() > MAX_NAMED {
            self.named.pop_last();
        }
    }
}

/// Reads the whole file.
///
/// # Errors
/// [`FileError`] where it cannot be read as rows at all.
pub fn check(file: &RowFile, bar: &ProgressBar) -> Result<Checked, FileError> {
    let mut seen = Vec::new();
    let mut bad = Bad::default();
    let mut rows = 0;
    for row in file.rows()? {
        rows += 1;
        if rows > MAX_ROWS {
            return Err(FileError::ManyRows);
        }
        match row? {
            Ok(row) => seen.push(Seen::new(&row)),
            Err(row) => bad.add(row),
        }
        bar.inc(1);
    }
    let repeated = contradictions(seen, &mut bad);
    Ok(Checked {
        rows,
        repeated,
        bad: bad.count,
        bad_rows: bad.named.into_values().collect(),
    })
}

/// Of two rows with one workflow and method only one could be posted, and chance would say which. Returns how many are mere
/// repetitions.
fn contradictions(mut seen: Vec<Seen>, bad: &mut Bad) -> u64 {
    seen.sort_unstable();
    let mut repeated = 0;
    for same in seen.chunk_by(|left, right| left.identity == right.identity) {
        let Some((first, others)) = same.split_first() else {
            continue;
        };
        for other in others {
            if other.content == first.content {
                repeated += 1;
                continue;
            }
            let detail = format!(
                "has the workflow_id and method of line {}, and asks for something else",
                first.line
            );
            bad.add(BadRow::whole(other.line, detail));
        }
    }
    repeated
}
