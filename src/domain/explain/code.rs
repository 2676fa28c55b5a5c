//! Every reason code there is: what it means, and what can be done.

/// What can be done about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing need be done.
    Done,
    /// The request must be another.
    Request,
    /// A transaction that was given signed must be another.
    Transaction,
    /// The same operation never succeeds.
    Never,
    /// An account's state may change.
    State,
    /// Prices may change.
    Market,
    /// The call may be simulated again.
    Contract,
    /// The account that pays needs lumens.
    Fee,
    /// Signers and thresholds.
    Auth,
    /// The configuration lacks a key.
    Key,
    /// History is missing.
    Unexplained,
    /// A person must look.
    Look,
}

impl Remedy {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Done => "Nothing. To pay after all, post a new workflow_id.",
            Self::Request => "Correct the request, and post it under a new workflow_id.",
            Self::Transaction => {
                "Build and sign another transaction, with bounds far enough ahead, and post it under a new workflow_id; or give its operations instead."
            }
            Self::Never => {
                "The same operation cannot succeed: correct it, and post it under a new workflow_id."
            }
            Self::State => {
                "Set the account right (funds, trustline, authorization, reserve). A parked intent is tried again by itself; one that failed is posted under a new workflow_id, with on_state_error \"park\" if it should wait the next time."
            }
            Self::Market => {
                "Wait for other prices, or allow a worse one under a new workflow_id; with on_state_error \"park\" it is tried again by itself."
            }
            Self::Contract => {
                "Look at the contract's own error and at what it was given; post the call again under a new workflow_id."
            }
            Self::Fee => {
                "Send lumens to the account that pays the fee; it is tried again by itself."
            }
            Self::Auth => {
                "Check the signers and thresholds of source and channel, then queue it again (retry), or cancel it."
            }
            Self::Key => {
                "Configure the key, start the daemon again, then queue the intent again (retry)."
            }
            Self::Unexplained => {
                "Give the daemon a Horizon with longer history (horizon.urls). It cannot be retried or canceled before it is known what has used the number."
            }
            Self::Look => {
                "Look at its attempts and at the daemon's log; then queue it again (retry) or cancel it where it is parked."
            }
        }
    }
}

/// What a code means.
#[derive(Clone, Copy, Debug)]
pub struct CodeMeaning {
    /// The code.
    pub code: &'static str,
    /// What it means.
    pub means: &'static str,
    /// What can be done.
    pub remedy: Remedy,
}

const fn of(code: &'static str, means: &'static str, remedy: Remedy) -> CodeMeaning {
    CodeMeaning {
        code,
        means,
        remedy,
    }
}

/// What a code means, where it is known.
#[must_use]
pub fn meaning_of(code: &str) -> Option<&'static CodeMeaning> {
    CODES.iter().find(|known| known.code == code)
}

