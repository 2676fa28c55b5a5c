//! Configuration: `config/default.toml` ← a TOML file ← the environment ← flags, checked as a whole, once.
//!
//! Whatever is wrong is told at once, each in one line that names the key and its variable. No error repeats a value
//! that may be a secret.

mod check;
mod error;
mod layers;
mod rpc;
mod rules;
mod sections;
mod settings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use error::{ConfigError, ConfigErrors};
pub use sections::{
    AccountsConfig, ApiConfig, Config, DatabaseConfig, EngineConfig, FeePayer, FeesConfig,
    HorizonConfig, LogConfig, ReconcileConfig, RpcConfig, SubmitMode, Way,
};

/// What holds where nothing else is said.
const DEFAULTS: &str = include_str!("../config/default.toml");
/// What the variables begin with.
const ENV_PREFIX: &str = "SUBMITTER__";

/// Where settings come from, weakest first.
#[derive(Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those without the prefix `SUBMITTER__` are not looked at.
    pub env: Vec<(OsString, OsString)>,
    /// Flags: (`section.key`, value).
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// This process's environment, with a file and flags.
    #[must_use]
    pub fn of_process(file: Option<&Path>, flags: Vec<(String, String)>) -> Self {
        Self {
            file: file.map(Path::to_path_buf),
            env: std::env::vars_os().collect(),
            flags,
        }
    }
}

/// What a command cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// `database.url`.
    Database,
    /// `horizon.urls` and `network.passphrase`.
    Horizon,
    /// `accounts.source_secret`.
    Source,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// [`ConfigErrors`]: everything that is wrong, or that `required` misses.
    pub fn load(sources: &Sources, required: &[Required]) -> Result<Self, ConfigErrors> {
        let settings = layers::merge(sources)?;
        check::check(settings, required)
    }
}

/// The environment variable of a key such as `horizon.urls`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.to_uppercase().replace('.', "__"))
}
