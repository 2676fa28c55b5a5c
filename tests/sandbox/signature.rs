//! Who must sign what.

use sha2::{Digest, Sha256};
use stellar_submitter::sandbox::core::Core;
use stellar_submitter::sandbox::ledger::Ledger;
use stellar_submitter::sandbox::ledger::account::{Account, AccountSigner};
use stellar_submitter::sandbox::ledger::genesis::Genesis;
use stellar_submitter::sandbox::queue::{Answer, Fate};
use stellar_xdr::{
    DecoratedSignature, OperationBody, OperationResult, SetOptionsOp, Signature, SignatureHint,
    SignerKey, TransactionResultResult as Code, Uint256,
};

use crate::wallet::{Draft, Envelope, PASSPHRASE, Wallet, operation, pay, payment};

const NOW: u64 = 1_800_000_000;
const LUMENS: i64 = 10_000_000;

/// Account 1, changed as wanted, and account 2 with nothing special.
fn core(change: impl FnOnce(&mut Account)) -> Core {
    let mut genesis = Genesis::standalone(PASSPHRASE, NOW);
    let mut first = Account::new(100 * LUMENS, 0);
    change(&mut first);
    genesis.accounts = vec![
        (Wallet::new(1).key(), first),
        (Wallet::new(2).key(), Account::new(100 * LUMENS, 0)),
    ];
    Core::new(Ledger::new(genesis))
}

fn signer(key: SignerKey, weight: u32) -> AccountSigner {
    AccountSigner { key, weight }
}

fn ed25519(wallet: &Wallet) -> SignerKey {
    SignerKey::Ed25519(Uint256(wallet.key().0))
}

fn code(core: &mut Core, envelope: &Envelope) -> Option<Code> {
    match core.submit(&envelope.frame(), NOW, Fate::Queued) {
        Answer::Pending => None,
        Answer::Error(result) => Some(result.result),
        other => panic!("{other:?}"),
    }
}

fn payment_of_first(sequence: i64) -> Draft {
    Draft::new(
        Wallet::new(1).address(),
        sequence,
        vec![pay(&Wallet::new(2), 1)],
    )
}

#[test]
fn weights_add_up_to_the_threshold_of_the_operation() {
    let (first, second, third) = (Wallet::new(1), Wallet::new(3), Wallet::new(4));
    let mut core = core(|account| {
        account.thresholds = [1, 1, 3, 4];
        account.signers = vec![signer(ed25519(&second), 1), signer(ed25519(&third), 2)];
        account.subentries = 2;
    });
    let draft = payment_of_first(1);
    let bad_auth = Some(Code::TxFailed(
        vec![OperationResult::OpBadAuth].try_into().unwrap(),
    ));
    assert_eq!(
        code(&mut core, &draft.sign(&[&first, &second])),
        bad_auth,
        "1 + 1 < 3"
    );
    assert_eq!(
        code(&mut core, &draft.sign(&[&second, &third])),
        None,
        "1 + 2 = 3"
    );
    core.close(NOW + 1);

    let lock = OperationBody::SetOptions(SetOptionsOp {
        inflation_dest: None,
        clear_flags: None,
        set_flags: None,
        master_weight: Some(0),
        low_threshold: None,
        med_threshold: None,
        high_threshold: None,
        home_domain: None,
        signer: None,
    });
    let draft = Draft::new(first.address(), 2, vec![operation(None, lock)]);
    assert_eq!(
        code(&mut core, &draft.sign(&[&second, &third])),
        bad_auth,
        "weights need the high threshold"
    );
    assert_eq!(
        code(&mut core, &draft.sign(&[&first, &second, &third])),
        None,
        "1 + 1 + 2 = 4"
    );
    core.close(NOW + 2);
    let master = payment_of_first(3).sign(&[&first]);
    assert_eq!(
        code(&mut core, &master),
        Some(Code::TxBadAuth),
        "the master key counts no more"
    );
}

#[test]
fn signatures_belong_to_what_they_are_over() {
    let (first, second) = (Wallet::new(1), Wallet::new(2));
    let mut core = core(|_| {});
    let draft = payment_of_first(1);
    assert_eq!(code(&mut core, &draft.sign(&[])), Some(Code::TxBadAuth));
    assert_eq!(
        code(&mut core, &draft.sign(&[&second])),
        Some(Code::TxBadAuth)
    );
    assert_eq!(
        code(&mut core, &draft.sign(&[&first, &second])),
        Some(Code::TxBadAuthExtra)
    );
    let other = payment_of_first(1).fee(200);
    let borrowed = draft.with_signatures(vec![first.sign(other.hash())]);
    assert_eq!(
        code(&mut core, &borrowed),
        Some(Code::TxBadAuth),
        "of another transaction"
    );
    // The payer of a fee bump is the inner's source: the inner signature, though by the same key, is not the outer one.
    let inner = draft.sign(&[&first]);
    let mut bump = inner.bump(first.address(), 400, &first);
    let stellar_xdr::TransactionEnvelope::TxFeeBump(envelope) = &mut bump.0 else {
        unreachable!()
    };
    envelope.signatures = vec![first.sign(draft.hash())].try_into().unwrap();
    assert_eq!(code(&mut core, &bump), Some(Code::TxBadAuth));
    assert_eq!(
        code(&mut core, &inner.bump(first.address(), 400, &first)),
        None
    );
}

#[test]
fn every_source_signs() {
    let (first, second) = (Wallet::new(1), Wallet::new(2));
    let mut core = core(|_| {});
    let draft = Draft::new(
        first.address(),
        1,
        vec![operation(Some(&second), payment(&first, 1))],
    );
    let bad_auth = Code::TxFailed(vec![OperationResult::OpBadAuth].try_into().unwrap());
    assert_eq!(code(&mut core, &draft.sign(&[&first])), Some(bad_auth));
    assert_eq!(
        code(&mut core, &draft.sign(&[&second])),
        Some(Code::TxBadAuth)
    );
    assert_eq!(code(&mut core, &draft.sign(&[&first, &second])), None);
}

#[test]
fn a_preimage_signs_for_its_hash() {
    let preimage = b"open sesame";
    let hash: [u8; 32] = Sha256::digest(preimage).into();
    let mut core = core(|account| {
        account.signers = vec![signer(SignerKey::HashX(Uint256(hash)), 1)];
        account.subentries = 1;
    });
    let hint = SignatureHint([hash[28], hash[29], hash[30], hash[31]]);
    let shown = |text: &[u8]| {
        let signature = DecoratedSignature {
            hint: hint.clone(),
            signature: Signature(text.try_into().unwrap()),
        };
        payment_of_first(1).with_signatures(vec![signature])
    };
    assert_eq!(
        code(&mut core, &shown(b"open barley")),
        Some(Code::TxBadAuth)
    );
    assert_eq!(code(&mut core, &shown(preimage)), None);
}

#[test]
fn a_pre_authorized_transaction_needs_no_signature_and_is_used_up() {
    let draft = payment_of_first(1);
    let hash = draft.hash();
    let mut core = core(|account| {
        account.signers = vec![signer(SignerKey::PreAuthTx(Uint256(hash)), 1)];
        account.subentries = 1;
    });
    assert_eq!(
        code(&mut core, &payment_of_first(1).fee(200).sign(&[])),
        Some(Code::TxBadAuth)
    );
    assert_eq!(code(&mut core, &draft.sign(&[])), None);
    core.close(NOW + 1);
    let account = core.ledger().state().account(Wallet::new(1).key()).unwrap();
    assert_eq!(
        (account.sequence, account.signers.len(), account.subentries),
        (1, 0, 0)
    );
}
