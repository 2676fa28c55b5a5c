use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::PostgresError;
use super::{Options, Source, download};

/// The oldest PostgreSQL that the store's SQL is written for.
const OLDEST_MAJOR: u32 = 15;

/// Where Debian and its kin keep one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// What a server needs of an installation.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// An installation that has answered, as the account that will run it.
#[derive(Debug)]
pub(super) struct Binaries {
    dir: PathBuf,
    version: String,
    major: u32,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    fn probe(dir: &Path, account: &Account) -> Result<Self, String> {
        for name in PROGRAMS {
            if !dir.join(name).is_file() {
                return Err(format!("it has no `{name}`"));
            }
        }
        let output = account
            .command(dir.join("postgres"))
            .arg("-V")
            .output()
            .map_err(|error| {
                format!(
                    "user `{}` cannot run its `postgres`: {error}",
                    account.name()
                )
            })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let (version, major) = parse_version(&said)
            .ok_or_else(|| format!("its `postgres -V` answers {:?}", said.trim()))?;
        if major < OLDEST_MAJOR {
            return Err(format!("version {version} is older than {OLDEST_MAJOR}"));
        }
        Ok(Self {
            dir: dir.to_owned(),
            version,
            major,
        })
    }
}

/// Finds the programs: `PG_BIN` alone where it is set, else installed ones, else fetched ones. With `wanted`, only that major version will do, because
/// no other can read the data.
pub(super) fn locate(
    options: &Options,
    wanted: Option<u32>,
    account: &Account,
) -> Result<Binaries, PostgresError> {
    if let Some(dir) = &options.pg_bin {
        let because = |why| PostgresError::PgBin {
            dir: dir.clone(),
            why,
        };
        let found = Binaries::probe(dir, account).map_err(because)?;
        return match wanted {
            Some(major) if major != found.major => Err(because(format!(
                "it is version {}, and the data folder is of version {major}",
                found.version
            ))),
            _ => Ok(found),
        };
    }
    let mut looked = Vec::new();
    if options.source != Source::Download {
        for dir in installed() {
            match Binaries::probe(&dir, account) {
                Ok(found) if wanted.is_none_or(|major| major == found.major) => return Ok(found),
                Ok(found) => {
                    looked.push(format!("{} is version {}", dir.display(), found.version));
                }
                Err(why) => looked.push(format!("{}: {why}", dir.display())),
            }
        }
        if looked.is_empty() {
            looked.push(format!("nothing in {DEBIAN}/*/bin nor on PATH"));
        }
    }
    if options.source != Source::Installed && wanted.is_none_or(|major| major == download::MAJOR) {
        match download::fetch(options, account) {
            Ok(dir) => match Binaries::probe(&dir, account) {
                Ok(found) => return Ok(found),
                Err(why) => looked.push(format!("{}: {why}", dir.display())),
            },
            Err(error) => looked.push(error.to_string()),
        }
    }
    Err(match (wanted, &options.data) {
        (Some(major), Some(data)) => PostgresError::OtherVersion {
            data: data.clone(),
            major,
            looked,
        },
        _ => PostgresError::NotInstalled {
            oldest: OLDEST_MAJOR,
            looked,
        },
    })
}

/// Folders worth a look, the newest version first.
fn installed() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            let dir = entry.path().join("bin");
            dir.is_dir().then_some((major, dir))
        })
        .collect();
    versions.sort_by_key(|(major, _)| Reverse(*major));
    let mut dirs: Vec<PathBuf> = versions.into_iter().map(|(_, dir)| dir).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    for dir in std::env::split_paths(&path) {
        // Through symbolic links: the other programs and the libraries lie beside the real one.
        let Ok(program) = dir.join("postgres").canonicalize() else {
            continue;
        };
        if let Some(real) = program.parent()
            && !dirs.iter().any(|known| known == real)
        {
            dirs.push(real.to_owned());
        }
    }
    dirs
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → `("15.18", 15)`.
fn parse_version(said: &str) -> Option<(String, u32)> {
    let version = said
        .split_once("(PostgreSQL) ")?
        .1
        .split_whitespace()
        .next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_are_read() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some(("15.18".to_owned(), 15)));
        let beta = "postgres (PostgreSQL) 19beta1\n";
        assert_eq!(parse_version(beta), Some(("19beta1".to_owned(), 19)));
        assert_eq!(parse_version("sh: postgres: not found"), None);
        assert_eq!(parse_version("postgres (PostgreSQL) devel"), None);
    }
}
