//! NDJSON: the body of one intent a line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::row::{BadRow, Mistake, Row};
use super::{FileError, MAX_ROW_BYTES};
use crate::api::{JsonError, unambiguous};

/// What some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The rows of an NDJSON file; empty lines are none.
#[derive(Debug)]
pub struct NdjsonRows {
    reader: BufReader<File>,
    path: PathBuf,
    line: u64,
}

impl NdjsonRows {
    /// The rows from where the file stands, its beginning.
    pub fn new(file: File, path: &Path) -> Self {
        Self {
            reader: BufReader::new(file),
            path: path.to_owned(),
            line: 0,
        }
    }

    /// The next line without its end; none at the end of the file.
    fn line(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let mut bytes = Vec::new();
        let most = MAX_ROW_BYTES as u64 + 1;
        let mut bounded = (&mut self.reader).take(most);
        let read = bounded.read_until(b'\n', &mut bytes);
        read.map_err(|source| FileError::Io {
            path: self.path.clone(),
            source,
        })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        if bytes.len() > MAX_ROW_BYTES {
            return Err(FileError::LongRow { line: self.line });
        }
        if self.line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(bytes))
    }

    /// The next row.
    pub fn next(&mut self) -> Option<Result<Result<Row, BadRow>, FileError>> {
        loop {
            match self.line() {
                Err(error) => return Some(Err(error)),
                Ok(None) => return None,
                Ok(Some(bytes)) if bytes.iter().all(u8::is_ascii_whitespace) => {}
                Ok(Some(bytes)) => return Some(Ok(row(self.line, bytes))),
            }
        }
    }
}

fn row(line: u64, bytes: Vec<u8>) -> Result<Row, BadRow> {
    let value = unambiguous(&bytes).map_err(|error| BadRow {
        line,
        mistakes: vec![json_mistake("", error)],
    })?;
    let body = String::from_utf8(bytes).map_err(|_| BadRow::whole(line, "is not UTF-8"))?;
    Row::read(line, &value, body)
}

/// What is wrong with a text that stands in one line or cell: its own line is always the first.
pub fn json_mistake(at: &str, error: JsonError) -> Mistake {
    let (pointer, detail) = match error {
        JsonError::Syntax { column, .. } => {
            (String::new(), format!("is not JSON at character {column}"))
        }
        JsonError::Twice {
            pointer, column, ..
        } => (
            pointer,
            format!("is given twice, again at character {column}"),
        ),
    };
    Mistake {
        pointer: format!("{at}{pointer}"),
        column: None,
        detail,
    }
}
