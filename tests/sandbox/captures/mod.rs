//! Every recorded answer of a real Horizon, asked of the sandbox too.
//!
//! Status, headers, problem type, result codes and all fields must be the same. What cannot be is a row of the table in
//! docs/sandbox.md, which this test reads: a row too few fails it, and so does a row too many.

pub mod capture;
mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use capture::{Answer, Capture};
use rig::{Rig, known_landings, root};
use stellar_submitter::sandbox::rate_limit::RateLimit;

/// What came of each capture.
#[derive(Default)]
struct Outcomes(BTreeMap<String, Result<(), String>>);

impl Outcomes {
    fn note(&mut self, capture: &Capture, answer: &Answer, besides: &[&str]) {
        let outcome = capture.compare(answer, besides);
        assert!(
            self.0.insert(capture.name.clone(), outcome).is_none(),
            "{} asked twice",
            capture.name
        );
    }

    async fn ask(&mut self, rig: &Rig, names: &[&str]) {
        self.ask_besides(rig, names, &[]).await;
    }

    async fn ask_besides(&mut self, rig: &Rig, names: &[&str], besides: &[&str]) {
        for name in names {
            let capture = Capture::read(name);
            rig.set_up(&capture);
            let answer = rig.ask(&capture).await;
            self.note(&capture, &answer, besides);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_capture_is_answered_alike_or_listed() {
    let mut outcomes = Outcomes::default();
    one_network(&mut outcomes).await;
    small_ledgers(&mut outcomes).await;
    surge(&mut outcomes).await;
    limited(&mut outcomes).await;
    empty(&mut outcomes).await;
    stale(&mut outcomes).await;
    reaped(&mut outcomes).await;

    let listed = listed();
    let failed: BTreeMap<_, _> = outcomes
        .0
        .iter()
        .filter_map(|(name, outcome)| Some((name.clone(), outcome.clone().err()?)))
        .collect();
    let names = Capture::names();
    let unlisted: Vec<_> = failed
        .iter()
        .filter(|(name, _)| !listed.contains(*name))
        .collect();
    assert!(
        unlisted.is_empty(),
        "different, and not in the table of docs/sandbox.md:\n{unlisted:#?}"
    );
    let answered: BTreeSet<_> = outcomes
        .0
        .keys()
        .filter(|name| !failed.contains_key(*name))
        .cloned()
        .collect();
    let wrong: Vec<_> = listed.intersection(&answered).collect();
    assert!(
        wrong.is_empty(),
        "in the table of docs/sandbox.md, but answered alike: {wrong:?}"
    );
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !answered.contains(*name) && !listed.contains(*name))
        .collect();
    assert!(missing.is_empty(), "neither asked nor listed: {missing:?}");
    let unknown: Vec<_> = listed.difference(&names).collect();
    assert!(unknown.is_empty(), "listed, but no capture: {unknown:?}");
    println!(
        "{} of {} captures answered alike, {} listed",
        answered.len(),
        names.len(),
        listed.len()
    );
}

/// The captures in the first column of the table that begins with "capture".
fn listed() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox.md");
    let text = std::fs::read_to_string(path).expect("docs/sandbox.md");
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| capture |"))
        .skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        row.split('|')
            .nth(1)
            .unwrap()
            .trim()
            .trim_matches('`')
            .to_owned()
    })
    .collect()
}

