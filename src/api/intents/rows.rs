//! A bulk's body, cut into rows: an array's items, or lines. Each row is read apart, so that a bad one harms no other.

use std::cell::Cell;
use std::fmt;

use axum::http::HeaderMap;
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Value};

use crate::api::body::{JsonError, has_media, not_json, unambiguous};
use crate::api::problem::{Problem, Violation};

/// The most rows of one bulk.
pub const MAX_ROWS: usize = 10_000;

/// How a bulk is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// One array.
    Array,
    /// One object a line.
    Lines,
}

impl Media {
    /// What the header Content-Type says.
    ///
    /// # Errors
    /// 415 for anything else.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if has_media(headers, "application/json") {
            Ok(Self::Array)
        } else if has_media(headers, "application/x-ndjson") {
            Ok(Self::Lines)
        } else {
            Err(Problem::no_rows())
        }
    }
}

/// One row, and where it begins in the body, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    text: &'a [u8],
    line: usize,
    column: usize,
}

impl Row<'_> {
    /// How long it is.
    pub const fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The row's JSON.
    ///
    /// # Errors
    /// 400 with the place in the whole body.
    pub fn parse(&self) -> Result<Value, Problem> {
        unambiguous(self.text)
            .map_err(|error| not_json(&error.beginning_at(self.line, self.column)))
    }
}

/// Cuts a body into its rows.
///
/// # Errors
/// 413 for too many, 400 for what is no array of JSON values. Lines are looked at later, each for itself.
pub(super) fn split(media: Media, body: &[u8]) -> Result<Vec<Row<'_>>, Problem> {
    match media {
        Media::Array => items(body),
        Media::Lines => lines(body),
    }
}

/// Every row of a bulk's body as JSON, or the problem document with which it, or the whole body, is refused.
///
/// # Errors
/// The document where the whole body is refused.
pub fn bulk_rows(media: Media, body: &[u8]) -> Result<Vec<Result<Value, String>>, String> {
    let shown = |problem: Problem| problem.document(super::bulk::PATH);
    let rows = split(media, body).map_err(shown)?;
    Ok(rows.iter().map(|row| row.parse().map_err(shown)).collect())
}

fn lines(body: &[u8]) -> Result<Vec<Row<'_>>, Problem> {
    let mut rows = Vec::new();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if rows.len() == MAX_ROWS {
            return Err(Problem::too_many_rows(MAX_ROWS));
        }
        let indent = line.len() - line.trim_ascii_start().len();
        rows.push(Row {
            text,
            line: index + 1,
            column: indent + 1,
        });
    }
    Ok(rows)
}

fn items(body: &[u8]) -> Result<Vec<Row<'_>>, Problem> {
    let too_many = Cell::new(false);
    let mut reader = Deserializer::from_slice(body);
    let read = reader
        .deserialize_seq(Items {
            too_many: &too_many,
        })
        .and_then(|items| reader.end().map(|()| items));
    let items = read.map_err(|error| {
        if too_many.get() {
            return Problem::too_many_rows(MAX_ROWS);
        }
        match error.classify() {
            Category::Data => {
                let detail = "must be an array of intents";
                Problem::invalid(vec![Violation::body("", detail)])
            }
            Category::Io | Category::Syntax | Category::Eof => not_json(&JsonError::Syntax {
                line: error.line(),
                column: error.column(),
            }),
        }
    })?;
    let mut place = Place::default();
    let rows = items.into_iter().map(|item| {
        let text = item.get().as_bytes();
        // Where a slice of the body begins in it.
        let start = text.as_ptr().addr() - body.as_ptr().addr();
        let (line, column) = place.of(body, start);
        Row { text, line, column }
    });
    Ok(rows.collect())
}

/// Counts lines on the way through a body, so that the places of all rows cost one look at it.
#[derive(Default)]
struct Place {
    seen: usize,
    lines: usize,
    line_start: usize,
}

impl Place {
    /// The line and the column, from 1, of a place that is not before the last one.
    fn of(&mut self, body: &[u8], at: usize) -> (usize, usize) {
        for (index, byte) in body[self.seen..at].iter().enumerate() {
            if *byte == b'\n' {
                self.lines += 1;
                self.line_start = self.seen + index + 1;
            }
        }
        self.seen = at;
        (self.lines + 1, at - self.line_start + 1)
    }
}

struct Items<'c> {
    too_many: &'c Cell<bool>,
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            if all.len() == MAX_ROWS {
                self.too_many.set(true);
                return Err(A::Error::custom("too many rows"));
            }
            all.push(item);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(media: Media, body: &str) -> Vec<(String, usize, usize)> {
        let rows = split(media, body.as_bytes()).unwrap();
        rows.iter()
            .map(|row| {
                let text = String::from_utf8(row.text.to_vec()).unwrap();
                (text, row.line, row.column)
            })
            .collect()
    }

    #[test]
    fn rows_know_where_they_begin() {
        let row = |text: &str, line, column| (text.to_owned(), line, column);
        let array = "[ {\"a\":\n1},\n  2 , {} ]";
        assert_eq!(
            places(Media::Array, array),
            [row("{\"a\":\n1}", 1, 3), row("2", 3, 3), row("{}", 3, 7)]
        );
        let lines = "\n{}\r\n\n  {\"a\": 1} \n7";
        assert_eq!(
            places(Media::Lines, lines),
            [row("{}", 2, 1), row("{\"a\": 1}", 4, 3), row("7", 5, 1)]
        );
        assert!(places(Media::Array, "[]").is_empty());
        assert!(places(Media::Lines, " \n\n").is_empty());
    }

    #[test]
    fn a_mistake_is_placed_in_the_whole_body() {
        let problem = |media, body: &str| {
            let rows = split(media, body.as_bytes()).unwrap();
            rows[1].parse().unwrap_err().document("/")
        };
        let lines = problem(Media::Lines, "{}\n\n {\"a\":}\n");
        assert!(lines.contains("at line 3, column 7"), "{lines}");
        let array = problem(Media::Array, "[{},\n  {\"a\":1,\n\"a\":2}]");
        assert!(array.contains("again at line 3, column 3"), "{array}");
        let array = problem(Media::Array, "[{}, {\"a\":1,\"a\":2}]");
        assert!(array.contains("again at line 1, column 15"), "{array}");
    }

    #[test]
    fn what_is_no_array_and_what_is_too_long_is_refused_whole() {
        let refused = |media, body: &str| split(media, body.as_bytes()).unwrap_err();
        for body in ["{}", "7", "\"[]\""] {
            assert_eq!(refused(Media::Array, body).status(), 400, "{body}");
        }
        for body in ["", "[", "[{},]", "[{}] []", "[{\"a\":nul}]"] {
            let document = refused(Media::Array, body).document("/");
            assert!(document.contains("is not JSON at line 1"), "{document}");
        }
        let most = format!("[0{}]", ",0".repeat(MAX_ROWS - 1));
        assert_eq!(
            split(Media::Array, most.as_bytes()).unwrap().len(),
            MAX_ROWS
        );
        let more = format!("[0{}]", ",0".repeat(MAX_ROWS));
        assert_eq!(refused(Media::Array, &more).status(), 413);
        assert_eq!(
            refused(Media::Lines, &"0\n".repeat(MAX_ROWS + 1)).status(),
            413
        );
    }
}
