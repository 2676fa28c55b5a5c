//! Intents enqueued in SQL, within the user's own transaction.

use serde_json::{Value, json};
use sqlx::{Executor, Postgres};

use crate::world::{PATIENCE, World, account, payment};

async fn enqueue<'e>(
    executor: impl Executor<'e, Database = Postgres>,
    workflow: &str,
    body: &Value,
) -> Result<String, sqlx::Error> {
    let (id,): (uuid::Uuid,) = sqlx::query_as("select submitter.enqueue_intent('default', $1, $2)")
        .bind(workflow)
        .bind(body)
        .fetch_one(executor)
        .await?;
    Ok(id.to_string())
}

#[tokio::test]
async fn what_commits_lands_and_what_is_rolled_back_never_was() {
    let (world, daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    let pool = &world.database.pool;
    let (kept, gone) = (
        payment("kept", account("bob"), 1),
        payment("gone", account("bob"), 2),
    );

    let mut transaction = pool.begin().await.unwrap();
    let id = enqueue(&mut *transaction, "kept", &kept).await.unwrap();
    world.ledger.pass(3).await;
    assert!(
        world.audit().paid().await.is_empty(),
        "paid before the commit"
    );
    transaction.commit().await.unwrap();
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;

    let mut transaction = pool.begin().await.unwrap();
    let never = enqueue(&mut *transaction, "gone", &gone).await.unwrap();
    transaction.rollback().await.unwrap();
    world.ledger.pass(4).await;
    let (status, _) = daemon.client.get(&format!("/v1/intents/{never}")).await;
    assert_eq!(status, 404);
    world.audit().each_once(&daemon.client, &[(id, kept)]).await;
}

#[tokio::test]
async fn the_same_is_one_and_another_is_refused() {
    let (world, daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    let pool = &world.database.pool;
    let body = payment("one", account("bob"), 1);
    let id = enqueue(pool, "one", &body).await.unwrap();
    assert_eq!(enqueue(pool, "one", &body).await.unwrap(), id);
    let other = payment("one", account("bob"), 2);
    let error = enqueue(pool, "one", &other).await.unwrap_err();
    let error = error.as_database_error().unwrap();
    assert_eq!(error.code().as_deref(), Some("23505"), "{error}");
    assert!(error.message().contains(&id), "{error}");

    // Over REST it is the same intent, and stays one.
    let (status, answer) = daemon.client.try_post("rest", &body).await.unwrap();
    assert_eq!((status, &answer["id"]), (200, &json!(id)), "{answer}");
    let (status, answer) = daemon.client.try_post("rest-2", &other).await.unwrap();
    assert_eq!(status, 409, "{answer}");
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    assert_eq!(
        enqueue(pool, "one", &body).await.unwrap(),
        id,
        "also when it is final"
    );
    world.ledger.pass(3).await;
    world.audit().each_once(&daemon.client, &[(id, body)]).await;
}

#[tokio::test]
async fn a_body_that_is_not_valid_fails_and_harms_no_other() {
    let (world, daemon) = World::ready(1).await;
    world.ledger.fund(account("bob")).await;
    let pool = &world.database.pool;
    let mut amount = payment("amount", account("bob"), 1);
    amount["operations"][0]["amount"] = json!("1.00000001");
    let mut unknown = payment("unknown", account("bob"), 2);
    unknown["surprise"] = json!(true);
    let mut bad = Vec::new();
    for (workflow, body, pointer) in [
        ("amount", &amount, "/operations/0/amount"),
        ("unknown", &unknown, "/surprise"),
    ] {
        bad.push((enqueue(pool, workflow, body).await.unwrap(), pointer));
    }
    // The function refuses it; whoever goes round it is told, too.
    let mut large = payment("large", account("bob"), 4);
    large["metadata"] = json!("x".repeat(1 << 20));
    let raw: (uuid::Uuid,) = sqlx::query_as(
        "insert into submitter.intents (id, tenant, workflow_id, method, enqueued)
         values (gen_random_uuid(), 'default', 'raw', 'payment', $1) returning id",
    )
    .bind(&large)
    .fetch_one(pool)
    .await
    .unwrap();
    bad.push((
        raw.0.to_string(),
        "the body must have at most 1048576 bytes",
    ));
    let good = payment("good", account("bob"), 3);
    let id = enqueue(pool, "good", &good).await.unwrap();
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    for (id, pointer) in bad {
        let intent = daemon.client.wait_for(&id, "failed", PATIENCE).await;
        assert_eq!(intent["reason"]["code"], "invalid_intent", "{intent}");
        assert!(
            intent["reason"]["detail"]
                .as_str()
                .unwrap()
                .contains(pointer),
            "{intent}"
        );
        assert_eq!(intent["attempt_count"], 0);
    }
    for (workflow, body) in [
        ("", good.clone()),
        ("none", json!({"operations": []})),
        ("text", json!("text")),
        ("large", large),
    ] {
        let error = enqueue(pool, workflow, &body).await.unwrap_err();
        assert_eq!(
            error.as_database_error().unwrap().code().as_deref(),
            Some("22023"),
            "{workflow}: {error}"
        );
    }
    world.audit().each_once(&daemon.client, &[(id, good)]).await;
}
