//! What the client must make of each recorded answer. Checked against the observation that was written when it was
//! recorded: see `observations::lines_agree_with_what_was_written_down`.

/// (capture, observation).
pub const EXPECTED: &[(&str, &str)] = &[
    (
        "account",
        "account as of 175: sequence 734439407616 in ?, 10 XLM, entries 0+0-0, signers 1, needs 0",
    ),
    (
        "account-after",
        "account as of 261: sequence 734439407635 in 261, 9.99977 XLM, entries 0+0-0, signers 1, needs 0",
    ),
    ("account-bad-id", "unknown: BadRequest (bad_request)"),
    ("account-missing", "account as of 175: absent"),
    ("account-muxed-id", "unknown: BadRequest (bad_request)"),
    (
        "account-transactions",
        "page [+2] to 734439411712, the last",
    ),
    (
        "account-transactions-desc",
        "page [-734439407634 -734439407633] to 1017907253248",
    ),
    ("account-transactions-end", "page [] to nowhere, the last"),
    (
        "account-transactions-next-page",
        "page [-734439407632 -734439407631] to 1009317318656",
    ),
    (
        "account-transactions-with-failed",
        "page [+2 -734439407617 -734439407618 -734439407619] to 773094117376",
    ),
    (
        "account-with-trustlines",
        "account as of 175: sequence 734439407617 in 172, 99.99999 XLM, entries 1+0-0, signers 1, needs 0, 99 of 100 USD",
    ),
    ("accounts-missing-transactions", "absent"),
    ("async-after-landed", "try again later"),
    ("async-bad-auth", "refused: tx_failed [op_bad_auth] fee 100"),
    ("async-bad-seq", "refused: tx_bad_seq fee 100"),
    (
        "async-bump-after-landed",
        "refused: tx_fee_bump_inner_failed (tx_bad_seq) fee 200",
    ),
    ("async-duplicate", "queued before"),
    (
        "async-insufficient-fee",
        "refused: tx_insufficient_fee fee 100",
    ),
    ("async-malformed", "malformed: transaction_malformed"),
    ("async-pending", "queued"),
    ("async-replace-0-original", "queued"),
    (
        "async-replace-1-below-tenfold",
        "refused: tx_insufficient_fee fee 2000",
    ),
    ("async-replace-2-tenfold", "queued"),
    (
        "async-replace-lookup",
        "landed successful e2133482 in bump 10443716 in 243 at 1795322743: tx_fee_bump_inner_success (tx_success) [op_success] fee 200, sequence 734439407617/8152436061464415734, paid 200 by another",
    ),
    ("async-second-of-account", "try again later"),
    ("async-too-big", "queued"),
    (
        "destination-payments",
        "unknown: Unparsable (the body is not a transaction: line 1, column 4928)",
    ),
    ("empty-account", "unknown: Unavailable (still_ingesting)"),
    ("empty-ledger-transactions", "absent"),
    (
        "empty-root",
        "network \"Standalone Network ; February 2017\": history 0..0 closed never, core 531, protocol 24, Horizon 28.0.0-rig",
    ),
    ("empty-transaction", "absent"),
    (
        "failed-already-exists",
        "refused: tx_failed [op_already_exists] fee 100",
    ),
    (
        "failed-already-exists-lookup",
        "landed failed ad992806 in 236 at 1795322736: tx_failed [op_already_exists] fee 100, sequence 734439407632, paid 100 by source",
    ),
    (
        "failed-fee-bump-inner-failed",
        "refused: tx_fee_bump_inner_failed (tx_failed) [op_no_destination] fee 200",
    ),
    (
        "failed-fee-bump-inner-failed-lookup",
        "landed failed a60c4cc6 in bump d24a45d2 in 239 at 1795322739: tx_fee_bump_inner_failed (tx_failed) [op_no_destination] fee 200, sequence 734439407618/8152436061464415730, paid 200 by another/8152436061464415730",
    ),
    (
        "failed-line-full",
        "refused: tx_failed [op_line_full] fee 100",
    ),
    (
        "failed-line-full-lookup",
        "landed failed ff6e8e2a in 234 at 1795322734: tx_failed [op_line_full] fee 100, sequence 734439407630, paid 100 by source",
    ),
    (
        "failed-low-reserve",
        "refused: tx_failed [op_low_reserve] fee 100",
    ),
    (
        "failed-low-reserve-lookup",
        "landed failed f7b61320 in 237 at 1795322737: tx_failed [op_low_reserve] fee 100, sequence 734439407633, paid 100 by source",
    ),
    (
        "failed-no-destination",
        "refused: tx_failed [op_no_destination] fee 100",
    ),
    (
        "failed-no-destination-again",
        "refused: tx_failed [op_no_destination] fee 100",
    ),
    (
        "failed-no-destination-lookup",
        "landed failed e0ed2d8b in 230 at 1795322730: tx_failed [op_no_destination] fee 100, sequence 734439407626, paid 100 by source",
    ),
    (
        "failed-no-issuer",
        "refused: tx_failed [op_no_issuer] fee 100",
    ),
    (
        "failed-no-issuer-lookup",
        "landed failed f4e1e0f8 in 238 at 1795322738: tx_failed [op_no_issuer] fee 100, sequence 734439407634, paid 100 by source",
    ),
    (
        "failed-no-trust",
        "refused: tx_failed [op_no_trust] fee 100",
    ),
    (
        "failed-no-trust-lookup",
        "landed failed 09a8afcb in 232 at 1795322732: tx_failed [op_no_trust] fee 100, sequence 734439407628, paid 100 by source",
    ),
    (
        "failed-second-of-three",
        "refused: tx_failed [op_success op_no_destination op_success] fee 300",
    ),
    (
        "failed-second-of-three-lookup",
        "landed failed 96168184 in 235 at 1795322735: tx_failed [op_success op_no_destination op_success] fee 300, sequence 734439407631, paid 300 by source",
    ),
    (
        "failed-src-no-trust",
        "refused: tx_failed [op_no_trust] fee 100",
    ),
    (
        "failed-src-no-trust-lookup",
        "landed failed 6824688f in 233 at 1795322733: tx_failed [op_no_trust] fee 100, sequence 734439407629, paid 100 by source",
    ),
    (
        "failed-underfunded",
        "refused: tx_failed [op_underfunded] fee 100",
    ),
    (
        "failed-underfunded-lookup",
        "landed failed f60c5a91 in 231 at 1795322731: tx_failed [op_underfunded] fee 100, sequence 734439407627, paid 100 by source",
    ),
    (
        "fee-account-transactions",
        "page [+2 +734439407617 -734439407617] to 803158888448",
    ),
    (
        "fee-stats",
        "fees: base 100, used 0‰, charged [100, 100, 100], bid [100, 100, 100]",
    ),
    (
        "fee-stats-surge",
        "fees: base 100, used 600‰, charged [120, 170, 170], bid [160, 170, 170]",
    ),
    (
        "ledger",
        "ledger 173 fb6374fc… closed 1795322673, base fee 100, reserve 5000000, takes 1000, protocol 24",
    ),
    ("ledger-future", "absent"),
    (
        "ledger-transactions",
        "page [+734439407618 -734439407619 +734439407618 +734439407619 +734439407635 +734439407617 -734439407617 -734439407619] to 1120986497024, the last",
    ),
    (
        "ledger-transactions-default",
        "page [+734439407618 +734439407618 +734439407619 +734439407635 +734439407617] to 1120986488832, the last",
    ),
    ("ledger-transactions-future", "absent"),
    (
        "ledger-with-transactions",
        "ledger 261 22e4b8e2… closed 1795322761, base fee 100, reserve 5000000, takes 1000, protocol 24",
    ),
    (
        "ledgers-latest",
        "ledger 175 f3108c61… closed 1795322675, base fee 100, reserve 5000000, takes 1000, protocol 24",
    ),
    (
        "malformed-content-type",
        "unknown: BadRequest (unsupported_media_type)",
    ),
    ("malformed-cut-xdr", "malformed: transaction_malformed"),
    ("malformed-empty", "malformed: transaction_malformed"),
    ("malformed-not-base64", "malformed: transaction_malformed"),
    (
        "method-not-allowed",
        "unknown: BadRequest (status 405 without a problem's name)",
    ),
    ("not-found-route", "absent"),
    (
        "rate-limited",
        "unknown: RateLimited (rate_limit_exceeded), wait 1 s",
    ),
    (
        "rate-limited-post",
        "unknown: RateLimited (rate_limit_exceeded), wait 1 s",
    ),
    ("reaped-asc", "page [+7 +8] to 3513283252224"),
    ("reaped-desc", "unknown: Gone (before_history)"),
    ("reaped-ledger", "unknown: Gone (before_history)"),
    (
        "reaped-root",
        "network \"Standalone Network ; February 2017\": history 687..889 closed 1795323391, core 889, protocol 24, Horizon 28.0.0-rig",
    ),
    ("reaped-transaction", "absent"),
    ("refused-bad-auth-channel", "refused: tx_bad_auth fee 100"),
    (
        "refused-bad-auth-extra",
        "refused: tx_bad_auth_extra fee 100",
    ),
    (
        "refused-bad-auth-none",
        "refused: tx_failed [op_bad_auth] fee 100",
    ),
    ("refused-bad-seq-high", "refused: tx_bad_seq fee 100"),
    ("refused-bad-seq-low", "refused: tx_bad_seq fee 100"),
    ("refused-fee-bump-bad-auth", "refused: tx_bad_auth fee 200"),
    (
        "refused-fee-bump-inner-bad-seq",
        "refused: tx_fee_bump_inner_failed (tx_bad_seq) fee 200",
    ),
    ("refused-fee-bump-inner-bad-seq-lookup", "absent"),
    (
        "refused-fee-bump-no-account",
        "refused: tx_no_source_account fee 200",
    ),
    (
        "refused-insufficient-balance",
        "refused: tx_insufficient_balance fee 100",
    ),
    (
        "refused-insufficient-fee",
        "refused: tx_insufficient_fee fee 100",
    ),
    (
        "refused-missing-operation",
        "refused: tx_missing_operation fee 100",
    ),
    (
        "refused-no-account",
        "refused: tx_no_source_account fee 100",
    ),
    (
        "refused-op-malformed",
        "refused: tx_failed [op_malformed] fee 100",
    ),
    ("refused-op-malformed-lookup", "absent"),
    ("refused-too-early-ledger", "refused: tx_too_early fee 100"),
    ("refused-too-early-time", "refused: tx_too_early fee 100"),
    ("refused-too-late-ledger", "refused: tx_too_late fee 100"),
    ("refused-too-late-time", "refused: tx_too_late fee 100"),
    (
        "root",
        "network \"Standalone Network ; February 2017\": history 16..175 closed 1795322675, core 175, protocol 24, Horizon 28.0.0-rig",
    ),
    (
        "sse-account-transactions",
        "unknown: Unparsable (the body is not a transaction: line 1, column 1)",
    ),
    (
        "sse-ledgers",
        "unknown: Unparsable (the body is not a transaction: line 1, column 1)",
    ),
    (
        "stale-account",
        "account as of 625: sequence 734439407616 in ?, 10 XLM, entries 0+0-0, signers 1, needs 0",
    ),
    (
        "stale-root",
        "network \"Standalone Network ; February 2017\": history 16..625 closed 1795323126, core 636, protocol 24, Horizon 28.0.0-rig",
    ),
    (
        "stale-submit-timeout",
        "unknown: Timeout (transaction_submission_timeout)",
    ),
    ("stale-transaction", "unknown: Unavailable (stale_history)"),
    ("stale-transactions", "unknown: Unavailable (stale_history)"),
    (
        "submit-fee-bump-inner-after",
        "landed successful 7c6f1a3e in bump 872459e7 in 229 at 1795322729: tx_fee_bump_inner_success (tx_success) [op_success] fee 200, sequence 734439407618/8152436061464415728, paid 200 by another/8152436061464415728",
    ),
    (
        "submit-fee-bump-success",
        "landed successful 7c6f1a3e in bump 872459e7 in 229 at 1795322729: tx_fee_bump_inner_success (tx_success) [op_success] fee 200, sequence 734439407618/8152436061464415728, paid 200 by another/8152436061464415728",
    ),
    (
        "submit-other-fee-bump-after",
        "refused: tx_fee_bump_inner_failed (tx_bad_seq) fee 200",
    ),
    (
        "submit-success",
        "landed successful 8c3888b0 in 228 at 1795322728: tx_success [op_success] fee 100, sequence 734439407618/8152436061464415727, paid 100 by source/8152436061464415727",
    ),
    (
        "submit-success-again",
        "landed successful 8c3888b0 in 228 at 1795322728: tx_success [op_success] fee 100, sequence 734439407618/8152436061464415727, paid 100 by source/8152436061464415727",
    ),
    (
        "submit-timeout",
        "unknown: Timeout (transaction_submission_timeout)",
    ),
    ("surge-0-bid-100", "queued"),
    ("surge-1-bid-110", "queued"),
    ("surge-2-bid-120", "queued"),
    ("surge-3-bid-130", "queued"),
    ("surge-4-bid-140", "queued"),
    ("surge-5-bid-150", "queued"),
    ("surge-6-bid-160", "queued"),
    ("surge-7-bid-170", "queued"),
    ("surge-again-0", "try again later"),
    ("surge-again-1", "try again later"),
    ("surge-again-2", "try again later"),
    ("surge-again-3", "try again later"),
    ("surge-low-bid", "refused: tx_insufficient_fee fee 151"),
    ("transaction-bad-hash", "unknown: BadRequest (bad_request)"),
    (
        "transaction-contract-call",
        "landed successful 8c4c80f5 in 1326 at 1795323829: tx_success [op_success] fee 77167, sequence 4995046965251, paid 77167 by source",
    ),
    (
        "transaction-contract-call-failed",
        "landed failed a3eee564 in 1327 at 1795323830: tx_failed [op_function_trapped] fee 48959, sequence 4995046965251, paid 48959 by source",
    ),
    (
        "transaction-contract-call-fee-bump",
        "landed successful 34982b65 in bump 5688b58d in 1328 at 1795323831: tx_fee_bump_inner_success (tx_success) [op_success] fee 22825, sequence 4995046965251, paid 22825 by another/8152436063259739554",
    ),
    (
        "transaction-fee-bump-by-inner",
        "landed successful 7c6f1a3e in bump 872459e7 in 229 at 1795322729: tx_fee_bump_inner_success (tx_success) [op_success] fee 200, sequence 734439407618/8152436061464415728, paid 200 by another/8152436061464415728",
    ),
    (
        "transaction-fee-bump-by-outer",
        "landed successful 7c6f1a3e in bump 872459e7 in 229 at 1795322729: tx_fee_bump_inner_success (tx_success) [op_success] fee 200, sequence 734439407618/8152436061464415728, paid 200 by another/8152436061464415728",
    ),
    ("transaction-missing", "absent"),
    (
        "transaction-operations",
        "unknown: Unparsable (the body is not a transaction: line 1, column 1500)",
    ),
    (
        "transaction-success",
        "landed successful 8c3888b0 in 228 at 1795322728: tx_success [op_success] fee 100, sequence 734439407618/8152436061464415727, paid 100 by source/8152436061464415727",
    ),
    (
        "transaction-upper-hash",
        "unknown: BadRequest (bad_request)",
    ),
    (
        "transactions-bad-cursor",
        "unknown: BadRequest (bad_request)",
    ),
    (
        "transactions-limit-too-high",
        "unknown: BadRequest (bad_request)",
    ),
];
