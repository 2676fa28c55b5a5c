//! Each kind of finding, provoked for real and named; and nothing where there is nothing.

use serde_json::{Value, json};
use stellar_submitter::audit::reconcile::KINDS;

use crate::world::hand::{Hand, operation};
use crate::world::{Daemon, PATIENCE, World, account, eventually, key, payment};
use crate::{by_hand, channel, metric, quiet, quiet_with, run};

async fn post(daemon: &Daemon, numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in numbers {
        let body = payment(&format!("work-{number}"), account("bob"), number);
        ids.push(daemon.client.post(&body).await);
    }
    daemon.client.wait_until_final(&ids, PATIENCE).await;
    ids
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[tokio::test]
async fn a_run_without_findings_is_clean_and_the_next_goes_on_behind_it() {
    let (world, daemon) = quiet(2).await;
    let (status, before) = daemon.client.get("/v1/reconciliation").await;
    assert_eq!(
        (status, &before["status"]),
        (200, &json!("never")),
        "{before}"
    );
    post(&daemon, 1..=6).await;
    world.ledger.pass(2).await;

    let (status, first, log) = run(&world.setup, &["reconcile"]);
    assert_eq!((status, &first["status"]), (0, &json!("clean")), "{log}");
    // Six payments, and the making of two channels.
    assert_eq!(first["matched"], 7, "{first}");
    let watermark = number(&first["watermark"]);
    assert_eq!(first["to_ledger"], watermark);
    let balance = &first["balances"][0];
    assert_eq!(
        balance["start"],
        Value::Null,
        "nothing to compare it with yet: {balance}"
    );

    post(&daemon, 7..=9).await;
    // Somebody pays to us: no finding, and accounted for.
    let bob = key("bob");
    let sequence = world.ledger.sequence(bob.account()).await + 1;
    let gift = Hand::payment(bob, sequence, account("source"), 12_345);
    assert_eq!(world.ledger.submit(&gift.envelope()).await.0, 200);
    world.ledger.pass(2).await;
    let (status, second, log) = run(&world.setup, &["reconcile"]);
    assert_eq!((status, &second["status"]), (0, &json!("clean")), "{log}");
    assert_eq!(second["from_ledger"], watermark + 1);
    assert_eq!(
        (&second["matched"], &second["of_others"]),
        (&json!(3), &json!(1))
    );
    let balance = &second["balances"][0];
    assert_eq!(balance["from_ledger"], watermark, "{balance}");
    assert_eq!(balance["unexplained"], "0", "{balance}");
    // The channels pay their own fees.
    let paid = -(7 + 8 + 9) * 100 + 12_345;
    assert_eq!(balance["change"], paid.to_string(), "{balance}");

    // From the account's beginning: all that it ever held is explained.
    let (status, full, log) = run(&world.setup, &["reconcile", "--full"]);
    assert_eq!((status, &full["status"]), (0, &json!("clean")), "{log}");
    let balance = &full["balances"][0];
    assert_eq!(
        (&balance["start"], &balance["unexplained"]),
        (&json!("0"), &json!("0"))
    );
    assert_eq!(full["matched"], 10, "{full}");

    let (_, last) = daemon.client.get("/v1/reconciliation").await;
    assert_eq!(last["status"], "clean");
    for name in [
        "from_ledger",
        "watermark",
        "matched",
        "unclaimed",
        "balances",
    ] {
        assert_eq!(last[name], full[name], "{name}");
    }
    let mut process = world
        .setup
        .spawn(&["reconcile", "--from-ledger", "2", "--full"]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2), "one of the two");
}

