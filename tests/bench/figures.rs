//! What each bench says, cross-checked.

use std::path::Path;

use serde_json::Value;

use crate::{agree, bench, number, report};

/// CPU time an intent is CPU time by intents, in both units; everything costs something.
fn costs_add_up(run: &Value) {
    let intents = number(&run["intents"]);
    assert!(intents > 0.0, "{run}");
    let each = &run["per_intent"];
    for process in ["daemon", "postgres", "load"] {
        let cpu = &run["cpu_seconds"][process];
        let seconds = number(&cpu["user"]) + number(&cpu["system"]);
        assert!(seconds > 0.0, "{process}: {run}");
        agree(
            number(&each["cpu_us"][process]),
            seconds / intents * 1e6,
            1e-6,
        );
        agree(
            number(&each["cpu_ms"][process]),
            number(&each["cpu_us"][process]) / 1e3,
            1e-6,
        );
    }
    // Its row, its events and its index entries are hundreds of bytes.
    assert!(number(&each["wal_bytes"]) > 300.0, "{each}");
    assert!(number(&each["commits"]) > 0.0, "{each}");
    let memory = &run["memory"];
    assert!(number(&memory["peak_bytes"]) >= number(&memory["before_bytes"]));
    assert!(!memory["samples"].as_array().unwrap().is_empty());
}

fn rising(values: &[&Value]) {
    let values: Vec<f64> = values.iter().map(|value| number(value)).collect();
    assert!(values.is_sorted() && values[0] > 0.0, "{values:?}");
}

fn accepts(report: &Value, rows: f64) {
    let figures = &report["figures"];
    let accepted = number(&figures["accepted"]);
    assert!(accepted > 0.0);
    let rate = number(&figures["intents_per_second"]);
    agree(rate, accepted / number(&figures["seconds"]), 1e-6);
    let whole = &figures["whole_run"];
    assert_eq!(whole["accepted"], figures["on_record"], "{whole}");
    assert!(number(&whole["accepted"]) >= accepted);
    assert_eq!(whole["refused"], 0);
    let requests = number(&figures["per_intent"]["api_requests"]);
    agree(requests, 1.0 / rows, 0.5);
    let took = &figures["request_ms"];
    rising(&[&took["p50"], &took["p95"], &took["p99"], &took["max"]]);
    costs_add_up(figures);
}

#[test]
fn accept_counts_what_is_on_record() {
    let flags = ["--seconds", "1", "--warmup", "1", "--connections", "16"];
    let flags = [&["accept"], &flags[..]].concat();
    accepts(&report(&flags), 1.0);
}

#[test]
fn bulk_counts_what_is_on_record_or_says_that_there_is_no_bulk() {
    let flags = ["--seconds", "1", "--warmup", "1", "--rows", "50"];
    let flags = [&["bulk"], &flags[..]].concat();
    let openapi = stellar_submitter::api::description();
    if openapi.contains("/v1/intents/bulk") {
        accepts(&report(&flags), 50.0);
    } else {
        let output = bench(&flags);
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("no POST /v1/intents/bulk"), "{errors}");
    }
}

/// The ledger, the records and the load tell the same story.
fn drives(run: &Value, channels: f64, ledger_seconds: f64) {
    let proof = &run["proof"];
    for (name, expected) in [("twice", 0), ("lost", 0), ("unasked", 0)] {
        assert_eq!(proof[name], expected, "{proof}");
    }
    let accepted = &proof["accepted"];
    assert!(number(accepted) > 0.0);
    assert_eq!(*accepted, proof["landed_once"], "{proof}");
    assert_eq!(*accepted, proof["records"]["recorded"], "{proof}");
    assert_eq!(*accepted, proof["records"]["succeeded"], "{proof}");
    assert_eq!(*accepted, run["whole_run"]["accepted"], "{proof}");
    assert!(number(&proof["records"]["attempts"]) >= number(accepted));

    let finals = &run["finals"];
    rising(&[
        &finals["p50_ms"],
        &finals["p95_ms"],
        &finals["p99_ms"],
        &finals["max_ms"],
    ]);
    assert_eq!(finals["count"], run["intents"]);
    agree(
        number(&run["tx_per_second"]),
        number(&finals["count"]) / number(&run["seconds"]),
        1e-6,
    );
    let ledgers = run["ledgers"].as_array().unwrap();
    let landed: Vec<f64> = ledgers.iter().map(|one| number(&one["landed"])).collect();
    assert!(
        landed.iter().all(|landed| *landed <= channels),
        "{landed:?}"
    );
    let sum: f64 = landed.iter().sum();
    agree(
        number(&run["landed_per_ledger"]),
        sum / landed.len() as f64,
        1e-6,
    );
    // What the ledgers took is what the records say, but for a ledger at each end.
    let difference = (sum - number(&finals["count"])).abs();
    assert!(difference <= 2.0 * channels, "{sum} and {finals}");
    agree(
        landed.len() as f64,
        number(&run["seconds"]) / ledger_seconds,
        0.6,
    );
    assert!(number(&run["per_intent"]["horizon_requests"]) > 0.0);
    costs_add_up(run);
}

