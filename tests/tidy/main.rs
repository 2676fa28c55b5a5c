//! The house rules that a compiler does not know, as a test. The tables say what the house looks like; each rule shows below that it catches a breach.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod arrows;
mod imports;
mod rules;
mod source;

use std::path::{Path, PathBuf};

use source::Source;

/// Every room, and whom it may know besides itself. Who wants to know more changes this table, and with it the design.
const MAY_KNOW: &[(&str, &str)] = &[
    // Deliberate mistakes, compiled only for the simulation: whoever would make one asks whether to.
    ("defect", ""),
    // Pure: what it needs comes as arguments.
    ("domain", "defect"),
    ("clock", ""),
    ("retry", ""),
    // Values are parsed into the types of the rooms that use them, so that what is wrong is told at once and with its key.
    ("config", "domain horizon rpc signer telemetry"),
    ("telemetry", ""),
    // One request and its whole answer, whoever is asked.
    ("http", "domain"),
    // The edges know the domain, never each other.
    ("store", "domain"),
    ("horizon", "domain http"),
    ("rpc", "domain http"),
    ("signer", "domain"),
    // A request cannot reach the chain.
    ("api", "domain store"),
    (
        "worker",
        "defect domain clock retry store horizon rpc signer",
    ),
    // The ledger's history, and the records against it: it sends and changes nothing.
    ("audit", "domain retry store horizon"),
    // The judge: a mistake shared with the judged would be invisible.
    ("sandbox", ""),
    // The real engine and Horizon client over the judge's ledger; nothing that listens, and no database.
    (
        "simulation",
        "defect domain clock store horizon signer worker sandbox",
    ),
    // Those that wire the others, each only what lies below it. `dev` runs the daemon and the sandbox.
    (
        "daemon",
        "domain clock retry config telemetry store horizon rpc signer api audit worker",
    ),
    (
        "dev",
        "domain clock retry config telemetry store horizon rpc signer api audit worker sandbox daemon",
    ),
    (
        "bench",
        "domain clock retry config telemetry store horizon rpc signer api audit worker sandbox daemon dev",
    ),
    (
        "cli",
        "defect domain clock retry config telemetry store horizon rpc signer api audit worker sandbox simulation daemon dev bench",
    ),
    ("main", "cli"),
];

/// What only some places may name: (name, reason, where it may stand). A place is a path below `src`; a folder ends with a slash.
const ONLY_IN: &[(&str, &str, &[&str])] = &[
    (
        "SystemTime::now",
        "the wall clock is read in one place",
        &["clock.rs", "sandbox/clock.rs", "dev/"],
    ),
    (
        "OffsetDateTime::now_utc",
        "the wall clock is read in one place",
        &["clock.rs", "sandbox/clock.rs", "dev/"],
    ),
    (
        "OffsetDateTime::now_local",
        "the wall clock is read in one place, and in UTC",
        &[],
    ),
    (
        "UtcDateTime::now",
        "the wall clock is read in one place",
        &["clock.rs", "sandbox/clock.rs", "dev/"],
    ),
    (
        "backoff::",
        "the crate is unmaintained: replacing it must be one file",
        &["retry.rs"],
    ),
    ("sqlx::", "SQL lives in the store", &["store/", "store.rs"]),
];

/// What reads the ledger and what was sent in the simulation.
const JUDGES: [&str; 2] = ["simulation/oracle.rs", "simulation/seen.rs"];
const NOT_IN_A_JUDGE: &[(&str, &str)] = &[
    ("domain", "a mistake of the judged would be shared"),
    ("store", "a mistake of the judged would be shared"),
    ("worker", "a mistake of the judged would be shared"),
    ("horizon", "a mistake of the judged would be shared"),
    ("signer", "a mistake of the judged would be shared"),
];

/// What a pure room may not name at all: (name, reason).
const NOT_IN_DOMAIN: &[(&str, &str)] = &[
    ("tokio::", "it is synchronous"),
    ("async fn", "it is synchronous"),
    ("Instant::now", "time is an argument"),
    ("rand::", "randomness is an argument"),
    ("Uuid::new_v4", "randomness is an argument"),
    ("Uuid::now_v7", "time and randomness are arguments"),
    ("std::fs", "it does no I/O"),
    ("std::net", "it does no I/O"),
    ("std::env", "it does no I/O"),
    ("std::process", "it does no I/O"),
    ("std::thread", "it is synchronous"),
    ("reqwest::", "it does no I/O"),
    ("axum::", "it does no I/O"),
    ("tracing::", "it does no I/O"),
    (
        "HashMap",
        "its order is random: the same plan must give the same bytes",
    ),
    (
        "HashSet",
        "its order is random: the same plan must give the same bytes",
    ),
];

