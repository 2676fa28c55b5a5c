//! `api-keys`: who may use the API.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Subcommand, ValueEnum};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::Global;
use super::output::{self, Usage};
use crate::config::Required;
use crate::daemon::connect;
use crate::worker::SYSTEM_TENANT;

/// API keys: make, list, revoke.
#[derive(Debug, Subcommand)]
pub enum ApiKeys {
    /// Makes a key, and shows it once: only its hash is kept
    Create {
        /// Whose intents it is for
        #[arg(long, default_value = "default", value_name = "NAME")]
        tenant: String,
        /// What it is for, to tell it from others in the list
        #[arg(
            long,
            default_value = "",
            value_name = "TEXT",
            hide_default_value = true
        )]
        name: String,
        /// What it allows, with commas between
        #[arg(long, value_delimiter = ',', value_name = "SCOPES", default_values = ["intents:read", "intents:write"])]
        scopes: Vec<Scope>,
    },
    /// Lists keys by their first characters
    List,
    /// Ends a key within seconds
    Revoke {
        /// Its id, as listed
        id: Uuid,
    },
}

/// What a key allows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Scope {
    /// Reading intents
    #[value(name = "intents:read")]
    Read,
    /// Posting and changing intents
    #[value(name = "intents:write")]
    Write,
    /// What concerns all tenants: channels and metrics; intents only with the two others
    #[value(name = "admin")]
    Admin,
}

impl Scope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "intents:read",
            Self::Write => "intents:write",
            Self::Admin => "admin",
        }
    }
}

/// The most characters of a tenant's name.
const MAX_TENANT_CHARACTERS: usize = 255;

impl ApiKeys {
    /// Runs it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config = global.load_quiet(&[Required::Database])?;
        let store = connect(&config).await?;
        store.migrate().await?;
        match self {
            Self::Create {
                tenant,
                name,
                scopes,
            } => {
                let characters = tenant.chars().count();
                if tenant == SYSTEM_TENANT {
                    return Err(Usage(format!(
                        "--tenant: {SYSTEM_TENANT:?} is the submitter's own"
                    ))
                    .into());
                }
                if characters == 0
                    || characters > MAX_TENANT_CHARACTERS
                    || tenant.chars().any(char::is_control)
                {
                    return Err(Usage(format!(
                        "--tenant: must have 1 to {MAX_TENANT_CHARACTERS} characters"
                    ))
                    .into());
                }
                let key = format!("sk_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
                let id = Uuid::now_v7();
                let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
                store.add_api_key(id, &tenant, &name, &key, &scopes).await?;
                if global.json {
                    return output::json(
                        &serde_json::json!({"id": id, "tenant": tenant, "name": name, "key": key, "scopes": scopes}),
                    );
                }
                output::line(format_args!(
                    "id      {id}\ntenant  {tenant}\nscopes  {}\nkey     {key}",
                    scopes.join(", ")
                ))?;
                output::line("The key is shown this once.")?;
                Ok(())
            }
            Self::List => {
                let keys = store.api_keys().await?;
                if global.json {
                    let all: Vec<_> = keys
                        .iter()
                        .map(|key| serde_json::json!({
                            "id": key.id, "tenant": key.tenant, "name": key.name, "hint": key.hint,
                            "scopes": key.scopes, "created_at": key.created_at.format(&Rfc3339).ok(),
                            "revoked": key.revoked_at.is_some(),
                        }))
                        .collect();
                    return output::json(&all);
                }
                let mut table = output::table(&["id", "tenant", "name", "key", "scopes", "state"]);
                for key in keys {
                    let state = if key.revoked_at.is_some() {
                        "revoked"
                    } else {
                        "in use"
                    };
                    table.add_row([
                        key.id.to_string(),
                        key.tenant,
                        key.name,
                        format!("{}…", key.hint),
                        key.scopes.join(", "),
                        state.to_owned(),
                    ]);
                }
                output::line(table)?;
                Ok(())
            }
            Self::Revoke { id } => {
                if !store.revoke_api_key(id).await? {
                    anyhow::bail!("there is no key {id} in use");
                }
                if global.json {
                    return output::json(&serde_json::json!({"id": id, "revoked": true}));
                }
                output::line(format_args!(
                    "{id} is revoked; the API refuses it within 5 seconds"
                ))?;
                Ok(())
            }
        }
    }
}
