//! Where seeded histories went wrong once: the same between two neighbours, without anything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use stellar_submitter::simulation::records::MemoryRecords;
use stellar_submitter::worker::FeePayer;

use crate::by_hand::{Does, Rule, Site};

/// Seconds from the beginning in which the payment is wanted.
const WITHIN: u64 = 60;
/// Ledgers for which a Horizon goes on showing what it did.
const STALE_LEDGERS: u32 = 15;
/// Ledgers within which all must have ended.
const PATIENCE_LEDGERS: u32 = 80;

fn statuses(records: &MemoryRecords) -> Vec<(String, String)> {
    let rows = records.intents().into_iter();
    rows.map(|row| (row.workflow_id, row.status)).collect()
}

/// A payment has landed, and its time is over; then all records are lost, and it is asked for again behind another one. The
/// last ledger before it landed, and the records.
async fn paid_and_lost(site: &Arc<Site>) -> (u32, MemoryRecords) {
    let wanted = site.payment("wanted", Some(WITHIN));
    let lost = site.records();
    site.accept(&lost, &wanted).await;
    let before = site.newest();
    let daemon = site.run(&lost, FeePayer::Channel, vec![Box::new(|_| Does::Answers)]);
    site.pass(4).await;
    assert_eq!(
        statuses(&lost),
        [("wanted".to_owned(), "succeeded".to_owned())]
    );
    daemon.kill();
    site.pass(u32::try_from(WITHIN / 5).unwrap()).await;
    let records = site.records();
    site.accept(&records, &site.payment("other", None)).await;
    site.accept(&records, &wanted).await;
    (before, records)
}

/// Both are paid, and neither was ever told otherwise.
fn both_are_paid(records: &MemoryRecords) {
    for (workflow, status) in statuses(records) {
        assert_eq!(status, "succeeded", "{workflow}");
    }
    assert!(
        records.violations().is_empty(),
        "{:?}",
        records.violations()
    );
}

#[tokio::test(start_paused = true)]
async fn accounts_that_lag_behind_the_newest_ledger_do_not_make_lost_records_new_ones() {
    let site = Site::new();
    let (before, records) = paid_and_lost(&site).await;
    let (horizon, until) = (Arc::clone(&site), site.newest() + STALE_LEDGERS);
    // Several behind one name: those that answer about accounts stand still.
    let rule = move |path: &[&str]| {
        if path.first() == Some(&"accounts") && horizon.newest() < until {
            Does::Shows(before)
        } else {
            Does::Answers
        }
    };
    let daemon = site.run(&records, FeePayer::Channel, vec![Box::new(rule)]);
    site.pass(PATIENCE_LEDGERS).await;
    both_are_paid(&records);
    daemon.kill();
}

#[tokio::test(start_paused = true)]
async fn of_several_horizons_the_one_that_has_come_furthest_tells_whether_lost_records_are_new() {
    let site = Site::new();
    let (before, records) = paid_and_lost(&site).await;
    let failed = AtomicBool::new(false);
    // It is not preferred for some seconds; and what is sent is lost, so that core cannot tell either.
    let fails_once = move |path: &[&str]| match path {
        ["transactions_async"] => Does::Loses,
        _ if failed.swap(true, Ordering::Relaxed) => Does::Answers,
        _ => Does::Fails,
    };
    let (horizon, until) = (Arc::clone(&site), site.newest() + STALE_LEDGERS);
    let stands_still = move |path: &[&str]| match path {
        _ if horizon.newest() >= until => Does::Answers,
        ["transactions_async"] => Does::Loses,
        _ => Does::Shows(before),
    };
    let rules: Vec<Rule> = vec![Box::new(fails_once), Box::new(stands_still)];
    let daemon = site.run(&records, FeePayer::Channel, rules);
    site.pass(PATIENCE_LEDGERS).await;
    both_are_paid(&records);
    daemon.kill();
}

