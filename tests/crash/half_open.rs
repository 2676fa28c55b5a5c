//! Connections that nobody answers on any more, and that nobody closes: a firewall forgot them, a machine is gone, a server hangs.

use std::time::Duration;

use serde_json::Value;

use crate::proxy::Proxy;
use crate::world::{self, Daemon, World, account, payment};

/// How long a daemon may be held up. Within it come the limit of a statement and what waits behind it.
const HELD_UP_LIMIT: Duration = Duration::from_secs(60);

/// Posts so many, one after the other, each within the limit; returns them with their ids.
async fn post(daemon: &Daemon, numbers: std::ops::Range<u32>) -> Vec<(String, Value)> {
    let mut posted = Vec::new();
    for number in numbers {
        let body = payment(&format!("half-open-{number}"), account("bob"), number);
        let accepted = tokio::time::timeout(
            HELD_UP_LIMIT,
            daemon.client.post_until_accepted(&body, false),
        );
        let id = accepted.await.expect("the daemon is held up for good");
        posted.push((id, body));
    }
    posted
}

/// One daemon, whose connections to PostgreSQL go silent in the middle of work.
async fn goes_on_after_silence(both: bool) {
    let mut world = World::new(&["--ledger-seconds", world::LEDGER_SECONDS]).await;
    world.ledger.fund(account("source")).await;
    world.ledger.fund(account("bob")).await;
    let mut url = url::Url::parse(&world.database.url).unwrap();
    let server = url.socket_addrs(|| None).unwrap()[0];
    let to_database = Proxy::start(server).await;
    url.set_port(Some(to_database.address.port())).unwrap();
    world.setup.channels(6).set("DATABASE__URL", url.as_str());
    let daemon = Daemon::start_ready(&world.setup).await;

    let mut posted = post(&daemon, 1..20).await;
    to_database.swallow(both);
    posted.extend(post(&daemon, 20..40).await);
    assert!(to_database.done().swallowed > 0, "nothing was swallowed");
    let ids: Vec<String> = posted.iter().map(|(id, _)| id.clone()).collect();
    daemon.client.wait_until_final(&ids, HELD_UP_LIMIT).await;
    world.ledger.pass(14).await;
    world.audit().each_once(&daemon.client, &posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_questions_and_answers_are_lost_goes_on() {
    goes_on_after_silence(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_answers_are_lost_goes_on() {
    goes_on_after_silence(false).await;
}
