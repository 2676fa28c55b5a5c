//! Files of intents, CSV and NDJSON, as `intents submit` reads them.

use std::cell::RefCell;
use std::io::{Seek as _, Write as _};

use csv::{ByteRecord, ReaderBuilder};
use serde_json::Value;
use stellar_submitter::api::unambiguous;
use stellar_submitter::cli::intents::file::RowFile;
use stellar_submitter::cli::intents::file::row::{BadRow, Row};
use stellar_submitter::domain::seed::holds_seed;
use tempfile::NamedTempFile;

/// One row, right or wrong.
type Read = Result<Row, BadRow>;

/// The endings that say how a file is written.
const ENDINGS: [&str; 2] = [".csv", ".ndjson"];

thread_local! {
    static FILES: [RefCell<NamedTempFile>; 2] = ENDINGS.map(|ending| {
        let file = tempfile::Builder::new().suffix(ending).tempfile();
        RefCell::new(file.expect("a temporary file"))
    });
}

/// Reads a file: the first byte says how it is written.
pub fn fuzz_one(data: &[u8]) {
    let Some((form, text)) = data.split_first() else {
        return;
    };
    let form = usize::from(form % 2);
    let rows = FILES.with(|files| {
        let mut file = files[form].borrow_mut();
        let written = file.as_file().set_len(0).and_then(|()| file.rewind());
        written
            .and_then(|()| file.write_all(text))
            .expect("a file takes bytes");
        let opened = RowFile::open(file.path()).expect("the file is there");
        let rows = opened
            .rows()
            .and_then(Iterator::collect::<Result<Vec<Read>, _>>);
        rows.map_err(|error| error.to_string())
    });
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            assert!(!error.is_empty() && !holds_seed(&error), "{error}");
            return;
        }
    };
    let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut before = 0;
    for row in &rows {
        let line = match row {
            Ok(row) => right(row),
            Err(bad) => wrong(bad),
        };
        assert!(
            line > before && line <= lines,
            "line {line} of {lines}, after {before}"
        );
        before = line;
    }
    if form == 0 {
        cells_are_kept(text, &rows);
    }
}

fn right(row: &Row) -> u64 {
    let key = row.idempotency_key();
    assert!(key.bytes().all(|byte| byte.is_ascii_graphic()) && key.len() <= 255);
    let body = unambiguous(row.body.as_bytes()).expect("a row's body is JSON");
    assert_eq!(body["workflow_id"], row.workflow_id.as_str());
    assert!(!holds_seed(&row.body), "a secret would be posted");
    row.line
}

fn wrong(bad: &BadRow) -> u64 {
    assert!(!bad.mistakes.is_empty(), "refused for no reason");
    for mistake in &bad.mistakes {
        assert!(!holds_seed(&mistake.to_string()), "a secret is repeated");
    }
    bad.line
}

/// What stands in a cell is what is posted, as another reading of the same file finds it.
fn cells_are_kept(text: &[u8], rows: &[Read]) {
    // Here a lone carriage return would end a line; in our reading it is a part of one.
    let lone = text
        .windows(2)
        .any(|pair| pair[0] == b'\r' && pair[1] != b'\n');
    if lone || text.ends_with(b"\r") {
        return;
    }
    let reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let records: Result<Vec<ByteRecord>, _> = reader.into_byte_records().collect();
    let filled = |record: &ByteRecord| record.iter().any(|cell| !cell.trim_ascii().is_empty());
    let records: Vec<ByteRecord> = records
        .expect("bytes are always records")
        .into_iter()
        .filter(filled)
        .collect();
    let Some((head, records)) = records.split_first() else {
        assert!(rows.is_empty());
        return;
    };
    assert_eq!(records.len(), rows.len(), "rows and records");
    for (record, row) in records.iter().zip(rows) {
        let Ok(row) = row else { continue };
        let body: Value = serde_json::from_str(&row.body).expect("a row's body is JSON");
        for (column, cell) in head.iter().zip(record) {
            let kept = match column.trim_ascii() {
                b"amount" => &body["operations"][0]["amount"],
                b"destination" => &body["operations"][0]["destination"],
                b"workflow_id" => &body["workflow_id"],
                b"source" if !cell.is_empty() => &body["source"],
                _ => continue,
            };
            assert_eq!(kept.as_str().map(str::as_bytes), Some(cell), "another cell");
        }
    }
}
