//! Files of payments: each row once, whatever happens to the run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::dev::{dev, unfunded};
use crate::program::{Files, Ran, argument, at, json_lines};
use crate::support::Process;

/// Longest wait for a process to get somewhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// A payment a row, each of another amount, as the ledger writes it.
fn payments(name: &str, count: usize, destination: &str) -> (String, BTreeSet<String>) {
    let mut csv = "workflow_id,destination,amount\n".to_owned();
    let mut amounts = BTreeSet::new();
    for index in 0..count {
        let amount = format!("0.{:07}", index + 1);
        writeln!(csv, "{name}-{index},{destination},{amount}").unwrap();
        amounts.insert(amount);
    }
    (csv, amounts)
}

/// Each amount arrived once.
async fn assert_each_once(destination: &str, amounts: &BTreeSet<String>) {
    let received = dev().await.received(destination).await;
    assert_eq!(received.len(), amounts.len());
    let different: BTreeSet<String> = received.into_iter().collect();
    assert_eq!(&different, amounts);
}

fn counts(report: &Value) -> [u64; 5] {
    ["new", "replayed", "conflicts", "refused", "not_posted"]
        .map(|name| report[name].as_u64().unwrap_or_else(|| panic!("{report}")))
}

#[tokio::test]
async fn a_run_that_is_killed_is_run_again_and_pays_each_once() {
    const ROWS: usize = 200;
    let dev = dev().await;
    let destination = dev.account().await;
    let files = Files::new();
    let (csv, amounts) = payments("killed", ROWS, &destination);
    let file = files.write("payments.csv", csv);
    let results = files.path("results.ndjson");

    let mut first = Process::spawn(
        &[
            "intents",
            "submit",
            &file,
            "--concurrency",
            "1",
            "--output",
            &argument(&results),
        ],
        &[("SUBMITTER_API_URL", &dev.api)],
    );
    let lines = || std::fs::read_to_string(&results).map_or(0, |text| text.lines().count());
    let begun = Instant::now();
    while lines() < 40 {
        assert!(begun.elapsed() < PATIENCE, "{}", first.log());
        assert_eq!(first.ended(), None, "{}", first.log());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.kill();
    let posted = lines();
    assert!((40..ROWS).contains(&posted), "{posted}");

    let submit = ["submit", &file, "--wait", "--json", "--output"];
    let output = argument(&results);
    let again = [&submit[..], &[&output]].concat();
    let report = at(&dev.api, &again).fine().json();
    let [new, replayed, conflicts, refused, not_posted] = counts(&report);
    assert_eq!(new + replayed, ROWS as u64, "{report}");
    assert!(replayed >= posted as u64, "{report}");
    assert!(new > 0, "{report}");
    assert_eq!([conflicts, refused, not_posted], [0; 3], "{report}");
    assert_eq!(report["statuses"], json!({"succeeded": ROWS}), "{report}");
    assert_each_once(&destination, &amounts).await;

    let rows = json_lines(&results);
    let numbers: BTreeSet<u64> = rows
        .iter()
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (2..ROWS as u64 + 2).collect());
    assert_eq!(rows.len(), ROWS);
    for row in &rows {
        assert_eq!(row["status"], "succeeded", "{row}");
        assert_eq!(row["transaction"]["successful"], true, "{row}");
        let line = row["line"].as_u64().unwrap();
        assert_eq!(row["workflow_id"], format!("killed-{}", line - 2));
    }

    let report = at(&dev.api, &["submit", &file, "--json"]).fine().json();
    assert_eq!(counts(&report), [0, ROWS as u64, 0, 0, 0]);
    assert_each_once(&destination, &amounts).await;
}

