//! What only the records in memory can: go back in time, lose their connections, be wrong on purpose.

use std::time::Duration;

use serde_json::json;
use stellar_submitter::defect::{Defect, make};
use stellar_submitter::domain::primitives::Sequence;
use stellar_submitter::domain::transition::IntentEnd;
use stellar_submitter::simulation::records::MemoryRecords;
use stellar_submitter::store::StoreError;
use stellar_submitter::store::accept::Accepted;
use stellar_submitter::store::attempts::NewSubmission;
use stellar_submitter::store::intents::Change;
use stellar_submitter::worker::records::Records;

use crate::book::Book;
use crate::given::{
    LONG_AGO, NOW, TENANT, accept, attempt, attempt_on, claim, claim_as, dead, hash, in_flight,
    new_intent, open, reason, request, settlement, sign_as, success, worker,
};

const BASE: i64 = 1_800_000_000;

#[tokio::test(start_paused = true)]
async fn time_is_tokios_and_the_offset_is_the_databases_alone() {
    let book = MemoryRecords::new(BASE);
    assert_eq!(book.now().unix_timestamp(), BASE);
    let first = book.new_id();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(book.now().unix_timestamp(), BASE + 10);
    let second = book.new_id();
    book.set_clock_offset(-600);
    assert_eq!(book.now().unix_timestamp(), BASE - 590);
    let third = book.new_id();
    assert!(first < second && second < third);
    assert!(first.get_version_num() == 7 && third.get_variant() == uuid::Variant::RFC4122);
    let (seconds, _) = third.get_timestamp().unwrap().to_unix();
    assert_eq!(i64::try_from(seconds).unwrap(), BASE + 10);
    // A lease goes by it.
    book.set_clock_offset(0);
    book.begin_lease(worker(1), "one", 15.0).await.unwrap();
    tokio::time::advance(Duration::from_secs(14)).await;
    book.renew_lease(worker(1), 15.0).await.unwrap();
    book.set_clock_offset(600);
    let lost = book.renew_lease(worker(1), 15.0).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost(_))));
    book.set_clock_offset(-600);
    book.renew_lease(worker(1), 15.0).await.unwrap();
    // What is due goes by the later of both clocks.
    book.tie_to_network("n").await.unwrap();
    book.note_explained(0).await.unwrap();
    book.add_channel(crate::given::channel(0), Some(0), Sequence(1))
        .await
        .unwrap();
    book.set_clock_offset(0);
    let id = accept(&book, "w", json!({})).await;
    book.set_clock_offset(-600);
    let taking = claim_as(&book, worker(1), LONG_AGO, 1).await.unwrap();
    assert!(taking.claimed.is_empty());
    let taking = claim_as(&book, worker(1), NOW, 1).await.unwrap();
    assert_eq!(crate::given::ids(&taking), [id]);
}

#[tokio::test]
async fn a_restored_database_lacks_what_came_later_and_knows_that_it_has_moved() {
    let book = crate::book::memory();
    open(&book, 2).await;
    let (before, _) = in_flight(&book, "before").await;
    let backup = book.snapshot();
    let identity = book.database_identity();
    book.settle(worker(1), &[success(before, 1, 11)])
        .await
        .unwrap();
    let after = accept(&book, "after", json!({})).await;
    let taking = claim(&book, 1).await;
    let attempts = [attempt(&taking.claimed[0])];
    let right = book.begin_explaining().await.unwrap().unwrap();
    book.restore(&backup);
    assert_ne!(book.database_identity(), identity);
    assert_eq!(book.intents().len(), 1);
    assert!(book.intent(TENANT, after).await.unwrap().is_none());
    assert_eq!(book.intents()[0].status, "in_flight");
    assert_eq!(book.attempts_of(before)[0].state, "signed");
    assert_eq!(book.events_of(before).len(), 2);
    let cut = taking.hold.commit(&attempts).await;
    assert!(matches!(cut, Err(StoreError::Away(_))), "{cut:?}");
    // The right of before ends nobody's.
    let other = book.begin_explaining().await.unwrap().unwrap();
    right.end().await;
    assert!(book.begin_explaining().await.unwrap().is_none());
    other.end().await;
    let moved = claim_as(&book, worker(1), NOW, 1).await;
    assert!(matches!(moved, Err(StoreError::Moved)));
    assert!(book.note_database().await.unwrap());
    // Ids are never given twice, whatever was lost.
    assert!(book.new_id() > after);
    let again = accept(&book, "after", json!({})).await;
    assert_ne!(again, after);
}

