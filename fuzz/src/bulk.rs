//! The body of POST /v1/intents/bulk, cut into rows: an array, or lines.

use serde_json::Value;
use stellar_submitter::api::{BulkMedia, bulk_rows};
use stellar_submitter::domain::intent::read;
use stellar_submitter::domain::seed::holds_seed;

use super::intent::{accepted, accounts, refused};

/// The most rows that are taken.
const MAX_ROWS: usize = 10_000;

/// Reads a body: the first byte says how it is written.
pub fn fuzz_one(data: &[u8]) {
    let Some((media, body)) = data.split_first() else {
        return;
    };
    let media = if media % 2 == 0 {
        BulkMedia::Array
    } else {
        BulkMedia::Lines
    };
    let rows = match bulk_rows(media, body) {
        Ok(rows) => rows,
        Err(problem) => return document(&problem),
    };
    assert!(rows.len() <= MAX_ROWS, "{} rows", rows.len());
    match media {
        BulkMedia::Array => whole_array(body, &rows),
        BulkMedia::Lines => {
            let lines = body.split(|byte| *byte == b'\n');
            let filled = lines.filter(|line| !line.trim_ascii().is_empty()).count();
            assert_eq!(rows.len(), filled, "rows and lines");
        }
    }
    for row in &rows {
        match row {
            Ok(value) => match read(value, &accounts()) {
                Ok(request) => accepted(&request),
                Err(errors) => refused(&errors),
            },
            Err(problem) => document(problem),
        }
    }
}

/// What is cut as an array is one, of the same values.
fn whole_array(body: &[u8], rows: &[Result<Value, String>]) {
    match serde_json::from_slice::<Vec<Value>>(body) {
        Ok(values) => {
            assert_eq!(values.len(), rows.len(), "rows and items");
            for (value, row) in values.iter().zip(rows) {
                if let Ok(row) = row {
                    assert_eq!(row, value, "another row than serde_json reads");
                }
            }
        }
        // A row may be nested too deep, or hold what a text cannot be: it is refused alone.
        Err(_) => assert!(
            rows.iter().any(Result::is_err),
            "no array, and nothing refused"
        ),
    }
}

fn document(problem: &str) {
    let problem: Value = serde_json::from_str(problem).expect("a problem is JSON");
    let status = problem["status"].as_u64().unwrap_or_default();
    assert!((400..500).contains(&status), "{problem}");
    let kind = problem["type"].as_str().unwrap_or_default();
    assert!(
        kind.starts_with("urn:stellar-submitter:problem:"),
        "{problem}"
    );
    assert!(!holds_seed(&problem.to_string()), "a secret is repeated");
}
