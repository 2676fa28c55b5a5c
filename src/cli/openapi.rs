//! `openapi`: the API's description.

/// Prints the document, which the code generates.
pub fn run() -> anyhow::Result<()> {
    println!("{}", crate::api::description());
    Ok(())
}
