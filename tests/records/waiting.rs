//! Intents without an open attempt.

use serde_json::json;
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::transition::IntentEnd;
use stellar_submitter::store::intents::Change;

use crate::book::Book;
use crate::given::{
    self, LONG, NOW, PASSPHRASE, TENANT, accept, attempt, channel, claim, dead, give_back,
    in_flight, landed, open, reason, request, settlement, success, worker,
};

/// A second before the chain's time.
const OVER: &str = "2030-03-17T17:46:39Z";

pub async fn what_is_over_expires(book: &dyn Book) {
    open(book, 4).await;
    let queued = accept(book, "queued", json!({"valid_until": OVER})).await;
    let parked = accept(book, "parked", json!({"valid_until": OVER})).await;
    let last = accept(book, "last", json!({"valid_until": "2030-03-17T17:46:40Z"})).await;
    let unbound = accept(book, "unbound", json!({})).await;
    let found = accept(book, "found", json!({"valid_until": OVER})).await;
    book.park_queued(parked, &reason("low")).await.unwrap();
    let landing = (
        given::tag(&request("found", json!({}))),
        *landed(TxHash([3; 32]), 5, true),
    );
    book.record_landings(&[landing], None).await.unwrap();
    assert!(book.rare_work(NOW).await.unwrap().expired);
    assert_eq!(book.expire(NOW, 10).await.unwrap(), 2);
    assert_eq!(book.expire(NOW, 10).await.unwrap(), 0);
    let rows = book.rows().await;
    for (id, code) in [(queued, "expired"), (parked, "low")] {
        let row = rows.intent(id);
        assert_eq!(row.status, "expired");
        assert!(row.is_final() && row.due_at.is_none());
        assert_eq!(row.reason.as_ref().unwrap()["code"], code);
        assert_eq!(rows.events(id).last(), Some(&"intent.expired"));
        assert_eq!(*rows.newest(id), json!({}));
    }
    for id in [last, unbound, found] {
        assert_eq!(rows.intent(id).status, "queued");
    }
    let (flying, _) = in_flight(book, "flying").await;
    assert_eq!(book.expire(ChainTime(NOW.0 + 1), 10).await.unwrap(), 0);
    assert_eq!(book.rows().await.intent(flying).status, "in_flight");
}

pub async fn wishes_to_cancel_are_granted_when_it_is_known(book: &dyn Book) {
    open(book, 1).await;
    let queued = accept(book, "queued", json!({})).await;
    let parked = accept(book, "parked", json!({})).await;
    let found = accept(book, "found", json!({})).await;
    book.park_queued(parked, &reason("low")).await.unwrap();
    let enqueued = book
        .enqueue("sql", &given::body("sql", json!({})))
        .await
        .unwrap();
    let landing = (
        given::tag(&request("found", json!({}))),
        *landed(TxHash([3; 32]), 5, true),
    );
    assert_eq!(book.cancel(TENANT, queued).await.unwrap(), Change::Done);
    assert_eq!(
        book.cancel(TENANT, queued).await.unwrap(),
        Change::NotAllowed
    );
    assert_eq!(book.cancel(TENANT, enqueued).await.unwrap(), Change::Done);
    assert_eq!(book.cancel("other", parked).await.unwrap(), Change::Missing);
    book.record_landings(&[landing], None).await.unwrap();
    assert_eq!(book.cancel(TENANT, found).await.unwrap(), Change::Pending);
    assert_eq!(book.cancel(TENANT, parked).await.unwrap(), Change::Done);
    // Of one that was not read its tag is not known.
    let unread = book
        .enqueue("unread", &given::body("unread", json!({})))
        .await
        .unwrap();
    assert_eq!(book.cancel(TENANT, unread).await.unwrap(), Change::Pending);
    assert!(book.rare_work(NOW).await.unwrap().unwanted);
    assert_eq!(book.finish_cancellations(10).await.unwrap(), 0);
    let read = request("unread", json!({}));
    book.set_request(unread, given::tag(&read), &read)
        .await
        .unwrap();
    assert_eq!(book.finish_cancellations(10).await.unwrap(), 1);
    let rows = book.rows().await;
    for id in [queued, parked, enqueued, unread] {
        let row = rows.intent(id);
        assert!(row.status == "canceled" && row.cancel_requested && row.is_final());
        assert!(row.due_at.is_none());
        assert_eq!(row.reason.as_ref().unwrap()["code"], "canceled");
        assert_eq!(rows.events(id).last(), Some(&"intent.canceled"));
    }
    assert_eq!(rows.intent(found).status, "queued");
    assert_eq!(rows.events(found)[1..], ["intent.cancel_requested"]);
    assert_eq!(
        rows.events(unread)[1..],
        ["intent.cancel_requested", "intent.canceled"]
    );
}