/// What no finished code names: (name, reason).
const NOWHERE: &[(&str, &str)] = &[
    (
        ".unwrap()",
        "say why it cannot fail: `expect(\"reason\")`, or return the error",
    ),
    ("todo!(", "a stub is not done"),
    ("unimplemented!(", "a stub is not done"),
    ("dbg!(", "it is for debugging"),
];

/// How SQL statements begin, and the words of which one has to follow, so that an English sentence is not taken for SQL. None: the beginning is enough.
const SQL: &[(&str, &[&str])] = &[
    ("select ", &[" from ", "("]),
    ("update ", &[" set "]),
    ("with ", &[" as ("]),
    ("insert into ", &[]),
    ("delete from ", &[]),
    ("truncate ", &[]),
    ("create table ", &[]),
    ("create database ", &[]),
    ("alter table ", &[]),
    ("drop table ", &[]),
];

/// Lines in a file that still reads in one sitting, and the files that may be longer, each with its reason.
const LINES: usize = 400;
const LONGER: &[(&str, &str)] = &[
    (
        "domain/operation/mod.rs",
        "one enum, and the two matches over it that must name every operation",
    ),
    (
        "domain/result_code/operation.rs",
        "one match for each operation's result codes: a list, which splitting would only scatter",
    ),
];

/// Words behind which a name hides two jobs; no file, type or module of ours has one in its name.
const VAGUE: &[&str] = &["manager", "helper", "helpers", "util", "utils", "service"];

/// What no file of the repository contains, because it is true on one machine only.
const MACHINES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `dir` with one of the endings, as (path below `dir`, text).
fn files(dir: &Path, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                if !["target", ".git", "node_modules"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let below = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                if let Ok(text) = std::fs::read_to_string(&path) {
                    found.push((below, text));
                }
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let sources: Vec<Source> = files(&root().join("src"), &[".rs"])
        .into_iter()
        .map(|(path, text)| Source::new(path, text))
        .collect();
    assert!(sources.len() > 5, "src is elsewhere: nothing was checked");
    sources
}

/// Fails with every finding of `rule`, one a line.
fn hold(rule: impl Fn(&Source) -> Vec<String>) {
    let findings: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn rooms_know_only_whom_they_may() {
    hold(|source| arrows::forbidden(source, MAY_KNOW));
}

#[test]
fn some_things_are_named_in_one_place_only() {
    hold(|source| rules::only_in(source, ONLY_IN));
}

#[test]
fn the_domain_is_pure() {
    hold(|source| rules::not_in("domain", source, NOT_IN_DOMAIN));
}

#[test]
fn the_judge_shares_nothing_with_the_judged() {
    hold(|source| {
        let is_judge = JUDGES.contains(&source.path.as_str());
        let named = is_judge.then(|| rules::nowhere(source, NOT_IN_A_JUDGE));
        named.unwrap_or_default()
    });
    let paths: Vec<String> = sources().into_iter().map(|source| source.path).collect();
    assert!(
        JUDGES
            .iter()
            .all(|judge| paths.iter().any(|path| path == judge))
    );
}

#[test]
fn no_unwrap_and_no_stub() {
    hold(|source| rules::nowhere(source, NOWHERE));
}

#[test]
fn every_expect_says_why() {
    hold(rules::expect_without_reason);
}

#[test]
fn sql_lives_in_the_store() {
    hold(|source| rules::sql_outside("store", source, SQL));
}

#[test]
fn a_file_reads_in_one_sitting() {
    hold(|source| rules::too_long(source, LINES, LONGER));
    for (path, reason) in LONGER {
        let text = std::fs::read_to_string(root().join("src").join(path))
            .unwrap_or_else(|_| panic!("{path} is an exception that is gone"));
        assert!(text.lines().count() > LINES, "{path} needs no exception");
        assert!(
            !reason.is_empty(),
            "{path} is an exception without a reason"
        );
    }
}

#[test]
fn names_say_what_a_thing_is() {
    hold(|source| rules::vague(source, VAGUE));
}

#[test]
fn nothing_is_tied_to_one_machine() {
    let endings = [
        ".rs",
        ".md",
        ".toml",
        ".sql",
        ".yml",
        ".yaml",
        ".sh",
        ".html",
        ".css",
        ".js",
        ".json",
        ".service",
        "Dockerfile",
        "justfile",
        "run",
    ];
    let files = files(root(), &endings);
    assert!(files.iter().any(|(path, _)| path == "Cargo.toml"));
    let findings: Vec<String> = files
        .iter()
        .flat_map(|(path, text)| rules::machine(path, text, MACHINES))
        .collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}