fn is_plot(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 5_000);
}

#[test]
fn drive_sweeps_channels_with_two_daemons_and_proves_each_run() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("drive.png");
    let report = report(&[
        "drive",
        "--channels",
        "8,24",
        "--seconds",
        "2",
        "--warmup",
        "1",
        "--ledger-seconds",
        "0.5",
        "--daemons",
        "2",
        "--plot",
        plot.to_str().unwrap(),
    ]);
    let runs = report["figures"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for (run, channels) in runs.iter().zip([8.0, 24.0]) {
        assert!((number(&run["channels"]) - channels).abs() < f64::EPSILON);
        drives(run, channels, 0.5);
    }
    is_plot(&plot);
}

#[test]
fn drive_offers_the_rate_that_is_asked_for() {
    let report = report(&[
        "drive",
        "--channels",
        "20",
        "--seconds",
        "3",
        "--warmup",
        "1",
        "--ledger-seconds",
        "0.5",
        "--rate",
        "12",
        "--single",
        "--set",
        "engine.batch_size=7",
    ]);
    let run = &report["figures"]["runs"][0];
    drives(run, 20.0, 0.5);
    agree(number(&run["accepted_per_second"]), 12.0, 0.25);
    assert_eq!(run["overloaded"], false);
    // What is given by --set is what the daemons run with.
    assert_eq!(
        report["settings"]["configuration"]["engine.batch_size"],
        "7"
    );
}

#[test]
fn drive_with_a_full_queue_looks_at_memory() {
    let report = report(&[
        "drive",
        "--queued",
        "300",
        "--seconds",
        "1",
        "--rows",
        "100",
    ]);
    let figures = &report["figures"];
    let proof = &figures["proof"];
    assert_eq!(proof["accepted"], 300);
    assert_eq!(proof["lost"], 0);
    assert!(number(&proof["records"]["open"]) > 100.0, "{proof}");
    assert!(number(&figures["memory"]["peak_bytes"]) > 1e6);
}

#[test]
fn capacity_compares_what_lands_with_what_fits() {
    let report = report(&[
        "capacity",
        "--sizes",
        "5,10",
        "--channels",
        "30",
        "--seconds",
        "2",
        "--warmup",
        "1",
    ]);
    let figures = &report["figures"];
    for (run, size) in figures["runs"].as_array().unwrap().iter().zip([5.0, 10.0]) {
        let landed = number(&run["landed_per_ledger"]);
        assert!(landed > 0.0 && landed <= size, "{run}");
        agree(number(&run["share"]), landed / size, 1e-6);
    }
    let proof = &figures["proof"];
    assert_eq!((&proof["twice"], &proof["lost"]), (&0.into(), &0.into()));
    assert_eq!(proof["accepted"], proof["landed_once"]);
}

#[test]
fn claim_measures_the_store_while_the_table_grows() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("claim.png");
    let report = report(&[
        "claim",
        "--rows",
        "2000,200",
        "--channels",
        "30",
        "--rounds",
        "20",
        "--batch",
        "10",
        "--plot",
        plot.to_str().unwrap(),
    ]);
    let runs = report["figures"]["runs"].as_array().unwrap();
    let rows: Vec<u64> = runs
        .iter()
        .map(|run| run["rows"].as_u64().unwrap())
        .collect();
    assert_eq!(rows, [200, 2000]);
    assert!(number(&runs[1]["table_bytes"]) > number(&runs[0]["table_bytes"]));
    for run in runs {
        for part in ["claim_ms", "commit_ms", "settle_ms"] {
            let times = &run[part];
            rising(&[&times["p50"], &times["p95"], &times["p99"], &times["max"]]);
        }
    }
    let ratios = report["figures"]["claim_compared_with_the_smallest"]
        .as_array()
        .unwrap();
    agree(number(&ratios[0]["p99"]), 1.0, 1e-9);
    agree(
        number(&ratios[1]["p99"]),
        number(&runs[1]["claim_ms"]["p99"]) / number(&runs[0]["claim_ms"]["p99"]),
        1e-9,
    );
    is_plot(&plot);
}

#[test]
fn what_makes_no_sense_is_refused_at_once() {
    for flags in [
        &["claim", "--channels", "10", "--batch", "20"][..],
        &["drive", "--ledger-seconds", "0"],
        &["drive", "--channels", "0"],
        &["drive", "--queued", "5", "--rate", "5"],
        &["accept", "--config", "somewhere.toml"],
        &["accept", "--connections", "1000000"],
    ] {
        let output = bench(flags);
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
}