/// The long story: a network from ledger 16 on, each capture at its ledger.
async fn one_network(outcomes: &mut Outcomes) {
    let known = known_landings();
    let rig = Rig::start(16, |_| {}).await;
    rig.advance(&known, 175);
    // What ledgers 171 to 175 held besides is not known: their counts cannot be the same.
    let counts = [
        "id",
        "hash",
        "successful_transaction_count",
        "operation_count",
        "tx_set_operation_count",
    ];
    outcomes
        .ask(
            &rig,
            &[
                "root",
                "account",
                "account-missing",
                "account-bad-id",
                "account-muxed-id",
            ],
        )
        .await;
    outcomes
        .ask(
            &rig,
            &[
                "fee-stats",
                "not-found-route",
                "method-not-allowed",
                "ledger-future",
            ],
        )
        .await;
    outcomes
        .ask_besides(&rig, &["ledger", "ledgers-latest"], &counts)
        .await;
    let holder = Capture::read("account-with-trustlines");
    rig.import_shown(&holder);
    outcomes
        .ask(
            &rig,
            &["account-with-trustlines", "ledger-transactions-future"],
        )
        .await;
    outcomes.ask(&rig, &["accounts-missing-transactions"]).await;

    rig.advance(&known, 227);
    outcomes
        .ask(
            &rig,
            &[
                "submit-success",
                "submit-success-again",
                "submit-fee-bump-success",
            ],
        )
        .await;
    outcomes
        .ask(
            &rig,
            &["submit-fee-bump-inner-after", "submit-other-fee-bump-after"],
        )
        .await;
    let failures = [
        "no-destination",
        "underfunded",
        "no-trust",
        "src-no-trust",
        "line-full",
        "second-of-three",
        "already-exists",
        "low-reserve",
        "no-issuer",
        "fee-bump-inner-failed",
    ];
    for failure in failures {
        let name = format!("failed-{failure}");
        assert_eq!(rig.ledger(), Capture::read(&name).ledger_before(), "{name}");
        outcomes
            .ask(&rig, &[&name, &format!("{name}-lookup")])
            .await;
        if failure == "no-destination" {
            outcomes.ask(&rig, &["failed-no-destination-again"]).await;
        }
    }
    for name in Capture::names()
        .iter()
        .filter(|name| name.starts_with("refused-") && !name.ends_with("-lookup"))
    {
        outcomes.ask(&rig, &[name]).await;
    }
    outcomes
        .ask(
            &rig,
            &[
                "refused-fee-bump-inner-bad-seq-lookup",
                "refused-op-malformed-lookup",
            ],
        )
        .await;
    outcomes
        .ask(
            &rig,
            &[
                "malformed-content-type",
                "malformed-cut-xdr",
                "malformed-empty",
            ],
        )
        .await;
    outcomes
        .ask(&rig, &["malformed-not-base64", "async-malformed"])
        .await;

    outcomes
        .ask(
            &rig,
            &[
                "async-pending",
                "async-duplicate",
                "async-second-of-account",
            ],
        )
        .await;
    rig.advance(&known, 240);
    outcomes
        .ask(
            &rig,
            &[
                "async-after-landed",
                "async-bump-after-landed",
                "async-bad-auth",
                "async-bad-seq",
            ],
        )
        .await;
    outcomes.ask(&rig, &["async-insufficient-fee"]).await;
    rig.advance(&known, 242);
    outcomes
        .ask(
            &rig,
            &["async-replace-0-original", "async-replace-1-below-tenfold"],
        )
        .await;
    outcomes.ask(&rig, &["async-replace-2-tenfold"]).await;
    rig.close();
    outcomes
        .ask(
            &rig,
            &[
                "async-replace-lookup",
                "transaction-success",
                "transaction-fee-bump-by-inner",
            ],
        )
        .await;
    outcomes
        .ask(
            &rig,
            &[
                "transaction-fee-bump-by-outer",
                "transaction-missing",
                "transaction-bad-hash",
            ],
        )
        .await;
    outcomes
        .ask(&rig, &["transaction-upper-hash", "transaction-operations"])
        .await;
    outcomes
        .ask(
            &rig,
            &["account-transactions", "account-transactions-with-failed"],
        )
        .await;
    outcomes
        .ask(
            &rig,
            &[
                "account-transactions-desc",
                "account-transactions-next-page",
            ],
        )
        .await;
    outcomes.ask(&rig, &["account-transactions-end"]).await;
    outcomes
        .ask(
            &rig,
            &[
                "fee-account-transactions",
                "transactions-bad-cursor",
                "transactions-limit-too-high",
            ],
        )
        .await;

    rig.advance(&known, 260);
    let stream = Capture::read("sse-ledgers");
    let answer = rig.stream(&stream, &known, 267).await;
    outcomes.note(&stream, &answer, &["id", "hash"]);
    let order = ["paging_token", "id", "_links", "precedes", "succeeds"];
    outcomes
        .ask_besides(
            &rig,
            &["ledger-transactions", "ledger-transactions-default"],
            &order,
        )
        .await;
    outcomes
        .ask_besides(&rig, &["destination-payments"], &order)
        .await;
    outcomes
        .ask_besides(&rig, &["ledger-with-transactions"], &["id", "hash"])
        .await;
    let after = Capture::read("account-after");
    let mut answer = rig.ask(&after).await;
    // Asked six ledgers later than recorded, because the stream before it needs them: the header says so.
    let header = answer
        .headers
        .iter_mut()
        .find(|(name, _)| name == "latest-ledger")
        .unwrap();
    assert_eq!(std::mem::replace(&mut header.1, "261".into()), "267");
    outcomes.note(&after, &answer, &[]);

    rig.advance(&known, 271);
    let stream = Capture::read("sse-account-transactions");
    let answer = rig.stream(&stream, &known, 272).await;
    outcomes.note(&stream, &answer, &[]);
}

