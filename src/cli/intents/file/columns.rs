//! CSV: a header, then one payment a row.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord, Terminator};
use serde_json::{Map, Value, json};

use super::lines::json_mistake;
use super::row::{BadRow, Mistake, Row};
use super::{FileError, MAX_ROW_BYTES};
use crate::api::unambiguous;
use crate::domain::fields::join;

/// Every column, and where it stands in the intent.
const COLUMNS: [(&str, &str); 11] = [
    ("workflow_id", "/workflow_id"),
    ("method", "/method"),
    ("destination", "/operations/0/destination"),
    ("asset", "/operations/0/asset"),
    ("amount", "/operations/0/amount"),
    ("memo", "/memo/value"),
    ("memo_type", "/memo/type"),
    ("source", "/source"),
    ("ordering_key", "/ordering_key"),
    ("valid_until", "/valid_until"),
    ("metadata", "/metadata"),
];

/// The columns that must be there.
const REQUIRED: [&str; 3] = ["workflow_id", "destination", "amount"];

/// The rows of a CSV file.
#[derive(Debug)]
pub struct CsvRows {
    reader: Reader<Bounded>,
    path: PathBuf,
    columns: Vec<&'static str>,
    record: ByteRecord,
    length: u64,
    /// The file's last bytes.
    ending: Vec<u8>,
}

/// One row as it stands in the file.
struct Record {
    line: u64,
    fields: Vec<Vec<u8>>,
}

/// A file of which only so many bytes may be read until more are allowed: without a bound, one quote that is not closed
/// would read the whole of it into memory.
#[derive(Debug)]
struct Bounded {
    file: File,
    left: usize,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let most = buffer.len().min(self.left);
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

impl CsvRows {
    /// Reads the header.
    ///
    /// # Errors
    /// [`FileError::Header`], naming the column.
    pub fn new(file: File, path: &Path, ending: Vec<u8>) -> Result<Self, FileError> {
        let io = |source| FileError::Io {
            path: path.to_owned(),
            source,
        };
        let length = file.metadata().map_err(io)?.len();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            // A carriage return before it is taken off below: so that the reader's count of lines stays right.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Bounded { file, left: 0 });
        let mut rows = Self {
            reader,
            path: path.to_owned(),
            columns: Vec::new(),
            record: ByteRecord::new(),
            length,
            ending,
        };
        let head = match rows.record()? {
            None => return Err(FileError::Header(format!("is empty: {}", names()))),
            Some(head) => head,
        };
        rows.columns = columns(&head.fields).map_err(FileError::Header)?;
        Ok(rows)
    }

    /// The next record that has anything in it.
    fn record(&mut self) -> Result<Option<Record>, FileError> {
        loop {
            self.reader.get_mut().left = MAX_ROW_BYTES;
            let before = self.reader.position().line();
            let read = self.reader.read_byte_record(&mut self.record);
            if !read.map_err(|error| self.failed(before, error))? {
                return Ok(None);
            }
            let mut fields: Vec<Vec<u8>> = self.record.iter().map(<[u8]>::to_vec).collect();
            let line = self.line(&fields);
            if let Some(last) = fields.last_mut()
                && last.ends_with(b"\r")
            {
                last.pop();
            }
            let blank = fields.iter().all(|field| field.trim_ascii().is_empty());
            if !blank {
                return Ok(Some(Record { line, fields }));
            }
        }
    }

    /// Where the record begins that was read last: the reader's own count of it is of the empty lines before.
    fn line(&self, fields: &[Vec<u8>]) -> u64 {
        let end = self.reader.position();
        let open = end.byte() >= self.length && self.ends_open(fields);
        let inner: usize = fields
            .iter()
            .map(|field| field.iter().filter(|byte| **byte == b'\n').count())
            .sum();
        end.line() - u64::from(!open) - inner as u64
    }

    /// Whether no newline ends the last row: there is none, or it belongs to a quote that is not closed.
    fn ends_open(&self, fields: &[Vec<u8>]) -> bool {
        let in_quote = fields.last().is_some_and(|last| last.ends_with(b"\n"))
            && !self.ending.ends_with(b"\n\"\n");
        in_quote || !self.ending.ends_with(b"\n")
    }

