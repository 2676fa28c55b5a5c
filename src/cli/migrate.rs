//! `migrate`: the database's schema.

use super::{Global, output};
use crate::config::Required;
use crate::daemon::connect;

/// Brings the schema to this version's.
pub async fn run(global: &Global) -> anyhow::Result<()> {
    let config = global.load_quiet(&[Required::Database])?;
    connect(&config).await?.migrate().await?;
    if global.json {
        return output::json(&serde_json::json!({"migrated": true}));
    }
    output::line("the schema is up to date")?;
    Ok(())
}
