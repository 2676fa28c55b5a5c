use std::io;
use std::path::PathBuf;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error("{name} is {value:?}: expected {expected}")]
    Setting {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("PG_BIN names {}, which cannot be used: {why}", dir.display())]
    PgBin { dir: PathBuf, why: String },
    #[error(
        "no usable PostgreSQL found ({}); install version {oldest} or newer (Debian and Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; macOS: `brew install postgresql`), or set PG_BIN to the folder that holds `initdb` and `postgres`, or run against a server of your own",
        looked.join("; ")
    )]
    NotInstalled { oldest: u32, looked: Vec<String> },
    #[error(
        "{} was made by PostgreSQL {major}, and no PostgreSQL {major} is here ({}); install that version, or use another data folder", data.display(), looked.join("; ")
    )]
    OtherVersion {
        data: PathBuf,
        major: u32,
        looked: Vec<String>,
    },
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor a user `nobody` to run it as; make one, or start this as another user"
    )]
    NoAccount,
    #[error("user `{account}`, which PostgreSQL runs as, cannot use {}: choose a folder that it can reach (none under /root)", dir.display())]
    Unreachable { dir: PathBuf, account: String },
    #[error("the data folder {} is in use{}", dir.display(), by_process(*pid))]
    DataInUse { dir: PathBuf, pid: Option<u32> },
    #[error("initdb failed in {}: {said}", dir.display())]
    Initdb { dir: PathBuf, said: String },
    #[error("PostgreSQL ended while it started ({status}); its log says: {log}")]
    Exited { status: String, log: String },
    #[error("PostgreSQL was not ready after {seconds} s; its log says: {log}")]
    NotReady { seconds: u64, log: String },
    #[error("PostgreSQL did not stop within {seconds} s and was stopped hard")]
    NotStopped { seconds: u64 },
    #[error(
        "{tries} free ports in a row were taken by others before PostgreSQL could listen on them"
    )]
    Ports { tries: usize },
    #[error("cannot {what} {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

fn by_process(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!(" by the server with process id {pid}"),
        None => " by another process of this program".to_owned(),
    }
}

/// Names what was tried on which path.
pub(super) trait At<T> {
    fn at(self, what: &'static str, path: impl Into<PathBuf>) -> Result<T, PostgresError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: impl Into<PathBuf>) -> Result<T, PostgresError> {
        self.map_err(|source| PostgresError::Io {
            what,
            path: path.into(),
            source,
        })
    }
}
