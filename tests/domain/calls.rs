//! What contract calls came to, as it is told; and the nonces by which a call is found in somebody else's transaction.

use serde_json::{Value, json};
use stellar_submitter::domain::explain::{AttemptStory, Explanation, Status, Story, explain};
use stellar_submitter::domain::soroban::nonce::nonces;
use stellar_submitter::domain::soroban::simulation::error_name;
use stellar_submitter::domain::soroban::{Failure, Nonce};
use stellar_xdr as xdr;
use xdr::{ScVal, WriteXdr as _};

use crate::contracts::{built, inc, own, request, soroban, tag};
use crate::explanations::{attempt, story};
use crate::fixture::{source, stranger};

/// An event as the records keep it.
fn event(number: u32) -> String {
    let event = xdr::ContractEvent {
        ext: xdr::ExtensionPoint::V0,
        contract_id: Some(xdr::ContractId(xdr::Hash([7; 32]))),
        type_: xdr::ContractEventType::Contract,
        body: xdr::ContractEventBody::V0(xdr::ContractEventV0 {
            topics: vec![ScVal::Symbol(xdr::ScSymbol(
                "counted".try_into().expect("short"),
            ))]
            .try_into()
            .expect("one"),
            data: ScVal::U32(number),
        }),
    };
    event
        .to_xdr_base64(xdr::Limits::none())
        .expect("it encodes")
}

fn told(status: Status, attempts: Vec<AttemptStory>) -> Explanation {
    explain(&Story {
        attempts,
        ..story(status)
    })
}

fn called(state: &str, call: Value) -> AttemptStory {
    AttemptStory {
        call: Some(call),
        ..attempt(state)
    }
}

#[test]
fn a_bounded_number_of_events_is_told_the_newest() {
    let kept: Vec<String> = (1..=25).map(event).collect();
    let call =
        json!({"result": {"u32": 25}, "error": null, "events": kept, "diagnostic_events": []});
    let explained = told(Status::Succeeded, vec![called("landed", call)]);
    let call = explained.call.as_ref().expect("a call");
    assert_eq!(call.result, Some(json!({"u32": 25})));
    assert_eq!((call.events.len(), call.events_left_out), (20, 5));
    assert_eq!(call.events[0].data, json!({"u32": 6}));
    assert_eq!(call.events[0].topics, [json!({"symbol": "counted"})]);
    let contract = call.events[0].contract.as_deref().expect("a contract");
    assert!(contract.starts_with('C'), "{contract}");
    let text = explained.to_text();
    for part in [
        r#"transaction 1 returned {"u32":25}"#,
        "5 events are left out",
        r#"{"symbol":"counted"} = {"u32":25}"#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let call = json!({"result": null, "error": null, "events": ["no event", 7, "x".repeat(9000)]});
    let explained = told(Status::Succeeded, vec![called("landed", call)]);
    assert!(explained.call.expect("a call").events.is_empty());
    let explained = told(Status::Succeeded, vec![called("landed", json!("odd"))]);
    assert!(!explained.to_text().contains("What the call came to"));
    assert_eq!(
        told(Status::Succeeded, vec![attempt("landed")]).call,
        None,
        "a payment calls nothing"
    );
}

#[test]
fn the_newest_record_of_a_call_is_told() {
    let failed = json!({"result": null, "error": "Error(Contract, #7)", "events": []});
    let first = called("landed_failed", failed);
    let second = AttemptStory {
        number: 2,
        ..attempt("dead")
    };
    let explained = told(Status::Queued, vec![first, second]);
    let call = explained.call.as_ref().expect("a call");
    assert_eq!(
        (call.attempt, call.error.as_deref()),
        (1, Some("Error(Contract, #7)"))
    );
    let text = explained.to_text();
    assert!(
        text.contains("transaction 1 failed with Error(Contract, #7)"),
        "{text}"
    );
}

#[test]
fn a_restoration_that_landed_is_not_called_a_failure() {
    let restoration = AttemptStory {
        restores: true,
        ..attempt("landed")
    };
    let call = AttemptStory {
        number: 2,
        ..attempt("landed")
    };
    for (status, attempts) in [
        (Status::Succeeded, vec![restoration.clone(), call]),
        (Status::Queued, vec![restoration.clone()]),
        (Status::Canceled, vec![restoration]),
    ] {
        let safe = told(status, attempts).safe_because;
        assert!(safe.contains("brought archived entries back"), "{safe}");
    }
}

#[test]
fn errors_are_named_as_the_host_names_them() {
    let code = xdr::ScErrorCode::ExistingValue;
    for (error, name) in [
        (xdr::ScError::Contract(7), "Error(Contract, #7)"),
        (xdr::ScError::Auth(code), "Error(Auth, ExistingValue)"),
        (
            xdr::ScError::WasmVm(xdr::ScErrorCode::InvalidAction),
            "Error(WasmVm, InvalidAction)",
        ),
        (
            xdr::ScError::Budget(xdr::ScErrorCode::ExceededLimit),
            "Error(Budget, ExceededLimit)",
        ),
    ] {
        assert_eq!(error_name(&error), name);
    }
}

#[test]
fn a_calls_nonces_are_the_tag_and_those_of_what_others_signed() {
    let body = inc(&own());
    let mine = Nonce::of_account(source(), tag("w-1").to_i64());
    let found = nonces(&request(&body), tag("w-1"));
    assert_eq!(found, std::slice::from_ref(&mine));
    let tx = built("w-1", &body, soroban(true, "w-1"));
    assert!(mine.is_in(&tx));
    assert!(!Nonce::of_account(stranger(), mine.number).is_in(&tx));
    assert!(!Nonce::of_account(source(), 1).is_in(&tx));
    // One that is authorised by being the source has none.
    let mut by_source = body.clone();
    by_source["operations"][0]["auth"] = json!("source_account");
    assert_eq!(nonces(&request(&by_source), tag("w-1")), []);
    // What somebody else signed counts as well.
    let mut entry = soroban(true, "w-1").auth.remove(0);
    if let xdr::SorobanCredentials::Address(signed) = &mut entry.credentials {
        signed.address = Nonce::of_account(stranger(), 0).address;
        signed.nonce = 99;
    }
    let mut with = body;
    let entry = entry
        .to_xdr_base64(xdr::Limits::none())
        .expect("it encodes");
    with["operations"][0]["auth_entries"] = json!([entry]);
    let theirs = Nonce::of_account(stranger(), 99);
    assert_eq!(nonces(&request(&with), tag("w-1")), [mine, theirs]);
}

#[test]
fn what_a_server_says_of_a_failure_is_kept_short_and_on_one_line() {
    const MOST: usize = 2048;
    for text in ["x ".repeat(MOST), "x".repeat(MOST + 1), "yy ".repeat(MOST)] {
        let kept = Failure::of(&text, Vec::new()).text;
        assert!(kept.len() <= MOST, "{}", kept.len());
        assert!(kept.is_empty() || kept.len() > MOST - 4, "{}", kept.len());
    }
    // Words of every length, so that one of them ends where the room does.
    for length in 1..100 {
        let text = format!("{} ", "x".repeat(length)).repeat(MOST);
        assert!(
            Failure::of(&text, Vec::new()).text.len() <= MOST,
            "{length}"
        );
    }
    let failure = Failure::of(
        " HostError:\n\tError(Contract, #7)\u{1}  Event log (newest first): ",
        Vec::new(),
    );
    assert_eq!(failure.text, "HostError: Error(Contract, #7)");
}
