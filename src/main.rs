//! The command line's entrance.

use std::process::ExitCode;

fn main() -> ExitCode {
    stellar_submitter::cli::main()
}
