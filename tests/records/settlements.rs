//! Ending attempts, and what is put on record while they are open.

use serde_json::{Value, json};
use stellar_submitter::domain::observation::Landed;
use stellar_submitter::domain::primitives::{LedgerSeq, Sequence, TxHash};
use stellar_submitter::domain::transition::{AttemptEnd, DeathProof, IntentEnd};
use stellar_submitter::store::StoreError;
use stellar_submitter::store::attempts::NewSubmission;
use stellar_submitter::store::intents::Change;

use crate::book::Book;
use crate::given::{
    self, LONG, NOW, TENANT, accept, attempt, bump, claim, dead, give_back, hash, in_flight,
    landed, open, reason, request, settlement, sign_as, success, worker,
};

pub async fn a_success_is_told_everywhere(book: &dyn Book) {
    open(book, 1).await;
    let (id, _) = in_flight(book, "w").await;
    let done = book.settle(worker(1), &[success(id, 1, 11)]).await.unwrap();
    assert_eq!(done, [id]);
    let rows = book.rows().await;
    let row = rows.intent(id);
    assert_eq!(row.status, "succeeded");
    assert!(row.is_final() && row.due_at.is_none() && row.reason.is_none());
    let transaction = row.transaction.as_ref().unwrap();
    assert_eq!(transaction["hash"], json!(hash(id, 1)));
    assert_eq!(transaction["closed_at"], "2030-03-17T17:46:40Z");
    assert!(transaction.get("code").is_none());
    let attempt = rows.attempts(id)[0];
    assert_eq!(attempt.state, "landed");
    assert!(attempt.ended_at.is_some() && attempt.death_proof.is_none());
    assert_eq!(attempt.landed.as_ref().unwrap()["sequence"], "11");
    assert_eq!(
        rows.events(id),
        ["intent.accepted", "attempt.signed", "intent.succeeded"]
    );
    assert_eq!(rows.newest(id)["code"], "tx_success");
    let channel = &book.channels().await.unwrap()[0];
    assert_eq!((channel.busy_with, channel.sequence), (None, 11));
    assert!(book.owned_ids(worker(1)).await.unwrap().is_empty());
    assert!(book.open_attempts(&[id]).await.unwrap().is_empty());
}

pub async fn only_the_owner_settles_and_only_once(book: &dyn Book) {
    open(book, 1).await;
    book.begin_lease(worker(2), "two", LONG).await.unwrap();
    book.begin_lease(worker(3), "three", LONG).await.unwrap();
    let (id, _) = in_flight(book, "w").await;
    let before = format!("{:?}", book.rows().await);
    let fail = || {
        let failed = AttemptEnd::LandedFailed(landed(hash(id, 1), 11, false));
        settlement(id, 1, failed, IntentEnd::Failed(reason("tx_failed")))
    };
    // A stranger, another attempt, another intent: nothing.
    assert!(book.settle(worker(2), &[fail()]).await.unwrap().is_empty());
    let mut other = fail();
    other.number = 2;
    assert!(book.settle(worker(1), &[other]).await.unwrap().is_empty());
    let mut other = fail();
    other.intent_id = uuid::Uuid::from_u128(5);
    assert!(book.settle(worker(1), &[other]).await.unwrap().is_empty());
    // Nor the owner whose lease has ended, nor after another has taken it over.
    book.end_lease(worker(1)).await.unwrap();
    assert!(book.settle(worker(1), &[fail()]).await.unwrap().is_empty());
    assert_eq!(format!("{:?}", book.rows().await), before);
    assert_eq!(book.take_over(worker(2), 10).await.unwrap(), [id]);
    assert!(book.settle(worker(1), &[fail()]).await.unwrap().is_empty());
    assert_eq!(book.settle(worker(2), &[fail()]).await.unwrap(), [id]);
    let before = format!("{:?}", book.rows().await);
    for anybody in 1..=3 {
        let again = [success(id, 1, 11)];
        assert!(
            book.settle(worker(anybody), &again)
                .await
                .unwrap()
                .is_empty()
        );
    }
    assert_eq!(format!("{:?}", book.rows().await), before);
    assert_eq!(book.rows().await.intent(id).status, "failed");
}

