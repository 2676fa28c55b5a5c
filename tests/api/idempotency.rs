//! Idempotency keys: headers, lives, tenants, crashes and crowds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use sha2::{Digest, Sha256};
use stellar_submitter::api::{Settings, purge_expired_keys};
use stellar_submitter::domain::intent::{Accounts, read};
use stellar_submitter::domain::primitives::{AccountId, NetworkId};
use stellar_submitter::store::accept::{Accepted, Lane, NewIntent, NewKey};
use uuid::Uuid;

use crate::server::{OTHER_SOURCE, Ready, SOURCE, Server, ZENITH, payment, send};

#[tokio::test]
async fn headers_that_cannot_be_a_key_are_refused() {
    let server = Server::start().await;
    let post = |headers: Vec<(&'static str, String)>| {
        let mut request = server.request(Method::POST, "/v1/intents");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        send(request.json(&payment("w", "1")))
    };
    let own = |text: &str| ("idempotency-key", text.to_owned());
    for headers in [
        vec![own("")],
        vec![own("\"\"")],
        vec![own("a b")],
        vec![own("\"open")],
        vec![own(&"k".repeat(256))],
        vec![own("a"), ("x-idempotency-key", "b".to_owned())],
    ] {
        post(headers).await.problem(400, "idempotency-key-invalid");
    }
    assert_eq!(server.count("intents").await, 0);
    let alias = post(vec![("x-idempotency-key", "\"k\"".to_owned())]).await;
    alias.intent(202);
    let both = post(vec![own("k"), ("x-idempotency-key", "k".to_owned())]).await;
    assert!(both.replayed());
}

#[tokio::test]
async fn keys_belong_to_their_tenant() {
    let server = Server::start().await;
    let ours = server.post("k", &payment("w", "1")).await.intent(202);
    let theirs = server
        .client
        .post(format!("{}/v1/intents", server.base))
        .bearer_auth(ZENITH)
        .header("idempotency-key", "k")
        .json(&payment("w", "2"));
    let theirs = send(theirs).await;
    assert!(!theirs.replayed());
    assert_ne!(theirs.intent(202)["id"], ours["id"]);
    assert_ne!(theirs.json()["tag"], ours["tag"]);
}

#[tokio::test]
async fn a_crowd_of_equal_posts_makes_one_intent() {
    const CROWD: usize = 50;
    let server = Server::start().await;
    for (round, wait) in [None, Some("wait=1")].into_iter().enumerate() {
        let name = format!("w-{round}");
        let body = payment(&name, "1");
        let posts = (0..CROWD).map(|_| {
            let mut request = server.posting(&name, &body);
            if let Some(wait) = wait {
                request = request.header("prefer", wait);
            }
            send(request)
        });
        let answers = join_all(posts).await;
        let (mut firsts, mut ids) = (0, Vec::new());
        for answer in answers {
            if answer.status == 409 {
                answer.problem(409, "request-in-flight");
                continue;
            }
            firsts += usize::from(!answer.replayed());
            ids.push(answer.intent(202)["id"].clone());
        }
        assert_eq!(
            firsts, 1,
            "one is the first, the others are 409 or a replay"
        );
        ids.dedup();
        assert_eq!(ids.len(), 1);
        assert_eq!(server.count("intents").await, round as i64 + 1);
    }
}