pub async fn a_wish_to_cancel_in_flight_is_noted_once(book: &dyn Book) {
    open(book, 1).await;
    let (id, _) = in_flight(book, "w").await;
    for _ in 0..2 {
        assert_eq!(book.cancel(TENANT, id).await.unwrap(), Change::Pending);
    }
    let rows = book.rows().await;
    let row = rows.intent(id);
    assert!(row.status == "in_flight" && row.cancel_requested && !row.is_final());
    assert_eq!(rows.events(id)[2..], ["intent.cancel_requested"]);
    assert_eq!(book.canceled_intents(worker(1)).await.unwrap(), [id]);
    assert!(book.canceled_intents(worker(2)).await.unwrap().is_empty());
    assert_eq!(book.finish_cancellations(10).await.unwrap(), 0);
    assert!(!book.rare_work(NOW).await.unwrap().unwanted);
    book.settle(worker(1), &[success(id, 1, 11)]).await.unwrap();
    assert_eq!(book.cancel(TENANT, id).await.unwrap(), Change::NotAllowed);
    assert_eq!(book.rows().await.intent(id).status, "succeeded");
}

pub async fn nothing_ends_while_something_is_unexplained(book: &dyn Book) {
    book.tie_to_network(PASSPHRASE).await.unwrap();
    book.begin_lease(worker(1), "one", LONG).await.unwrap();
    let over = accept(book, "over", json!({"valid_until": OVER})).await;
    let parked = accept(book, "parked", json!({})).await;
    book.park_queued(parked, &reason("low")).await.unwrap();
    let nothing = async || {
        assert_eq!(book.expire(NOW, 10).await.unwrap(), 0);
        assert_eq!(book.cancel(TENANT, parked).await.unwrap(), Change::Pending);
        assert_eq!(book.finish_cancellations(10).await.unwrap(), 0);
    };
    nothing().await;
    // A parked one that is canceled is looked at again.
    assert_eq!(book.rows().await.intent(parked).status, "queued");
    assert!(book.rows().await.intent(parked).reason.is_none());
    book.note_explained(0).await.unwrap();
    book.quarantine(Some(LedgerSeq(9))).await.unwrap();
    nothing().await;
    book.quarantine(None).await.unwrap();
    book.move_away().await;
    nothing().await;
    book.note_database().await.unwrap();
    nothing().await;
    book.note_explained(1).await.unwrap();
    assert_eq!(book.expire(NOW, 10).await.unwrap(), 1);
    assert_eq!(book.finish_cancellations(10).await.unwrap(), 1);
    let rows = book.rows().await;
    assert_eq!(rows.intent(over).status, "expired");
    assert_eq!(rows.intent(parked).status, "canceled");
}

pub async fn only_what_is_queued_is_turned_away(book: &dyn Book) {
    open(book, 3).await;
    let failed = accept(book, "failed", json!({})).await;
    let parked = accept(book, "parked", json!({})).await;
    let why = reason("why");
    book.fail_queued(failed, &why).await.unwrap();
    book.park_queued(parked, &why).await.unwrap();
    let (flying, _) = in_flight(book, "flying").await;
    // Whatever is final, parked or in flight stays so.
    for id in [failed, parked, flying] {
        book.fail_queued(id, &reason("again")).await.unwrap();
        book.park_queued(id, &reason("again")).await.unwrap();
    }
    let rows = book.rows().await;
    assert_eq!(rows.intent(flying).status, "in_flight");
    for (id, status) in [(failed, "failed"), (parked, "parked")] {
        let row = rows.intent(id);
        assert_eq!(
            (row.status.as_str(), row.is_final()),
            (status, status == "failed")
        );
        assert_eq!(row.reason, Some(json!(why)));
        assert!(row.due_at.is_none());
        assert_eq!(rows.events(id)[1..], [format!("intent.{status}")]);
        assert_eq!(*rows.newest(id), json!({"reason": why}));
    }
    // Without a time, a person must look.
    assert_eq!(book.resume_parked(10).await.unwrap(), 0);
}

