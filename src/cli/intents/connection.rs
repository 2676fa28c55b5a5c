//! Where the API is, and with which key it is asked.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use secrecy::SecretString;
use url::{Host, Url};

use super::api::Api;
use crate::cli::output::Usage;
use crate::dev::stack::DEV_KEY;

/// Where `dev` and `run` serve unless they are told otherwise.
const DEFAULT_API: &str = "http://127.0.0.1:8080";
/// The variable that names the API.
const API_VARIABLE: &str = "SUBMITTER_API_URL";
/// The variable that holds the key.
const KEY_VARIABLE: &str = "SUBMITTER_API_KEY";
/// The most bytes of a file that holds a key.
const MAX_KEY_FILE_BYTES: u64 = 4096;

/// How the API is reached.
#[derive(Clone, Debug, Args)]
pub struct Connection {
    /// The API's URL [env: SUBMITTER_API_URL] [default: http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL")]
    api: Option<String>,
    /// A file that holds the API key; without it SUBMITTER_API_KEY does, and on this machine alone sk_dev is tried
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Connection {
    /// The client; nothing is asked yet.
    ///
    /// # Errors
    /// [`Usage`] for a URL that cannot be one, or a key that is not given.
    pub fn open(&self) -> anyhow::Result<Api> {
        let given = self.api.clone().or_else(|| variable(API_VARIABLE));
        let base = base(given.as_deref().unwrap_or(DEFAULT_API))?;
        let local = is_loopback(&base);
        let key = self.key(local)?;
        Api::new(base, key, local)
    }

    fn key(&self, local: bool) -> anyhow::Result<SecretString> {
        let key = match &self.key_file {
            Some(file) => read_key(file)?,
            None => match variable(KEY_VARIABLE) {
                Some(key) => key.trim().to_owned(),
                None if local => DEV_KEY.to_owned(),
                None => {
                    return Err(Usage(format!(
                        "an API key is needed: put it into {KEY_VARIABLE}, or name its file with --key-file"
                    ))
                    .into());
                }
            },
        };
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Usage(
                "the API key is not one: a key is one word of visible ASCII characters".to_owned(),
            )
            .into());
        }
        Ok(key.into())
    }
}

/// A variable of the environment; an empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read_key(file: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let context = || format!("--key-file {}", file.display());
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text))
        .with_context(context)?;
    Ok(text.trim().to_owned())
}

fn base(text: &str) -> Result<Url, Usage> {
    let wrong = |what: &str| Usage(format!("--api ({API_VARIABLE}): {what}"));
    let url: Url = text
        .parse()
        .map_err(|_| wrong("is not a URL, such as http://127.0.0.1:8080"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(&format!(
            "has a user or password in it; the API takes a key, from {KEY_VARIABLE} or --key-file"
        )));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with the host or a path"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{base, is_loopback};

    #[test]
    fn the_development_key_is_for_this_machine() {
        for (url, local) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://localhost:1/", true),
            ("http://[::1]:8080", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("https://localhost.example.org", false),
            ("http://10.0.0.1:8080", false),
            ("http://0.0.0.0:8080", false),
        ] {
            let url = base(url).expect("each is a URL of an API");
            assert_eq!(is_loopback(&url), local, "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "",
            "127.0.0.1:8080",
            "ftp://localhost",
            "http://user@localhost",
            "http://:word@localhost",
            "http://localhost/?a=b",
            "http://localhost/#a",
        ] {
            assert!(base(url).is_err(), "{url}");
        }
    }
}
