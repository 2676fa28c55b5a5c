//! Taking intents up.

use serde_json::json;
use stellar_submitter::domain::primitives::{ChainTime, LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::transition::IntentEnd;
use stellar_submitter::store::StoreError;
use stellar_submitter::store::accept::Lane;

use crate::book::Book;
use crate::given::{
    self, LONG, LONG_AGO, NOW, TENANT, accept, accept_request, attempt, attempt_on, channel, claim,
    claim_as, claim_freed, dead, give_back, hash, ids, in_flight, landed, new_intent, open,
    presigned, request, settlement, sign_as, source, success, worker,
};

pub async fn due_intents_are_paired_with_idle_channels(book: &dyn Book) {
    open(book, 2).await;
    let mut accepted = Vec::new();
    for workflow in ["a", "b", "c"] {
        accepted.push(accept(book, workflow, json!({})).await);
    }
    let taking = claim(book, 10).await;
    assert_eq!(taking.idle, 2);
    assert_eq!(ids(&taking), accepted[..2]);
    let mut channels: Vec<_> = taking
        .claimed
        .iter()
        .map(|pair| pair.channel.clone())
        .collect();
    channels.sort();
    assert_eq!(channels, [channel(0).to_string(), channel(1).to_string()]);
    for pair in &taking.claimed {
        let row = book.intent(TENANT, pair.id).await.unwrap().unwrap();
        assert_eq!(Some(&pair.request), row.request.as_ref());
        assert_eq!(
            (pair.sequence, pair.attempt_count, pair.parked_times),
            (10, 0, 0)
        );
        assert!(pair.landings.is_empty() && !pair.on_our_channel);
        assert_eq!(pair.tenant, TENANT);
    }
    give_back(taking).await;
    let taking = claim(book, 1).await;
    assert_eq!((taking.idle, ids(&taking)), (1, accepted[..1].to_vec()));
    give_back(taking).await;
    let none = claim(book, 0).await;
    assert_eq!((none.idle, none.claimed.len()), (0, 0));
}

pub async fn two_claims_never_share(book: &dyn Book) {
    open(book, 4).await;
    book.begin_lease(worker(2), "two", LONG).await.unwrap();
    for workflow in ["a", "b", "c", "d"] {
        accept(book, workflow, json!({})).await;
    }
    let one = claim(book, 2).await;
    let two = claim_as(book, worker(2), NOW, 10).await.unwrap();
    assert_eq!((one.claimed.len(), two.claimed.len()), (2, 2));
    // What is counted is not what is held.
    assert_eq!(two.idle, 4);
    for pair in &one.claimed {
        let shares = |other: &&_| {
            let other: &stellar_submitter::store::prepare::Claimed = other;
            other.id == pair.id || other.channel == pair.channel
        };
        assert!(two.claimed.iter().find(shares).is_none());
    }
    let three = claim(book, 10).await;
    assert!(three.claimed.is_empty());
    let attempts: Vec<_> = two.claimed.iter().map(attempt).collect();
    two.hold.commit(&attempts).await.unwrap();
    give_back(one).await;
    assert_eq!(claim(book, 10).await.claimed.len(), 2);
}

pub async fn a_claim_that_is_dropped_changes_nothing(book: &dyn Book) {
    open(book, 1).await;
    let id = accept(book, "w", json!({})).await;
    drop(claim(book, 1).await);
    assert_eq!(ids(&claim_freed(book, 1).await), [id]);
}

pub async fn what_is_signed_is_on_record(book: &dyn Book) {
    open(book, 2).await;
    let signed = accept(book, "a", json!({})).await;
    let left = accept(book, "b", json!({})).await;
    let taking = claim(book, 10).await;
    let pair = taking
        .claimed
        .iter()
        .find(|pair| pair.id == signed)
        .unwrap()
        .clone();
    taking.hold.commit(&[attempt(&pair)]).await.unwrap();
    let rows = book.rows().await;
    let row = rows.intent(signed);
    assert_eq!((row.status.as_str(), row.attempt_count), ("in_flight", 1));
    assert_eq!(rows.intent(left).status, "queued");
    let [made] = rows.attempts(signed)[..] else {
        panic!("one attempt");
    };
    assert_eq!(made.to_attempt(&[]).unwrap(), attempt(&pair).attempt);
    assert_eq!((made.state.as_str(), made.ended_at), ("signed", None));
    assert_eq!(rows.events(signed), ["intent.accepted", "attempt.signed"]);
    let told = json!({"attempt": 1, "hash": hash(signed, 1)});
    assert_eq!(*rows.newest(signed), told);
    assert_eq!(book.owned_ids(worker(1)).await.unwrap(), [signed]);
    for row in book.channels().await.unwrap() {
        let busy = (row.account == pair.channel).then_some(signed);
        assert_eq!((row.busy_with, row.sequence), (busy, 10));
    }
    assert_eq!(book.open_attempts(&[signed, left]).await.unwrap().len(), 1);
    assert_eq!(ids(&claim(book, 10).await), [left]);
}

pub async fn only_who_has_a_lease_claims(book: &dyn Book) {
    open(book, 1).await;
    let id = accept(book, "w", json!({})).await;
    book.begin_lease(worker(2), "two", 0.0).await.unwrap();
    for nobody in [worker(2), worker(3)] {
        let refused = claim_as(book, nobody, NOW, 1).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost(of)) if of == nobody));
        let refused = book.claim_presigned(nobody, NOW, 1).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost(of)) if of == nobody));
    }
    // One that ends while it claims may still put on record what others will take over.
    let taking = claim(book, 1).await;
    book.end_lease(worker(1)).await.unwrap();
    let attempts = [attempt(&taking.claimed[0])];
    taking.hold.commit(&attempts).await.unwrap();
    assert_eq!(book.owned_ids(worker(1)).await.unwrap(), [id]);
    assert!(claim_as(book, worker(1), NOW, 1).await.is_err());
}

