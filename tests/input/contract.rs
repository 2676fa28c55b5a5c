//! The served description, tried by a program that knows nothing else: requests that it allows and requests that it does not.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use stellar_submitter::api::Settings;
use tokio::process::Command;

use crate::server::{ACME, Ready, Server};

/// What the script ends with where Python or its package index cannot be reached.
const NOTHING_TRIED: i32 = 77;

/// How long it may take, the packages included.
const PATIENCE: Duration = Duration::from_secs(300);

/// Examples of each operation and phase: some seconds.
const EXAMPLES: &str = "10";

#[tokio::test]
async fn the_description_holds_for_requests_that_nobody_thought_of() {
    // Without a key that must be another one each time, bodies are looked at.
    let settings = Settings {
        idempotency_key_required: false,
        ..Settings::default()
    };
    let server = Server::start_with(settings, Arc::new(Ready(true))).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/schemathesis/run");
    let running = Command::new(script)
        .arg(EXAMPLES)
        .env("SCHEMATHESIS_URL", &server.base)
        .env("SCHEMATHESIS_KEY", ACME)
        .env("SCHEMATHESIS_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, running).await;
    let output = output.expect("it ends in time").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NOTHING_TRIED) {
        // Not by a macro, whose words nobody hears of a test that passes.
        writeln!(std::io::stderr(), "SKIPPED: {complained}").unwrap();
        return;
    }
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("Tested: 19"), "{said}");
    // Something good was among it, so it was not the key alone that was tried.
    assert!(server.count("intents").await > 0, "{said}");
}
