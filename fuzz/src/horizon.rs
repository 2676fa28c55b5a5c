//! Every answer of a Horizon: whatever it says, nothing becomes a fact that the question and the envelope do not bear out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use stellar_submitter::domain::observation::{Landed, LookUp, SubmitAnswer, Unknown};
use stellar_submitter::domain::primitives::{AccountId, LedgerSeq, TxHash};
use stellar_submitter::horizon::{Answer, observe};
use stellar_xdr::{self as xdr, Limits, ReadXdr as _, WriteXdr as _};

use super::captures::{EXCHANGES, Exchange, HEAD, Question, inputs, status_of};
use super::intent::network;

/// The statuses that an answer may have; the first stands for the recorded one.
const STATUSES: [u16; 12] = [0, 200, 201, 400, 403, 404, 409, 410, 429, 500, 503, 504];

/// The longest text for people that an answer may lead to.
const MAX_DETAIL_BYTES: usize = 300;

/// The most records of a page.
const PAGE: u8 = 200;

/// The recorded answers.
pub fn seeds() -> Vec<Vec<u8>> {
    inputs(EXCHANGES.iter().map(|exchange| exchange.body.as_slice()))
}

/// Reads an answer.
pub fn fuzz_one(data: &[u8]) {
    let Some((head, body)) = data.split_at_checked(HEAD) else {
        return;
    };
    let exchange = &EXCHANGES[usize::from(head[0]) % EXCHANGES.len()];
    let status = status_of(&STATUSES, head[1], exchange.status);
    let headers = headers(exchange, head[2]);
    let answer = Answer::new(status, &headers, Some(body.to_vec()));
    observe_one(&exchange.question, &answer);
}

fn headers(exchange: &Exchange, choice: u8) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let ledger = match choice % 6 {
        0 => exchange.latest_ledger.map(|ledger| ledger.to_string()),
        1 => None,
        2 => Some(u32::MAX.to_string()),
        3 => Some("0".to_owned()),
        4 => Some("-1".to_owned()),
        _ => Some("99999999999".to_owned()),
    };
    if let Some(ledger) = ledger {
        let ledger = HeaderValue::try_from(ledger).expect("digits are visible ASCII");
        headers.insert("latest-ledger", ledger);
    }
    headers
}

fn observe_one(question: &Question, answer: &Answer) {
    let network = network();
    match question {
        Question::Root => {
            let _ = known(answer, observe::root(answer));
        }
        Question::FeeStats => {
            let _ = known(answer, observe::fee_stats(answer));
        }
        Question::Ledger(asked) => {
            if let Some(Some(header)) = known(answer, observe::ledger(*asked, answer)) {
                assert_eq!(header.sequence, *asked, "another ledger");
            }
        }
        Question::NewestLedger => {
            let _ = known(answer, observe::newest_ledger(answer));
        }
        Question::LedgerTransactions(asked) => page(Some(*asked), answer),
        Question::AccountTransactions => page(None, answer),
        Question::Account(asked) => account(*asked, answer),
        Question::LookUp(asked) => match observe::look_up(network, *asked, answer) {
            LookUp::Landed(landed) => {
                assert_eq!(answer.status, 200);
                let named = [Some(landed.inner_hash), landed.fee_bump_hash];
                assert!(named.contains(&Some(*asked)), "another transaction");
                borne_out(&landed);
            }
            LookUp::Absent => assert_eq!(answer.status, 404, "absent without a 404"),
            LookUp::Unknown(unknown) => tells_little(&unknown),
        },
        Question::Submit(posted) => {
            submitted(posted, observe::submitted(network, posted, answer), answer);
        }
        Question::SubmitAsync(posted) => {
            let heard = observe::submitted_async(network, posted, answer);
            let landed = matches!(heard, SubmitAnswer::Landed(_));
            assert!(!landed, "core's queue knows no landings");
            submitted(posted, heard, answer);
        }
    }
}

fn known<T>(answer: &Answer, observed: Result<T, Unknown>) -> Option<T> {
    match observed {
        Ok(fact) => {
            assert!(
                matches!(answer.status, 200 | 404),
                "a fact of another status"
            );
            Some(fact)
        }
        Err(unknown) => {
            tells_little(&unknown);
            None
        }
    }
}

/// What goes into logs is short, whatever came.
pub fn tells_little(unknown: &Unknown) {
    assert!(unknown.detail.len() <= MAX_DETAIL_BYTES, "{unknown:?}");
    assert!(!unknown.detail.chars().any(char::is_control), "{unknown:?}");
}

fn account(asked: AccountId, answer: &Answer) {
    let Some(snapshot) = known(answer, observe::account(asked, answer)) else {
        return;
    };
    assert_eq!(snapshot.account, asked);
    assert_eq!(Some(snapshot.as_of), answer.latest_ledger);
    let Some(state) = snapshot.state else {
        assert_eq!(answer.status, 404, "absent without a 404");
        return;
    };
    assert!(state.sequence.0 >= 0, "an impossible sequence number");
    assert!(
        state.sequence_ledger.is_none_or(|at| at <= snapshot.as_of),
        "a sequence number that was used later than now"
    );
}