#[tokio::test]
async fn a_daemon_compares_from_time_to_time_and_says_what_it_finds() {
    let (mut world, mut daemon) = quiet(1).await;
    daemon.terminate();
    world.setup.set("RECONCILE__INTERVAL_SECONDS", "5");
    let daemon = Daemon::start_ready(&world.setup).await;
    eventually("it has compared", PATIENCE, async || {
        let (_, last) = daemon.client.get("/v1/reconciliation").await;
        (last["status"] == "clean").then_some(())
    })
    .await;
    let hash = by_hand(&world, channel(0)).await;
    let said = eventually("it has found it", PATIENCE, async || {
        let (_, last) = daemon.client.get("/v1/reconciliation").await;
        (last["status"] == "findings").then_some(last)
    })
    .await;
    let items = said["findings"]["items"].as_array().unwrap();
    let found = items
        .iter()
        .find(|item| item["kind"] == "foreign_channel_use");
    let found = found.unwrap_or_else(|| panic!("{said}"));
    assert_eq!(found["transaction"], hash);
    assert_eq!(found["account"], channel(0).account().to_string());
    assert!(daemon.process.log().contains("records and chain differ"));
    let name = r#"submitter_reconciliation_findings_total{kind="foreign_channel_use"}"#;
    assert_eq!(metric(&daemon, name).await, Some(1.0));
    let watermark = eventually("the gauges follow", PATIENCE, async || {
        metric(&daemon, "submitter_reconciliation_watermark_ledger").await
    })
    .await;
    assert!(watermark > 0.0);
    let (status, _, log) = run(&world.setup, &["doctor"]);
    assert_eq!(status, 1, "{log}");
    assert!(log.contains("findings"), "{log}");
}

