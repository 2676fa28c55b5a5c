//! Writing to standard output where its reader may go away, which `println!` answers with a panic.

use std::fmt::Display;
use std::io::{Result, Write as _, stdout};

/// One line, or several in one text.
///
/// # Errors
/// What the output said; `BrokenPipe` where nobody reads any more.
pub fn line(text: impl Display) -> Result<()> {
    writeln!(stdout(), "{text}")
}