/// Every code: ours, those of transactions, and those of operations. The tests hold it against the code base and the protocol.
#[rustfmt::skip]
pub const CODES: [CodeMeaning; 120] = [
    of("canceled", "It was canceled on request, and proven not to have landed.", Remedy::Done),
    of("expired", "Its valid_until passed on the chain's clock, and it is proven not to have landed.", Remedy::Done),
    of("invalid_intent", "The body that was enqueued in SQL is not a valid request.", Remedy::Request),
    of("transaction_malformed", "Horizon does not understand the bytes of the transaction.", Remedy::Request),
    of("fee_above_cap", "The transaction that was given signed bids more than may be paid for it; it was never sent.", Remedy::Transaction),
    of("transaction_too_late", "The transaction that was given signed can no longer land: its bounds have passed, or its sequence number is used.", Remedy::Transaction),
    of("transaction_already_used", "The transaction that was given signed belongs to another workflow, and lands only once.", Remedy::Transaction),
    of("channel_used", "The transaction that was given signed uses an account that supplies sequence numbers here.", Remedy::Transaction),
    of("workflow_conflict", "A transaction with this workflow's tag, but other content, is on the chain: an earlier life of the records posted something else under it.", Remedy::Request),
    of("source_not_configured", "No key is configured any more for the account whose funds it moves.", Remedy::Key),
    of("key_missing", "A key that it needs is not configured any more.", Remedy::Key),
    of("signing_failed", "Building its transaction failed by a mistake of this program.", Remedy::Look),
    of("sequence_unexplained", "Its sequence number was used, and Horizon shows no transaction that did: it may have landed.", Remedy::Unexplained),
    of("nonce_used_elsewhere", "The contract call's authorization was used by somebody else's transaction.", Remedy::Look),
    of("contract_error", "The contract refuses the call with an error of its own; that was simulated, and is not sent.", Remedy::Contract),
    of("function_trapped", "The contract's code traps; that was simulated, and is not sent.", Remedy::Contract),
    of("contract_missing", "The contract, its function, or an entry that it needs does not exist.", Remedy::Contract),
    of("authorization_failed", "An authorization of the call does not suffice.", Remedy::Contract),
    of("authorization_missing", "Somebody else must authorize the call: give that, signed, as auth_entries.", Remedy::Request),
    of("authorization_not_asked_for", "An authorization was given that the call does not ask for.", Remedy::Request),
    of("call_not_understood", "Stellar RPC does not understand the call.", Remedy::Request),
    of("host_error", "The network's host refuses the call.", Remedy::Contract),
    of("resource_limit_exceeded", "The call needs more than the network lets one transaction have.", Remedy::Contract),
    of("resource_fee_too_high", "The call's resources cost more than is ever paid here.", Remedy::Request),
    of("tx_success", "The transaction was applied.", Remedy::Look),
    of("tx_fee_bump_inner_success", "The transaction in the fee bump was applied.", Remedy::Look),
    of("tx_failed", "An operation of it failed.", Remedy::Never),
    of("tx_fee_bump_inner_failed", "The transaction in the fee bump failed.", Remedy::Never),
    of("tx_too_early", "Its time had not come.", Remedy::State),
    of("tx_too_late", "Its time was over.", Remedy::Never),
    of("tx_missing_operation", "It has no operation.", Remedy::Never),
    of("tx_bad_seq", "The account was at another sequence number.", Remedy::Look),
    of("tx_bad_auth", "Its signatures do not suffice: signers or thresholds of the source or the channel have changed.", Remedy::Auth),
    of("tx_insufficient_balance", "The account that pays the fee has too little.", Remedy::Fee),
    of("tx_no_source_account", "The account that lends the sequence number does not exist.", Remedy::Look),
    of("tx_insufficient_fee", "The bid was too low.", Remedy::Fee),
    of("tx_bad_auth_extra", "It carries signatures that are not needed: signers or thresholds have changed.", Remedy::Auth),
    of("tx_internal_error", "The network met an error of its own.", Remedy::Never),
    of("tx_not_supported", "The network does not support this kind of transaction.", Remedy::Never),
    of("tx_bad_sponsorship", "A sponsorship in it is not closed as it must be.", Remedy::Never),
    of("tx_bad_minseq_age_or_gap", "The account's sequence number is not old enough.", Remedy::State),
    of("tx_malformed", "The transaction is not valid.", Remedy::Never),
    of("tx_soroban_invalid", "The resources of the contract call were refused.", Remedy::Contract),
    of("tx_frozen_key_accessed", "It needs a ledger entry that the network has frozen.", Remedy::Look),
    of("tx_unrecognised", "The network answered with a result that this version does not know.", Remedy::Look),
    of("op_success", "The operation was applied.", Remedy::Look),
    of("op_malformed", "An operation's values are not valid.", Remedy::Never),
    of("op_self_not_allowed", "An operation names the account itself where it must be another.", Remedy::Never),
    of("op_already_exists", "What an operation makes is there already.", Remedy::Never),
    of("op_does_not_exist", "What an operation needs is not there, and its name never will be again.", Remedy::Never),
    of("op_not_supported", "The network does not support an operation.", Remedy::Never),
    of("op_offer_not_found", "The offer is not there.", Remedy::Never),
    of("op_too_many_signers", "The account has as many signers as it may have.", Remedy::Never),
    of("op_bad_flags", "Flags contradict each other.", Remedy::Never),
    of("op_invalid_inflation", "The inflation destination is not valid.", Remedy::Never),
    of("op_cant_change", "The account's flags may not be changed any more.", Remedy::Never),
    of("op_unknown_flag", "A flag is not known.", Remedy::Never),
    of("op_threshold_out_of_range", "A threshold or weight is out of range.", Remedy::Never),
    of("op_bad_signer", "A signer is not valid.", Remedy::Never),
    of("op_invalid_home_domain", "The home domain is not valid.", Remedy::Never),
    of("op_auth_revocable_required", "The flag needs another flag that is not set.", Remedy::Never),
    of("op_trust_not_required", "The issuer does not ask for authorization.", Remedy::Never),
    of("op_no_account", "The account does not exist.", Remedy::Never),
    of("op_immutable_set", "The account is immutable.", Remedy::Never),
    of("op_has_sub_entries", "The account still has entries of its own.", Remedy::Never),
    of("op_seq_num_too_far", "The sequence number is too far ahead.", Remedy::Never),
    of("op_is_sponsor", "The account sponsors others.", Remedy::Never),
    of("op_not_time", "It is not the time for it.", Remedy::Never),
    of("op_not_supported_yet", "The network does not support it yet.", Remedy::Never),
    of("op_data_name_not_found", "The data entry is not there.", Remedy::Never),
    of("op_data_invalid_name", "The name of the data entry is not valid.", Remedy::Never),
    of("op_bad_seq", "The sequence number is not valid.", Remedy::Never),
    of("op_already_sponsored", "It is sponsored already.", Remedy::Never),
    of("op_recursive", "A sponsor is sponsored itself.", Remedy::Never),
    of("op_not_sponsored", "It is not sponsored.", Remedy::Never),
    of("op_not_sponsor", "The account is not its sponsor.", Remedy::Never),
    of("op_only_transferable", "The sponsorship can only be handed on.", Remedy::Never),
    of("op_not_issuer", "The claimable balance is not of this issuer.", Remedy::Never),
    of("op_invalid_state", "The flags would contradict each other.", Remedy::Never),
    of("op_underfunded", "The account that sends has too little, its reserve and open offers apart.", Remedy::State),
    of("op_src_no_trust", "The account that sends has no trustline for the asset.", Remedy::State),
    of("op_src_not_authorized", "The issuer has not authorized the account that sends.", Remedy::State),
    of("op_no_trust", "The account that receives has no trustline for the asset.", Remedy::State),
    of("op_not_authorized", "The issuer has not authorized the account that receives.", Remedy::State),
    of("op_line_full", "The account that receives would hold more than its trustline's limit.", Remedy::State),
    of("op_no_destination", "The account that receives does not exist.", Remedy::State),
    of("op_low_reserve", "An account would hold less than its reserve.", Remedy::State),
    of("op_no_issuer", "The asset's issuer does not exist.", Remedy::State),
    of("op_invalid_limit", "The trustline's limit would be below what it holds.", Remedy::State),
    of("op_cannot_claim", "The claimable balance cannot be claimed by this account, or not now.", Remedy::State),
    of("op_trustline_frozen", "The trustline is frozen by the network.", Remedy::State),
    of("op_bad_auth", "An operation is not signed as its source account asks for.", Remedy::Auth),
    of("op_no_source_account", "The source account of an operation does not exist.", Remedy::State),
    of("op_too_many_subentries", "The account has as many entries as it may have.", Remedy::State),
    of("op_too_many_sponsoring", "The account sponsors as many entries as it may.", Remedy::State),
    of("op_sell_no_trust", "The account has no trustline for what it sells.", Remedy::State),
    of("op_buy_no_trust", "The account has no trustline for what it buys.", Remedy::State),
    of("op_sell_not_authorized", "The issuer has not authorized the account to sell it.", Remedy::State),
    of("op_buy_not_authorized", "The issuer has not authorized the account to hold what it buys.", Remedy::State),
    of("op_sell_no_issuer", "The issuer of what is sold does not exist.", Remedy::State),
    of("op_buy_no_issuer", "The issuer of what is bought does not exist.", Remedy::State),
    of("op_trust_line_missing", "A trustline that it needs is not there.", Remedy::State),
    of("op_cannot_delete", "The trustline is in use and cannot be removed.", Remedy::State),
    of("op_not_auth_maintain_liabilities", "A trustline may only keep what it has.", Remedy::State),
    of("op_no_trust_line", "There is no trustline.", Remedy::State),
    of("op_cant_revoke", "The issuer may not revoke authorization.", Remedy::State),
    of("op_dest_full", "The account that receives would hold more lumens than there can be.", Remedy::State),
    of("op_not_clawback_enabled", "The trustline does not allow clawback.", Remedy::State),
    of("op_pool_full", "The liquidity pool is full.", Remedy::State),
    of("op_too_few_offers", "There are too few offers on the way from one asset to the other.", Remedy::Market),
    of("op_over_source_max", "It would cost more than was allowed.", Remedy::Market),
    of("op_under_dest_min", "It would bring less than was asked for.", Remedy::Market),
    of("op_cross_self", "It would cross an offer of the account's own.", Remedy::Market),
    of("op_exceeded_work_limit", "The way through the offers takes too much work.", Remedy::Market),
    of("op_bad_price", "The pool's price is out of the range that was allowed.", Remedy::Market),
    of("op_under_minimum", "The pool would give less than was asked for.", Remedy::Market),
    of("op_function_trapped", "The contract refused the call.", Remedy::Contract),
    of("op_resource_limit_exceeded", "The contract call needs more resources than it was given.", Remedy::Contract),
    of("op_insufficient_refundable_fee", "The contract call's refundable fee does not suffice.", Remedy::Contract),
    of("op_entry_archived", "A ledger entry that the contract needs is archived.", Remedy::Contract),
];
