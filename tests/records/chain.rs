//! Which chain the records are about, what was found there, and channels.

use serde_json::json;
use stellar_submitter::domain::primitives::{LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::transition::{AttemptEnd, IntentEnd};
use stellar_submitter::store::StoreError;

use crate::book::Book;
use crate::given::{
    self, PASSPHRASE, TENANT, accept, account, channel, claim, give_back, hash, header, in_flight,
    landed, open, reason, request, source, worker,
};

pub async fn records_are_tied_to_one_network(book: &dyn Book) {
    assert!(book.history_mark().await.is_err());
    assert_eq!(book.tie_to_network(PASSPHRASE).await.unwrap(), None);
    assert_eq!(book.tie_to_network(PASSPHRASE).await.unwrap(), None);
    let other = book.tie_to_network("another").await;
    let Err(StoreError::OtherNetwork {
        recorded,
        configured,
    }) = other
    else {
        panic!("{other:?}");
    };
    assert_eq!(
        (recorded.as_str(), configured.as_str()),
        (PASSPHRASE, "another")
    );
    let mark = book.history_mark().await.unwrap();
    assert_eq!(
        (mark.cursor, mark.quarantine_until, mark.explained),
        (0, None, false)
    );
    book.note_explained(0).await.unwrap();
    assert!(book.history_mark().await.unwrap().explained);
}

pub async fn the_anchor_only_moves_on(book: &dyn Book) {
    book.move_anchor(&header(1)).await.unwrap();
    book.tie_to_network(PASSPHRASE).await.unwrap();
    for (moved, newest) in [(5, 5), (7, 7), (6, 7), (7, 7)] {
        book.move_anchor(&header(moved)).await.unwrap();
        let anchor = book.tie_to_network(PASSPHRASE).await.unwrap().unwrap();
        assert_eq!(anchor.ledger, LedgerSeq(newest));
        assert_eq!(
            (anchor.hash, anchor.closed_at),
            (header(newest).hash, header(newest).closed_at)
        );
    }
}

pub async fn one_explains_at_a_time(book: &dyn Book) {
    let right = book.begin_explaining().await.unwrap().unwrap();
    assert!(book.begin_explaining().await.unwrap().is_none());
    right.end().await;
    // The server ends a connection a moment after it was closed.
    for _ in 0..500 {
        if book.begin_explaining().await.unwrap().is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the right never ends");
}

pub async fn what_was_found_is_written_only_while_the_right_lasts(book: &dyn Book) {
    book.tie_to_network(PASSPHRASE).await.unwrap();
    let right = book.begin_explaining().await.unwrap().unwrap();
    let records = right.records();
    records.quarantine(Some(LedgerSeq(9))).await.unwrap();
    let mark = book.history_mark().await.unwrap();
    assert_eq!(mark.quarantine_until, Some(LedgerSeq(9)));
    book.cut().await;
    // Whoever has these records now has not looked at the chain: nothing is said of them.
    let account = given::channel(0);
    let landings = [(
        given::tag(&request("w", json!({}))),
        *landed(TxHash([1; 32]), 11, true),
    )];
    let refused = tokio::join!(
        records.note_explained(0),
        records.quarantine(None),
        records.note_database(),
        records.record_landings(&landings, Some(70)),
        records.add_channel(account, Some(0), Sequence(9)),
        records.raise_sequence(account, Sequence(9)),
    );
    let errors = [
        refused.0.err(),
        refused.1.err(),
        refused.2.err(),
        refused.3.err(),
        refused.4.err(),
        refused.5.err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(StoreError::Away(_))), "{error:?}");
    }
    right.end().await;
    let after = loop {
        // The first statement over a connection that was cut may say so.
        if let Ok(mark) = book.history_mark().await {
            break mark;
        }
    };
    assert_eq!(after, mark);
    assert_eq!(book.count_landings().await.unwrap(), 0);
    assert!(book.channels().await.unwrap().is_empty());
}

