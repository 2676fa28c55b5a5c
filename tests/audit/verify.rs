//! `verify` proves what holds, and notices each way in which it could not.

use serde_json::Value;
use stellar_submitter::domain::envelope::{self, Plan};
use stellar_submitter::domain::intent::{self, Accounts};
use stellar_submitter::domain::primitives::{
    AccountId, ChainTime, LedgerSeq, NetworkId, Sequence, Stroops,
};
use stellar_submitter::signer::{ChannelSeed, Keyring, SecretKey, Signer as _};

use crate::horizon::{Flaws, Liar};
use crate::program::{Ran, run};
use crate::world::hand::Hand;
use crate::world::ledger::PASSPHRASE;
use crate::world::{CHANNEL_SEED, Daemon, PATIENCE, World, account, key, payment};

/// Payments of a case.
const INTENTS: u32 = 6;

/// A world in which everything was paid once, and whose daemon has ended.
struct Paid {
    world: World,
    bodies: Vec<Value>,
    intents: Vec<Value>,
}

impl Paid {
    async fn new() -> Self {
        let (world, mut daemon) = World::ready(2).await;
        world.ledger.fund(account("bob")).await;
        let mut bodies: Vec<Value> = (1..=INTENTS)
            .map(|number| payment(&format!("paid-{number}"), account("bob"), number))
            .collect();
        // One that lands and fails.
        bodies.push(payment("failed", account("nobody"), 7));
        let intents = pay(&daemon, &bodies).await;
        daemon.terminate();
        Self {
            world,
            bodies,
            intents,
        }
    }

    async fn verify(&self, horizon: &str, more: &[&str]) -> Ran {
        let source = account("source").to_string();
        let arguments = [
            &[
                "verify",
                "--json",
                "--horizon",
                horizon,
                "--accounts",
                &source,
            ],
            more,
        ]
        .concat();
        run(&arguments, &[]).await
    }

    /// Against the ledger itself and the records.
    async fn verify_all(&self) -> Ran {
        let url = self.world.database.url.clone();
        self.verify(&self.world.ledger.url, &["--database", &url])
            .await
    }

    /// The plan that the next transaction of the first channel could have.
    async fn plan(&self) -> (SecretKey, Plan) {
        let seed = ChannelSeed::parse(CHANNEL_SEED).unwrap();
        let channel = seed.channel(0).unwrap();
        let used = self.world.ledger.sequence(channel.account()).await;
        let head = u32::try_from(self.world.ledger.head().await).unwrap();
        let plan = Plan {
            channel: channel.account(),
            sequence: Sequence(used + 1),
            min_time: ChainTime(0),
            max_time: ChainTime(u64::try_from(self.world.ledger.clock().await).unwrap() + 600),
            max_ledger: LedgerSeq(head + 100),
            base_fee: Stroops::new(100).unwrap(),
            soroban: None,
        };
        (channel, plan)
    }

    /// Lands, with the daemon's own keys, another transaction of a workflow, that asks for this.
    async fn land_again(&self, body: &Value) -> String {
        let (channel, plan) = self.plan().await;
        let accounts = Accounts {
            default_source: account("source"),
            other_sources: Vec::new(),
            contracts: None,
        };
        let network = NetworkId::of(PASSPHRASE);
        let request = intent::read(body, &accounts).unwrap();
        let tag = request.key("default").tag(network);
        let tx = envelope::build(&request, tag, &plan);
        let hash = envelope::inner_hash(&tx, network);
        let ring = Keyring::new(None);
        let signers = [ring.add(&channel), ring.add(&key("source"))];
        let signatures = signers.map(|signer| ring.sign(signer, &hash.0).unwrap());
        let signed = envelope::attach(tx, signatures.to_vec());
        let bytes = envelope::encode(&stellar_xdr::TransactionEnvelope::Tx(signed));
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        let (status, answer) = self.world.ledger.submit(&text).await;
        assert_eq!(status, 200, "{answer}");
        hash.to_string()
    }
}

async fn pay(daemon: &Daemon, bodies: &[Value]) -> Vec<Value> {
    let mut ids = Vec::new();
    for body in bodies {
        ids.push(daemon.client.post(body).await);
    }
    daemon.client.wait_until_final(&ids, PATIENCE).await
}

