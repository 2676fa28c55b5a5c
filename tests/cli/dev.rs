//! One `dev` for the whole binary. Every test has workflows and a destination of its own.

use std::time::Duration;

use serde_json::Value;
use stellar_submitter::signer::SecretKey;
use tokio::sync::OnceCell;

use crate::support::{Process, free_port};

/// How long everything may take to start on a machine that compiles beside it.
const START_LIMIT: Duration = Duration::from_secs(120);

pub struct Dev {
    pub api: String,
    pub horizon: String,
    /// Ends with this process: its watchdog sees to it.
    _process: Process,
}

pub async fn dev() -> &'static Dev {
    static DEV: OnceCell<Dev> = OnceCell::const_new();
    DEV.get_or_init(|| async {
        let (api, horizon) = (free_port(), free_port());
        let (api, horizon) = (format!("127.0.0.1:{api}"), format!("127.0.0.1:{horizon}"));
        let mut process = Process::spawn(
            &[
                "dev",
                "--listen",
                &api,
                "--sandbox-listen",
                &horizon,
                "--channels",
                "50",
            ],
            &[],
        );
        let api = format!("http://{api}");
        process
            .wait_until_ready(&format!("{api}/readyz"), START_LIMIT)
            .await;
        Dev {
            api,
            horizon: format!("http://{horizon}"),
            _process: process,
        }
    })
    .await
}

impl Dev {
    /// A new account with lumens, and nobody else's.
    pub async fn account(&self) -> String {
        let account = unfunded();
        self.fund(&account).await;
        account
    }

    pub async fn fund(&self, account: &str) {
        let url = format!("{}/friendbot?addr={account}", self.horizon);
        let answer = reqwest::get(url).await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// The amounts that the ledger took to an account, in order; only successful payments.
    pub async fn received(&self, account: &str) -> Vec<String> {
        let mut amounts = Vec::new();
        let mut cursor = String::new();
        loop {
            let url = format!("{}/sandbox/truth?limit=1000&cursor={cursor}", self.horizon);
            let page: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
            for item in page["items"].as_array().unwrap() {
                assert!(item["successful"].is_boolean(), "{item}");
                if item["successful"] == true {
                    let operations = item["operations"].as_array().unwrap().iter();
                    let own = operations
                        .filter(|one| one["type"] == "payment" && one["destination"] == account);
                    amounts.extend(own.map(|one| one["amount"].as_str().unwrap().to_owned()));
                }
            }
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return amounts,
            }
        }
    }
}

/// The address of a key that nobody has used.
pub fn unfunded() -> String {
    SecretKey::from_bytes(rand::random()).account().to_string()
}
