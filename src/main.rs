//! The command line's entrance.

use std::process::ExitCode;

/// A request makes and drops some hundred small things on one thread and the next: the system's allocator takes twice as
/// long for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stellar_submitter::cli::main()
}