pub async fn records_that_have_moved_claim_nothing(book: &dyn Book) {
    book.begin_lease(worker(1), "one", LONG).await.unwrap();
    // Records that were never tied to a network are at home nowhere.
    assert!(matches!(
        claim_as(book, worker(1), NOW, 1).await,
        Err(StoreError::Moved)
    ));
    book.note_explained(0).await.unwrap();
    book.tie_to_network(given::PASSPHRASE).await.unwrap();
    assert!(!book.note_database().await.unwrap());
    book.note_explained(0).await.unwrap();
    assert!(claim_as(book, worker(1), NOW, 1).await.is_ok());
    assert!(book.history_mark().await.unwrap().explained);
    // Nor do those that wait for what may still land.
    book.quarantine(Some(LedgerSeq(9))).await.unwrap();
    let waits = claim_as(book, worker(1), NOW, 1).await;
    assert!(matches!(waits, Err(StoreError::Moved)));
    book.move_away().await;
    assert!(matches!(
        claim_as(book, worker(1), NOW, 1).await,
        Err(StoreError::Moved)
    ));
    let refused = book.claim_presigned(worker(1), NOW, 1).await;
    assert!(matches!(refused, Err(StoreError::Moved)));
    let nobody = claim_as(book, worker(9), NOW, 1).await;
    assert!(matches!(nobody, Err(StoreError::LeaseLost(_))));
    assert!(book.note_database().await.unwrap());
    assert!(!book.note_database().await.unwrap());
    // Whoever noted it may die at once: the next one knows all the same.
    assert!(book.history_mark().await.unwrap().recovery_window > 0);
    // Whoever noticed first, nobody claims before it is explained; and the quarantine was that of another home.
    assert!(!book.history_mark().await.unwrap().explained);
    assert_eq!(book.history_mark().await.unwrap().quarantine_until, None);
    // A lease that came along is no lease: whoever had it knows what these records do not.
    let gone = claim_as(book, worker(1), NOW, 1).await;
    assert!(matches!(gone, Err(StoreError::LeaseLost(_))));
    let gone = book.renew_lease(worker(1), LONG).await;
    assert!(matches!(gone, Err(StoreError::LeaseLost(_))));
    book.begin_lease(worker(2), "two", LONG).await.unwrap();
    let waits = claim_as(book, worker(2), NOW, 1).await;
    assert!(matches!(waits, Err(StoreError::Moved)));
    // Whoever began before it was noted has not looked at what they lack since.
    assert!(!book.note_explained(0).await.unwrap());
    assert!(!book.history_mark().await.unwrap().explained);
    assert!(book.note_explained(1).await.unwrap());
    assert!(!book.note_explained(0).await.unwrap());
    assert_eq!(book.history_mark().await.unwrap().recovery_window, 0);
    assert!(claim_as(book, worker(2), NOW, 1).await.is_ok());
}

