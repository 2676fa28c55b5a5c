//! Who may claim a claimable balance, and when.

use serde_json::{Value, json};
use stellar_xdr as xdr;

use crate::domain::fields::{Errors, Fields, join};
use crate::domain::primitives::AccountId;

/// How deep predicates may be nested, as the protocol says.
const MAX_PREDICATE_DEPTH: usize = 4;

/// One who may claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    destination: AccountId,
    predicate: Predicate,
}

/// When a claim is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// Always.
    Unconditional,
    /// When both are.
    And(Box<[Self; 2]>),
    /// When either is.
    Or(Box<[Self; 2]>),
    /// When it is not.
    Not(Box<Self>),
    /// Before a time, in seconds since 1970.
    BeforeAbsoluteTime(i64),
    /// Within so many seconds of the balance's creation.
    BeforeRelativeTime(i64),
}

impl Claimant {
    /// Reads `{"destination": "G…", "predicate": …}`; without a predicate it is unconditional.
    pub fn read(value: &Value, pointer: String, errors: &mut Errors) -> Option<Self> {
        let mut fields = Fields::of(value, pointer, errors)?;
        let destination = fields.parsed("destination", errors);
        let at = fields.at("predicate");
        let predicate = match fields.optional("predicate") {
            None => Some(Predicate::Unconditional),
            Some(value) => Predicate::read(value, at, 1, errors),
        };
        fields.end(errors);
        Some(Self {
            destination: destination?,
            predicate: predicate?,
        })
    }

    pub(super) const fn destination(&self) -> AccountId {
        self.destination
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"destination": self.destination, "predicate": self.predicate.to_json()})
    }

    pub(super) fn to_xdr(&self) -> xdr::Claimant {
        xdr::Claimant::ClaimantTypeV0(xdr::ClaimantV0 {
            destination: self.destination.to_xdr(),
            predicate: self.predicate.to_xdr(),
        })
    }
}

impl Predicate {
    fn read(value: &Value, pointer: String, depth: usize, errors: &mut Errors) -> Option<Self> {
        if depth > MAX_PREDICATE_DEPTH {
            errors.add(
                pointer,
                format_args!("is nested deeper than {MAX_PREDICATE_DEPTH}"),
            );
            return None;
        }
        if value.as_str() == Some("unconditional") {
            return Some(Self::Unconditional);
        }
        let single = value
            .as_object()
            .filter(|map| map.len() == 1)
            .and_then(|map| map.iter().next());
        let Some((name, inner)) = single else {
            errors.add(
                pointer,
                "must be \"unconditional\", or an object with one of not, and, or, before_absolute_time, before_relative_time",
            );
            return None;
        };
        let at = join(&pointer, name);
        match name.as_str() {
            "not" => Some(Self::Not(Box::new(Self::read(
                inner,
                at,
                depth + 1,
                errors,
            )?))),
            "and" => Some(Self::And(Self::read_two(inner, at, depth, errors)?)),
            "or" => Some(Self::Or(Self::read_two(inner, at, depth, errors)?)),
            "before_absolute_time" => Some(Self::BeforeAbsoluteTime(seconds(inner, at, errors)?)),
            "before_relative_time" => Some(Self::BeforeRelativeTime(seconds(inner, at, errors)?)),
            _ => {
                errors.add(
                    at,
                    "is not a predicate: not, and, or, before_absolute_time, before_relative_time",
                );
                None
            }
        }
    }

    fn read_two(
        value: &Value,
        pointer: String,
        depth: usize,
        errors: &mut Errors,
    ) -> Option<Box<[Self; 2]>> {
        let Some([left, right]) = value.as_array().map(Vec::as_slice) else {
            errors.add(pointer, "must be an array of two predicates");
            return None;
        };
        let left = Self::read(left, join(&pointer, "0"), depth + 1, errors);
        let right = Self::read(right, join(&pointer, "1"), depth + 1, errors);
        Some(Box::new([left?, right?]))
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Unconditional => json!("unconditional"),
            Self::And(two) => json!({"and": [two[0].to_json(), two[1].to_json()]}),
            Self::Or(two) => json!({"or": [two[0].to_json(), two[1].to_json()]}),
            Self::Not(inner) => json!({"not": inner.to_json()}),
            Self::BeforeAbsoluteTime(at) => json!({"before_absolute_time": at.to_string()}),
            Self::BeforeRelativeTime(after) => json!({"before_relative_time": after.to_string()}),
        }
    }

    fn to_xdr(&self) -> xdr::ClaimPredicate {
        use xdr::ClaimPredicate as P;
        let both = |two: &[Self; 2]| {
            two.iter()
                .map(Self::to_xdr)
                .collect::<Vec<_>>()
                .try_into()
                .expect("two predicates fit where two are allowed")
        };
        match self {
            Self::Unconditional => P::Unconditional,
            Self::And(two) => P::And(both(two)),
            Self::Or(two) => P::Or(both(two)),
            Self::Not(inner) => P::Not(Some(Box::new(inner.to_xdr()))),
            Self::BeforeAbsoluteTime(at) => P::BeforeAbsoluteTime(*at),
            Self::BeforeRelativeTime(after) => P::BeforeRelativeTime(*after),
        }
    }
}

fn seconds(value: &Value, pointer: String, errors: &mut Errors) -> Option<i64> {
    let number = value
        .as_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse::<i64>().ok());
    if number.is_none() {
        errors.add(
            pointer,
            "must be a string with a whole number of seconds that is not negative",
        );
    }
    number
}