/// Waits for as long as it takes, up to a minute.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never came to this: {what}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_earlier_life_of_the_worker_ends_nothing_that_the_later_one_has_asked() {
    let site = Site::new();
    let records = site.records();
    site.accept(&records, &site.payment("late", None)).await;
    let posts = AtomicU64::new(0);
    // What is sent first is lost, and look-ups wait for us.
    let rule = move |path: &[&str]| match path {
        ["transactions_async"] if posts.fetch_add(1, Ordering::Relaxed) == 0 => Does::Loses,
        ["transactions", _] => Does::Waits,
        _ => Does::Answers,
    };
    let daemon = site.run(&records, FeePayer::FeeAccount, vec![Box::new(rule)]);
    site.pass(4).await;
    assert_eq!(site.waiting(), 1, "it is looked up before it is sent again");
    // The lease is lost, and the worker takes its own work over.
    records.set_clock_offset(600);
    eventually("it is looked up anew", || site.waiting() == 2).await;
    let asked = site.asked();
    site.release();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(site.asked(), asked, "one thing at a time");
    for _ in 0..PATIENCE_LEDGERS {
        while site.waiting() > 0 {
            site.release();
        }
        site.pass(1).await;
    }
    both_are_paid(&records);
    daemon.kill();
}

/// Records that have seen the chain, and a ledger before that.
async fn seen_and_left(site: &Arc<Site>) -> (u32, MemoryRecords) {
    let records = site.records();
    site.pass(5).await;
    let before = site.newest();
    site.pass(30).await;
    let daemon = site.run(
        &records,
        FeePayer::Channel,
        vec![Box::new(|_| Does::Answers)],
    );
    site.pass(4).await;
    daemon.kill();
    (before, records)
}

#[tokio::test(start_paused = true)]
async fn a_horizon_that_stands_still_holds_up_no_start_where_another_one_goes_on() {
    for stands_still_first in [true, false] {
        let site = Site::new();
        let (before, records) = seen_and_left(&site).await;
        site.accept(&records, &site.payment("wanted", None)).await;
        let mut rules: Vec<Rule> = vec![
            Box::new(move |_: &[&str]| Does::Shows(before)),
            Box::new(|_| Does::Answers),
        ];
        if !stands_still_first {
            rules.reverse();
        }
        let daemon = site.run(&records, FeePayer::Channel, rules);
        site.pass(PATIENCE_LEDGERS).await;
        both_are_paid(&records);
        assert!(daemon.is_alive());
        daemon.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn looking_at_the_accounts_may_take_longer_than_a_ledger_may_be_old() {
    let site = Site::new();
    let (_, records) = seen_and_left(&site).await;
    // It may be ours, by its looks.
    site.use_source(Some(7)).await;
    site.pass(2).await;
    site.accept(&records, &site.payment("wanted", None)).await;
    let slow = |path: &[&str]| match path {
        ["accounts", _] => Does::Takes(60),
        _ => Does::Answers,
    };
    let clock = site.time_of_day();
    let daemon = site.run_by(&records, FeePayer::Channel, vec![Box::new(slow)], clock);
    site.pass(3 * PATIENCE_LEDGERS).await;
    both_are_paid(&records);
    daemon.kill();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_somebody_goes_on_using_holds_up_no_start_and_ends_nobody() {
    let site = Site::new();
    let (_, records) = seen_and_left(&site).await;
    let answers = || -> Vec<Rule> { vec![Box::new(|_| Does::Answers)] };
    let first = site.run(&records, FeePayer::Channel, answers());
    let mut later = Vec::new();
    for number in 0..30 {
        site.use_source(None).await;
        if number % 10 == 5 {
            later.push(site.run(&records, FeePayer::Channel, answers()));
        }
        site.pass(1).await;
        assert_eq!(records.quarantine_until(), None, "ledger {number}");
    }
    site.accept(&records, &site.payment("wanted", None)).await;
    site.pass(PATIENCE_LEDGERS).await;
    both_are_paid(&records);
    assert!(first.is_alive() && later.iter().all(|daemon| daemon.is_alive()));
    first.kill();
    for daemon in later {
        daemon.kill();
    }
}
