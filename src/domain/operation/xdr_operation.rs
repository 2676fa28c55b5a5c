//! An operation given as XDR, and what no operation may be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use stellar_xdr as xdr;
use xdr::{Limits, ReadXdr, WriteXdr};

use crate::domain::primitives::AccountId;

/// The most bytes of one operation's XDR: far above any classic one.
const MAX_OPERATION_BYTES: usize = 16 * 1024;

/// An operation that was given as XDR. Its source is the intent's source, named or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdrOperation {
    body: xdr::OperationBody,
    named_source: Option<AccountId>,
}

impl XdrOperation {
    /// Decodes it, and refuses what a submitter cannot take responsibility for.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn decode(text: &str) -> Result<Self, String> {
        let bytes = BASE64
            .decode(text)
            .map_err(|_| "is not base64".to_owned())?;
        if bytes.len() > MAX_OPERATION_BYTES {
            return Err(format!("is longer than {MAX_OPERATION_BYTES} bytes"));
        }
        let operation = xdr::Operation::from_xdr(
            &bytes,
            Limits {
                depth: 50,
                len: bytes.len(),
            },
        )
        .map_err(|_| "is not the XDR of one Operation".to_owned())?;
        if let Some(reason) = refuse_body(&operation.body) {
            return Err(reason.to_owned());
        }
        let named_source = match operation.source_account {
            None => None,
            Some(xdr::MuxedAccount::Ed25519(key)) => Some(AccountId(key.0)),
            // Its id would be lost, for operations are built with the plain source.
            Some(xdr::MuxedAccount::MuxedEd25519(_)) => {
                return Err("names a muxed source account: name the plain one, or none".to_owned());
            }
        };
        Ok(Self {
            body: operation.body,
            named_source,
        })
    }

    /// The source that it names itself, which is forgotten: named or not, the operation is the same.
    pub const fn take_named_source(&mut self) -> Option<AccountId> {
        self.named_source.take()
    }

    pub(super) const fn body(&self) -> &xdr::OperationBody {
        &self.body
    }

    pub(super) fn to_base64(&self) -> String {
        let operation = xdr::Operation {
            source_account: None,
            body: self.body.clone(),
        };
        operation
            .to_xdr_base64(Limits::none())
            .expect("an operation that was decoded encodes")
    }
}

/// Why an operation is refused, if it is: it would end an account, move a sequence number, change who signs, or needs a
/// transaction of another kind.
#[must_use]
pub fn refuse_body(body: &xdr::OperationBody) -> Option<&'static str> {
    use xdr::OperationBody as Body;
    match body {
        Body::AccountMerge(_) => {
            Some("is account_merge, which is refused: it ends the account that pays")
        }
        Body::BumpSequence(_) => Some(
            "is bump_sequence, which is refused: it would break the proof that a payment is sent once",
        ),
        Body::SetOptions(options)
            if options.signer.is_some()
                || options.master_weight.is_some()
                || options.low_threshold.is_some()
                || options.med_threshold.is_some()
                || options.high_threshold.is_some() =>
        {
            Some(
                "is set_options on signers or thresholds, which is refused: it changes who may sign for the account",
            )
        }
        Body::InvokeHostFunction(_) | Body::ExtendFootprintTtl(_) | Body::RestoreFootprint(_) => {
            Some(
                "is a contract operation, which cannot be given as XDR: it needs resources and fees of its own",
            )
        }
        Body::Inflation => Some("is inflation, which the network no longer has"),
        Body::CreateAccount(_)
        | Body::Payment(_)
        | Body::PathPaymentStrictReceive(_)
        | Body::ManageSellOffer(_)
        | Body::CreatePassiveSellOffer(_)
        | Body::SetOptions(_)
        | Body::ChangeTrust(_)
        | Body::AllowTrust(_)
        | Body::ManageData(_)
        | Body::ManageBuyOffer(_)
        | Body::PathPaymentStrictSend(_)
        | Body::CreateClaimableBalance(_)
        | Body::ClaimClaimableBalance(_)
        | Body::BeginSponsoringFutureReserves(_)
        | Body::EndSponsoringFutureReserves
        | Body::RevokeSponsorship(_)
        | Body::Clawback(_)
        | Body::ClawbackClaimableBalance(_)
        | Body::SetTrustLineFlags(_)
        | Body::LiquidityPoolDeposit(_)
        | Body::LiquidityPoolWithdraw(_) => None,
    }
}