#[tokio::test]
async fn a_crowd_with_keys_of_their_own_makes_one_intent() {
    const CROWD: usize = 50;
    let server = Server::start().await;
    let body = payment("w", "1");
    let names: Vec<String> = (0..CROWD).map(|number| format!("k-{number}")).collect();
    let answers = join_all(names.iter().map(|name| server.post(name, &body))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(accepted, 1);
    let id = &answers[0].json()["id"];
    for answer in &answers {
        assert_eq!(answer.json()["id"], *id);
        assert_eq!(answer.replayed(), answer.status == 200);
    }
    assert_eq!(server.count("intents").await, 1);
    assert_eq!(server.count("idempotency_keys").await, CROWD as i64);
}

#[tokio::test]
async fn crowds_of_several_workflows_in_any_order_are_all_accepted_once() {
    const WORKFLOWS: usize = 40;
    let server = Server::start().await;
    let mut posts = Vec::new();
    for turn in 0..4 {
        for number in 0..WORKFLOWS {
            let number = if turn % 2 == 0 {
                number
            } else {
                WORKFLOWS - 1 - number
            };
            let body = payment(&format!("w-{number}"), "1");
            let request = server.posting(&format!("k-{turn}-{number}"), &body);
            posts.push(send(request));
        }
    }
    let answers = join_all(posts).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(accepted, WORKFLOWS);
    assert!(answers.iter().all(|answer| answer.status.is_success()));
    assert_eq!(server.count("intents").await, WORKFLOWS as i64);
}

#[tokio::test]
async fn two_batches_with_the_same_workflows_in_another_order_are_both_answered() {
    const BATCH: usize = 2000;
    let server = Server::start().await;
    for round in 0..3 {
        let batch = |backwards: bool| {
            let mut intents: Vec<NewIntent> = (0..BATCH)
                .map(|number| new_intent(&format!("w-{round}-{number}")))
                .collect();
            if backwards {
                intents.reverse();
            }
            intents
        };
        let (one, other) = (batch(false), batch(true));
        let (one, other) = tokio::join!(server.store.accept(&one), server.store.accept(&other));
        let both = one.unwrap().into_iter().chain(other.unwrap());
        let new = both.filter(|accepted| matches!(accepted, Accepted::New(_)));
        assert_eq!(new.count(), BATCH);
    }
    assert_eq!(
        server.deadlocks().await,
        0,
        "they take their rows in one order"
    );
}

#[tokio::test]
async fn a_batch_takes_each_workflow_and_each_key_once_whatever_else_is_in_it() {
    let server = Server::start().await;
    server.accepted("known").await;
    let keyed = |workflow: &str, key: &str| {
        let mut intent = new_intent(workflow);
        intent.key = Some(new_key(key, &intent));
        intent
    };
    let batch = [
        keyed("a", "k-1"),
        keyed("a", "k-2"),     // the workflow is the first's
        keyed("b", "k-1"),     // the key is the first's
        keyed("c", "known"),   // the key is on record
        keyed("known", "k-3"), // the workflow is on record
        keyed("d", "k-4"),
        new_intent("c"),
        new_intent("d"),
    ];
    let accepted = server.store.accept(&batch).await.unwrap();
    let kinds: Vec<&str> = accepted
        .iter()
        .map(|one| match one {
            Accepted::New(_) => "new",
            Accepted::Existing(_) => "existing",
            Accepted::KeyTaken => "taken",
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "new", "existing", "taken", "taken", "existing", "new", "new", "existing"
        ]
    );
    for (place, of) in [(1, 0), (7, 5)] {
        let Accepted::Existing(row) = &accepted[place] else {
            unreachable!("asserted above");
        };
        assert_eq!(row.id, batch[of].id);
    }
    // Not one key more than the intents that came with one, and each leads to its intent.
    let keys: Vec<(String, Uuid)> = sqlx::query_as(
        "select key, intent_id from submitter.idempotency_keys where key like 'k-%' order by key",
    )
    .fetch_all(&server.database.pool)
    .await
    .unwrap();
    let expected = [("k-1", batch[0].id), ("k-4", batch[5].id)];
    assert_eq!(keys, expected.map(|(key, id)| (key.to_owned(), id)));
    assert_eq!(server.count("intents").await, 4);
    assert_eq!(server.count("events").await, 4);
    assert!(
        server
            .store
            .accept::<NewIntent>(&[])
            .await
            .unwrap()
            .is_empty()
    );
}

/// An intent of tenant `acme` without a key.
fn new_intent(workflow: &str) -> NewIntent {
    let accounts = Accounts {
        default_source: AccountId([SOURCE; 32]),
        other_sources: vec![AccountId([OTHER_SOURCE; 32])],
        contracts: None,
    };
    let request = read(&payment(workflow, "1"), &accounts).unwrap();
    let network = NetworkId::of("Standalone Network ; February 2017");
    NewIntent {
        id: Uuid::now_v7(),
        tenant: "acme".to_owned(),
        tag: request.key("acme").tag(network),
        lane: Lane::User,
        key: None,
        form: request.to_text(),
        request,
    }
}

/// A key for an intent, complete with its acceptance.
fn new_key(key: &str, intent: &NewIntent) -> NewKey {
    NewKey {
        key: key.to_owned(),
        fingerprint: Sha256::digest(intent.form.as_bytes()).into(),
        keep_for: Duration::from_secs(3600),
        answered_within: None,
    }
}

/// What a daemon that crashed while it waited has left: the intent, and its key STARTED.
async fn crashed(server: &Server, workflow: &str, locked_for: Duration) -> Uuid {
    let mut intent = new_intent(workflow);
    let id = intent.id;
    intent.key = Some(NewKey {
        answered_within: Some(locked_for),
        ..new_key(workflow, &intent)
    });
    let accepted = server.store.accept(&[intent]).await.unwrap();
    assert!(matches!(accepted[0], Accepted::New(_)));
    id
}

#[tokio::test]
async fn a_crash_between_started_and_completed_heals_when_the_lock_is_over() {
    let server = Server::start().await;
    let id = crashed(&server, "w", Duration::from_millis(1500)).await;
    let body = payment("w", "1");
    let locked = server.post("w", &body).await;
    locked.problem(409, "request-in-flight");
    assert_eq!(locked.header("retry-after"), Some("2"));
    // Another request is told so at once, whoever answers the first.
    let other = server.post("w", &payment("w", "2")).await;
    other.problem(422, "idempotency-key-reused");
    tokio::time::sleep(Duration::from_millis(1600)).await;
    let healed = server.post("w", &body).await;
    assert_eq!(healed.intent(202)["id"], id.to_string());
    server.fail(id).await;
    let again = server.post("w", &body).await;
    assert_eq!((again.status, &again.text), (healed.status, &healed.text));
    assert!(again.replayed());
    assert_eq!(server.count("intents").await, 1);
}

#[tokio::test]
async fn after_a_crash_one_of_a_crowd_takes_the_answer_over() {
    let server = Server::start().await;
    let id = crashed(&server, "w", Duration::ZERO).await;
    server.fail(id).await;
    let body = payment("w", "1");
    let posts = (0..20).map(|_| send(server.posting("w", &body).header("prefer", "wait=5")));
    let mut texts = Vec::new();
    for answer in join_all(posts).await {
        if answer.status == 409 {
            answer.problem(409, "request-in-flight");
        } else {
            assert_eq!(answer.intent(200)["status"], "failed");
            texts.push(answer.text);
        }
    }
    assert!(!texts.is_empty());
    texts.dedup();
    assert_eq!(texts.len(), 1, "one request has one answer");
}

#[tokio::test]
async fn stored_answers_end_but_the_workflow_pays_once_for_ever() {
    let settings = Settings {
        idempotency_ttl: Duration::from_secs(1),
        ..Settings::default()
    };
    let server = Server::start_with(settings, Arc::new(Ready(true))).await;
    let body = payment("w", "1");
    let first = server.post("k", &body).await.intent(202);
    server.post("young", &payment("v", "1")).await.intent(202);
    server
        .sql("update submitter.idempotency_keys set expires_at = now() + interval '1 hour' where key = 'young'")
        .await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    // Checked on read, before anything is purged: the key is free, the workflow is not.
    assert_eq!(server.count("idempotency_keys").await, 2);
    let again = server.post("k", &body).await;
    assert_eq!(again.intent(200)["id"], first["id"]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let reused = server.post("k", &payment("w", "2")).await;
    reused.problem(409, "workflow-conflict");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let free = server.post("k", &payment("other", "1")).await;
    assert_ne!(free.intent(202)["id"], first["id"]);
    // The purge takes the expired ones and no other.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(purge_expired_keys(&server.store).await.unwrap(), 1);
    assert_eq!(purge_expired_keys(&server.store).await.unwrap(), 0);
    assert!(server.post("young", &payment("v", "1")).await.replayed());
    assert_eq!(server.count("intents").await, 3);
}

#[tokio::test]
async fn a_purge_takes_any_number() {
    let server = Server::start().await;
    server
        .sql(
            "insert into submitter.idempotency_keys (tenant, key, fingerprint, intent_id, state, status, expires_at)
             select 'acme', 'k' || n, decode(repeat('00', 32), 'hex'), gen_random_uuid(), 'completed', 202, now()
             from generate_series(1, 2500) n",
        )
        .await;
    let begun = Instant::now();
    assert_eq!(purge_expired_keys(&server.store).await.unwrap(), 2500);
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(server.count("idempotency_keys").await, 0);
}
