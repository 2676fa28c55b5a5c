//! Accepting intents, and reading those that were enqueued.

use serde_json::json;
use stellar_submitter::domain::intent::read_stored;
use stellar_submitter::store::StoreError;
use stellar_submitter::store::accept::Accepted;
use stellar_submitter::store::enqueued::{MAX_ENQUEUED_BYTES, MAX_UNREAD_BYTES};

use crate::book::Book;
use crate::given::{self, TENANT, accept, new_intent, request, tag};

pub async fn a_workflow_is_accepted_once(book: &dyn Book) {
    let new = |workflow: &str| new_intent(book.new_id(), request(workflow, json!({})));
    let (first, again, other) = (new("w"), new("w"), new("x"));
    let accepted = book.accept(&[&first, &again, &other]).await.unwrap();
    let [Accepted::New(_), Accepted::Existing(row), Accepted::New(_)] = &accepted[..] else {
        panic!("{accepted:?}");
    };
    assert_eq!(row.id, first.id);
    assert_eq!(row.request, Some(first.request.to_json()));
    let accepted = book.accept(&[&again]).await.unwrap();
    assert!(matches!(&accepted[..], [Accepted::Existing(row)] if row.id == first.id));
    let rows = book.rows().await;
    let ids: Vec<_> = rows.intents.iter().map(|row| row.id).collect();
    assert_eq!(ids, [first.id, other.id]);
    assert_eq!(rows.events(first.id), ["intent.accepted"]);
    assert!(rows.events(again.id).is_empty());
    let row = book.intent(TENANT, first.id).await.unwrap().unwrap();
    assert_eq!(
        (row.status.as_str(), row.tag),
        ("queued", Some(first.tag.to_i64()))
    );
    assert!(row.due_at.is_some() && !row.is_final());
    assert!(book.intent("other", first.id).await.unwrap().is_none());
    assert!(book.accept(&[]).await.unwrap().is_empty());
}

pub async fn a_batch_that_breaks_a_constraint_is_refused_whole(book: &dyn Book) {
    let good = new_intent(book.new_id(), request("good", json!({})));
    let mut long = new_intent(book.new_id(), request("long", json!({})));
    long.request.workflow_id = "w".repeat(256);
    let same_id = new_intent(good.id, request("same id", json!({})));
    for bad in [&long, &same_id] {
        let refused = book.accept(&[&good, bad]).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "{refused:?}"
        );
    }
    assert!(book.rows().await.intents.is_empty());
}

pub async fn no_more_is_enqueued_and_read_than_there_is_room_for(book: &dyn Book) {
    let bytes = usize::try_from(MAX_ENQUEUED_BYTES).unwrap();
    let of_size = |size: usize| {
        let mut body = given::body("w", json!({"note": ""}));
        body.as_object_mut().unwrap().remove("workflow_id");
        let rest = size - body.to_string().len();
        body["note"] = json!("x".repeat(rest));
        body
    };
    let refused = book.enqueue("large", &of_size(bytes + 1)).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("must have at most 1048576 bytes"),
        "{refused}"
    );
    // Each half as large, but for the white space that one of the two writes.
    let half = of_size(bytes / 2);
    for number in 0..35 {
        book.enqueue(&format!("w-{number}"), &half).await.unwrap();
    }
    let read = book.unread(500).await.unwrap();
    assert!(read.iter().all(|unread| unread.enqueued.is_some()));
    let room = usize::try_from(MAX_UNREAD_BYTES / MAX_ENQUEUED_BYTES).unwrap() * 2;
    assert!((room..=room + 1).contains(&read.len()), "{}", read.len());
}

pub async fn what_was_enqueued_is_read_later(book: &dyn Book) {
    given::open(book, 1).await;
    let body = given::body("w", json!({"ordering_key": "k"}));
    let id = book.enqueue("w", &body).await.unwrap();
    assert_eq!(book.enqueue("w", &body).await.unwrap(), id);
    let other = given::body("w", json!({"memo": {"type": "id", "value": "7"}}));
    let refused = book.enqueue("w", &other).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    // Its place in the order is taken.
    let behind = accept(book, "v", json!({"ordering_key": "k"})).await;
    assert!(given::claim(book, 10).await.claimed.is_empty());
    assert!(book.rare_work(given::NOW).await.unwrap().unread);
    let unread = book.unread(10).await.unwrap();
    assert_eq!(unread.len(), 1);
    assert_eq!((unread[0].id, unread[0].tenant.as_str()), (id, TENANT));
    let read = read_stored(unread[0].enqueued.as_ref().unwrap()).unwrap();
    book.set_request(id, tag(&read), &read).await.unwrap();
    // Only once.
    let other = request("w", json!({"ordering_key": "another"}));
    book.set_request(id, tag(&other), &other).await.unwrap();
    assert!(book.unread(10).await.unwrap().is_empty());
    assert!(!book.rare_work(given::NOW).await.unwrap().unread);
    let row = book.intent(TENANT, id).await.unwrap().unwrap();
    assert_eq!(row.request, Some(read.to_json()));
    assert_eq!(row.tag, Some(tag(&read).to_i64()));
    assert_eq!(row.source, Some(given::source().to_string()));
    let claimed = given::claim(book, 10).await;
    assert_eq!(given::ids(&claimed), [id], "and not {behind}");
    assert_eq!(book.rows().await.events(id), ["intent.accepted"]);
}
