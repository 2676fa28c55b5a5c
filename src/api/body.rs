//! The body of a request: bounded in size and time, JSON, and no name twice.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

use super::problem::{Problem, Violation};
use crate::domain::fields::join;

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// The most bytes of an unwanted body that are read and thrown away, so that the client hears the answer: a connection
/// that is closed while the client still writes takes the answer with it.
const MAX_DISCARDED: usize = 32 * 1024 * 1024;

/// The JSON of a request.
///
/// # Errors
/// 415, 413, 408, or 400 for what is not JSON.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Value, Problem> {
    if !has_media(headers, "application/json") {
        return Err(Problem::not_json());
    }
    let bytes = bytes(headers, body, limit).await?;
    parse(&bytes)
}

/// Makes sure that a request which takes no body has none, or an empty object.
///
/// # Errors
/// As [`read`].
pub async fn none(headers: &HeaderMap, body: Body) -> Result<(), Problem> {
    /// Enough for an empty object, however it is written.
    const LIMIT: usize = 1024;
    let bytes = bytes(headers, body, LIMIT).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) || parse(&bytes)? == Value::Object(Map::new()) {
        return Ok(());
    }
    let detail = "must be empty: this takes no fields";
    Err(Problem::invalid(vec![Violation::body("", detail)]))
}

/// Whether the header Content-Type says so.
pub fn has_media(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case(wanted))
}

/// The whole body.
///
/// # Errors
/// 413, 408, or 400 for one that did not arrive whole.
pub async fn bytes(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    arrived(headers, body, limit, ARRIVAL).await
}

async fn arrived(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    arrival: Duration,
) -> Result<Bytes, Problem> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        discard(headers, body).await;
        return Err(Problem::too_large(limit));
    }
    let collected = tokio::time::timeout(arrival, Limited::new(body, limit).collect());
    match collected.await {
        Err(_) => Err(Problem::too_slow(arrival.as_secs())),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(limit)),
        Ok(Err(_)) => Err(Problem::invalid(vec![Violation::body(
            "",
            "did not arrive whole",
        )])),
    }
}

/// Reads a body that is not wanted, within limits, and throws it away.
pub async fn discard(headers: &HeaderMap, mut body: Body) {
    // One who asks first has not begun to send.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let discarding = async {
        let mut left = MAX_DISCARDED;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(length) else {
                return;
            };
            left = rest;
        }
    };
    // Whatever has not come by then will not come.
    let _ = tokio::time::timeout(ARRIVAL, discarding).await;
}

/// Why a text is no JSON that means one thing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// It is broken.
    #[error("is not JSON at line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// An object has a name twice.
    #[error("is given twice, again at line {line}, column {column}")]
    Twice {
        /// JSON pointer to it.
        pointer: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

impl JsonError {
    /// The same in a longer text, of which this one begins at a line and a column.
    #[must_use]
    pub fn beginning_at(mut self, first_line: usize, first_column: usize) -> Self {
        let (Self::Syntax { line, column } | Self::Twice { line, column, .. }) = &mut self;
        if *line <= 1 {
            *column += first_column - 1;
        }
        *line += first_line - 1;
        self
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    unambiguous(bytes).map_err(|error| not_json(&error))
}

/// 400 with the place.
pub fn not_json(error: &JsonError) -> Problem {
    let pointer = match error {
        JsonError::Syntax { .. } => "",
        JsonError::Twice { pointer, .. } => pointer,
    };
    Problem::invalid(vec![Violation::body(pointer, error.to_string())])
}

/// Reads JSON in which no object has a name twice.
///
/// # Errors
/// [`JsonError`]. It repeats nothing of the text but names of fields, and no seed among them.
pub fn unambiguous(bytes: &[u8]) -> Result<Value, JsonError> {
    let twice = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Unambiguous { twice: &twice }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match twice.take() {
            Some(names) => JsonError::Twice {
                pointer: names
                    .iter()
                    .rev()
                    .fold(String::new(), |at, name| join(&at, name)),
                line,
                column,
            },
            None => JsonError::Syntax { line, column },
        }
    })
}

/// Reads a value in which no object has a name twice: of two amounts, which one was meant?
#[derive(Clone, Copy)]
struct Unambiguous<'a> {
    /// The names that lead to the second one, the innermost first. Noted on the way out of a mistake, so that a body
    /// without one pays nothing for it.
    twice: &'a RefCell<Option<Vec<String>>>,
}

impl Unambiguous<'_> {
    /// Notes that a mistake found below, if any was, stands in this member.
    fn below<T, E>(self, name: impl FnOnce() -> String, read: Result<T, E>) -> Result<T, E> {
        if read.is_err()
            && let Some(names) = self.twice.borrow_mut().as_mut()
        {
            names.push(name());
        }
        read
    }
}

impl<'de> DeserializeSeed<'de> for Unambiguous<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // PostgreSQL's numbers have no -0: it would come back as another text than was answered at first.
        Ok(if value == 0.0 { 0.0 } else { value }.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) =
            self.below(|| all.len().to_string(), items.next_element_seed(self))?
        {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if all.contains_key(&name) {
                *self.twice.borrow_mut() = Some(vec![name]);
                return Err(A::Error::custom("a name is given twice"));
            }
            let value = self.below(|| name.clone(), members.next_value_seed(self))?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, Bytes};
    use axum::http::HeaderMap;

    use super::{arrived, parse};

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_not_waited_for() {
        let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from("{"))]);
        let never = futures_util::StreamExt::chain(begun, futures_util::stream::pending());
        let arrival = Duration::from_millis(50);
        let read = arrived(&HeaderMap::new(), Body::from_stream(never), 100, arrival).await;
        assert_eq!(read.unwrap_err().status(), 408);
    }

    #[test]
    fn what_serde_json_reads_is_read_alike() {
        for text in [
            "null",
            "[1,-1,1.5,1e300,18446744073709551615,true,\"\\u00e9\"]",
            "{\"a\":{\"b\":[{\"c\":null}]},\"\":0}",
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn ambiguous_broken_and_endless_ones_are_refused_with_their_place() {
        let problem = |text: &str| parse(text.as_bytes()).unwrap_err().document("/");
        let twice = problem("{\"a\":[{\"b\":1,\n\"b\":1}]}");
        assert!(twice.contains("\"pointer\":\"/a/0/b\""), "{twice}");
        assert!(twice.contains("line 2"), "{twice}");
        for broken in ["", "{", "{}x", "[1,]", "NaN", "\"\\ud800\""] {
            let text = problem(broken);
            assert!(text.contains("is not JSON at line 1"), "{broken}: {text}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(problem(&deep).contains("is not JSON at line 1"));
    }
}