fn page(within: Option<LedgerSeq>, answer: &Answer) {
    let read = |wanted: &dyn Fn(&TxHash) -> bool| {
        known(
            answer,
            observe::page(network(), PAGE, within, wanted, answer),
        )
    };
    let Some(Some(page)) = read(&|_| true) else {
        return;
    };
    let listed = page.transactions.len() + page.unreadable.len();
    assert_eq!(u32::try_from(listed), Ok(page.records), "a record is lost");
    assert_eq!(page.last.is_none(), page.records == 0);
    assert_eq!(page.is_last, page.records < u32::from(PAGE));
    for landed in &page.transactions {
        assert!(within.is_none_or(|ledger| ledger == landed.ledger));
        borne_out(landed);
    }
    // Who wants one hash alone finds it where it is.
    if let Some(first) = page.transactions.first() {
        let alone = read(&|hash| *hash == first.inner_hash);
        let alone = alone.flatten().expect("the same page");
        assert!(alone.transactions.contains(first), "a wanted one is lost");
        assert_eq!((alone.records, alone.last), (page.records, page.last));
    }
}

fn submitted(posted: &str, heard: SubmitAnswer, answer: &Answer) {
    match heard {
        SubmitAnswer::Landed(landed) => {
            assert_eq!(answer.status, 200);
            assert!(landed.successful, "a failure as a success");
            borne_out(&landed);
            let envelope = xdr::TransactionEnvelope::from_xdr_base64(posted, Limits::none())
                .expect("what was posted decodes");
            assert_eq!(inner_hash(&envelope), landed.inner_hash, "another one");
        }
        SubmitAnswer::Queued { .. } => assert!(matches!(answer.status, 201 | 409)),
        SubmitAnswer::TryAgainLater => assert_eq!(answer.status, 503),
        SubmitAnswer::Refused(_) | SubmitAnswer::Malformed(_) => assert_eq!(answer.status, 400),
        SubmitAnswer::Unknown(unknown) => tells_little(&unknown),
    }
}

/// A landing is what its own envelope says, hashed by other means.
pub fn borne_out(landed: &Landed) {
    let envelope = xdr::TransactionEnvelope::from_xdr(&landed.envelope_xdr, Limits::none())
        .expect("a landed envelope decodes");
    assert_eq!(inner_hash(&envelope), landed.inner_hash, "another hash");
    let (source, sequence) = match &envelope {
        xdr::TransactionEnvelope::TxV0(old) => {
            (AccountId(old.tx.source_account_ed25519.0), old.tx.seq_num.0)
        }
        xdr::TransactionEnvelope::Tx(plain) => of(&plain.tx),
        xdr::TransactionEnvelope::TxFeeBump(bump) => {
            let xdr::FeeBumpTransactionInnerTx::Tx(inner) = &bump.tx.inner_tx;
            assert!(landed.fee_bump_hash.is_some());
            of(&inner.tx)
        }
    };
    assert_eq!(
        (landed.source_account, landed.sequence.0),
        (source, sequence)
    );
}

fn of(tx: &xdr::Transaction) -> (AccountId, i64) {
    (AccountId::of_muxed(&tx.source_account), tx.seq_num.0)
}

/// SHA-256 of network, envelope type and transaction, as the protocol says.
pub fn inner_hash(envelope: &xdr::TransactionEnvelope) -> TxHash {
    let tx = match envelope {
        // Signed as the version 1 that it stands for: a discriminant of the key before it.
        xdr::TransactionEnvelope::TxV0(old) => [
            0_u32.to_be_bytes().to_vec(),
            old.tx.to_xdr(Limits::none()).expect("it was decoded"),
        ]
        .concat(),
        xdr::TransactionEnvelope::Tx(plain) => {
            plain.tx.to_xdr(Limits::none()).expect("it was decoded")
        }
        xdr::TransactionEnvelope::TxFeeBump(bump) => {
            let xdr::FeeBumpTransactionInnerTx::Tx(inner) = &bump.tx.inner_tx;
            inner.tx.to_xdr(Limits::none()).expect("it was decoded")
        }
    };
    let mut hash = Sha256::new();
    hash.update(network().0);
    hash.update(2_u32.to_be_bytes());
    hash.update(&tx);
    TxHash(hash.finalize().into())
}

/// An answer that refuses a transaction with this result.
pub fn refusal(result: &[u8]) -> Answer {
    let body = serde_json::json!({
        "type": "https://stellar.org/horizon-errors/transaction_failed",
        "extras": {"envelope_xdr": "", "result_xdr": BASE64.encode(result)},
    });
    Answer::new(400, &HeaderMap::new(), Some(body.to_string().into_bytes()))
}