pub async fn landings_are_recorded_once(book: &dyn Book) {
    open(book, 1).await;
    let (id, _) = in_flight(book, "w").await;
    let tag = given::tag(&request("w", json!({})));
    let ours = (tag, *landed(hash(id, 1), 11, true));
    let (one, two) = (
        (tag, *landed(TxHash([1; 32]), 1, true)),
        (tag, *landed(TxHash([2; 32]), 2, true)),
    );
    let recorded = book
        .record_landings(&[ours, one.clone(), one.clone()], Some(50))
        .await;
    assert_eq!(recorded.unwrap(), 1);
    assert_eq!(
        book.record_landings(&[one, two], Some(40)).await.unwrap(),
        1
    );
    assert_eq!(book.count_landings().await.unwrap(), 2);
    assert_eq!(book.history_mark().await.unwrap().cursor, 50);
    assert_eq!(book.record_landings(&[], Some(60)).await.unwrap(), 0);
    assert_eq!(book.record_landings(&[], None).await.unwrap(), 0);
    assert_eq!(book.history_mark().await.unwrap().cursor, 60);
}

pub async fn a_landing_ends_the_intent_that_it_is(book: &dyn Book) {
    open(book, 1).await;
    let id = accept(book, "w", json!({})).await;
    let parked = accept(book, "parked", json!({})).await;
    book.park_queued(parked, &reason("low")).await.unwrap();
    let (failed, found) = (
        *landed(TxHash([2; 32]), 4, false),
        *landed(TxHash([1; 32]), 5, true),
    );
    let tag = given::tag(&request("w", json!({})));
    let both = [(tag, failed.clone()), (tag, found.clone())];
    book.record_landings(&both, None).await.unwrap();
    let taking = claim(book, 1).await;
    let landings = &taking.claimed[0].landings;
    let told: Vec<_> = landings
        .iter()
        .map(|landing| (landing.hash.clone(), landing.successful))
        .collect();
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    assert_eq!(told, [(one.clone(), true), (two, false)]);
    assert_eq!(
        (landings[0].ledger, landings[0].closed_at),
        (1_002, 1_900_000_000)
    );
    assert_eq!(
        (landings[0].fee_charged, &*landings[0].envelope),
        (100, "BAUG")
    );
    give_back(taking).await;
    // An attempt that failed, and what follows from it.
    let end = IntentEnd::Requeued;
    let lost = given::adoption(id, 1, AttemptEnd::LandedFailed(Box::new(failed)), end);
    book.adopt_landing(parked, &lost).await.unwrap();
    book.adopt_landing(id, &lost).await.unwrap();
    let rows = book.rows().await;
    assert_eq!(rows.intent(parked).status, "parked");
    assert!(rows.attempts(parked).is_empty());
    let row = rows.intent(id);
    assert_eq!((row.status.as_str(), row.attempt_count), ("queued", 1));
    let attempt = rows.attempts(id)[0];
    assert_eq!(
        (attempt.state.as_str(), attempt.sequence),
        ("landed_failed", 4)
    );
    assert!(attempt.ended_at.is_some() && attempt.landed.is_some());
    assert_eq!(
        rows.events(id)[1..],
        ["attempt.landed_failed", "intent.requeued"]
    );
    assert_eq!(rows.newest(id)["adopted"], json!(true));
    let used = book.channels().await.unwrap();
    let used = used
        .iter()
        .find(|row| row.account == channel(1).to_string());
    assert!(used.is_none_or(|row| row.sequence == 4), "{used:?}");
    // It is on record now: the other is what is left, and ends the intent.
    let taking = claim(book, 1).await;
    let left: Vec<_> = taking.claimed[0].landings.iter().map(|l| &l.hash).collect();
    assert_eq!(left, [&one]);
    give_back(taking).await;
    let end = AttemptEnd::Landed(Box::new(found));
    let won = given::adoption(id, 2, end, IntentEnd::Succeeded);
    book.adopt_landing(id, &won).await.unwrap();
    book.adopt_landing(id, &won).await.unwrap();
    let rows = book.rows().await;
    let row = rows.intent(id);
    assert!(row.status == "succeeded" && row.is_final() && row.due_at.is_none());
    let told = row.transaction.clone().unwrap();
    assert_eq!(told["hash"], json!(TxHash([1; 32])));
    assert_eq!(told["closed_at"], "2030-03-17T17:46:40Z");
    assert_eq!(rows.newest(id)["adopted"], json!(true));
    assert_eq!(rows.attempts(id)[1].state, "landed");
    let bumps: Vec<_> = rows
        .bumps
        .iter()
        .map(|bump| (bump.intent_id, bump.number, bump.fee))
        .collect();
    assert_eq!(bumps, [(id, 1, 400), (id, 2, 400)]);
    let (flying, _) = in_flight(book, "flying").await;
    book.adopt_landing(flying, &lost).await.unwrap();
    assert_eq!(book.rows().await.intent(flying).status, "in_flight");
}

