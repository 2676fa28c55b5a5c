//! A recorded request and its answer, and how an answer of the sandbox is held against it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support;

/// What the sandbox leaves out, as docs/sandbox.md says.
const LEFT_OUT: [&str; 2] = ["result_meta_xdr", "fee_meta_xdr"];
/// What no second network could answer the same: versions, hashes of headers, the address of another friendbot.
const UNDETERMINED: [&str; 7] = [
    "core_version",
    "fee_pool",
    "friendbot",
    "header_xdr",
    "horizon_version",
    "prev_hash",
    "supported_protocol_version",
];
/// Headers that carry meaning for a client.
const HEADERS: [&str; 9] = [
    "cache-control",
    "content-disposition",
    "content-type",
    "latest-ledger",
    "retry-after",
    "vary",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// One file of the fixtures.
pub struct Capture {
    pub name: String,
    pub json: Value,
}

/// An answer of the sandbox.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Capture {
    /// Reads a file by its name.
    pub fn read(name: &str) -> Self {
        let json = support::read_json(&support::captures().join(format!("{name}.json")));
        Self {
            name: name.to_owned(),
            json,
        }
    }

    /// The names of all of them.
    pub fn names() -> BTreeSet<String> {
        let files = std::fs::read_dir(support::captures()).unwrap();
        // Beside the captures lies a page that says how to read them.
        let paths = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"));
        let stems = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
        stems
            .filter(|name| name != "keys" && name != "apply-vectors")
            .collect()
    }

    /// The ledger before the request.
    pub fn ledger_before(&self) -> u32 {
        u32::try_from(self.json["context"]["ledger_before"].as_u64().unwrap()).unwrap()
    }

    /// The recorded body.
    pub fn body(&self) -> &Value {
        &self.json["response"]["body"]
    }

    /// Holds an answer against the recorded one, but for the fields named here.
    pub fn compare(&self, got: &Answer, besides: &[&str]) -> Result<(), String> {
        let expected = &self.json["response"];
        if expected["status"] != got.status {
            return Err(format!(
                "status {} instead of {}: {}",
                got.status, expected["status"], got.text
            ));
        }
        for name in HEADERS {
            let got = got
                .headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str());
            let expected = expected["headers"][name].as_str();
            if got != expected {
                return Err(format!("header {name}: {got:?} instead of {expected:?}"));
            }
        }
        if let Some(text) = expected["text"].as_str() {
            return self.compare_text(&got.text, text, besides);
        }
        let got: Value =
            serde_json::from_str(&got.text).map_err(|error| format!("{error}: {}", got.text))?;
        same(&self.body().clone(), &got, "", besides)
    }

    /// Holds the body alone against the recorded one: not every recording has all headers.
    pub fn compare_body(&self, got: &Value) -> Result<(), String> {
        same(self.body(), got, "", &[])
    }

    /// An empty text, or as much of a stream as there is.
    fn compare_text(&self, got: &str, expected: &str, besides: &[&str]) -> Result<(), String> {
        let (got, expected) = (events(got), events(expected));
        if got.len() < expected.len() {
            return Err(format!(
                "{} events instead of {}",
                got.len(),
                expected.len()
            ));
        }
        for (got, expected) in got.iter().zip(&expected) {
            if got.0 != expected.0 {
                return Err(format!("event {:?} instead of {:?}", got.0, expected.0));
            }
            same(&expected.1, &got.1, &expected.0, besides)?;
        }
        Ok(())
    }
}

/// The events of a stream: everything but the data, and the data as JSON.
fn events(text: &str) -> Vec<(String, Value)> {
    let event = |text: &str| {
        let (data, rest): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| line.starts_with("data: "));
        let data = data.first().map_or(Value::Null, |line| {
            serde_json::from_str(&line[6..]).unwrap()
        });
        (rest.join("\n"), data)
    };
    text.split("\n\n")
        .filter(|event| !event.trim().is_empty())
        .map(event)
        .collect()
}

/// The same keys everywhere, and the same values but where they are not determined.
fn same(expected: &Value, got: &Value, path: &str, besides: &[&str]) -> Result<(), String> {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            let keys = |map: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                map.keys()
                    .filter(|key| !LEFT_OUT.contains(&key.as_str()))
                    .cloned()
                    .collect()
            };
            if keys(expected) != keys(got) {
                return Err(format!(
                    "{path}: keys {:?} instead of {:?}",
                    keys(got),
                    keys(expected)
                ));
            }
            for key in keys(expected) {
                if !UNDETERMINED.contains(&key.as_str()) && !besides.contains(&key.as_str()) {
                    same(
                        &expected[&key],
                        &got[&key],
                        &format!("{path}/{key}"),
                        besides,
                    )?;
                }
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(got)) => {
            if expected.len() != got.len() {
                return Err(format!(
                    "{path}: {} items instead of {}",
                    got.len(),
                    expected.len()
                ));
            }
            let (mut expected, mut got) = (expected.clone(), got.clone());
            if besides.contains(&"paging_token") {
                // The order within one ledger is the network's whim: by hash it can be compared.
                for list in [&mut expected, &mut got] {
                    list.sort_by_key(|item| {
                        item.get("transaction_hash")
                            .or_else(|| item.get("hash"))
                            .map(ToString::to_string)
                    });
                }
            }
            expected
                .iter()
                .zip(&got)
                .enumerate()
                .try_for_each(|(i, (e, g))| same(e, g, &format!("{path}/{i}"), besides))
        }
        _ if expected == got => Ok(()),
        _ => Err(format!("{path}: {got} instead of {expected}")),
    }
}
