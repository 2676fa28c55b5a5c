//! A build without contracts: what would need them is refused before it gets here.

use stellar_xdr::{
    InnerTransactionResultResult as Inner, Operation, OperationBody, OperationResult,
};

use super::effects::Effects;
use super::frame::Frame;
use super::load::Load;
use super::operation::Place;
use super::state::State;

/// Runs no contracts.
pub struct Engine;

impl Engine {
    /// For no network.
    pub fn new(_network_id: [u8; 32]) -> Self {
        Self
    }

    /// Nothing fits.
    pub fn ledger_limit(&self) -> Load {
        Load::default()
    }

    /// A contract transaction is not supported.
    pub fn check(&self, frame: &Frame) -> Result<(), Inner> {
        match (frame.is_soroban(), frame.soroban_data()) {
            (false, None) => Ok(()),
            (true, _) | (false, Some(_)) => Err(Inner::TxNotSupported),
        }
    }

    /// No operation of contracts is supported.
    pub fn check_operation(
        &self,
        _frame: &Frame,
        _body: &OperationBody,
    ) -> Result<(), Box<OperationResult>> {
        Err(Box::new(OperationResult::OpNotSupported))
    }

    /// There are none.
    pub fn effects(&self, _frame: &Frame) -> Option<Effects> {
        None
    }

    /// No operation of contracts is supported.
    pub fn apply(
        &self,
        _state: &mut State,
        _frame: &Frame,
        _op: &Operation,
        _place: Place,
        _effects: &mut Effects,
    ) -> Result<OperationResult, Box<OperationResult>> {
        Err(Box::new(OperationResult::OpNotSupported))
    }

    /// There is nothing to learn.
    pub fn learn(&mut self, _effects: &Effects) {}
}
