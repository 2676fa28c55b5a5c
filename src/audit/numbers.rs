//! An account's sequence numbers, one after the other: what is missing between them was not shown.

use serde::Serialize;
use stellar_xdr as xdr;

use crate::domain::envelope::decode;
use crate::domain::observation::Landed;
use crate::domain::primitives::{AccountId, LedgerSeq, Sequence};
use crate::domain::result_code::SequenceEffect;

/// The most gaps that are kept of one account; more are counted.
const MAX_GAPS: usize = 20;
/// An account begins at its first ledger's number times 2^32, and its first transaction uses the next number.
const FIRST_OF_LEDGER: i64 = 1;
/// What is below a ledger's number in such a beginning.
const BELOW_LEDGER: i64 = 0xffff_ffff;

/// Numbers that no transaction shown has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first that is missing.
    #[serde(serialize_with = "crate::audit::report::as_text")]
    pub first: Sequence,
    /// The last that is missing. Less than the first where the numbers went back.
    #[serde(serialize_with = "crate::audit::report::as_text")]
    pub last: Sequence,
    /// The ledger of the transaction behind them.
    pub before_ledger: LedgerSeq,
}

/// How it is known that nothing lies before the first number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// It is the account's first transaction.
    Beginning,
    /// The transaction before it was seen, in an earlier ledger.
    Follows,
    /// By the word of Horizon: it shows nothing earlier.
    Word,
}

/// The sequence numbers of an account, in the order of the ledger.
#[derive(Clone, Debug)]
pub struct Numbers {
    account: AccountId,
    /// From this ledger on all of its transactions are seen, or should be.
    whole_from: LedgerSeq,
    /// The newest number that is known to be used.
    current: Option<Sequence>,
    /// Whether the one after it may be used, too: a failure of which the code does not tell.
    unsure: bool,
    /// Whether the account was merged away since: it may begin anew.
    merged: bool,
    /// How it is known that nothing lies before.
    pub start: Start,
    /// How many transactions used one.
    pub used: u64,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// How many gaps there are.
    pub gap_count: u64,
}

impl Numbers {
    /// Of an account whose newest number before is this, where it is known; from `whole_from` on, everything of its is seen.
    #[must_use]
    pub const fn after(
        account: AccountId,
        before: Option<Sequence>,
        whole_from: LedgerSeq,
    ) -> Self {
        Self {
            account,
            whole_from,
            current: before,
            unsure: false,
            merged: false,
            start: match before {
                Some(_) => Start::Follows,
                None => Start::Word,
            },
            used: 0,
            gaps: Vec::new(),
            gap_count: 0,
        }
    }

    /// The newest number that is known to be used.
    #[must_use]
    pub const fn current(&self) -> Option<Sequence> {
        self.current
    }

    /// Takes the account's next transaction in; one that only touches it may still raise its number, or end it.
    pub fn take(&mut self, landed: &Landed) {
        let decoded = decode(&landed.envelope_xdr).ok().map(|(inner, _)| inner.tx);
        if landed.source_account == self.account {
            self.own(landed, decoded.as_ref());
        }
        if let Some(transaction) = decoded.filter(|_| landed.successful) {
            self.operations(&transaction);
        }
    }

    fn own(&mut self, landed: &Landed, transaction: Option<&xdr::Transaction>) {
        let effect = landed.sequence_effect();
        if effect == SequenceEffect::Unused {
            return;
        }
        let number = landed.sequence;
        match self.current {
            None => {
                // The ledger that made the account stands in its numbers, unless they were bumped.
                let made_in = number.0 >> 32;
                let seen = i64::from(self.whole_from.0)..=i64::from(landed.ledger.0);
                let first = made_in << 32 | FIRST_OF_LEDGER;
                if number.0 == first {
                    self.start = Start::Beginning;
                } else if seen.contains(&made_in) {
                    self.gap(Sequence(first), Sequence(number.0 - 1), landed.ledger);
                }
            }
            Some(current) => {
                let follows =
                    number == current.next() || (self.unsure && number == current.next().next());
                let begins_anew = self.merged && number.0 & BELOW_LEDGER == FIRST_OF_LEDGER;
                let may_skip = number > current && allows_skipping(transaction, current);
                if !(follows || begins_anew || may_skip) {
                    self.gap(current.next(), Sequence(number.0 - 1), landed.ledger);
                }
            }
        }
        self.merged = false;
        self.used += 1;
        self.unsure = effect == SequenceEffect::Unsure;
        self.current = Some(if self.unsure {
            Sequence(number.0 - 1)
        } else {
            number
        });
    }

    /// What successful operations did to the account's number beside using it.
    fn operations(&mut self, transaction: &xdr::Transaction) {
        for operation in transaction.operations.iter() {
            let source = operation
                .source_account
                .as_ref()
                .unwrap_or(&transaction.source_account);
            if AccountId::of_muxed(source) != self.account {
                continue;
            }
            match &operation.body {
                xdr::OperationBody::BumpSequence(bump) => {
                    self.current = self.current.max(Some(Sequence(bump.bump_to.0)));
                }
                xdr::OperationBody::AccountMerge(_) => self.merged = true,
                _ => {}
            }
        }
    }

    /// Notes what is missing at the end: the account's state says that this number is used.
    pub fn end(&mut self, used: Sequence, ledger: LedgerSeq) {
        match self.current {
            Some(current) if used > current && !(self.unsure && used == current.next()) => {
                self.gap(current.next(), used, ledger);
            }
            Some(_) | None => {}
        }
    }

    fn gap(&mut self, first: Sequence, last: Sequence, before_ledger: LedgerSeq) {
        self.gap_count += 1;
        if self.gaps.len() < MAX_GAPS {
            self.gaps.push(Gap {
                first,
                last,
                before_ledger,
            });
        }
    }
}

/// Whether a transaction may itself skip numbers: it names the least that it follows on.
fn allows_skipping(transaction: Option<&xdr::Transaction>, current: Sequence) -> bool {
    let conditions = transaction.map(|transaction| &transaction.cond);
    let Some(xdr::Preconditions::V2(conditions)) = conditions else {
        return false;
    };
    conditions
        .min_seq_num
        .as_ref()
        .is_some_and(|least| least.0 <= current.0)
}
