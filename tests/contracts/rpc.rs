//! A Stellar RPC that passes everything on to the ledger's, and is wrong or silent where it is told to be.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use stellar_xdr::{Limits, ReadXdr as _, SorobanTransactionData, WriteXdr as _};
use tokio::task::JoinHandle;

use crate::world::ledger;

/// What is wrong with its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Honest,
    /// Everything is answered 503.
    Silent,
    /// Simulations say that so many percent of the instructions suffice.
    Instructions(u32),
    /// Simulations say that so many percent of the fee for resources suffice.
    Fee(i64),
    /// Simulations fail by an error of the contract's.
    Failing,
}

/// Listens for as long as it lives.
pub struct Rpc {
    pub url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    target: String,
    http: reqwest::Client,
    mood: Mutex<Mood>,
}

impl Rpc {
    /// In front of this one, honest.
    pub async fn start(target: &str) -> Self {
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            http: ledger::client(),
            mood: Mutex::new(Mood::Honest),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/", post(answer))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            shared,
            serving,
        }
    }

    pub fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let mood = *shared.mood.lock().unwrap();
    if mood == Mood::Silent {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let asked = shared
        .http
        .post(&shared.target)
        .header("content-type", "application/json")
        .body(body)
        .send();
    let Ok(answer) = asked.await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let text = answer.text().await.unwrap();
    let Ok(mut said) = serde_json::from_str::<Value>(&text) else {
        return (status, text).into_response();
    };
    mislead(&mut said["result"], mood);
    let json = [("content-type", "application/json")];
    (status, json, said.to_string()).into_response()
}

/// Changes what a simulation said.
fn mislead(said: &mut Value, mood: Mood) {
    let Some(data) = said.get("transactionData").and_then(Value::as_str) else {
        return;
    };
    match mood {
        Mood::Honest | Mood::Silent => {}
        Mood::Instructions(percent) => {
            let mut data = SorobanTransactionData::from_xdr_base64(data, Limits::none()).unwrap();
            let asked = &mut data.resources.instructions;
            *asked = u32::try_from(u64::from(*asked) * u64::from(percent) / 100).unwrap();
            said["transactionData"] = data.to_xdr_base64(Limits::none()).unwrap().into();
        }
        Mood::Fee(percent) => {
            let fee: i64 = said["minResourceFee"].as_str().unwrap().parse().unwrap();
            said["minResourceFee"] = (fee * percent / 100).to_string().into();
        }
        Mood::Failing => {
            let latest = said["latestLedger"].take();
            *said = json!({"error": "HostError: Error(Contract, #7)", "latestLedger": latest});
        }
    }
}
