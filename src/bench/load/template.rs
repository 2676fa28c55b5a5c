//! The bytes of requests, made once: only a number is written into them.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::bench::world::API_KEY;
use crate::domain::primitives::AccountId;

/// Digits of an intent's number.
const DIGITS: usize = 12;
/// Bytes of the head of a bulk request, at most.
const MAX_HEAD_BYTES: usize = 400;

/// How intents are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One a request.
    Single,
    /// So many a request, at most.
    Bulk(usize),
}

impl Shape {
    /// The most intents of a request.
    pub const fn rows(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Bulk(rows) => rows,
        }
    }
}

/// A payment of one stroop, with all that real ones have: memo, metadata, names of ordinary length.
#[derive(Clone, Debug)]
pub struct Template {
    /// A request of its own.
    single: Vec<u8>,
    /// Where the number stands in it.
    single_at: [usize; 2],
    body: Vec<u8>,
    body_at: usize,
    host: SocketAddr,
}

impl Template {
    /// For one daemon. With `never`, intents are accepted and wait for the year 2100.
    pub fn new(host: SocketAddr, destination: AccountId, never: bool) -> Self {
        let number = "0".repeat(DIGITS);
        let not_before = if never {
            r#","not_before":"2100-01-01T00:00:00Z""#
        } else {
            ""
        };
        let body = format!(
            r#"{{"workflow_id":"payout-2026-{number}","operations":[{{"type":"payment","destination":"{destination}","asset":"native","amount":"0.0000001"}}],"memo":{{"type":"text","value":"invoice 2026-11-0042"}},"metadata":{{"customer":"c-48213","batch":"2026-11"}}{not_before}}}"#
        );
        let head = format!(
            "POST /v1/intents HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\nidempotency-key: payout-2026-{number}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let body_at = body.find(&number).unwrap_or_default();
        let head_at = head.find(&number).unwrap_or_default();
        Self {
            single_at: [head_at, head.len() + body_at],
            single: [head.as_bytes(), body.as_bytes()].concat(),
            body: body.into_bytes(),
            body_at,
            host,
        }
    }

    /// Bytes of an intent's body.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Writes the request for these intents into `out`.
    pub fn write(&self, shape: Shape, numbers: std::ops::Range<u64>, out: &mut Vec<u8>) {
        out.clear();
        match shape {
            Shape::Single => {
                out.extend_from_slice(&self.single);
                for at in self.single_at {
                    write_number(&mut out[at..at + DIGITS], numbers.start);
                }
            }
            Shape::Bulk(_) => self.write_bulk(numbers, out),
        }
    }

    fn write_bulk(&self, numbers: std::ops::Range<u64>, out: &mut Vec<u8>) {
        let rows = usize::try_from(numbers.end - numbers.start).unwrap_or(0);
        // Brackets around, commas between.
        let length = rows * (self.body.len() + 1) + 1;
        out.reserve(length + MAX_HEAD_BYTES);
        let (host, first) = (self.host, numbers.start);
        let _ = write!(
            out,
            "POST /v1/intents/bulk HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\nidempotency-key: bulk-{first}\r\ncontent-length: {length}\r\n\r\n["
        );
        for number in numbers.clone() {
            if number > numbers.start {
                out.push(b',');
            }
            let at = out.len() + self.body_at;
            out.extend_from_slice(&self.body);
            write_number(&mut out[at..at + DIGITS], number);
        }
        out.push(b']');
    }
}

fn write_number(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Shape, Template};
    use crate::domain::primitives::AccountId;

    fn parts(request: &[u8]) -> (String, Value) {
        let text = String::from_utf8(request.to_vec()).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let length = format!("content-length: {}", body.len());
        assert!(head.contains(&length), "{head}, a body of {}", body.len());
        (head.to_owned(), serde_json::from_str(body).expect("JSON"))
    }

    #[test]
    fn requests_are_whole_and_carry_their_numbers() {
        let host = "127.0.0.1:8080".parse().expect("an address");
        let template = Template::new(host, AccountId([7; 32]), true);
        let mut out = Vec::new();
        template.write(Shape::Single, 42..43, &mut out);
        let (head, body) = parts(&out);
        assert!(head.contains("idempotency-key: payout-2026-000000000042\r\n"));
        assert_eq!(body["workflow_id"], "payout-2026-000000000042");
        assert_eq!(body["not_before"], "2100-01-01T00:00:00Z");

        template.write(Shape::Bulk(100), 7..10, &mut out);
        let (_, rows) = parts(&out);
        let names: Vec<&str> = rows
            .as_array()
            .expect("an array")
            .iter()
            .filter_map(|row| row["workflow_id"].as_str())
            .collect();
        let expected: Vec<String> = (7..10).map(|n| format!("payout-2026-{n:012}")).collect();
        assert_eq!(names, expected);
    }
}