#[tokio::test]
async fn a_run_that_is_interrupted_says_how_to_go_on() {
    let dev = dev().await;
    let files = Files::new();
    let later = r#""not_before":"2035-01-01T00:00:00Z""#;
    let destination = unfunded();
    let rows: String = (0..400)
        .map(|index| {
            format!(
                r#"{{"workflow_id":"interrupted-{index}",{later},"operations":[{{"type":"payment","destination":"{destination}","asset":"native","amount":"1"}}]}}"#
            ) + "\n"
        })
        .collect();
    let file = files.write("rows.ndjson", rows);
    let results = files.path("results.ndjson");
    let output = argument(&results);
    let submit = ["intents", "submit", &file, "--concurrency", "1", "--output"];
    let mut first = Process::spawn(
        &[&submit[..], &[&output]].concat(),
        &[("SUBMITTER_API_URL", &dev.api)],
    );
    let lines = || std::fs::read_to_string(&results).map_or(0, |text| text.lines().count());
    let begun = Instant::now();
    while lines() < 20 {
        assert!(begun.elapsed() < PATIENCE, "{}", first.log());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.signal(Signal::INT);
    assert_eq!(first.wait(PATIENCE).code(), Some(1), "{}", first.log());
    let posted = lines();
    assert!((20..400).contains(&posted), "{posted}");
    let expected = format!(
        "error: of 400 rows {} not posted: interrupted; the same command goes on where this one ended",
        400 - posted
    );
    assert!(first.log().contains(&expected), "{}", first.log());
    let report = at(&dev.api, &["submit", &file, "--json"]).fine().json();
    let posted = posted as u64;
    assert_eq!(counts(&report), [400 - posted, posted, 0, 0, 0]);
}

#[tokio::test]
async fn answers_that_are_cut_off_are_asked_for_again() {
    let dev = dev().await;
    let destination = dev.account().await;
    let files = Files::new();
    let (csv, amounts) = payments("cut", 60, &destination);
    let file = files.write("payments.csv", csv);
    let (address, cuts) = rude_proxy(dev.api.strip_prefix("http://").unwrap()).await;
    let api = format!("http://{address}");
    let submit = ["submit", &file, "--json", "--concurrency", "4"];
    let ran = tokio::task::spawn_blocking({
        let submit = submit.map(str::to_owned);
        move || at(&api, &submit.each_ref().map(String::as_str))
    });
    let report = ran.await.unwrap().fine().json();
    let [new, replayed, conflicts, refused, not_posted] = counts(&report);
    assert!(cuts.load(Ordering::Relaxed) > 5, "{report}");
    assert!(replayed > 0, "some answers were lost after all: {report}");
    assert_eq!(new + replayed, 60, "{report}");
    assert_eq!([conflicts, refused, not_posted], [0; 3], "{report}");
    at(&dev.api, &["submit", &file, "--wait"]).fine();
    assert_each_once(&destination, &amounts).await;
}

/// Passes requests on, and cuts each connection off in the middle of its third answer or so.
async fn rude_proxy(target: &str) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    const BYTES: usize = 4000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cuts = Arc::new(AtomicUsize::new(0));
    let (target, counter) = (target.to_owned(), Arc::clone(&cuts));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&target).await.unwrap();
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let asking = tokio::io::copy(&mut from_client, &mut to_server);
                let answering = async {
                    let mut left = BYTES;
                    let mut buffer = [0; 1024];
                    while left > 0 {
                        let most = left.min(buffer.len());
                        let Ok(read @ 1..) = from_server.read(&mut buffer[..most]).await else {
                            return;
                        };
                        left -= read;
                        if to_client.write_all(&buffer[..read]).await.is_err() {
                            return;
                        }
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                };
                tokio::select! {
                    _ = asking => {}
                    () = answering => {}
                }
            });
        }
    });
    (address, cuts)
}