/// A ledger that takes one operation, while a fee bump counts as two.
async fn small_ledgers(outcomes: &mut Outcomes) {
    let small = |config: &mut stellar_submitter::sandbox::Config| {
        config.max_tx_set_size = 1;
        config.submission_timeout = Duration::from_millis(200);
    };
    let rig = Rig::start(309, small).await;
    outcomes.ask(&rig, &["submit-timeout"]).await;
    let rig = Rig::start(340, small).await;
    outcomes.ask(&rig, &["async-too-big"]).await;
}

/// Eight bids for one place a ledger.
async fn surge(outcomes: &mut Outcomes) {
    let rig = Rig::start(352, |config| config.max_tx_set_size = 1).await;
    for (number, bid) in (0..8).map(|number| (number, 100 + 10 * number)) {
        outcomes
            .ask(&rig, &[&format!("surge-{number}-bid-{bid}")])
            .await;
    }
    outcomes.ask(&rig, &["surge-low-bid"]).await;
    rig.advance(&BTreeMap::new(), 355);
    for number in 0..4 {
        let capture = Capture::read(&format!("surge-again-{number}"));
        // The accounts are what the surge has made of them here.
        let answer = rig.ask(&capture).await;
        outcomes.note(&capture, &answer, &[]);
    }
    outcomes.ask(&rig, &["fee-stats-surge"]).await;
}

/// Over the burst.
async fn limited(outcomes: &mut Outcomes) {
    let rig = Rig::start(400, |config| config.rate_limit = Some(RateLimit::default())).await;
    let url = format!("http://{}/", rig.sandbox.addr());
    for number in 0..101 {
        let response = rig.client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200, "request {number}");
    }
    outcomes
        .ask(&rig, &["rate-limited", "rate-limited-post"])
        .await;
}

/// A Horizon that has ingested nothing yet.
async fn empty(outcomes: &mut Outcomes) {
    let rig = Rig::start(531, |config| config.horizon_lag_ledgers = 1000).await;
    outcomes
        .ask(
            &rig,
            &[
                "empty-root",
                "empty-account",
                "empty-transaction",
                "empty-ledger-transactions",
            ],
        )
        .await;
}

/// A Horizon that is eleven ledgers behind its core.
async fn stale(outcomes: &mut Outcomes) {
    let behind = |threshold: u32| {
        move |config: &mut stellar_submitter::sandbox::Config| {
            config.genesis.as_mut().unwrap().ledger = 16;
            config.genesis.as_mut().unwrap().close_time -= 600;
            config.horizon_lag_ledgers = 11;
            config.history_stale_threshold = threshold;
            config.submission_timeout = Duration::from_millis(300);
        }
    };
    let rig = Rig::start_late(616, 1, behind(0)).await;
    let account = Capture::read("stale-account");
    rig.import_shown(&account);
    rig.advance(&BTreeMap::new(), 636);
    outcomes.ask(&rig, &["stale-root"]).await;
    let answer = rig.ask(&account).await;
    outcomes.note(&account, &answer, &[]);
    outcomes.ask(&rig, &["stale-submit-timeout"]).await;
    let rig = Rig::start_late(616, 1, behind(10)).await;
    rig.advance(&BTreeMap::new(), 636);
    outcomes
        .ask(&rig, &["stale-transaction", "stale-transactions"])
        .await;
}

/// A Horizon that keeps 203 ledgers.
async fn reaped(outcomes: &mut Outcomes) {
    let rig = Rig::start_late(600, 2, |config| config.history_retention = Some(203)).await;
    let mut account = rig.account(root()).unwrap();
    account.sequence = 6;
    rig.import(root(), Some(account));
    rig.advance(&known_landings(), 889);
    outcomes
        .ask(
            &rig,
            &[
                "reaped-root",
                "reaped-ledger",
                "reaped-transaction",
                "reaped-desc",
                "reaped-asc",
            ],
        )
        .await;
}
