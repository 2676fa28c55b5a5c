//! The rules that values are held against, and the errors that come of it.

use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::error::ConfigError;
use crate::domain::primitives::Stroops;

/// The largest file that a `*_file` key may name, in bytes: a secret has a hundred.
const MAX_SECRET_FILE_BYTES: u64 = 64 * 1024;
/// The errors so far. After one, a check goes on with some value of the right type, so that all are found.
#[derive(Default)]
pub struct Checks {
    errors: Vec<ConfigError>,
}

impl Checks {
    /// Everything that was wrong.
    pub fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }

    /// A secret from its key or from the file that its `_file` key names; `None` where neither is given.
    pub fn secret(&mut self, key: &str, given: SecretString, file: &str) -> Option<SecretString> {
        let is_given = !given.expose_secret().is_empty();
        if file.is_empty() {
            return is_given.then_some(given);
        }
        if is_given {
            self.fail(
                key,
                format!("is given, and {key}_file too: only one of them may be"),
            );
            return None;
        }
        let key = format!("{key}_file");
        match read_secret(file) {
            Ok(secret) if secret.expose_secret().is_empty() => {
                self.fail(&key, format!("{file} is empty"));
                None
            }
            Ok(secret) => Some(secret),
            Err(error) => {
                self.fail(&key, format!("{file} cannot be read: {error}"));
                None
            }
        }
    }

    /// A base URL. What is given is not repeated: it may hold a provider's key.
    pub fn web(&mut self, key: &str, given: &str) -> Option<Url> {
        let url = Url::parse(given).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if url.is_none() {
            let what =
                "not a base URL: http:// or https://, a host, perhaps a port and a path, no more";
            self.fail(key, what);
        }
        url
    }

    pub fn lumens(&mut self, key: &str, given: &str) -> Option<Stroops> {
        let amount = self.good(key, given.parse::<Stroops>())?;
        if amount == Stroops::ZERO {
            self.fail(key, "must be more than 0");
            return None;
        }
        Some(amount)
    }

    pub fn choice<T: Copy>(&mut self, key: &str, given: &str, choices: &[(&str, T)]) -> T {
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == given) {
            return *choice;
        }
        let names: Vec<String> = choices
            .iter()
            .map(|(name, _)| format!("{name:?}"))
            .collect();
        self.fail(key, format!("must be {}", names.join(" or ")));
        choices[0].1
    }

    pub fn seconds(&mut self, key: &str, given: i64, range: RangeInclusive<i64>) -> Duration {
        Duration::from_secs(self.number(key, given, range))
    }

    pub fn number<T: TryFrom<i64>>(
        &mut self,
        key: &str,
        given: i64,
        range: RangeInclusive<i64>,
    ) -> T {
        let (least, most) = (*range.start(), *range.end());
        if !range.contains(&given) {
            self.fail(key, format!("must be {least} to {most}, not {given}"));
        }
        T::try_from(given.clamp(least, most))
            .ok()
            .expect("the ranges in this file fit their types")
    }

    pub fn good<T, E: std::fmt::Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.fail(key, error)).ok()
    }

    pub fn fail(&mut self, key: &str, what: impl ToString) {
        self.errors.push(ConfigError::value(key, what));
    }

    /// A missing value, unless something was said of that key already.
    pub fn need(&mut self, missing: Option<ConfigError>) {
        let known = |error: &ConfigError| match (error, &missing) {
            (ConfigError::Value { key, .. }, Some(ConfigError::Value { key: missing, .. })) => {
                key.trim_end_matches("_file") == missing
            }
            _ => false,
        };
        if !self.errors.iter().any(known) {
            self.errors.extend(missing);
        }
    }
}

/// The file's text without the line break that editors leave at its end.
fn read_secret(path: &str) -> std::io::Result<SecretString> {
    use std::io::Read as _;
    let mut text = zeroize::Zeroizing::new(String::new());
    std::fs::File::open(path)?
        .take(MAX_SECRET_FILE_BYTES)
        .read_to_string(&mut text)?;
    Ok(SecretString::from(text.trim()))
}