pub async fn times_decide_what_is_due(book: &dyn Book) {
    open(book, 3).await;
    let later = accept(book, "later", json!({"not_before": "2030-06-01T00:00:00Z"})).await;
    let sooner = accept(
        book,
        "sooner",
        json!({"not_before": "2030-05-01T00:00:00Z"}),
    )
    .await;
    let now = accept(book, "now", json!({})).await;
    let taking = claim_as(book, worker(1), LONG_AGO, 10).await.unwrap();
    assert_eq!(ids(&taking), [now]);
    give_back(taking).await;
    let may = ChainTime(1_904_000_000);
    let taking = claim_as(book, worker(1), may, 2).await.unwrap();
    assert_eq!(ids(&taking), [sooner, now]);
    give_back(taking).await;
    let taking = claim_as(book, worker(1), ChainTime(1_906_588_800), 10)
        .await
        .unwrap();
    assert_eq!(ids(&taking), [later, sooner, now]);
}

pub async fn what_is_canceled_or_over_is_left_alone_unless_it_has_landed(book: &dyn Book) {
    open(book, 3).await;
    // 1,900,000,000 is 2030-03-17T17:46:40Z.
    let over = accept(book, "over", json!({"valid_until": "2030-03-17T17:46:39Z"})).await;
    let last = accept(book, "last", json!({"valid_until": "2030-03-17T17:46:40Z"})).await;
    let unwanted = accept(book, "unwanted", json!({})).await;
    book.quarantine(Some(LedgerSeq(1))).await.unwrap();
    book.cancel(TENANT, unwanted).await.unwrap();
    assert_eq!(book.rows().await.intent(unwanted).status, "queued");
    book.quarantine(None).await.unwrap();
    let taking = claim(book, 10).await;
    assert_eq!(ids(&taking), [last]);
    give_back(taking).await;
    let mut of = Vec::new();
    for workflow in ["over", "unwanted"] {
        let tag = given::tag(&request(workflow, json!({})));
        let hash = TxHash([u8::try_from(workflow.len()).unwrap(); 32]);
        of.push((tag, *landed(hash, 3, true)));
    }
    assert_eq!(book.record_landings(&of, None).await.unwrap(), 2);
    let taking = claim(book, 10).await;
    assert_eq!(ids(&taking), [over, last, unwanted]);
    for pair in &taking.claimed {
        let landings = usize::from(pair.id != last);
        assert_eq!(pair.landings.len(), landings);
    }
}

pub async fn one_of_an_ordering_key_at_a_time(book: &dyn Book) {
    open(book, 4).await;
    let first = accept(book, "first", json!({"ordering_key": "k"})).await;
    let second = accept(book, "second", json!({"ordering_key": "k"})).await;
    let other = accept(book, "other", json!({"ordering_key": "l"})).await;
    let taking = claim(book, 10).await;
    assert_eq!(ids(&taking), [first, other]);
    give_back(taking).await;
    let signed = sign_as(book, worker(1)).await;
    assert_eq!(signed.len(), 2);
    assert!(claim(book, 10).await.claimed.is_empty());
    // Waiting for another attempt, it is still the first.
    let again = settlement(first, 1, dead(), IntentEnd::Requeued);
    assert_eq!(book.settle(worker(1), &[again]).await.unwrap(), [first]);
    let signed = sign_as(book, worker(1)).await;
    assert_eq!(
        signed.iter().map(|pair| pair.id).collect::<Vec<_>>(),
        [first]
    );
    let done = success(first, 2, 11);
    book.settle(worker(1), &[done]).await.unwrap();
    assert_eq!(ids(&claim(book, 10).await), [second]);
}

