//! `intents list`: every filter, and lists longer than a page.

use std::fmt::Write as _;

use serde_json::Value;

use crate::dev::{dev, unfunded};
use crate::program::{Files, at, run};

fn workflows(list: &Value) -> Vec<&str> {
    let items = list.as_array().unwrap();
    let names = items.iter().map(|item| item["workflow_id"].as_str());
    names.map(Option::unwrap).collect()
}

#[tokio::test]
async fn every_filter_finds_what_it_names_and_nothing_else() {
    let dev = dev().await;
    let (paid, missing) = (dev.account().await, unfunded());
    let files = Files::new();
    let file = files.write(
        "list.csv",
        format!(
            "workflow_id,method,destination,amount\n\
             list-1,bonus,{paid},1\nlist-2,,{paid},1\nlist-3,,{missing},1\n"
        ),
    );
    // One of them fails: its destination does not exist.
    assert_eq!(at(&dev.api, &["submit", &file, "--wait"]).code, 1);
    let one = at(&dev.api, &["get", "list-1", "--json"]).fine().json();
    let (source, hash) = (&one["source"], &one["transaction"]["hash"]);
    let (source, hash) = (source.as_str().unwrap(), hash.as_str().unwrap());
    let created = one["created_at"].as_str().unwrap();
    for (filter, expected) in [
        (&["--workflow-id", "list-2"][..], &["list-2"][..]),
        (&["--destination", &paid], &["list-1", "list-2"]),
        (&["--destination", &missing], &["list-3"]),
        (&["--hash", hash], &["list-1"]),
        (&["--destination", &paid, "--method", "bonus"], &["list-1"]),
        (
            &["--destination", &paid, "--status", "succeeded"],
            &["list-1", "list-2"],
        ),
        (&["--destination", &paid, "--status", "failed"], &[]),
        (
            &["--destination", &missing, "--status", "failed"],
            &["list-3"],
        ),
        (
            &["--destination", &paid, "--source", source],
            &["list-1", "list-2"],
        ),
        (&["--destination", &paid, "--source", &missing], &[]),
        (
            &["--workflow-id", "list-1", "--created-after", created],
            &[],
        ),
        (
            &[
                "--workflow-id",
                "list-1",
                "--created-after",
                "2020-01-01T00:00:00+02:00",
            ],
            &["list-1"],
        ),
    ] {
        let list = at(&dev.api, &[&["list", "--json"], filter].concat());
        let list = list.fine().json();
        let mut found = workflows(&list);
        found.sort_unstable();
        assert_eq!(found, expected, "{filter:?}");
    }
    let table = at(&dev.api, &["list", "--destination", &missing]).fine();
    for word in ["list-3", "failed", "op_no_destination", "workflow"] {
        assert!(table.out.contains(word), "{word:?}: {table:?}");
    }
}

#[tokio::test]
async fn a_list_is_as_long_as_it_is_asked_for() {
    const ROWS: usize = 450;
    let dev = dev().await;
    let destination = unfunded();
    // They wait for years, so that they are no work for the ledger.
    let mut rows = String::new();
    for index in 0..ROWS {
        let operation = format!(
            r#"{{"type":"payment","destination":"{destination}","asset":"native","amount":"1"}}"#
        );
        writeln!(
            rows,
            r#"{{"workflow_id":"long-{index}","not_before":"2035-01-01T00:00:00Z","operations":[{operation}]}}"#
        )
        .unwrap();
    }
    let files = Files::new();
    at(&dev.api, &["submit", &files.write("long.ndjson", rows)]).fine();
    let filter = ["list", "--destination", &destination, "--json"];
    for (length, expected) in [
        (&[][..], 50),
        (&["--limit", "3"], 3),
        (&["--limit", "200"], 200),
        (&["--limit", "201"], 201),
        (&["--limit", "100000"], ROWS),
        (&["--all"], ROWS),
    ] {
        let list = at(&dev.api, &[&filter[..], length].concat()).fine().json();
        let mut found = workflows(&list);
        assert_eq!(found.len(), expected, "{length:?}");
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), expected, "{length:?}: one is there twice");
    }
    let table = at(&dev.api, &["list", "--destination", &destination]).fine();
    assert!(table.err.contains("there are more"), "{table:?}");
    let table = at(&dev.api, &["list", "--destination", &destination, "--all"]).fine();
    assert!(!table.err.contains("there are more"), "{table:?}");
    assert_eq!(table.out.matches("long-").count(), ROWS);
    // As `head` does: it reads a line and goes away.
    let shell = format!(
        "{} intents list --api {} --all --json | head -1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_stellar-submitter"),
        dev.api
    );
    let mut piped = std::process::Command::new("bash");
    let piped = piped.args(["-c", &shell]).output().unwrap();
    assert_eq!(piped.stdout, b"[\n");
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
    assert_eq!(piped.status.code(), Some(0));
}

#[test]
fn filters_that_cannot_be_are_usage_errors() {
    for (flag, value) in [
        ("--source", "G"),
        ("--destination", "nobody"),
        ("--hash", "abc"),
        ("--created-after", "yesterday"),
    ] {
        let ran = run(&["list", flag, value], &[]);
        assert!(ran.complaint(2).starts_with(flag), "{ran:?}");
    }
    for arguments in [
        &["list", "--status", "landed"][..],
        &["list", "--limit", "0"],
        &["list", "--limit", "1", "--all"],
        &["submit", "x.csv", "--concurrency", "0"],
        &["submit", "x.csv", "--timeout", "5"],
        &["get"],
    ] {
        assert_eq!(run(arguments, &[]).code, 2, "{arguments:?}");
    }
}