/// What a test does to the records of a workflow, while nobody uses them.
async fn tamper(world: &World, workflow: &str, statements: &str) {
    let sql = format!(
        "alter table submitter.intents disable trigger intents_final;
         do $$ declare v uuid := (select id from submitter.intents where workflow_id = '{workflow}'); begin
           {statements}
         end $$;
         alter table submitter.intents enable trigger intents_final;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&world.database.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn every_kind_of_finding_is_found_and_named() {
    let (world, mut daemon) = quiet(3).await;
    // The first comparison knows no balances: the second does.
    let (status, _, log) = run(&world.setup, &["reconcile"]);
    assert_eq!(status, 0, "{log}");
    post(&daemon, 1..=9).await;
    daemon.terminate();
    let tampering = [
        (
            "work-1",
            "update submitter.attempts set hash = sha256(hash) where intent_id = v;",
        ),
        (
            "work-2",
            "update submitter.intents set request = jsonb_set(request, '{operations,0,amount}', '\"9.0000000\"') where id = v;",
        ),
        (
            "work-3",
            "update submitter.attempts set state = 'landed_failed' where intent_id = v;",
        ),
        (
            "work-4",
            "update submitter.attempts set state = 'dead', landed = null, death_proof = '{}' where intent_id = v;",
        ),
        (
            "work-5",
            "update submitter.intents set status = 'failed', reason = '{}' where id = v;",
        ),
        (
            "work-6",
            "delete from submitter.attempts where intent_id = v; update submitter.intents set status = 'queued', transaction = null, finished_at = null, due_at = now() where id = v;",
        ),
        (
            "work-7",
            "delete from submitter.attempts where intent_id = v; delete from submitter.intents where id = v;",
        ),
        (
            "work-8",
            "update submitter.intents set transaction = jsonb_set(transaction, '{hash}', to_jsonb(repeat('ab', 32))) where id = v;",
        ),
        (
            "work-9",
            "update submitter.attempts set state = 'submitted', landed = null, ended_at = null where intent_id = v;",
        ),
    ];
    let mut hashes = Vec::new();
    for (workflow, statements) in tampering {
        let (hash,): (String,) = sqlx::query_as(
            "select transaction ->> 'hash' from submitter.intents where workflow_id = $1",
        )
        .bind(workflow)
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
        hashes.push(hash);
        tamper(&world, workflow, statements).await;
    }
    let ours = account("source").to_string();
    tamper(&world, "-", &format!(
        "update submitter.reconciliations set balances = jsonb_set(balances, '{{{ours},1,native}}', to_jsonb((balances #>> '{{{ours},1,native}}')::bigint - 5));"
    )).await;
    let on_channel = by_hand(&world, channel(0)).await;
    let on_source = by_hand(&world, key("source")).await;
    let gone = channel(2);
    let sequence = world.ledger.sequence(gone.account()).await + 1;
    let merge = Hand {
        operations: vec![operation(stellar_xdr::OperationBody::AccountMerge(
            account("bob").plain(),
        ))],
        ..Hand::payment(channel(2), sequence, account("bob"), 1)
    };
    assert_eq!(world.ledger.submit(&merge.envelope()).await.0, 200);
    world.ledger.close(25).await;

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("findings.csv");
    let args = ["reconcile", "--csv", csv.to_str().unwrap()];
    let (status, report, log) = run(&world.setup, &args);
    assert_eq!(
        (status, &report["status"]),
        (1, &json!("findings")),
        "{log}"
    );
    let items = report["findings"]["items"].as_array().unwrap();
    for kind in KINDS {
        assert!(
            items.iter().any(|item| item["kind"] == kind),
            "no {kind}: {report:#}"
        );
    }
    let names = |kind: &str, hash: &str| {
        let found = items
            .iter()
            .any(|item| item["kind"] == kind && item["transaction"] == hash);
        assert!(found, "{kind} of {hash}: {report:#}");
    };
    for (kind, work) in [
        ("content_differs", 2),
        ("outcome_differs", 3),
        ("dead_but_landed", 4),
        ("reported_otherwise", 5),
        ("landed_without_attempt", 6),
        ("unclaimed", 7),
        ("landed_twice", 8),
        ("not_settled", 9),
    ] {
        names(kind, &hashes[work - 1]);
    }
    names("foreign_channel_use", &on_channel);
    names("foreign_channel_use", &merge.hash());
    names("foreign_source_use", &on_source);
    assert_eq!(report["unexplained"], 3, "{report:#}");
    assert_eq!(report["unclaimed"], 1);
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(
        text.starts_with("kind,ledger,transaction,tag,intent,account,detail"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1 + items.len());
    let (count,): (i64,) = sqlx::query_as("select count(*) from submitter.reconciliation_findings")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(usize::try_from(count).unwrap(), items.len());
    // The table says it, too, for people.
    let mut process = world.setup.spawn(&[
        "reconcile",
        "--from-ledger",
        &report["from_ledger"].to_string(),
    ]);
    assert_eq!(process.wait(PATIENCE).code(), Some(1));
    assert!(
        process.log().contains("foreign_channel_use"),
        "{}",
        process.log()
    );

    // What was unclaimed is kept: whoever posts it is not paid again. And what is behind is not found twice.
    let (status, after, log) = run(&world.setup, &["reconcile"]);
    assert_eq!(status, 1, "{log}");
    let kinds: Vec<&String> = after["by_kind"].as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["channel_drift", "channel_missing"], "{after:#}");
}

#[tokio::test]
async fn what_cannot_be_seen_is_said() {
    // A Horizon that keeps the last few transactions, and forgets the ledgers before them.
    let (world, daemon) = quiet_with(1, &["--history-transactions", "6"]).await;
    let (status, first, log) = run(&world.setup, &["reconcile"]);
    assert_eq!(status, 0, "{log}");
    post(&daemon, 1..=10).await;
    world.ledger.pass(2).await;
    let (status, report, log) = run(&world.setup, &["reconcile"]);
    assert_eq!(
        (status, &report["status"]),
        (1, &json!("incomplete")),
        "{log}"
    );
    let reasons = report["incomplete"].to_string();
    assert!(reasons.contains("are gone from"), "{reasons}");
    assert!(number(&report["from_ledger"]) > number(&first["watermark"]) + 1);
    let (status, _, log) = run(&world.setup, &["reconcile", "--from-ledger", "2"]);
    assert_eq!(status, 1);
    assert!(log.contains("elder ledger"), "{log}");
}
