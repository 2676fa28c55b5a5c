//! Leases, and what is whose.

use serde_json::json;
use stellar_submitter::store::StoreError;

use crate::book::Book;
use crate::given::{LONG, TENANT, accept, in_flight, open, request, success, worker};

pub async fn a_lease_that_ended_is_never_renewed(book: &dyn Book) {
    book.begin_lease(worker(1), "one", LONG).await.unwrap();
    book.renew_lease(worker(1), LONG).await.unwrap();
    let again = book.begin_lease(worker(1), "one", LONG).await;
    assert!(matches!(again, Err(StoreError::Refused(_))), "{again:?}");
    book.end_lease(worker(1)).await.unwrap();
    book.end_lease(worker(1)).await.unwrap();
    book.begin_lease(worker(2), "two", 0.0).await.unwrap();
    for gone in 1..=3 {
        let lost = book.renew_lease(worker(gone), LONG).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost(of)) if of == worker(gone)));
    }
    // A short lease ends by itself, and one that is renewed to nothing at once.
    book.begin_lease(worker(4), "four", 0.2).await.unwrap();
    book.renew_lease(worker(4), 0.2).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(book.renew_lease(worker(4), LONG).await.is_err());
}

pub async fn orphans_are_taken_over(book: &dyn Book) {
    open(book, 3).await;
    let mut ids = Vec::new();
    for workflow in ["a", "b"] {
        ids.push(in_flight(book, workflow).await.0);
    }
    book.begin_lease(worker(2), "two", LONG).await.unwrap();
    book.begin_lease(worker(3), "three", 0.0).await.unwrap();
    assert!(book.take_over(worker(2), 10).await.unwrap().is_empty());
    book.end_lease(worker(1)).await.unwrap();
    // Who has no lease takes nothing.
    for nobody in [1, 3, 4] {
        assert!(book.take_over(worker(nobody), 10).await.unwrap().is_empty());
    }
    let one = book.take_over(worker(2), 1).await.unwrap();
    assert_eq!(one.len(), 1);
    let other = book.take_over(worker(2), 10).await.unwrap();
    let mut all = [one, other].concat();
    all.sort_unstable();
    assert_eq!(all, ids);
    let rows = book.rows().await;
    assert!(ids.iter().all(|id| rows.intent(*id).status == "in_flight"));
    assert!(book.owned_ids(worker(1)).await.unwrap().is_empty());
    // From one hand to the next.
    book.end_lease(worker(2)).await.unwrap();
    book.begin_lease(worker(5), "five", LONG).await.unwrap();
    assert_eq!(book.take_over(worker(5), 10).await.unwrap().len(), 2);
    let done = book
        .settle(worker(5), &[success(ids[0], 1, 11)])
        .await
        .unwrap();
    assert_eq!(done, ids[..1]);
}

pub async fn what_is_whose_is_told(book: &dyn Book) {
    open(book, 2).await;
    let (one, _) = in_flight(book, "one").await;
    let (two, _) = in_flight(book, "two").await;
    let waiting = accept(book, "waiting", json!({})).await;
    let mut owned = book.owned_ids(worker(1)).await.unwrap();
    owned.sort_unstable();
    assert_eq!(owned, [one, two]);
    book.cancel(TENANT, two).await.unwrap();
    let all = [one, two, waiting];
    let mut told = book.owned_intents(worker(1), &all).await.unwrap();
    told.sort_by_key(|owned| owned.id);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].request, Some(request("one", json!({})).to_json()));
    assert_eq!(
        (told[0].cancel_requested, told[1].cancel_requested),
        (false, true)
    );
    assert_eq!((told[1].tenant.as_str(), told[1].parked_times), (TENANT, 0));
    assert_eq!(
        book.owned_intents(worker(1), &[two]).await.unwrap().len(),
        1
    );
    assert!(
        book.owned_intents(worker(2), &all)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(book.canceled_intents(worker(1)).await.unwrap(), [two]);
    assert_eq!(book.open_attempts(&all).await.unwrap().len(), 2);
    assert!(book.open_attempts(&[waiting]).await.unwrap().is_empty());
}