pub async fn rows_that_are_held_are_passed_over(book: &dyn Book) {
    open(book, 2).await;
    let held = accept(book, "held", json!({})).await;
    let free = accept(book, "free", json!({})).await;
    let end = "2030-03-17T17:46:40Z";
    let over = accept(book, "over", json!({"valid_until": end})).await;
    let later = ChainTime(NOW.0 + 1);
    let taking = claim(book, 1).await;
    assert_eq!(given::ids(&taking), [held]);
    // A wish to cancel waits for the claim.
    let (waited, ()) = tokio::join!(book.cancel(TENANT, held), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(book.rows().await.intent(held).status, "queued");
        give_back(taking).await;
    });
    assert_eq!(waited.unwrap(), Change::Done);
    let taking = claim(book, 10).await;
    assert_eq!(given::ids(&taking), [free, over]);
    assert_eq!(book.expire(later, 10).await.unwrap(), 0);
    assert!(book.take_over(worker(1), 10).await.unwrap().is_empty());
    give_back(taking).await;
    assert_eq!(book.expire(later, 10).await.unwrap(), 1);
}

/// What waits for a claim that is committed finds the rows as they are then.
pub async fn who_waited_sees_what_was_signed(book: &dyn Book) {
    open(book, 2).await;
    let canceled = accept(book, "canceled", json!({})).await;
    let failed = accept(book, "failed", json!({})).await;
    let taking = claim(book, 10).await;
    let attempts: Vec<_> = taking.claimed.iter().map(attempt).collect();
    let why = reason("why");
    let (cancel, fail, raise, pause, ()) = tokio::join!(
        book.cancel(TENANT, canceled),
        book.fail_queued(failed, &why),
        book.raise_sequence(channel(0), Sequence(99)),
        book.pause_channel(channel(1), Some("why")),
        async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            taking.hold.commit(&attempts).await.unwrap();
        }
    );
    assert_eq!(cancel.unwrap(), Change::Pending);
    assert!(fail.is_ok() && raise.is_ok() && pause.is_ok());
    let rows = book.rows().await;
    for id in [canceled, failed] {
        let row = rows.intent(id);
        assert_eq!(row.status, "in_flight");
        assert_eq!(row.cancel_requested, id == canceled);
    }
    let rows = book.channels().await.unwrap();
    assert!(
        rows.iter()
            .all(|row| row.sequence == 10 && row.busy_with.is_some())
    );
    let states: Vec<_> = rows.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(states, ["open", "paused"]);
}

pub async fn rare_work_is_found(book: &dyn Book) {
    let rare = book.rare_work(NOW).await.unwrap();
    let any = [
        rare.unread,
        rare.system,
        rare.presigned,
        rare.expired,
        rare.resumable,
        rare.unwanted,
        rare.has_channels,
    ];
    assert_eq!((any, rare.workers), ([false; 7], 0));
    open(book, 1).await;
    book.begin_lease(worker(2), "two", LONG).await.unwrap();
    book.begin_lease(worker(3), "three", 0.0).await.unwrap();
    let rare = book.rare_work(NOW).await.unwrap();
    assert_eq!((rare.has_channels, rare.workers), (true, 2));
    book.pause_channel(given::channel(0), Some("why"))
        .await
        .unwrap();
    assert!(!book.rare_work(NOW).await.unwrap().has_channels);
    book.pause_channel(given::channel(0), None).await.unwrap();
    // What is finished is no work.
    let (id, _) = in_flight(book, "w").await;
    let end = settlement(id, 1, dead(), IntentEnd::Failed(reason("x")));
    book.settle(worker(1), &[end]).await.unwrap();
    let rare = book.rare_work(NOW).await.unwrap();
    assert!(!rare.expired && !rare.resumable && !rare.unwanted);
}
