//! A file of intents, read row by row, as often as needed, in the memory of one row.

pub mod check;
mod columns;
mod lines;
pub mod row;

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use thiserror::Error;

use columns::CsvRows;
use lines::NdjsonRows;
use row::{BadRow, Row};

/// The most bytes of a row: what the API takes as a body unless it is configured otherwise.
pub const MAX_ROW_BYTES: usize = 1024 * 1024;
/// The most rows of a file; 32 bytes of memory are needed for each.
pub const MAX_ROWS: u64 = 5_000_000;

/// Why a file cannot be read as rows at all.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system's word.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A pipe or a folder.
    #[error("{}: is not a regular file, and it must be read twice: to check every row, then to post", .0.display())]
    NotRegular(PathBuf),
    /// No form that is known.
    #[error("{}: must end in .csv, .ndjson or .jsonl", .0.display())]
    Extension(PathBuf),
    /// The first line of a CSV file does not name the columns.
    #[error("line 1: {0}")]
    Header(String),
    /// A row of more than [`MAX_ROW_BYTES`].
    #[error("line {line}: is longer than {MAX_ROW_BYTES} bytes; is a quote not closed?")]
    LongRow {
        /// Where the row begins.
        line: u64,
    },
    /// More than [`MAX_ROWS`].
    #[error("has more than {MAX_ROWS} rows: split it")]
    ManyRows,
    /// A row that was right when it was checked.
    #[error("line {line}: the file was changed while it was read")]
    Changed {
        /// Where the row begins.
        line: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Csv,
    Ndjson,
}

/// A file that is open. It stays the same one when another takes its name.
#[derive(Debug)]
pub struct RowFile {
    path: PathBuf,
    file: File,
    form: Form,
}

impl RowFile {
    /// Opens it.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let form = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Form::Csv,
            Some("ndjson" | "jsonl") => Form::Ndjson,
            _ => return Err(FileError::Extension(path.to_owned())),
        };
        let io = |source| FileError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(FileError::NotRegular(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            form,
        })
    }

    /// Whether this is the same file under whatever name.
    pub fn is_same_as(&self, other: &File) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |file: &File| file.metadata().map(|data| (data.dev(), data.ino())).ok();
        identity(&self.file).is_some_and(|own| identity(other) == Some(own))
    }

    /// Its rows from the first. One reader at a time.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn rows(&self) -> Result<Rows, FileError> {
        let io = |source| FileError::Io {
            path: self.path.clone(),
            source,
        };
        let mut file = self.file.try_clone().map_err(io)?;
        let ending = self.ending().map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let form = match self.form {
            Form::Csv => FormRows::Csv(Box::new(CsvRows::new(file, &self.path, ending)?)),
            Form::Ndjson => FormRows::Ndjson(NdjsonRows::new(file, &self.path)),
        };
        Ok(Rows(form))
    }

    /// The last bytes, three where there are so many.
    fn ending(&self) -> std::io::Result<Vec<u8>> {
        let mut file = self.file.try_clone()?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(3)))?;
        let mut ending = Vec::new();
        file.take(3).read_to_end(&mut ending)?;
        Ok(ending)
    }
}

/// The rows of a file, right ones and wrong ones.
#[derive(Debug)]
pub struct Rows(FormRows);

#[derive(Debug)]
enum FormRows {
    Csv(Box<CsvRows>),
    Ndjson(NdjsonRows),
}

impl Iterator for Rows {
    type Item = Result<Result<Row, BadRow>, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            FormRows::Csv(rows) => rows.next(),
            FormRows::Ndjson(rows) => rows.next(),
        }
    }
}