    fn failed(&self, line: u64, error: csv::Error) -> FileError {
        let source = match error.into_kind() {
            csv::ErrorKind::Io(source) if source.kind() == ErrorKind::FileTooLarge => {
                return FileError::LongRow { line };
            }
            csv::ErrorKind::Io(source) => source,
            other => io::Error::other(format!("{other:?}")),
        };
        FileError::Io {
            path: self.path.clone(),
            source,
        }
    }

    /// The next row.
    pub fn next(&mut self) -> Option<Result<Result<Row, BadRow>, FileError>> {
        let record = match self.record() {
            Err(error) => return Some(Err(error)),
            Ok(None) => return None,
            Ok(Some(record)) => record,
        };
        Some(Ok(self.row(&record)))
    }

    fn row(&self, record: &Record) -> Result<Row, BadRow> {
        let Record { line, ref fields } = *record;
        if fields.len() != self.columns.len() {
            return Err(BadRow::whole(
                line,
                format!(
                    "has {} fields, and the header has {}",
                    fields.len(),
                    self.columns.len()
                ),
            ));
        }
        let record: ByteRecord = fields.iter().collect();
        let record = StringRecord::from_byte_record(record)
            .map_err(|_| BadRow::whole(line, "is not UTF-8"))?;
        let (body, mut mistakes) = self.intent(&record);
        let read = Row::read(line, &body, body.to_string());
        match read {
            Ok(row) if mistakes.is_empty() => return Ok(row),
            Ok(_) => {}
            Err(bad) => mistakes.extend(bad.mistakes),
        }
        for mistake in &mut mistakes {
            mistake.column = column_of(&mistake.pointer);
        }
        Err(BadRow { line, mistakes })
    }

    /// The intent, and what could not be put into it. An empty cell is one that is not given.
    fn intent(&self, record: &StringRecord) -> (Value, Vec<Mistake>) {
        let mut body = Map::new();
        let mut operation = Map::new();
        operation.insert("type".to_owned(), json!("payment"));
        operation.insert("asset".to_owned(), json!("native"));
        let mut memo = Map::new();
        let mut mistakes = Vec::new();
        let given = self.columns.iter().zip(record);
        for (column, cell) in given.filter(|(_, cell)| !cell.is_empty()) {
            let own = |map: &mut Map<String, Value>, name: &str| {
                map.insert(name.to_owned(), cell.into());
            };
            match *column {
                "destination" | "asset" | "amount" => own(&mut operation, column),
                "memo" => own(&mut memo, "value"),
                "memo_type" => own(&mut memo, "type"),
                "metadata" => match unambiguous(cell.as_bytes()) {
                    Ok(value) => {
                        body.insert("metadata".to_owned(), value);
                    }
                    Err(error) => mistakes.push(json_mistake("/metadata", error)),
                },
                other => own(&mut body, other),
            }
        }
        if memo.contains_key("value") {
            memo.entry("type").or_insert_with(|| json!("text"));
        }
        if !memo.is_empty() {
            body.insert("memo".to_owned(), memo.into());
        }
        body.insert("operations".to_owned(), json!([operation]));
        (body.into(), mistakes)
    }
}

fn column_of(pointer: &str) -> Option<&'static str> {
    let holds = |place: &str| {
        let rest = pointer.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    COLUMNS
        .iter()
        .find(|(_, place)| holds(place))
        .map(|(column, _)| *column)
}

fn columns(head: &[Vec<u8>]) -> Result<Vec<&'static str>, String> {
    let mut found = Vec::new();
    for field in head {
        let name = String::from_utf8_lossy(field.trim_ascii());
        let known = COLUMNS.iter().find(|(column, _)| *column == name);
        let Some((column, _)) = known else {
            // Through `join`, which repeats no seed.
            let name = join("", &name);
            return Err(format!(
                "the column {:?} is not known: {}",
                name.trim_start_matches('/'),
                names()
            ));
        };
        if found.contains(column) {
            return Err(format!("the column {column} is given twice"));
        }
        found.push(column);
    }
    match REQUIRED.iter().find(|column| !found.contains(column)) {
        Some(missing) => Err(format!("the column {missing} is missing: {}", names())),
        None => Ok(found),
    }
}

fn names() -> String {
    let all: Vec<&str> = COLUMNS.iter().map(|(column, _)| *column).collect();
    format!(
        "the first line names the columns, with commas between, of {}; needed are {}",
        all.join(", "),
        REQUIRED.join(", ")
    )
}