pub async fn a_quarantine_only_grows_until_it_is_lifted(book: &dyn Book) {
    book.tie_to_network(PASSPHRASE).await.unwrap();
    for (set, until) in [
        (Some(5), Some(5)),
        (Some(9), Some(9)),
        (Some(7), Some(9)),
        (None, None),
        (Some(3), Some(3)),
    ] {
        book.quarantine(set.map(LedgerSeq)).await.unwrap();
        let mark = book.history_mark().await.unwrap();
        assert_eq!(mark.quarantine_until, until.map(LedgerSeq));
    }
}

pub async fn channels_are_on_record_once(book: &dyn Book) {
    assert!(book.channels().await.unwrap().is_empty());
    let added = [
        (channel(2), Some(2), 5),
        (channel(0), Some(10), 6),
        (source(), None, 7),
        // On record already, or with another's index.
        (channel(2), Some(3), 8),
        (account(50), Some(2), 9),
        (account(60), None, 9),
    ];
    for (account, index, sequence) in added {
        book.add_channel(account, index, Sequence(sequence))
            .await
            .unwrap();
    }
    let rows = book.channels().await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.account_id().unwrap(),
                row.kind.as_str(),
                row.sep5_index,
                row.sequence,
            )
        })
        .collect();
    let mut sources = [(source(), 7), (account(60), 9)];
    sources.sort_by_key(|(account, _)| account.to_string());
    assert_eq!(
        told,
        [
            (sources[0].0, "source", None, sources[0].1),
            (sources[1].0, "source", None, sources[1].1),
            (channel(2), "channel", Some(2), 5),
            (channel(0), "channel", Some(10), 6),
        ]
    );
    assert!(
        rows.iter()
            .all(|row| row.state == "open" && row.reason.is_none())
    );
    for (index, sequence) in [(Some(4), -1), (Some(-1), 4)] {
        let refused = book
            .add_channel(account(70), index, Sequence(sequence))
            .await;
        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "{refused:?}"
        );
    }
    book.pause_channel(channel(2), Some("why")).await.unwrap();
    book.pause_channel(channel(2), Some("why")).await.unwrap();
    let rows = book.channels().await.unwrap();
    assert_eq!(
        (rows[2].state.as_str(), rows[2].reason.as_deref()),
        ("paused", Some("why"))
    );
}

pub async fn sequence_numbers_never_fall(book: &dyn Book) {
    open(book, 1).await;
    for (raised, newest) in [(15, 15), (12, 15), (16, 16)] {
        book.raise_sequence(channel(0), Sequence(raised))
            .await
            .unwrap();
        assert_eq!(book.channels().await.unwrap()[0].sequence, newest);
    }
    let (id, _) = in_flight(book, "w").await;
    // What it is compared with while it is in use is noted, and does not end that.
    for raised in [99, 98] {
        book.raise_sequence(channel(0), Sequence(raised))
            .await
            .unwrap();
        let row = &book.channels().await.unwrap()[0];
        assert_eq!((row.sequence, row.busy_with), (16, Some(id)));
        assert_eq!(row.explained_sequence, 99);
    }
    book.raise_sequence(channel(8), Sequence(99)).await.unwrap();
    assert_eq!(
        book.intent(TENANT, id)
            .await
            .unwrap()
            .unwrap()
            .attempt_count,
        1
    );
    assert_eq!(book.owned_ids(worker(1)).await.unwrap(), [id]);
}
