//! `openapi`: the API's description.

use super::output;

/// Prints the document, which the code generates.
pub fn run() -> anyhow::Result<()> {
    output::line(crate::api::description())
}