/// One whose key is known late may be older than one that was taken before.
pub async fn one_in_flight_keeps_back_even_an_older_one(book: &dyn Book) {
    open(book, 2).await;
    let older = book
        .enqueue("older", &given::body("older", json!({})))
        .await
        .unwrap();
    let younger = accept(book, "younger", json!({"ordering_key": "k"})).await;
    assert_eq!(sign_as(book, worker(1)).await.len(), 1);
    let read = request("older", json!({"ordering_key": "k"}));
    book.set_request(older, given::tag(&read), &read)
        .await
        .unwrap();
    let taking = claim(book, 10).await;
    assert!(taking.claimed.is_empty());
    give_back(taking).await;
    book.settle(worker(1), &[success(younger, 1, 11)])
        .await
        .unwrap();
    assert_eq!(ids(&claim(book, 10).await), [older]);
}

pub async fn a_lane_and_a_kind_are_claimed_apart(book: &dyn Book) {
    open(book, 1).await;
    book.add_channel(source(), None, Sequence(5)).await.unwrap();
    let user = accept(book, "user", json!({})).await;
    let mut system = new_intent(book.new_id(), request("system", json!({})));
    system.lane = Lane::System;
    book.accept(&[&system]).await.unwrap();
    assert!(book.rare_work(NOW).await.unwrap().system);
    let one = book
        .claim(worker(1), Lane::System, "source", NOW, 10)
        .await
        .unwrap();
    let two = claim(book, 10).await;
    assert_eq!((ids(&one), ids(&two)), (vec![system.id], vec![user]));
    assert_eq!(one.claimed[0].channel, source().to_string());
    assert_eq!(one.claimed[0].sequence, 5);
    assert_eq!(two.claimed[0].channel, channel(0).to_string());
}

pub async fn paused_and_busy_channels_are_not_idle(book: &dyn Book) {
    open(book, 3).await;
    book.pause_channel(channel(0), Some("a reason"))
        .await
        .unwrap();
    let (_, busy) = in_flight(book, "a").await;
    let id = accept(book, "b", json!({})).await;
    let taking = claim(book, 10).await;
    assert_eq!((taking.idle, ids(&taking)), (1, vec![id]));
    let used = taking.claimed[0].channel.clone();
    assert!(used != channel(0).to_string() && used != busy.to_string());
    give_back(taking).await;
    book.pause_channel(used.parse().unwrap(), Some("a reason"))
        .await
        .unwrap();
    let taking = claim(book, 10).await;
    assert_eq!((taking.idle, taking.claimed.len()), (0, 0));
    give_back(taking).await;
    book.pause_channel(channel(0), None).await.unwrap();
    let taking = claim(book, 10).await;
    assert_eq!(taking.claimed[0].channel, channel(0).to_string());
}

pub async fn signed_transactions_are_taken_one_an_account(book: &dyn Book) {
    open(book, 1).await;
    let first = accept_request(book, presigned("a", source(), 7)).await;
    let second = accept_request(book, presigned("b", source(), 8)).await;
    let ours = accept_request(book, presigned("c", channel(0), 11)).await;
    assert!(book.rare_work(NOW).await.unwrap().presigned);
    assert!(claim(book, 10).await.claimed.is_empty());
    let taking = book.claim_presigned(worker(1), NOW, 10).await.unwrap();
    assert_eq!(taking.idle, 10);
    let mut claimed = taking.claimed.clone();
    claimed.sort_by_key(|claimed| claimed.id);
    assert_eq!(
        claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>(),
        [first, ours]
    );
    assert_eq!(
        (claimed[0].on_our_channel, claimed[1].on_our_channel),
        (false, true)
    );
    assert_eq!((claimed[0].channel.as_str(), claimed[0].sequence), ("", 0));
    let mut new = attempt_on(first, 0, source(), 7);
    new.attempt.presigned = true;
    taking.hold.commit(&[new]).await.unwrap();
    book.fail_queued(ours, &given::reason("ours"))
        .await
        .unwrap();
    // Its account has one in flight.
    let taking = book.claim_presigned(worker(1), NOW, 10).await.unwrap();
    assert!(taking.claimed.is_empty());
    give_back(taking).await;
    book.settle(worker(1), &[success(first, 1, 7)])
        .await
        .unwrap();
    let taking = book.claim_presigned(worker(1), NOW, 10).await.unwrap();
    assert_eq!(ids(&taking), [second]);
}

