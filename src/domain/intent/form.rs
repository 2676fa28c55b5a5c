//! A request's normal form. It is written from the request at once, without a tree of values in between: accepting an intent
//! writes it twice.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Content, Request, rfc3339};
use crate::domain::asset::{Asset, Destination};
use crate::domain::operation::Operation;
use crate::domain::primitives::{AccountId, Stroops};

/// The normal form. Fields stand in the order of their names, as in an object that was read back.
#[derive(Serialize)]
struct Form<'a> {
    max_fee_per_operation: Option<String>,
    memo: Value,
    metadata: &'a Option<Value>,
    method: &'a str,
    not_before: Option<String>,
    on_state_error: &'static str,
    operations: Option<&'a [Operation]>,
    ordering_key: Option<&'a str>,
    source: AccountId,
    transaction_xdr: Option<String>,
    valid_until: Option<String>,
    workflow_id: &'a str,
}

impl Request {
    fn form(&self) -> Form<'_> {
        Form {
            max_fee_per_operation: self.max_fee_per_operation.map(|fee| fee.get().to_string()),
            memo: self.memo.to_json(),
            metadata: &self.metadata,
            method: &self.method,
            not_before: self.not_before.map(rfc3339),
            on_state_error: self.on_state_error.as_str(),
            operations: self.operations(),
            ordering_key: self.ordering_key.as_deref(),
            source: self.source,
            transaction_xdr: self.transaction_xdr(),
            valid_until: self.valid_until.map(rfc3339),
            workflow_id: &self.workflow_id,
        }
    }

    /// The request in its normal form, which reads back to the same request.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self.form()).expect("strings, numbers and what was read as JSON")
    }

    /// The normal form as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(&self.form()).expect("strings, numbers and what was read as JSON")
    }

    /// Its operations, unless it is a transaction that is signed already.
    #[must_use]
    pub fn operations(&self) -> Option<&[Operation]> {
        match &self.content {
            Content::Operations(operations) => Some(operations),
            Content::Presigned(_) => None,
        }
    }

    /// The transaction that is signed already, XDR in base64.
    #[must_use]
    pub fn transaction_xdr(&self) -> Option<String> {
        match &self.content {
            Content::Operations(_) => None,
            Content::Presigned(presigned) => Some(presigned.to_base64()),
        }
    }
}

impl Serialize for Operation {
    /// The normal form, as [`Operation::to_json`] has it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Payment<'a> {
            amount: Stroops,
            asset: Shown<&'a Asset>,
            destination: Shown<&'a Destination>,
            r#type: &'static str,
        }
        match self {
            // Nearly every operation is one.
            Self::Payment {
                destination,
                asset,
                amount,
            } => Payment {
                amount: *amount,
                asset: Shown(asset),
                destination: Shown(destination),
                r#type: self.type_name(),
            }
            .serialize(serializer),
            Self::PathPaymentStrictSend { .. }
            | Self::PathPaymentStrictReceive { .. }
            | Self::CreateAccount { .. }
            | Self::ChangeTrust { .. }
            | Self::CreateClaimableBalance { .. }
            | Self::ClaimClaimableBalance { .. }
            | Self::Clawback { .. }
            | Self::ManageData { .. }
            | Self::SetTrustLineFlags { .. }
            | Self::Contract(_)
            | Self::Xdr(_) => self.to_json().serialize(serializer),
        }
    }
}

/// As it is shown.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::intent::read_stored;

    #[test]
    fn the_text_is_that_of_the_value_and_of_what_is_read_back() {
        let account = AccountId([7; 32]);
        let asset = format!("USD:{account}");
        let body = json!({
            "workflow_id": "w \"é\" \u{1f600}", "source": account,
            "operations": [
                {"type": "payment", "destination": account, "asset": "native", "amount": "12.50"},
                {"type": "payment", "destination": account, "asset": asset, "amount": "0.0000001"},
                {"type": "manage_data", "name": "k"},
            ],
            "memo": {"type": "id", "value": "7"}, "metadata": {"b": 1.5, "a": [null, true]},
            "not_before": "2030-01-01T00:00:00Z", "ordering_key": "o", "on_state_error": "park",
            "max_fee_per_operation": "1000",
        });
        let request = read_stored(&body).unwrap();
        let text = request.to_text();
        assert_eq!(text, request.to_json().to_string());
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again, request.to_json());
        assert_eq!(read_stored(&again).unwrap(), request);
        // The one that is written in its own way is the one that the others are compared with.
        for operation in request.operations().unwrap() {
            let written = serde_json::to_value(operation).unwrap();
            assert_eq!(written, operation.to_json());
        }
        let names: Vec<&String> = again.as_object().unwrap().keys().collect();
        assert_eq!(names.len(), Request::FIELDS.len());
        for name in Request::FIELDS {
            assert!(names.contains(&&name.to_owned()), "{name}");
        }
    }
}