#[tokio::test]
async fn a_conflict_and_a_refusal_are_named_and_harm_no_other_row() {
    let dev = dev().await;
    let destination = dev.account().await;
    let stranger = unfunded();
    let files = Files::new();
    let first = files.write(
        "first.csv",
        format!("workflow_id,destination,amount\ntaken,{destination},1\n"),
    );
    at(&dev.api, &["submit", &first]).fine();
    let second = files.write(
        "second.csv",
        format!(
            "workflow_id,destination,amount,source\n\
             fine-1,{destination},1,\n\
             taken,{destination},2,\n\
             stranger,{destination},1,{stranger}\n\
             fine-2,{destination},1,\n"
        ),
    );
    let results = files.path("results.ndjson");
    let submit = ["submit", &second, "--wait", "--output", &argument(&results)];
    let ran = at(&dev.api, &submit);
    assert_eq!(
        ran.complaint(1),
        "of 4 rows 1 in conflict, 1 refused",
        "{ran:?}"
    );
    let named = |ran: &Ran, beginning: &str, words: &[&str]| {
        let line = ran.out.lines().find(|line| line.starts_with(beginning));
        let line = line.unwrap_or_else(|| panic!("{ran:?}"));
        for word in words {
            assert!(line.contains(word), "{word:?} is missing in {line}");
        }
    };
    named(
        &ran,
        "line 3 (taken, payment): ",
        &["/operations/0/amount", "differs"],
    );
    named(
        &ran,
        "line 4 (stranger, payment): ",
        &["/source", "not an account that is configured"],
    );
    let mut rows = json_lines(&results);
    rows.sort_by_key(|row| row["line"].as_u64());
    let outcomes: Vec<&str> = rows
        .iter()
        .map(|row| row["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["new", "conflict", "refused", "new"]);
    assert_eq!(rows[0]["status"], "succeeded");
    assert_eq!(rows[1]["code"], "workflow-conflict");
    let taken = at(&dev.api, &["get", "taken", "--json"]).fine().json();
    assert_eq!(rows[1]["intent_id"], taken["id"]);
    assert_eq!(rows[2]["errors"][0]["pointer"], "/source");
    // The same again: conflicts are remembered, the rest is replayed.
    let report = at(&dev.api, &["submit", &second, "--json"]);
    assert_eq!(report.code, 1);
    assert_eq!(counts(&report.json()), [0, 2, 1, 1, 0]);
    assert_eq!(report.json()["problems"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn rows_of_one_ordering_key_are_accepted_in_the_order_of_the_file() {
    let dev = dev().await;
    let destination = dev.account().await;
    let mut csv = "workflow_id,destination,amount,ordering_key\n".to_owned();
    for index in 0..60 {
        let key = ["", "a", "b"][index % 3];
        writeln!(csv, "order-{index},{destination},1,{key}").unwrap();
    }
    let files = Files::new();
    let file = files.write("payments.csv", csv);
    let results = files.path("results.ndjson");
    let submit = ["submit", &file, "--concurrency", "16", "--output"];
    at(&dev.api, &[&submit[..], &[&argument(&results)]].concat()).fine();
    let mut rows = json_lines(&results);
    rows.sort_by_key(|row| row["line"].as_u64());
    for key in [1, 2] {
        let ids: Vec<&str> = rows
            .iter()
            .skip(key)
            .step_by(3)
            .map(|row| row["intent_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), 20);
        // Version 7: in the order in which they were made.
        assert!(ids.is_sorted(), "{ids:?}");
    }
}

#[tokio::test]
async fn a_row_that_is_there_twice_is_one_payment() {
    let dev = dev().await;
    let destination = dev.account().await;
    let files = Files::new();
    let row = |amount: &str| {
        json!({"workflow_id": "twice", "operations": [
            {"type": "payment", "destination": destination, "asset": "native", "amount": amount},
        ]})
    };
    let file = files.write("twice.ndjson", format!("{}\n\n{}", row("2.5"), row("2.50")));
    let ran = at(&dev.api, &["submit", &file, "--wait"]).fine();
    assert!(ran.out.contains("1 rows repeat earlier ones"), "{ran:?}");
    assert_eq!(dev.received(&destination).await, ["2.5000000"]);
}

#[tokio::test]
async fn every_column_arrives() {
    let dev = dev().await;
    let destination = dev.account().await;
    let files = Files::new();
    let file = files.write(
        "all.csv",
        format!(
            "metadata,valid_until,ordering_key,memo_type,memo,amount,asset,destination,method,workflow_id\r\n\
             \"{{\"\"order\"\": [7, \"\"a, b\"\"]}}\",2035-01-01T00:00:00Z,lane,id,77,3.25,native,{destination},bonus,all-1\r\n\
             ,,,,\"a, \"\"b\"\"\",3.25,,{destination},,all-2\r\n"
        ),
    );
    at(&dev.api, &["submit", &file, "--wait"]).fine();
    let one = at(&dev.api, &["get", "all-1", "--json"]).fine().json();
    let expected = json!({
        "workflow_id": "all-1", "method": "bonus", "memo": {"type": "id", "value": "77"},
        "valid_until": "2035-01-01T00:00:00Z", "ordering_key": "lane", "metadata": {"order": [7, "a, b"]},
        "operations": [{"type": "payment", "destination": destination, "asset": "native", "amount": "3.25"}],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&one[name], value, "{name}");
    }
    let two = at(&dev.api, &["get", "all-2", "--json"]).fine().json();
    assert_eq!(two["method"], "payment");
    assert_eq!(two["memo"], json!({"type": "text", "value": "a, \"b\""}));
    assert_eq!(two["metadata"], Value::Null);
}

#[tokio::test]
async fn waiting_tells_what_did_not_succeed_and_ends_in_time() {
    let dev = dev().await;
    let files = Files::new();
    let payment = |name: &str, not_before: Value| {
        json!({"workflow_id": name, "not_before": not_before, "operations": [
            {"type": "payment", "destination": unfunded(), "asset": "native", "amount": "1"},
        ]})
    };
    let failing = payment("wait-fails", Value::Null);
    let later = payment("wait-later", json!("2035-01-01T00:00:00Z"));
    let file = files.write("wait.ndjson", format!("{failing}\n{later}\n"));
    let results = files.path("results.ndjson");
    let submit = ["submit", &file, "--wait", "--timeout", "6", "--output"];
    let ran = at(&dev.api, &[&submit[..], &[&argument(&results)]].concat());
    assert_eq!(ran.complaint(1), "of 2 rows 1 queued, 1 failed", "{ran:?}");
    let rows = json_lines(&results);
    assert_eq!(rows.len(), 2);
    let failed = rows.iter().find(|row| row["status"] == "failed").unwrap();
    assert_eq!(failed["reason"]["code"], "op_no_destination");
}
