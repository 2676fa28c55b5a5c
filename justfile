# The commands of this house; `just` alone lists them.

_list:
    @just --list --unsorted

# What CI runs: formatting, lints, all tests.
verify:
    .ci/run

# All tests, or those given: `just test --test tidy`.
test *arguments:
    cargo test {{ arguments }}

# Everything on this machine: posts intents, breaks the network, proves that each landed once.
demo intents="1000":
    cargo run --release -- dev --demo {{ intents }}

# PostgreSQL, sandbox ledger, daemon and API on this machine, until Ctrl-C.
dev *arguments:
    cargo run --release -- dev {{ arguments }}

# What computation costs; `just bench tag` measures one.
bench *filter:
    cargo bench --bench pure -- {{ filter }}

# Everything that is read from outside, fuzzed for so many seconds a target: `just fuzz 60 --release`.
fuzz seconds="60" *arguments:
    FUZZ_SECONDS={{ seconds }} cargo test --test input {{ arguments }} -- fuzz:: --nocapture --test-threads 2

# The same with coverage, by cargo-fuzz: `just fuzz-coverage 600 intent`.
fuzz-coverage seconds="60" *targets:
    fuzz/run {{ seconds }} {{ targets }}

# Each decision changed a little: do the tests notice? `just mutants -f '**/fee.rs'` for a part.
mutants *arguments:
    tests/domain/mutants {{ arguments }}

# Every operation of the served description, with so many examples each of what it allows and what it does not.
schemathesis examples="100":
    fuzz/schemathesis/run {{ examples }}

# Formats in place.
fmt:
    cargo fmt