pub async fn signed_transactions_are_told_what_is_used(book: &dyn Book) {
    open(book, 1).await;
    let (used, busy) = in_flight(book, "a").await;
    accept_request(book, presigned("b", source(), 7)).await;
    let user_of = async |hash: TxHash, sequence: i64| {
        let mut taking = book.claim_presigned(worker(1), NOW, 1).await.unwrap();
        let user = taking
            .hold
            .user_of(hash, busy, Sequence(sequence))
            .await
            .unwrap();
        give_back(taking).await;
        user
    };
    let unknown = TxHash([1; 32]);
    assert_eq!(user_of(unknown, 12).await, None);
    assert_eq!(user_of(unknown, 11).await, Some(hash(used, 1)));
    assert_eq!(user_of(hash(used, 1), 12).await, Some(hash(used, 1)));
    let again = settlement(used, 1, dead(), IntentEnd::Requeued);
    book.settle(worker(1), &[again]).await.unwrap();
    // What is dead has used nothing, but its hash is known for ever.
    assert_eq!(user_of(unknown, 11).await, None);
    assert_eq!(user_of(hash(used, 1), 11).await, Some(hash(used, 1)));
}

pub async fn a_broken_constraint_undoes_the_claim(book: &dyn Book) {
    open(book, 3).await;
    let (first, _) = in_flight(book, "first").await;
    let again = settlement(first, 1, dead(), IntentEnd::Requeued);
    book.settle(worker(1), &[again]).await.unwrap();
    let busy = sign_as(book, worker(1)).await[0].channel.parse().unwrap();
    let (one, two) = (
        accept(book, "one", json!({})).await,
        accept(book, "two", json!({})).await,
    );
    let breaches: [fn(&mut stellar_submitter::store::prepare::NewAttempt); 8] = [
        // Its hash is another's; also that of an attempt that is dead.
        |new| new.attempt.inner_hash = TxHash([9; 32]),
        |new| new.attempt.plan.sequence = Sequence(0),
        |new| new.attempt.operations = 101,
        |new| new.attempt.number = 0,
        |new| {
            new.attempt.plan.max_ledger = LedgerSeq(0);
            new.attempt.plan.max_time = ChainTime(0);
        },
        |new| new.attempt.plain_fee = stellar_submitter::domain::primitives::Stroops::ZERO,
        |new| new.attempt.plan.base_fee = stellar_submitter::domain::primitives::Stroops::ZERO,
        |new| new.intent_id = uuid::Uuid::from_u128(77),
    ];
    for (number, breach) in breaches.into_iter().enumerate() {
        let taking = claim_freed(book, 2).await;
        assert_eq!(ids(&taking), [one, two], "breach {number}");
        let mut attempts: Vec<_> = taking.claimed.iter().map(attempt).collect();
        breach(&mut attempts[1]);
        if number == 0 {
            attempts[1].attempt.inner_hash = hash(first, 1);
        }
        let refused = taking.hold.commit(&attempts).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "breach {number}: {refused:?}"
        );
    }
    // An account has one transaction in flight, and an intent one attempt.
    for (id, number, account) in [(one, 0, busy), (first, 2, channel(9))] {
        let taking = claim_freed(book, 2).await;
        let refused = taking
            .hold
            .commit(&[attempt_on(id, number, account, 50)])
            .await;
        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "{refused:?}"
        );
    }
    // A sequence number is used once: 11 of this channel has landed.
    book.settle(worker(1), &[success(first, 2, 11)])
        .await
        .unwrap();
    let taking = claim_freed(book, 2).await;
    let refused = taking.hold.commit(&[attempt_on(one, 0, busy, 11)]).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    give_back(claim_freed(book, 2).await).await;
    let rows = book.rows().await;
    for id in [one, two] {
        assert_eq!(rows.intent(id).status, "queued");
        assert_eq!(rows.events(id), ["intent.accepted"]);
    }
    assert_eq!(rows.attempts.len(), 2);
    assert!(
        book.channels()
            .await
            .unwrap()
            .iter()
            .all(|row| row.busy_with.is_none())
    );
    assert_eq!(sign_as(book, worker(1)).await.len(), 2);
}
