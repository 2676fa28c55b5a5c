//! What a request may not exceed before its body is even looked at.

use serde_json::json;
use stellar_xdr::{self as xdr, Limits, WriteXdr as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{ACME, Server, payment};

/// What a request is answered with, as text.
async fn raw(server: &Server, request: String) -> String {
    let (mut read, mut write) = TcpStream::connect(server.address)
        .await
        .unwrap()
        .into_split();
    // The server may close before it has read all.
    let writing = tokio::spawn(async move {
        let _ = write.write_all(request.as_bytes()).await;
        write
    });
    let mut answer = Vec::new();
    let _ = read.read_to_end(&mut answer).await;
    drop(writing.await.unwrap());
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {ACME}\r\n{headers}\r\n"
    )
}

#[track_caller]
fn is(answer: &str, status: u16) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{}",
        answer.chars().take(200).collect::<String>()
    );
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Server::start().await;
    let many = |count: usize| -> String { (0..count).map(|i| format!("x-{i}: 1\r\n")).collect() };
    is(&raw(&server, get("/healthz", &many(90))).await, 200);
    is(&raw(&server, get("/healthz", &many(120))).await, 431);
    let long = |bytes: usize| format!("x-long: {}\r\n", "a".repeat(bytes));
    is(&raw(&server, get("/healthz", &long(60_000))).await, 200);
    is(&raw(&server, get("/healthz", &long(70_000))).await, 431);
    let path = |bytes: usize| format!("/healthz?{}", "a".repeat(bytes - 9));
    is(&raw(&server, get(&path(8 * 1024), "")).await, 200);
    let answer = raw(&server, get(&path(8 * 1024 + 1), "")).await;
    is(&answer, 414);
    assert!(answer.contains("urn:stellar-submitter:problem:uri-too-long"));
    is(&raw(&server, "NONSENSE\r\n\r\n".to_owned()).await, 400);
    let both = "content-length: 5\r\ntransfer-encoding: chunked\r\n";
    let smuggled = get("/healthz", both).replace("GET", "POST") + "0\r\n\r\n";
    let answer = raw(&server, smuggled).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let two = "content-length: 5\r\ncontent-length: 6\r\n";
    is(&raw(&server, get("/healthz", two)).await, 400);
}

#[tokio::test]
async fn the_mistakes_of_a_query_that_are_named_are_bounded() {
    let server = Server::start().await;
    let query: String = (0..1500).map(|number| format!("{number}&")).collect();
    let answer = server.get(&format!("/v1/intents?{query}")).await;
    let problem = answer.problem(400, "invalid-request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 100);
}

/// An operation of some 8 KiB.
fn large_operation() -> xdr::Operation {
    let mut predicate = xdr::ClaimPredicate::Unconditional;
    for _ in 0..6 {
        let both = vec![predicate.clone(), predicate];
        predicate = xdr::ClaimPredicate::And(both.try_into().unwrap());
    }
    let claimants: Vec<xdr::Claimant> = (0..10)
        .map(|number| {
            let key = xdr::PublicKey::PublicKeyTypeEd25519(xdr::Uint256([number; 32]));
            xdr::Claimant::ClaimantTypeV0(xdr::ClaimantV0 {
                destination: xdr::AccountId(key),
                predicate: predicate.clone(),
            })
        })
        .collect();
    let body = xdr::OperationBody::CreateClaimableBalance(xdr::CreateClaimableBalanceOp {
        asset: xdr::Asset::Native,
        amount: 1,
        claimants: claimants.try_into().unwrap(),
    });
    xdr::Operation {
        source_account: None,
        body,
    }
}

#[tokio::test]
async fn operations_that_are_too_large_for_the_network_together_are_refused() {
    let server = Server::start().await;
    let operation = large_operation();
    // With a source of its own, as where the channel is another account.
    let bytes = operation.to_xdr(Limits::none()).unwrap().len() + 36;
    let most = 96 * 1024 / bytes;
    assert!((6..20).contains(&most), "{bytes} bytes");
    let text = operation.to_xdr_base64(Limits::none()).unwrap();
    let operation = json!({"type": "xdr", "xdr": text});
    let mut body = payment("w", "1");
    for (count, accepted) in [(5, true), (most, true), (most + 1, false)] {
        body["workflow_id"] = json!(format!("w-{count}"));
        body["operations"] = json!(vec![&operation; count]);
        let answer = server.post(&format!("k-{count}"), &body).await;
        if accepted {
            answer.intent(202);
            continue;
        }
        let problem = answer.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/operations", "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("bytes as a transaction"), "{detail}");
    }
}