pub async fn an_intent_goes_where_its_attempt_sends_it(book: &dyn Book) {
    open(book, 7).await;
    let failed = |id| AttemptEnd::LandedFailed(landed(hash(id, 1), 11, false));
    let ends: [(&str, IntentEnd, &str, &str, bool); 6] = [
        ("a", IntentEnd::Failed(reason("x")), "failed", "x", true),
        ("b", IntentEnd::Expired, "expired", "expired", true),
        ("c", IntentEnd::Canceled, "canceled", "canceled", true),
        (
            "d",
            IntentEnd::Parked {
                reason: reason("y"),
                resume_after: Some(60),
            },
            "parked",
            "y",
            false,
        ),
        (
            "e",
            IntentEnd::Parked {
                reason: reason("z"),
                resume_after: None,
            },
            "parked",
            "z",
            false,
        ),
        ("f", IntentEnd::Requeued, "queued", "", false),
    ];
    let mut batch = Vec::new();
    for (workflow, end, ..) in &ends {
        let (id, _) = in_flight(book, workflow).await;
        batch.push(settlement(id, 1, failed(id), end.clone()));
    }
    let mut done = book.settle(worker(1), &batch).await.unwrap();
    done.sort_unstable();
    let ids: Vec<_> = batch.iter().map(|new| new.intent_id).collect();
    assert_eq!(done, ids);
    let rows = book.rows().await;
    for (new, (workflow, _, status, code, is_final)) in batch.iter().zip(&ends) {
        let row = rows.intent(new.intent_id);
        assert_eq!(
            (row.status.as_str(), row.is_final()),
            (*status, *is_final),
            "{workflow}"
        );
        let told = row
            .reason
            .as_ref()
            .map_or(Value::Null, |reason| reason["code"].clone());
        assert_eq!(told.as_str().unwrap_or(""), *code, "{workflow}");
        assert_eq!(row.transaction.is_some(), *is_final, "{workflow}");
        let due = matches!(*workflow, "d" | "f");
        assert_eq!(row.due_at.is_some(), due, "{workflow}");
        assert_eq!(rows.attempts(row.id)[0].state, "landed_failed");
        let events = rows.events(row.id);
        assert_eq!(events[2], "attempt.landed_failed");
        let kind = format!("intent.{}", status.replace("queued", "requeued"));
        assert_eq!(events[3..], [kind.as_str()], "{workflow}");
    }
    let parked = rows.intent(ids[3]);
    let wait = parked.due_at.unwrap() - parked.updated_at;
    assert_eq!(wait.whole_seconds(), 60);
    assert_eq!(*rows.newest(ids[5]), json!({"attempt": 1}));
}

pub async fn a_parked_intent_comes_back_when_its_time_has_come(book: &dyn Book) {
    open(book, 2).await;
    let park = |id, number, resume_after| {
        let end = IntentEnd::Parked {
            reason: reason("low"),
            resume_after,
        };
        settlement(id, number, dead(), end)
    };
    let (soon, _) = in_flight(book, "soon").await;
    let (never, _) = in_flight(book, "never").await;
    book.settle(worker(1), &[park(soon, 1, Some(0)), park(never, 1, None)])
        .await
        .unwrap();
    assert!(book.rare_work(NOW).await.unwrap().resumable);
    assert!(claim(book, 10).await.claimed.is_empty());
    assert_eq!(book.resume_parked(10).await.unwrap(), 1);
    assert_eq!(book.resume_parked(10).await.unwrap(), 0);
    let rows = book.rows().await;
    assert_eq!(rows.intent(soon).status, "queued");
    // Why it was parked is told until it is taken up.
    assert!(rows.intent(soon).reason.is_some());
    assert_eq!(rows.events(soon).last(), Some(&"intent.parked"));
    let signed = sign_as(book, worker(1)).await;
    assert_eq!(signed.len(), 1);
    assert_eq!((signed[0].attempt_count, signed[0].parked_times), (1, 1));
    assert!(book.rows().await.intent(soon).reason.is_none());
    book.settle(worker(1), &[park(soon, 2, Some(3_600))])
        .await
        .unwrap();
    assert_eq!(book.resume_parked(10).await.unwrap(), 0);
    assert!(!book.rare_work(NOW).await.unwrap().resumable);
}