/// The kinds of findings of a class.
fn kinds(report: &Value, class: &str) -> Vec<String> {
    let items = report[class]["items"].as_array().unwrap();
    let mut kinds: Vec<String> = items
        .iter()
        .map(|item| item["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.dedup();
    kinds
}

fn expect(ran: &Ran, verdict: &str, class: &str, kind: &str) {
    let report = ran.json();
    assert_eq!(report["verdict"], verdict, "{ran:?}");
    assert!(kinds(&report, class).contains(&kind.to_owned()), "{ran:?}");
    assert_eq!(ran.code, 1, "{ran:?}");
}

#[tokio::test]
async fn what_holds_is_proven_and_what_does_not_is_named() {
    let paid = Paid::new().await;
    let ledger = &paid.world.ledger;
    let failed = paid.intents.last().unwrap();
    assert_eq!(failed["status"], "failed", "{failed}");

    // The channels are found by the tags that they carried, and read, too.
    let ran = paid.verify_all().await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json();
    assert_eq!(report["verdict"], "proven");
    assert_eq!(report["accounts"].as_array().unwrap().len(), 3, "{report}");
    assert_eq!(
        report["database"]["rebuilt"],
        report["counts"]["successful"]
    );
    assert_eq!(report["counts"]["succeeded_twice"], 0);
    // Making the channels is an intent as well.
    assert_eq!(report["database"]["succeeded"], u64::from(INTENTS) + 1);
    assert_eq!(report["counts"]["successful"], u64::from(INTENTS) + 1);
    assert_eq!(report["counts"]["failed"], 1);
    for account in report["accounts"].as_array().unwrap() {
        assert_eq!(account["gap_count"], 0, "{report}");
        assert_ne!(account["end"], "word", "{report}");
        assert_ne!(account["start"], "word", "{report}");
    }
    // For people.
    let source = account("source").to_string();
    let people = ["verify", "--horizon", &ledger.url, "--accounts", &source];
    let ran = run(&people, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("proven: each tag landed at most once"),
        "{ran:?}"
    );
    // Given all at once, what lies in several lists counts once; a part of the ledgers proves that part.
    let counts = report["counts"].clone();
    let accounts: Vec<String> = report["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["account"].as_str().unwrap().to_owned())
        .collect();
    let all = accounts.join(",");
    let ran = run(
        &[
            "verify",
            "--json",
            "--horizon",
            &ledger.url,
            "--accounts",
            &all,
        ],
        &[],
    )
    .await;
    assert_eq!(ran.json()["counts"], counts, "{ran:?}");
    let middle = paid.intents[2]["transaction"]["ledger"].as_u64().unwrap();
    let (from, to) = (middle.to_string(), (middle + 1).to_string());
    let url = paid.world.database.url.clone();
    let part = [
        "--from-ledger",
        &from,
        "--to-ledger",
        &to,
        "--database",
        &url,
    ];
    let ran = paid.verify(&ledger.url, &part).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let other = ran.json()["database"]["other_ledgers"].as_u64().unwrap();
    assert!(other > 0, "{ran:?}");
    // Without the channels, what they did elsewhere is not known.
    let ran = paid.verify(&ledger.url, &["--given-only"]).await;
    expect(&ran, "not_proven", "unproven", "channel_not_read");

    // A workflow that lands twice, signed with the daemon's own keys.
    let hash = paid.land_again(&paid.bodies[0]).await;
    let ran = paid.verify(&ledger.url, &[]).await;
    expect(&ran, "violated", "violations", "landed_twice");
    assert!(ran.out.contains(&hash[..24]), "{ran:?}");
    let ran = paid.verify_all().await;
    expect(&ran, "violated", "violations", "other_transaction");
}

#[tokio::test]
async fn what_the_records_say_is_held_against_the_ledger() {
    let paid = Paid::new().await;
    let pool = &paid.world.database.pool;
    let change = async |sql: String| {
        // What no statement of ours could do: the constraints and triggers are in the way.
        for sql in [
            "alter table submitter.intents disable trigger all".to_owned(),
            sql,
            "alter table submitter.intents enable trigger all".to_owned(),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(pool)
                .await
                .unwrap();
        }
    };
    let id = |number: usize| paid.intents[number]["id"].as_str().unwrap();

    // An intent that says it failed, although its transaction is there.
    change(format!(
        "update submitter.intents set status = 'failed', transaction = null, reason = '{{}}' where id = '{}'",
        id(0)
    ))
    .await;
    let ran = paid.verify_all().await;
    expect(&ran, "violated", "violations", "reported_otherwise");
    assert_eq!(kinds(&ran.json(), "violations"), ["reported_otherwise"]);
    // One that asks for something else than what landed.
    change(format!(
        "update submitter.intents set request = jsonb_set(request, '{{operations,0,amount}}', '\"9\"') where id = '{}'",
        id(1)
    ))
    .await;
    let ran = paid.verify_all().await;
    expect(&ran, "violated", "violations", "other_content");
    // One that says it succeeded by a transaction that is nowhere.
    change(format!(
        "update submitter.intents set transaction = jsonb_set(transaction, '{{hash}}', '\"{}\"') where id = '{}'",
        "ab".repeat(32),
        id(2)
    ))
    .await;
    let ran = paid.verify_all().await;
    expect(&ran, "violated", "violations", "not_there");
    expect(&ran, "violated", "violations", "other_transaction");
    // A success of a workflow that nobody posted.
    let body = payment("never-posted", account("bob"), 50);
    paid.land_again(&body).await;
    let ran = paid.verify_all().await;
    expect(&ran, "violated", "violations", "no_intent");
    // The ledger alone is as it should be.
    let ran = paid.verify(&paid.world.ledger.url, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test]
async fn a_success_that_carries_no_tag_is_named() {
    let paid = Paid::new().await;
    let seed = ChannelSeed::parse(CHANNEL_SEED).unwrap();
    for stranger in [key("source"), seed.channel(1).unwrap()] {
        let next = paid.world.ledger.sequence(stranger.account()).await + 1;
        let hand = Hand::payment(stranger, next, account("bob"), 77);
        let (status, answer) = paid.world.ledger.submit(&hand.envelope()).await;
        assert_eq!(status, 200, "{answer}");
        let ran = paid.verify(&paid.world.ledger.url, &[]).await;
        expect(&ran, "violated", "violations", "unknown_success");
        assert!(ran.out.contains(&hand.hash()), "{ran:?}");
    }
    // Somebody else's payment to us is nobody's business.
    let others = Hand::payment(
        key("bob"),
        paid.world.ledger.sequence(account("bob")).await + 1,
        account("source"),
        5,
    );
    let (status, answer) = paid.world.ledger.submit(&others.envelope()).await;
    assert_eq!(status, 200, "{answer}");
    let ran = paid.verify(&paid.world.ledger.url, &[]).await;
    assert!(!ran.out.contains(&others.hash()), "{ran:?}");
    assert!(ran.json()["of_others"].as_u64().unwrap() > 0, "{ran:?}");
}

#[tokio::test]
async fn a_history_that_is_not_whole_proves_nothing() {
    let paid = Paid::new().await;
    let truth = &paid.world.ledger.url;
    let hash = |number: usize| {
        let transaction = &paid.intents[number]["transaction"];
        transaction["hash"].as_str().unwrap().to_owned()
    };
    let newest = paid
        .intents
        .iter()
        .filter_map(|one| one["transaction"]["ledger"].as_u64())
        .max();
    let newest = newest.unwrap();

    // One transaction that no list shows, in the middle and at the end.
    for hidden in [hash(1), hash(INTENTS as usize - 1)] {
        let liar = Liar::before(
            truth,
            Flaws {
                hides: vec![hidden],
                ..Flaws::default()
            },
        )
        .await;
        let ran = paid.verify(&liar.url, &[]).await;
        expect(&ran, "not_proven", "unproven", "gap");
    }
    // Lists that lag behind what the root says.
    let flaws = Flaws {
        ends_at: Some(newest - 1),
        ..Flaws::default()
    };
    let liar = Liar::before(truth, flaws).await;
    let ran = paid.verify(&liar.url, &[]).await;
    expect(&ran, "not_proven", "unproven", "gap");
    // A Horizon that lags, and says so.
    *liar.flaws.lock().unwrap() = Flaws {
        ends_at: Some(newest - 1),
        root_admits: true,
        ..Flaws::default()
    };
    let to = newest.to_string();
    let ran = paid.verify(&liar.url, &["--to-ledger", &to]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err
            .contains(&format!("up to {} (its latest ledger)", newest - 1)),
        "{ran:?}"
    );
    // One that has reaped what is asked for.
    *liar.flaws.lock().unwrap() = Flaws {
        elder: Some(7),
        ..Flaws::default()
    };
    let ran = paid.verify(&liar.url, &["--from-ledger", "3"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err
            .contains("keeps ledgers from 7 on (its elder ledger)"),
        "{ran:?}"
    );
    // One that is busy is asked again when it says so.
    *liar.flaws.lock().unwrap() = Flaws {
        limits: 3,
        ..Flaws::default()
    };
    let begun = std::time::Instant::now();
    let ran = paid.verify(&liar.url, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(begun.elapsed() >= std::time::Duration::from_secs(3));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_usage() {
    let world = World::new(&[]).await;
    let source = account("source").to_string();
    let horizon = &world.ledger.url;
    for (arguments, word) in [
        (vec!["verify", "--horizon", horizon], "--accounts"),
        (vec!["verify", "--accounts", &source], "--horizon"),
        (
            vec![
                "verify",
                "--horizon",
                horizon,
                "--accounts",
                &source,
                "--from-ledger",
                "9",
                "--to-ledger",
                "3",
            ],
            "--from-ledger",
        ),
    ] {
        let ran = run(&arguments, &[]).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(word), "{ran:?}");
    }
    let other = [
        "verify",
        "--horizon",
        horizon,
        "--accounts",
        &source,
        "--passphrase",
        "Other",
    ];
    let ran = run(&other, &[]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("serves the network"), "{ran:?}");
    // An account that never was.
    let nobody = AccountId([9; 32]).to_string();
    let ran = run(
        &[
            "verify",
            "--json",
            "--horizon",
            horizon,
            "--accounts",
            &nobody,
        ],
        &[],
    )
    .await;
    expect(&ran, "not_proven", "unproven", "no_history");
}
