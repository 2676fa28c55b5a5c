//! What each capture means.

/// (capture, what its row in the fixture's README says, what the client makes of it).
pub const EXPECTED: &[(&str, &str, &str)] = &[
    ("get-events", "page", "never asked"),
    (
        "get-fee-stats",
        "inclusion fee percentiles, Soroban and classic apart",
        "[100, 100, 200], at most 200, of 9 in 50 ledgers",
    ),
    (
        "get-health",
        "healthy; latest and oldest ledger, retention",
        "ledgers 871..1324",
    ),
    (
        "get-latest-ledger",
        "ledger watermark",
        "ledger 1324, protocol 24",
    ),
    (
        "get-ledger-entries-account",
        "account snapshot as of latestLedger; the missing key is left out",
        "as of 1324: key 0 of 1300; asked for 2",
    ),
    (
        "get-ledger-entries-bad-key",
        "our own mistake",
        "unknown: BadRequest, error -32602: cannot unmarshal key value AAAA at index 0",
    ),
    (
        "get-ledger-entries-nonce",
        "nonce consumed",
        "as of 1327: key 0 of 1326 until 2045; asked for 1",
    ),
    (
        "get-network",
        "network: passphrase, protocol",
        "Standalone Network ; February 2017, protocol 24",
    ),
    (
        "get-transaction-autorestore",
        "landed successful; the counter went on",
        r#"landed successful in 1394: tx_success op_success 66462, {"u32":2}, 0 events"#,
    ),
    (
        "get-transaction-bad-hash",
        "our own mistake",
        "unknown: BadRequest, error -32602: unexpected hash length (3)",
    ),
    (
        "get-transaction-classic-failed",
        "landed failed",
        "landed failed in 1334: tx_failed op_no_destination 100, no value, 0 events",
    ),
    (
        "get-transaction-entry-archived",
        "landed failed: ENTRY_ARCHIVED",
        r#"landed failed in 1435: tx_failed op_entry_archived 33341, no value, 0 events, Host(HostError { kind: "Value", code: "InvalidInput" })"#,
    ),
    (
        "get-transaction-fee-bump-inner",
        "see status",
        r#"landed successful in 1328: tx_fee_bump_inner_success op_success 22825, {"u32":2}, 0 events, bumped"#,
    ),
    (
        "get-transaction-fee-bump-outer",
        "landed successful",
        r#"landed successful in 1328: tx_fee_bump_inner_success op_success 22825, {"u32":2}, 0 events, bumped"#,
    ),
    (
        "get-transaction-nonce-used",
        "landed failed: INVOKE_HOST_FUNCTION_TRAPPED",
        "landed failed in 1327: tx_failed op_function_trapped 48959, no value, 0 events, NonceExists",
    ),
    (
        "get-transaction-not-found",
        "not found within oldestLedger..latestLedger",
        "absent within 871..1324",
    ),
    (
        "get-transaction-resource-limit",
        "landed failed: RESOURCE_LIMIT_EXCEEDED",
        "landed failed in 1329: tx_failed op_resource_limit_exceeded 47671, no value, 0 events, Budget",
    ),
    (
        "get-transaction-sac-transfer",
        "landed successful",
        r#"landed successful in 1335: tx_success op_success 79679, "void", 1 events"#,
    ),
    (
        "get-transaction-success",
        "landed successful: ledger, result, return value u32",
        r#"landed successful in 1326: tx_success op_success 77167, {"u32":1}, 0 events"#,
    ),
    (
        "get-transaction-success-json",
        "landed successful",
        r#"landed successful in 1328: tx_fee_bump_inner_success op_success 22825, {"u32":2}, 0 events, bumped"#,
    ),
    (
        "get-transactions-page",
        "page",
        r#"landed successful in 1335: tx_success op_success 79679, "void", 1 events"#,
    ),
    (
        "get-transactions-too-old",
        "out of range",
        "unknown: BadRequest, error -32600: start ledger (2) must be between the oldest ledger: 871 and the latest ledger: 1335 for this rpc instance",
    ),
    ("get-version-info", "versions", "24.0.0"),
    (
        "send-after-landed",
        "unknown: see status, although it has landed",
        "try again later",
    ),
    ("send-archived-autorestore", "submitted", "queued"),
    ("send-classic", "submitted", "queued"),
    (
        "send-duplicate",
        "submitted, outcome unknown (DUPLICATE)",
        "queued before",
    ),
    ("send-entry-archived", "submitted or refused", "queued"),
    (
        "send-error-bad-auth",
        "unknown: bad_auth",
        "refused: tx_bad_auth  99221",
    ),
    (
        "send-error-bad-seq",
        "unknown: bad_seq",
        "refused: tx_bad_seq  99221",
    ),
    (
        "send-error-resource-fee",
        "unknown: soroban_invalid or insufficient_fee",
        "refused: tx_soroban_invalid  110",
    ),
    (
        "send-error-soroban-invalid",
        "unknown: TRY_AGAIN_LATER",
        "try again later",
    ),
    ("send-fee-bump-muxed", "submitted", "queued"),
    (
        "send-malformed",
        "our own mistake",
        "malformed: invalid_xdr",
    ),
    ("send-nonce-used", "submitted", "queued"),
    ("send-pending", "submitted, outcome unknown", "queued"),
    ("send-resource-limit", "submitted", "queued"),
    ("send-sac-transfer", "submitted", "queued"),
    (
        "send-try-again-later",
        "unknown: TRY_AGAIN_LATER",
        "try again later",
    ),
    (
        "simulate-again-inc",
        "resources and fee to use",
        r#"at 1324: Address, fee 119737, reads 3 writes 2 restores 0, {"u32":1}"#,
    ),
    (
        "simulate-again-inc-for-errors",
        "resources and fee to use",
        r#"at 1328: Address, fee 99121, reads 3 writes 2 restores 0, {"u32":3}"#,
    ),
    (
        "simulate-again-sac-transfer",
        "resources and fee to use",
        r#"at 1334: Address, fee 119832, reads 1 writes 3 restores 0, "void""#,
    ),
    (
        "simulate-again-tick",
        "resources and fee to use",
        r#"at 1327: Nothing, fee 61074, reads 2 writes 1 restores 0, {"u32":2}"#,
    ),
    (
        "simulate-archived",
        "resources; archived entries to restore (see transactionData's extension, or restorePreamble)",
        r#"at 1393: Nothing, fee 107792, reads 1 writes 2 restores 2, {"u32":2}"#,
    ),
    (
        "simulate-before-archival",
        "resources",
        r#"at 1353: Nothing, fee 61074, reads 2 writes 1 restores 0, {"u32":2}"#,
    ),
    (
        "simulate-boom-trap",
        "simulation error: VM trap",
        "at 1324: Trap",
    ),
    (
        "simulate-classic",
        "our own mistake: not supported",
        "at 0: NotRun",
    ),
    (
        "simulate-fail-contract-error",
        "simulation error: Error(Contract, #7)",
        "at 1324: Contract(7)",
    ),
    (
        "simulate-get-read-only",
        "result, nothing to send",
        r#"at 1324: ReadOnly, fee 50759, reads 3 writes 0 restores 0, {"u32":0}"#,
    ),
    (
        "simulate-inc-address-credentials",
        "resources, fee, auth with ADDRESS credentials, result",
        r#"at 1324: Address, fee 225987, reads 3 writes 2 restores 0, {"u32":1}"#,
    ),
    (
        "simulate-inc-source-is-operation-source",
        "resources, fee, auth with SOURCE_ACCOUNT credentials, result",
        r#"at 1324: SourceAccount, fee 84298, reads 2 writes 1 restores 0, {"u32":1}"#,
    ),
    ("simulate-malformed", "our own mistake", "at 0: NotRun"),
    (
        "simulate-nonce-used",
        "simulation error: auth, nonce already exists",
        "at 1326: NonceExists",
    ),
    (
        "simulate-sac-transfer",
        "resources, fee, auth with ADDRESS credentials",
        r#"at 1324: Address, fee 226081, reads 1 writes 3 restores 0, "void""#,
    ),
    (
        "simulate-sac-transfer-underfunded",
        "simulation error: Error(Contract, #10)",
        "at 1324: Contract(10)",
    ),
    (
        "simulate-tick-no-auth",
        "resources, fee, no auth",
        r#"at 1324: Nothing, fee 81690, reads 2 writes 1 restores 0, {"u32":1}"#,
    ),
    (
        "simulate-unknown-contract",
        "simulation error: missing value",
        "at 1324: MissingValue",
    ),
    (
        "simulate-unknown-function",
        "simulation error: missing value",
        "at 1324: MissingValue",
    ),
    (
        "simulate-wrong-argument",
        "simulation error",
        r#"at 1324: Host(HostError { kind: "Value", code: "InvalidInput" })"#,
    ),
    (
        "unknown-method",
        "our own mistake",
        "unknown: BadRequest, error -32601: method not found",
    ),
];