pub async fn a_channel_is_used_again_after_its_transaction(book: &dyn Book) {
    open(book, 1).await;
    let (first, _) = in_flight(book, "a").await;
    let second = accept(book, "b", json!({})).await;
    assert!(claim(book, 10).await.claimed.is_empty());
    book.settle(worker(1), &[success(first, 1, 11)])
        .await
        .unwrap();
    let taking = claim(book, 10).await;
    assert_eq!(taking.claimed[0].sequence, 11);
    let attempts = [attempt(&taking.claimed[0])];
    taking.hold.commit(&attempts).await.unwrap();
    // Dead: the number was not used, and is used again.
    let again = settlement(second, 1, dead(), IntentEnd::Requeued);
    book.settle(worker(1), &[again]).await.unwrap();
    let signed = sign_as(book, worker(1)).await;
    assert_eq!((signed[0].sequence, signed[0].attempt_count), (11, 1));
    // It never falls.
    let mut low = settlement(second, 2, dead(), IntentEnd::Requeued);
    low.settlement.channel_sequence = Some(Sequence(3));
    book.settle(worker(1), &[low]).await.unwrap();
    assert_eq!(book.channels().await.unwrap()[0].sequence, 11);
    let rows = book.rows().await;
    let used: Vec<_> = rows
        .attempts(second)
        .iter()
        .map(|row| row.sequence)
        .collect();
    assert_eq!(used, [12, 12]);
    assert_eq!(rows.attempts(second)[0].state, "dead");
    assert_eq!(
        rows.attempts(second)[0].death_proof.as_ref().unwrap()["kind"],
        "fence"
    );
}

pub async fn a_wish_to_cancel_outweighs_another_attempt(book: &dyn Book) {
    open(book, 4).await;
    let park = IntentEnd::Parked {
        reason: reason("low"),
        resume_after: Some(0),
    };
    let ends = [
        ("a", IntentEnd::Requeued, "canceled"),
        ("b", park, "canceled"),
        ("c", IntentEnd::Failed(reason("x")), "failed"),
        ("d", IntentEnd::Expired, "expired"),
    ];
    let mut batch = Vec::new();
    for (workflow, end, _) in &ends {
        let (id, _) = in_flight(book, workflow).await;
        assert_eq!(book.cancel(TENANT, id).await.unwrap(), Change::Pending);
        batch.push(settlement(id, 1, dead(), end.clone()));
    }
    assert_eq!(book.canceled_intents(worker(1)).await.unwrap().len(), 4);
    book.settle(worker(1), &batch).await.unwrap();
    let rows = book.rows().await;
    for (new, (workflow, _, status)) in batch.iter().zip(&ends) {
        let row = rows.intent(new.intent_id);
        assert_eq!(row.status, *status, "{workflow}");
        assert!(row.is_final() && row.due_at.is_none(), "{workflow}");
        let kind = format!("intent.{status}");
        assert_eq!(
            rows.events(row.id)[3..],
            ["attempt.dead", kind.as_str()],
            "{workflow}"
        );
    }
    let canceled = rows.intent(batch[1].intent_id);
    assert_eq!(canceled.reason.as_ref().unwrap()["code"], "canceled");
    assert_eq!(*rows.newest(canceled.id), json!({}));
}

pub async fn a_landing_that_may_be_unknown_outweighs_every_end_but_success(book: &dyn Book) {
    open(book, 6).await;
    let mut ids = Vec::new();
    for workflow in ["landed", "lost", "won", "after"] {
        ids.push(in_flight(book, workflow).await.0);
    }
    let fail = |id| settlement(id, 1, dead(), IntentEnd::Failed(reason("x")));
    let known = (
        given::tag(&request("landed", json!({}))),
        Landed {
            envelope_xdr: vec![9],
            ..*landed(TxHash([3; 32]), 5, true)
        },
    );
    book.record_landings(&[known], None).await.unwrap();
    // Of one there is a landing that the records did not know.
    book.settle(worker(1), &[fail(ids[0])]).await.unwrap();
    // Of the others there may be.
    book.quarantine(Some(LedgerSeq(2_000))).await.unwrap();
    book.cancel(TENANT, ids[1]).await.unwrap();
    let batch = [fail(ids[1]), success(ids[2], 1, 11)];
    book.settle(worker(1), &batch).await.unwrap();
    let rows = book.rows().await;
    for id in &ids[..2] {
        let row = rows.intent(*id);
        assert_eq!(row.status, "queued");
        assert!(row.reason.is_none() && row.transaction.is_none());
        let wait = row.due_at.unwrap() - row.updated_at;
        assert_eq!(wait.whole_seconds(), 5);
        assert_eq!(rows.events(*id).last(), Some(&"intent.requeued"));
        assert_eq!(*rows.newest(*id), json!({}));
        assert_eq!(rows.attempts(*id)[0].state, "dead");
    }
    assert_eq!(rows.intent(ids[2]).status, "succeeded");
    book.quarantine(None).await.unwrap();
    let taking = claim(book, 10).await;
    assert_eq!(given::ids(&taking), [ids[0]]);
    assert_eq!(taking.claimed[0].landings[0].envelope, "CQ==");
    give_back(taking).await;
    book.settle(worker(1), &[fail(ids[3])]).await.unwrap();
    assert_eq!(book.rows().await.intent(ids[3]).status, "failed");
}

