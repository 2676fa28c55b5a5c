//! Every alarm has a page, every page is linked, and every metric that is named is counted somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What nobody need act on by a page: the sandbox's own, and texts that carry another error.
const NO_ALARMS: [&str; 4] = [
    // The sandbox's own.
    "the contract of lumens was not made",
    "closing a ledger panicked; no more ledgers close by themselves",
    "the sandbox's listener failed",
    "a receipt has no canonical form",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn alerts() -> String {
    fs::read_to_string(root().join("deploy/alerts.yml")).unwrap()
}

fn sources(folder: &Path, all: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            all.push((path, text));
        }
    }
}

fn code() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    sources(&root().join("src"), &mut all);
    all
}

fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs/runbooks")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// Everything that looks like a metric of ours.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    text.match_indices("submitter_")
        .filter(|(at, _)| {
            !text[..*at].ends_with(|letter: char| {
                letter.is_alphanumeric() || letter == '_' || letter == '-'
            })
        })
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .filter(|name| name != "submitter_")
        .collect()
}

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    let text = alerts();
    let count = text.matches("- alert: ").count();
    let linked: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("runbook: docs/runbooks/"))
        .map(|(_, rest)| rest.trim_end_matches('}'))
        .collect();
    assert!(count >= 15, "{count} alerts");
    assert_eq!(linked.len(), count, "each names its page");
    let pages = pages();
    for page in &linked {
        assert!(
            pages.iter().any(|(name, _)| name == page),
            "no docs/runbooks/{page}"
        );
    }
    let index = pages.iter().find(|(name, _)| name == "README.md").unwrap();
    for (name, text) in pages.iter().filter(|(name, _)| name != "README.md") {
        assert!(
            index.1.contains(&format!("({name})")),
            "README.md does not link {name}"
        );
        for part in [
            "## What it means",
            "## How it looks",
            "## What to check",
            "## What to do",
            "## What never to do",
            "## Tried",
        ] {
            assert!(text.contains(part), "{name} lacks {part:?}");
        }
    }
}

#[test]
fn every_metric_that_is_named_exists() {
    let mut counted = BTreeSet::new();
    for (_, text) in code() {
        for call in ["gauge!(", "counter!(", "histogram!("] {
            for (at, _) in text.match_indices(call) {
                let rest = &text[at + call.len()..];
                if let Some(name) = rest.trim_start().strip_prefix('"') {
                    counted.insert(name[..name.find('"').unwrap()].to_owned());
                }
            }
        }
        // What every server is asked is counted under names that its room gives.
        for field in ["seconds: \"", "requests: \""] {
            for (at, _) in text.match_indices(field) {
                let name = &text[at + field.len()..];
                counted.insert(name[..name.find('"').unwrap()].to_owned());
            }
        }
    }
    let mut named = metrics(&alerts());
    for (_, text) in pages() {
        named.extend(metrics(&text));
    }
    assert!(named.len() > 10, "{named:?}");
    let unknown: Vec<&String> = named.difference(&counted).collect();
    assert!(unknown.is_empty(), "no such metric: {unknown:?}");
}

#[test]
fn every_error_in_the_log_is_on_a_page() {
    let pages: String = pages().into_iter().map(|(_, text)| text).collect();
    let mut missing = Vec::new();
    for (path, text) in code() {
        for (at, _) in text.match_indices("tracing::error!(") {
            let call = &text[at..at + text[at..].find(");").unwrap()];
            // The message is the last text in the call.
            let texts = call.split('"').skip(1).step_by(2);
            let Some(message) = texts.last() else {
                continue;
            };
            // Up to where it differs from case to case.
            let said = message.split(['{', '`']).next().unwrap().trim();
            if !pages.contains(said) && !NO_ALARMS.contains(&message) {
                missing.push(format!("{}: {message}", path.display()));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "errors that no runbook has: {missing:#?}"
    );
}
