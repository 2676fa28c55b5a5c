//! `bench`, each for a second or two: that its figures are there and agree with each other. Nothing is said about speed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![cfg(target_os = "linux")]

mod figures;
mod interrupted;

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stellar-submitter"))
        .args(["bench", "--json"])
        .args(arguments)
        .output()
        .unwrap()
}

/// What it prints, where it is right.
fn report(arguments: &[&str]) -> Value {
    let output = bench(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    rests_on_something(&report, arguments[0]);
    report
}

/// Every report says on what its figures rest.
fn rests_on_something(report: &Value, name: &str) {
    assert_eq!(report["bench"], name);
    assert!(report["machine"]["cores"].as_u64().unwrap() >= 1);
    assert!(report["machine"]["memory_bytes"].as_u64().unwrap() > 1 << 28);
    assert!(report["machine"]["fdatasync_us"].is_u64());
    assert_eq!(report["postgres"]["fsync"], "on");
    assert_eq!(report["postgres"]["synchronous_commit"], "on");
    assert!(report["command"].as_array().unwrap().len() > 2);
    assert!(report["settings"].is_object());
    assert_eq!(report["wrong"], Value::Null);
}

/// A number.
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// Two figures that were come by in two ways.
fn agree(one: f64, other: f64, tolerance: f64) {
    let difference = (one - other).abs();
    assert!(
        difference <= tolerance * one.abs().max(other.abs()),
        "{one} and {other}"
    );
}