pub async fn a_lost_channel_is_never_used_again(book: &dyn Book) {
    open(book, 2).await;
    let missing = AttemptEnd::Dead(DeathProof::AccountMissing {
        first: LedgerSeq(3),
        second: LedgerSeq(14),
    });
    let mut used = Vec::new();
    for (workflow, proof) in [("a", missing), ("b", dead())] {
        let (id, channel) = in_flight(book, workflow).await;
        let mut new = settlement(id, 1, proof, IntentEnd::Failed(reason("x")));
        new.settlement.channel_lost = true;
        book.settle(worker(1), &[new]).await.unwrap();
        used.push(channel);
    }
    let why = [
        "the account did not exist as of ledgers 3 and 14",
        "the account cannot be used",
    ];
    for row in book.channels().await.unwrap() {
        let place = used
            .iter()
            .position(|channel| channel.to_string() == row.account)
            .unwrap();
        assert_eq!(
            (row.state.as_str(), row.reason.as_deref()),
            ("lost", Some(why[place]))
        );
        book.pause_channel(used[place], None).await.unwrap();
    }
    assert!(!book.rare_work(NOW).await.unwrap().has_channels);
    accept(book, "c", json!({})).await;
    assert!(claim(book, 10).await.claimed.is_empty());
    assert!(
        book.channels()
            .await
            .unwrap()
            .iter()
            .all(|row| row.state == "lost")
    );
}

pub async fn what_is_unexplained_is_parked_with_its_attempt(book: &dyn Book) {
    open(book, 2).await;
    book.begin_lease(worker(2), "two", LONG).await.unwrap();
    let (id, channel) = in_flight(book, "w").await;
    let why = reason("sequence_unexplained");
    book.park_unexplained(worker(2), id, &why).await.unwrap();
    assert_eq!(book.rows().await.intent(id).status, "in_flight");
    book.park_unexplained(worker(1), id, &why).await.unwrap();
    book.park_unexplained(worker(1), id, &why).await.unwrap();
    let rows = book.rows().await;
    let row = rows.intent(id);
    assert_eq!((row.status.as_str(), row.due_at), ("parked", None));
    assert_eq!(rows.events(id)[2..], ["intent.parked"]);
    assert_eq!(*rows.newest(id), json!({"reason": why}));
    assert_eq!(book.owned_ids(worker(1)).await.unwrap(), [id]);
    assert_eq!(book.open_attempts(&[id]).await.unwrap().len(), 1);
    let paused = book.channels().await.unwrap();
    let paused = paused
        .iter()
        .find(|row| row.account == channel.to_string())
        .unwrap();
    assert_eq!(
        (paused.state.as_str(), paused.busy_with),
        ("paused", Some(id))
    );
    assert_eq!(paused.reason.as_deref(), Some("sequence_unexplained"));
    // Not without a lease, even where nobody has taken it over.
    let (other, _) = in_flight(book, "x").await;
    book.end_lease(worker(1)).await.unwrap();
    book.park_unexplained(worker(1), other, &why).await.unwrap();
    assert_eq!(book.rows().await.intent(other).status, "in_flight");
    assert_eq!(book.take_over(worker(2), 10).await.unwrap().len(), 2);
    let done = book.settle(worker(2), &[success(other, 1, 11)]).await;
    assert_eq!(done.unwrap(), [other]);
    // Nobody else ends it meanwhile.
    assert_eq!(book.resume_parked(10).await.unwrap(), 0);
    assert_eq!(book.expire(NOW, 10).await.unwrap(), 0);
    book.fail_queued(id, &reason("x")).await.unwrap();
    assert_eq!(book.cancel(TENANT, id).await.unwrap(), Change::Pending);
    assert_eq!(book.finish_cancellations(10).await.unwrap(), 0);
    assert_eq!(book.rows().await.intent(id).status, "parked");
    let done = book.settle(worker(2), &[success(id, 1, 11)]).await;
    assert_eq!(done.unwrap(), [id]);
    let free = book.channels().await.unwrap();
    assert!(
        free.iter()
            .all(|row| row.state == "open" && row.busy_with.is_none())
    );
    assert!(free.iter().all(|row| row.reason.is_none()));
}

