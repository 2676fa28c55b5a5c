//! An ordinary SDK against the sandbox: python's `stellar-sdk` from PyPI, in an environment of the test's own.

use std::path::Path;
use std::process::{Command, Stdio};

use stellar_submitter::sandbox::{Config, Pace, start};

/// The version that the script is written for.
const SDK: &str = "stellar-sdk==16.1.1";

const SCRIPT: &str = r#"
import sys
from stellar_sdk import Asset, Keypair, MuxedAccount, Network, Server, TransactionBuilder
from stellar_sdk.exceptions import BadRequestError, NotFoundError
import hashlib, urllib.request

url, passphrase = sys.argv[1], Network.STANDALONE_NETWORK_PASSPHRASE
server = Server(url)
root = Keypair.from_raw_ed25519_seed(hashlib.sha256(passphrase.encode()).digest())
alice, bob, issuer = Keypair.random(), Keypair.random(), Keypair.random()

def build(source, *fill, fee=100):
    builder = TransactionBuilder(server.load_account(source.public_key), passphrase, base_fee=fee)
    for each in fill:
        each(builder)
    return builder.set_timeout(60).build()

def send(transaction, *signers):
    for signer in signers:
        transaction.sign(signer)
    return server.submit_transaction(transaction)

def balance(account, code=None):
    lines = server.accounts().account_id(account.public_key).call()["balances"]
    return next(line["balance"] for line in lines if line.get("asset_code") == code)

# Load, create, pay, read back.
assert server.root().call()["network_passphrase"] == passphrase
response = send(build(root,
    lambda b: b.append_create_account_op(alice.public_key, "1000"),
    lambda b: b.append_create_account_op(bob.public_key, "100"),
    lambda b: b.append_create_account_op(issuer.public_key, "100")), root)
assert response["successful"] and response["operation_count"] == 3, response
muxed = MuxedAccount(bob.public_key, 42)
paid = send(build(alice, lambda b: b.append_payment_op(muxed, Asset.native(), "12.5").add_text_memo("hello")), alice)
found = server.transactions().transaction(paid["hash"]).call()
assert found["memo"] == "hello" and found["ledger"] == paid["ledger"], found
assert balance(bob) == "112.5000000", balance(bob)
operation = server.payments().for_account(bob.public_key).order(desc=True).call()["_embedded"]["records"][0]
assert operation["to_muxed_id"] == "42" and operation["amount"] == "12.5000000", operation

# Trust, and an asset.
usd = Asset("USD", issuer.public_key)
send(build(bob, lambda b: b.append_change_trust_op(usd, "500")), bob)
send(build(issuer, lambda b: b.append_payment_op(bob.public_key, usd, "7")), issuer)
assert balance(bob, "USD") == "7.0000000"

# A fee bump: bob pays for alice.
inner = build(alice, lambda b: b.append_payment_op(bob.public_key, Asset.native(), "1"))
inner.sign(alice)
bump = TransactionBuilder.build_fee_bump_transaction(bob, 300, inner, passphrase)
response = send(bump, bob)
assert response["fee_account"] == bob.public_key and response["fee_charged"] == "200", response
assert response["inner_transaction"]["hash"] == inner.hash_hex()
assert server.transactions().transaction(inner.hash_hex()).call()["successful"]

# Asynchronously, then wait for it.
transaction = build(alice, lambda b: b.append_payment_op(bob.public_key, Asset.native(), "2"))
transaction.sign(alice)
answer = server.submit_transaction_async(transaction)
assert answer["tx_status"] == "PENDING" and answer["hash"] == transaction.hash_hex(), answer
for ledger in server.ledgers().cursor("now").stream():
    try:
        assert server.transactions().transaction(answer["hash"]).call()["successful"]
        break
    except NotFoundError:
        pass

# What cannot be is an error with its codes.
try:
    send(build(alice, lambda b: b.append_payment_op(Keypair.random().public_key, Asset.native(), "1")), alice)
    raise SystemExit("a payment to nobody succeeded")
except BadRequestError as error:
    assert error.extras["result_codes"] == {"transaction": "tx_failed", "operations": ["op_no_destination"]}, error

# Friendbot, and the list of everything.
carol = Keypair.random()
urllib.request.urlopen(f"{url}/friendbot?addr={carol.public_key}").read()
assert balance(carol) == "10000.0000000"
everything = server.transactions().for_account(alice.public_key).include_failed(True).limit(200).call()
assert len(everything["_embedded"]["records"]) == 5, len(everything["_embedded"]["records"])
assert server.fetch_base_fee() == 100
print("an SDK is happy")
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordinary_sdk_works() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(why) = environment(folder.path()) {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "CI must be able to run python: {why}"
        );
        println!("skipped: {why}");
        return;
    }
    let mut config = Config {
        pace: Pace::from_seconds(0.5).unwrap(),
        ..Config::default()
    };
    config.listen.set_port(0);
    let sandbox = start(config).await.unwrap();
    let url = format!("http://{}", sandbox.addr());
    let python = folder.path().join("bin/python");
    let run = move || {
        Command::new(python)
            .args(["-c", SCRIPT, &url])
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stdout.trim(), "an SDK is happy");
}

/// Makes an environment with the SDK in it; an error says why it cannot be made here.
fn environment(folder: &Path) -> Result<(), String> {
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run(Command::new(folder.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        SDK,
    ]))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
