//! The main job as a stranger runs it: one command, and the ledger's word that each intent landed once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::process::{Command, Output};

fn dev(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stellar-submitter"))
        .arg("dev")
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const ANYWHERE: [&str; 4] = ["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"];

#[test]
fn the_demo_lands_each_intent_once_while_answers_are_lost() {
    let mut arguments = ANYWHERE.to_vec();
    arguments.extend(["--demo", "150", "--channels", "40", "--seed", "7", "--json"]);
    let output = dev(&arguments);
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, expected) in [
        ("accepted", 150),
        ("landed", 150),
        ("landed_twice", 0),
        ("lost", 0),
        ("unasked", 0),
        ("different", 0),
        ("wrong_replays", 0),
    ] {
        assert_eq!(report[name], expected, "{name} in {report}");
    }
    // 15 posted twice at once, and 22 again after success.
    assert_eq!(report["duplicates"], 37, "{report}");
}

#[test]
fn the_demo_shows_a_table_and_says_that_it_is_right() {
    let mut arguments = ANYWHERE.to_vec();
    arguments.extend(["--demo", "20", "--channels", "10"]);
    let output = dev(&arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for expected in [
        "landed twice (must be 0)",
        "p99 accept to final",
        "right: each landed exactly once",
    ] {
        assert!(out.contains(expected), "{expected:?} is missing in {out}");
    }
}

#[test]
fn a_demo_that_cannot_start_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [
        ["--listen", &address, "--sandbox-listen", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--sandbox-listen", &address],
    ] {
        let output = dev(&arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text(&output.stderr).contains(&address),
            "{}",
            text(&output.stderr)
        );
    }
    let output = dev(&["--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("loopback"),
        "{}",
        text(&output.stderr)
    );
}