pub async fn fee_bumps_are_the_owners(book: &dyn Book) {
    open(book, 2).await;
    book.begin_lease(worker(2), "two", LONG).await.unwrap();
    let (id, _) = in_flight(book, "a").await;
    let (other, _) = in_flight(book, "b").await;
    assert!(
        book.add_fee_bumps(worker(2), &[bump(id, 1, 200)])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        book.add_fee_bumps(worker(1), &[bump(id, 2, 200)])
            .await
            .unwrap()
            .is_empty()
    );
    let mut done = book
        .add_fee_bumps(worker(1), &[bump(other, 1, 200), bump(id, 1, 200)])
        .await
        .unwrap();
    done.sort_unstable();
    assert_eq!(done, [id, other]);
    assert_eq!(
        book.add_fee_bumps(worker(1), &[bump(id, 1, 2_000)])
            .await
            .unwrap(),
        [id]
    );
    let bumps = book.fee_bumps(&[id, other]).await.unwrap();
    let told: Vec<_> = bumps
        .iter()
        .map(|row| (row.intent_id, row.ordinal, row.fee))
        .collect();
    assert_eq!(told, [(id, 1, 200), (id, 2, 2_000), (other, 1, 200)]);
    let rows = book.rows().await;
    assert_eq!(rows.events(id)[2..], ["attempt.bumped", "attempt.bumped"]);
    let hash = bump(id, 1, 2_000).bump.hash;
    assert_eq!(
        *rows.newest(id),
        json!({"attempt": 1, "hash": hash, "fee": "2000"})
    );
    let whole = rows.attempts(id)[0].to_attempt(&bumps[..2]).unwrap();
    assert_eq!(whole.bumps[1].hash, hash);
    // A hash is one bump's, and of one batch an attempt gets one.
    for broken in [
        vec![bump(id, 1, 2_000)],
        vec![bump(id, 1, 7), bump(id, 1, 8)],
    ] {
        let refused = book.add_fee_bumps(worker(1), &broken).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "{refused:?}"
        );
    }
    let mut free = bump(id, 1, 9);
    free.bump.fee = stellar_submitter::domain::primitives::Stroops::ZERO;
    assert!(book.add_fee_bumps(worker(1), &[free]).await.is_err());
    // Not of what has ended, nor without a lease.
    book.settle(worker(1), &[success(id, 1, 11)]).await.unwrap();
    assert!(
        book.add_fee_bumps(worker(1), &[bump(id, 1, 3_000)])
            .await
            .unwrap()
            .is_empty()
    );
    book.end_lease(worker(1)).await.unwrap();
    assert!(
        book.add_fee_bumps(worker(1), &[bump(other, 1, 3_000)])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(book.rows().await.bumps.len(), 3);
}

pub async fn answers_are_kept(book: &dyn Book) {
    open(book, 1).await;
    let (id, _) = in_flight(book, "w").await;
    let answer = |number, kind: &str| NewSubmission {
        intent_id: id,
        number,
        hash: hash(id, number),
        answer: json!({"kind": kind}),
    };
    let batch = [answer(1, "queued"), answer(1, "landed")];
    book.record_submissions(&batch).await.unwrap();
    book.record_submissions(&[]).await.unwrap();
    book.record_submissions(&[answer(7, "unknown")])
        .await
        .unwrap();
    let rows = book.rows().await;
    let kept: Vec<_> = rows
        .submissions
        .iter()
        .map(|row| (row.1, row.3["kind"].clone()))
        .collect();
    assert_eq!(
        kept,
        [
            (1, json!("queued")),
            (1, json!("landed")),
            (7, json!("unknown"))
        ]
    );
    // Nothing else follows from them.
    assert_eq!(rows.intent(id).status, "in_flight");
    assert_eq!(book.channels().await.unwrap()[0].busy_with, Some(id));
}
