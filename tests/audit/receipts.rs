//! The receipt: issued for what is final, right as it stands, and noticed whatever is changed in it.

use base64::Engine as _;
use serde_json::{Value, json};
use stellar_submitter::domain::receipt::{
    Checked, Receipt, SignedReceipt, Standing, canonical, check,
};
use stellar_submitter::signer::SecretKey;

use crate::horizon::{Flaws, Liar};
use crate::program::run;
use crate::world::hand::Hand;
use crate::world::{Daemon, PATIENCE, World, account, key, payment};

fn signed(text: &Value) -> SignedReceipt {
    SignedReceipt::read(text.to_string().as_bytes()).unwrap()
}

fn standing(all: &[Checked]) -> Standing {
    let worst = |found: &[Checked], one| found.iter().any(|checked| checked.standing == one);
    if worst(all, Standing::Wrong) {
        Standing::Wrong
    } else if worst(all, Standing::Unproven) {
        Standing::Unproven
    } else {
        Standing::Right
    }
}

/// What is wrong, by what was checked.
fn wrong(all: &[Checked]) -> Vec<&str> {
    let wrong = all.iter().filter(|one| one.standing == Standing::Wrong);
    wrong.map(|one| one.what.as_str()).collect()
}

/// As a daemon would issue it that does not tell the truth.
fn signed_again(receipt: Receipt, key: &SecretKey) -> SignedReceipt {
    let digest = receipt.digest().unwrap();
    SignedReceipt {
        receipt,
        public_key: key.account(),
        signature: key.sign_digest(&digest),
    }
}

/// A world with an intent in each final state, their receipts, and the daemon.
struct Issued {
    world: World,
    daemon: Daemon,
    succeeded: Value,
    failed: Value,
    canceled: Value,
    bumped: Value,
}

impl Issued {
    async fn new() -> Self {
        let (world, daemon) = World::ready(2).await;
        world.ledger.fund(account("bob")).await;
        let client = daemon.client.clone();
        let mut body = payment("succeeded", account("bob"), 1);
        body["metadata"] = json!({"n": 1.5, "big": 9_007_199_254_740_993_u64, "é": [null, true]});
        body["memo"] = json!({"type": "text", "value": "thanks"});
        let succeeded = client.post(&body).await;
        let failed = client.post(&payment("failed", account("nobody"), 2)).await;
        client.wait_for(&succeeded, "succeeded", PATIENCE).await;
        client.wait_for(&failed, "failed", PATIENCE).await;
        // Signed, and never to land: its channel's number proves it dead.
        world
            .ledger
            .faults(json!({"seed": 1, "never_land": 1.0}))
            .await;
        let canceled = client.post(&payment("canceled", account("bob"), 3)).await;
        client.wait_for(&canceled, "in_flight", PATIENCE).await;
        client.change(&canceled, "cancel").await;
        client.wait_for(&canceled, "canceled", PATIENCE).await;
        world.ledger.faults(json!({})).await;
        let bumped = client.post(&sponsored(&world).await).await;
        client.wait_for(&bumped, "succeeded", PATIENCE).await;
        let receipt = async |id: &str| {
            let (status, body) = client.get(&format!("/v1/intents/{id}/receipt")).await;
            assert_eq!(status, 200, "{body}");
            body
        };
        Self {
            succeeded: receipt(&succeeded).await,
            failed: receipt(&failed).await,
            canceled: receipt(&canceled).await,
            bumped: receipt(&bumped).await,
            world,
            daemon,
        }
    }

    fn all(&self) -> [&Value; 4] {
        [&self.succeeded, &self.failed, &self.canceled, &self.bumped]
    }
}

/// A transaction that bob signed himself, to land in a fee bump of ours.
async fn sponsored(world: &World) -> Value {
    let next = world.ledger.sequence(account("bob")).await + 1;
    let mut hand = Hand::payment(key("bob"), next, account("source"), 5);
    hand.max_time = u64::try_from(world.ledger.clock().await).unwrap() + 600;
    json!({"workflow_id": "sponsored", "method": "sponsor", "transaction_xdr": hand.envelope()})
}