#[tokio::test]
async fn a_restart_undoes_open_claims_and_who_waits_for_them_is_cut() {
    let book = crate::book::memory();
    open(&book, 1).await;
    let id = accept(&book, "w", json!({})).await;
    let identity = book.database_identity();
    let mut taking = claim(&book, 1).await;
    let waiting = {
        let book = book.clone();
        tokio::spawn(async move { book.cancel(TENANT, id).await })
    };
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    book.restart();
    let cut = waiting.await.unwrap();
    assert!(matches!(cut, Err(StoreError::Away(_))), "{cut:?}");
    assert_eq!(book.database_identity(), identity);
    let channel = crate::given::channel(0);
    let cut = taking.hold.user_of(hash(id, 1), channel, Sequence(1)).await;
    assert!(matches!(cut, Err(StoreError::Away(_))), "{cut:?}");
    let cut = taking.hold.commit(&[]).await;
    assert!(matches!(cut, Err(StoreError::Away(_))), "{cut:?}");
    let taking = claim(&book, 1).await;
    assert_eq!(crate::given::ids(&taking), [id]);
    drop(taking);
    assert_eq!(book.cancel(TENANT, id).await.unwrap(), Change::Done);
    assert!(book.violations().is_empty());
}

#[tokio::test]
async fn broken_constraints_are_noted() {
    let book = crate::book::memory();
    open(&book, 1).await;
    let (id, busy) = in_flight(&book, "w").await;
    let other = accept(&book, "x", json!({})).await;
    let taking = claim(&book, 1).await;
    let refused = taking.hold.commit(&[attempt_on(other, 0, busy, 50)]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    let noted = book.violations();
    assert_eq!(noted, [format!("attempts_one_open_per_channel: {other}")]);
    assert_eq!(book.attempts_of(id).len(), 1);
    assert!(book.attempts_of(other).is_empty());
}

#[tokio::test]
async fn without_a_lease_token_anybody_settles_again() {
    let book = crate::book::memory();
    open(&book, 1).await;
    let (id, _) = in_flight(&book, "w").await;
    let again = settlement(id, 1, dead(), IntentEnd::Requeued);
    book.settle(worker(1), std::slice::from_ref(&again))
        .await
        .unwrap();
    sign_as(&book, worker(1)).await;
    let late = settlement(id, 1, dead(), IntentEnd::Failed(reason("late")));
    assert!(
        book.settle(worker(9), std::slice::from_ref(&late))
            .await
            .unwrap()
            .is_empty()
    );
    make(Some(Defect::NoLeaseToken));
    assert!(claim_as(&book, worker(9), NOW, 1).await.is_ok());
    assert_eq!(
        book.settle(worker(9), std::slice::from_ref(&late))
            .await
            .unwrap(),
        [id]
    );
    assert!(book.settle(worker(9), &[again]).await.unwrap().is_empty());
    make(None);
    assert_eq!(book.intents()[0].status, "failed");
    assert_eq!(book.open_attempts(&[id]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_unique_index_a_workflow_is_accepted_twice() {
    let book = crate::book::memory();
    make(Some(Defect::NoUniqueIndex));
    for _ in 0..2 {
        let new = new_intent(book.new_id(), request("w", json!({})));
        let accepted = book.accept(&[&new]).await.unwrap();
        assert!(matches!(accepted[..], [Accepted::New(_)]));
    }
    make(None);
    assert_eq!(book.intents().len(), 2);
    let new = new_intent(book.new_id(), request("w", json!({})));
    let accepted = book.accept(&[&new]).await.unwrap();
    assert!(matches!(accepted[..], [Accepted::Existing(_)]));
}

#[tokio::test]
async fn a_channel_that_is_released_early_is_used_twice() {
    let book = crate::book::memory();
    open(&book, 1).await;
    let (id, _) = in_flight(&book, "w").await;
    let answer = NewSubmission {
        intent_id: id,
        number: 1,
        hash: hash(id, 1),
        answer: json!({"kind": "queued", "duplicate": false}),
    };
    make(Some(Defect::ReleaseChannelEarly));
    book.record_submissions(std::slice::from_ref(&answer))
        .await
        .unwrap();
    let row = &book.channels().await.unwrap()[0];
    assert_eq!((row.busy_with, row.sequence), (None, 11));
    accept(&book, "x", json!({})).await;
    let signed = sign_as(&book, worker(1)).await;
    assert_eq!((signed.len(), signed[0].sequence), (1, 11));
    make(None);
    assert!(book.violations().is_empty());
    let open: Vec<_> = book.rows().await.attempts.into_iter().collect();
    assert!(open.iter().all(|row| row.ended_at.is_none()) && open.len() == 2);
}