#[tokio::test]
async fn a_receipt_is_right_on_its_own_and_by_the_ledger() {
    let issued = Issued::new().await;
    for text in issued.all() {
        let all = check(&signed(text), None);
        assert_eq!(standing(&all), Standing::Right, "{all:#?}");
    }
    assert_eq!(issued.canceled["receipt"]["attempts"][0]["outcome"], "dead");
    assert_eq!(
        issued.failed["receipt"]["attempts"][0]["outcome"],
        "landed_failed"
    );
    let bumps = &issued.bumped["receipt"]["attempts"][0]["fee_bumps"];
    assert_eq!(bumps.as_array().unwrap().len(), 1, "{bumps}");

    // As people do: fetched, kept, and checked without the daemon.
    let folder = crate::support::scratch();
    let file = folder.path().join("receipt.json");
    let file = file.to_str().unwrap();
    let api = [
        ("SUBMITTER_API_URL", issued.daemon.client.api.as_str()),
        ("SUBMITTER_API_KEY", crate::world::daemon::API_KEY),
    ];
    let ran = run(&["intents", "receipt", "succeeded", "--out", file], &api).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let (_, published) = issued.daemon.client.get("/v1/receipts/key").await;
    let shown = published["public_key"].as_str().unwrap();
    let hexadecimal = published["public_key_hex"].as_str().unwrap();
    let horizon = &issued.world.ledger.url;
    for arguments in [
        vec!["receipt", "check", file],
        vec!["receipt", "check", file, "--public-key", shown],
        vec![
            "receipt",
            "check",
            file,
            "--public-key",
            hexadecimal,
            "--horizon",
            horizon,
        ],
        vec!["receipt", "check", file, "--json"],
    ] {
        let ran = run(&arguments, &[]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let somebody = account("somebody").to_string();
    let ran = run(&["receipt", "check", file, "--public-key", &somebody], &[]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("WRONG  signature"), "{ran:?}");
    // A file is not written over.
    let ran = run(&["intents", "receipt", "succeeded", "--out", file], &api).await;
    assert_eq!(ran.code, 1, "{ran:?}");

    // Each by the ledger; one that hides what landed contradicts the receipt, one that has reaped it cannot tell.
    for (number, text) in issued.all().into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.json"));
        std::fs::write(&file, text.to_string()).unwrap();
        let file = file.to_str().unwrap();
        let ran = run(&["receipt", "check", file, "--horizon", horizon], &[]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let elder = issued.world.ledger.head().await;
        let liar = Liar::before(
            horizon,
            Flaws {
                elder: Some(elder + 9),
                hides_alone: true,
                ..Flaws::default()
            },
        )
        .await;
        let ran = run(&["receipt", "check", file, "--horizon", &liar.url], &[]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("cannot be told"), "{ran:?}");
    }
    let liar = Liar::before(
        horizon,
        Flaws {
            hides_alone: true,
            ..Flaws::default()
        },
    )
    .await;
    let ran = run(&["receipt", "check", file, "--horizon", &liar.url], &[]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("WRONG  attempt 1 on the ledger"),
        "{ran:?}"
    );

    // Another daemon with the same source signs alike.
    let Issued {
        world,
        mut daemon,
        succeeded,
        ..
    } = issued;
    daemon.terminate();
    let daemon = Daemon::start_ready(&world.setup).await;
    let id = succeeded["receipt"]["intent_id"].as_str().unwrap();
    let (_, again) = daemon
        .client
        .get(&format!("/v1/intents/{id}/receipt"))
        .await;
    assert_eq!(again["public_key"], succeeded["public_key"]);
    assert_ne!(again["public_key"], json!(account("source")));
    // What is not final has none.
    world.ledger.set(json!({"stalled": true})).await;
    let open = daemon
        .client
        .post(&payment("open", account("bob"), 9))
        .await;
    let (status, problem) = daemon
        .client
        .get(&format!("/v1/intents/{open}/receipt"))
        .await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(
        problem["type"],
        "urn:stellar-submitter:problem:intent-not-final"
    );

    each_change_is_noticed(&[&succeeded]);
}

/// Every place in a value that holds no other, as JSON pointers.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                leaves(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// Another value of the same kind.
fn changed(value: &Value) -> Value {
    match value {
        Value::Bool(is) => json!(!is),
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::String(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            let last = letters.pop();
            letters.push(if last == Some('1') { '2' } else { '1' });
            json!(letters.into_iter().collect::<String>())
        }
        Value::Null => json!("x"),
        Value::Array(_) | Value::Object(_) => Value::Null,
    }
}

/// Each field is changed, and each is left out: the check fails, or refuses the receipt.
fn each_change_is_noticed(receipts: &[&Value]) {
    for original in receipts {
        let mut places = Vec::new();
        leaves(original, "", &mut places);
        assert!(places.len() > 25, "{places:?}");
        for place in places {
            let mut other = (*original).clone();
            let field = other.pointer_mut(&place).unwrap();
            *field = changed(field);
            let noticed = SignedReceipt::read(other.to_string().as_bytes())
                .map_or(true, |signed| {
                    standing(&check(&signed, None)) == Standing::Wrong
                });
            assert!(noticed, "{place} was changed, and nobody noticed");
        }
        let mut other = (*original).clone();
        other["receipt"]["more"] = json!(1);
        assert!(SignedReceipt::read(other.to_string().as_bytes()).is_err());
        // Their order and the spaces between them are no matter.
        let pretty = serde_json::to_string_pretty(original).unwrap();
        let read = SignedReceipt::read(pretty.as_bytes()).unwrap();
        assert!(read.is_signed());
        assert!(canonical(&original["receipt"]).is_ok());
    }
}

#[tokio::test]
async fn what_a_receipt_says_must_follow_from_what_it_holds() {
    let issued = Issued::new().await;
    each_change_is_noticed(&issued.all());
    let liar = SecretKey::from_bytes([3; 32]);
    let lie = |text: &Value, what: &dyn Fn(&mut Receipt)| {
        let mut receipt = signed(text).receipt;
        what(&mut receipt);
        check(&signed_again(receipt, &liar), None)
    };
    assert_eq!(standing(&lie(&issued.succeeded, &|_| ())), Standing::Right);

    // Signed by whoever issues it, and not so.
    type Lie = (&'static str, fn(&mut Receipt));
    let lies: [Lie; 16] = [
        ("tag", |receipt| receipt.tag = "7".to_owned()),
        ("tag", |receipt| receipt.tenant = "other".to_owned()),
        ("tag", |receipt| receipt.network = "Other".to_owned()),
        ("intent", |receipt| receipt.workflow_id = "other".to_owned()),
        ("attempt 1: transaction", |receipt| {
            receipt.request.as_mut().unwrap()["operations"][0]["amount"] = json!("9");
        }),
        ("attempt 1: transaction", |receipt| {
            receipt.request.as_mut().unwrap()["memo"]["value"] = json!("other");
        }),
        ("attempt 1: transaction", |receipt| {
            receipt.attempts[0].plan.max_ledger += 1
        }),
        ("attempt 1: transaction", |receipt| {
            receipt.attempts[0].plan.base_fee = "101".to_owned()
        }),
        ("attempt 1: transaction", |receipt| {
            receipt.attempts[0].hash.0[0] ^= 1
        }),
        ("attempt 1: transaction", |receipt| {
            // Its signatures, which are not in the hash.
            let standard = base64::engine::general_purpose::STANDARD;
            let mut bytes = standard.decode(&receipt.attempts[0].envelope_xdr).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            receipt.attempts[0].envelope_xdr = standard.encode(bytes);
        }),
        ("attempt 1: end", |receipt| {
            receipt.attempts[0].outcome = "dead".to_owned()
        }),
        ("attempt 1: end", |receipt| {
            receipt.attempts[0].landed.as_mut().unwrap().ledger += 1000;
        }),
        ("at most once", |receipt| receipt.attempts[0].number = 2),
        ("at most once", |receipt| {
            receipt.transaction.as_mut().unwrap().hash.0[0] ^= 1;
        }),
        ("status", |receipt| receipt.status = "failed".to_owned()),
        ("status", |receipt| receipt.transaction = None),
    ];
    for (place, what) in lies {
        let all = lie(&issued.succeeded, &what);
        assert!(wrong(&all).contains(&place), "{place}: {all:#?}");
        assert!(!wrong(&all).contains(&"signature"), "{all:#?}");
    }
    // An earlier life's transaction without its envelope cannot be rebuilt from the receipt alone.
    let all = lie(&issued.canceled, &|receipt| {
        receipt.status = "succeeded".to_owned();
        receipt.transaction = signed(&issued.succeeded).receipt.transaction;
    });
    assert_eq!(standing(&all), Standing::Unproven, "{all:#?}");

    // Proofs of death that imply none.
    use stellar_submitter::domain::receipt::ProofReceipt as Proof;
    let plan = signed(&issued.canceled).receipt.attempts[0].plan.clone();
    let sequence: i64 = plan.sequence.parse().unwrap();
    let fence =
        |as_of_ledger, channel_sequence: i64, ledger_closed_at: Option<&str>| Proof::Fence {
            as_of_ledger,
            channel_sequence: channel_sequence.to_string(),
            ledger_closed_at: ledger_closed_at.map(str::to_owned),
        };
    let last = plan.max_ledger - 1;
    let (early, late) = (Some("2001-01-01T00:00:00Z"), Some("2100-01-01T00:00:00Z"));
    for (proof, expected) in [
        (fence(last, sequence - 1, None), Standing::Right),
        (fence(last + 100, sequence - 1, None), Standing::Right),
        (fence(last, sequence, None), Standing::Wrong),
        (fence(last - 1, sequence - 1, early), Standing::Wrong),
        (fence(last - 1, sequence - 1, late), Standing::Right),
        (fence(last - 1, sequence - 1, None), Standing::Unproven),
        (
            Proof::AccountMissing {
                first_ledger: last,
                second_ledger: last + 10,
            },
            Standing::Right,
        ),
        (
            Proof::AccountMissing {
                first_ledger: last,
                second_ledger: last + 9,
            },
            Standing::Wrong,
        ),
        (
            Proof::ForeignTransaction {
                hash: signed(&issued.failed).receipt.attempts[0].hash,
                ledger: 9,
            },
            Standing::Right,
        ),
        (
            Proof::ForeignTransaction {
                hash: signed(&issued.canceled).receipt.attempts[0].hash,
                ledger: 9,
            },
            Standing::Wrong,
        ),
    ] {
        let all = lie(&issued.canceled, &|receipt| {
            receipt.attempts[0].death_proof = Some(proof.clone());
        });
        assert_eq!(standing(&all), expected, "{proof:?}: {all:#?}");
    }
    // By the ledger: a transaction that is said to be dead, and is not; another close time and another code than it has.
    let mut dead = signed(&issued.succeeded).receipt;
    dead.status = "canceled".to_owned();
    dead.transaction = None;
    let attempt = &mut dead.attempts[0];
    attempt.outcome = "dead".to_owned();
    attempt.landed = None;
    attempt.death_proof = Some(fence(
        attempt.plan.max_ledger,
        attempt.plan.sequence.parse::<i64>().unwrap() - 1,
        None,
    ));
    let mut earlier = signed(&issued.succeeded).receipt;
    earlier.transaction.as_mut().unwrap().closed_at = early.map(str::to_owned);
    let mut other_code = signed(&issued.succeeded).receipt;
    other_code.attempts[0].landed.as_mut().unwrap().code = Some("tx_too_late".to_owned());
    let folder = crate::support::scratch();
    let file = folder.path().join("forged.json");
    let path = file.to_str().unwrap();
    let horizon = &issued.world.ledger.url;
    for (receipt, expected) in [
        (dead, "it is said to be dead, and"),
        (earlier, "but not as the receipt has it"),
        (other_code, "but not as the receipt has it"),
    ] {
        let forged = signed_again(receipt, &liar);
        assert_eq!(standing(&check(&forged, None)), Standing::Right);
        std::fs::write(&file, serde_json::to_string(&forged).unwrap()).unwrap();
        let ran = run(&["receipt", "check", path, "--horizon", horizon], &[]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.out.contains(expected), "{ran:?}");
    }
    // What is no receipt.
    for text in ["", "{}", "[1]", "{\"receipt\": 1}"] {
        std::fs::write(&file, text).unwrap();
        let ran = run(&["receipt", "check", path], &[]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("not a receipt"), "{ran:?}");
    }
}

#[tokio::test]
async fn what_landed_before_the_records_were_lost_is_proven_too() {
    let (world, mut daemon) = World::ready(2).await;
    world.ledger.fund(account("bob")).await;
    let bodies = [
        payment("first", account("bob"), 1),
        payment("second", account("bob"), 2),
    ];
    for body in &bodies {
        let id = daemon.client.post(body).await;
        daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    }
    daemon.process.kill();
    world.database.lose().await;
    let mut daemon = Daemon::start(&world.setup).await;
    daemon.wait_until_ready().await;
    let source = account("source").to_string();
    let verify = [
        "verify",
        "--json",
        "--horizon",
        &world.ledger.url,
        "--accounts",
        &source,
        "--database",
        &world.database.url,
    ];
    // Nobody has claimed them yet, and everybody who does will be answered with them.
    let report = run(&verify, &[]).await;
    assert_eq!(report.code, 0, "{report:?}");
    let notes = report.json()["notes"]["items"].to_string();
    assert_eq!(
        notes.matches("\"unclaimed\"").count(),
        2 + 1,
        "two payments, and the making of channels: {notes}"
    );

    let id = daemon.client.post(&bodies[0]).await;
    daemon.client.wait_for(&id, "succeeded", PATIENCE).await;
    let (status, receipt) = daemon
        .client
        .get(&format!("/v1/intents/{id}/receipt"))
        .await;
    assert_eq!(status, 200, "{receipt}");
    let attempts = receipt["receipt"]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{receipt}");
    assert_eq!(attempts[0]["outcome"], "landed");
    let all = check(&signed(&receipt), None);
    assert_eq!(standing(&all), Standing::Right, "{all:#?}");
    each_change_is_noticed(&[&receipt]);
    let (_, explained) = daemon
        .client
        .get(&format!("/v1/intents/{id}/explain"))
        .await;
    assert!(
        explained["happened"].to_string().contains("earlier life"),
        "{explained}"
    );
    let report = run(&verify, &[]).await;
    assert_eq!(report.code, 0, "{report:?}");
    assert_eq!(report.json()["database"]["succeeded"], 1, "{report:?}");
}
