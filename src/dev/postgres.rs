//! A PostgreSQL server of our own, for `dev`, the demo and the tests.
//!
//! It runs as an unprivileged user where we are root (PostgreSQL refuses root), listens on loopback and on a Unix socket inside its data folder, asks for
//! a random password, keeps `fsync` on, and ends with the process that started it, however that process ends.

mod account;
mod binaries;
mod download;
mod error;
mod folder;
mod server;
mod watchdog;

use std::ffi::OsStr;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Instant;

use account::Account;
use binaries::Binaries;
pub use error::PostgresError;
use folder::Folder;
use server::Server;
use watchdog::Watchdog;

/// Free ports tried before giving up: between choosing one and binding it another process may take it.
const PORT_TRIES: usize = 5;

/// The only role, and the owner of everything.
const USER: &str = "submitter";

/// The database that the URL names; `initdb` makes it.
const DATABASE: &str = "postgres";

/// Where the server's programs may come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Installed ones, else fetched ones.
    #[default]
    Any,
    /// Installed ones only.
    Installed,
    /// Fetched ones only, even where others are installed.
    Download,
}

/// How to start a [`Postgres`].
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keeps the cluster in this folder; without it a temporary folder is used, and removed at the end.
    pub data: Option<PathBuf>,
    /// The port to listen on where it is free; otherwise, and without it, any free one.
    pub port: Option<u16>,
    pub source: Source,
    /// The folder that holds `postgres`, `initdb` and `pg_ctl`; nothing else is then tried.
    pub pg_bin: Option<PathBuf>,
    /// Where fetched programs are kept; without it the user's cache folder.
    pub cache: Option<PathBuf>,
    /// A Maven repository to fetch from instead of Maven Central: the URL under which `io/zonky/test/postgres/…` is found.
    pub mirror: Option<String>,
}

impl Options {
    /// Reads `PG_BIN`, `SUBMITTER_DEV_POSTGRES` (`any`, `installed` or `download`), `SUBMITTER_DEV_POSTGRES_CACHE` and `SUBMITTER_DEV_POSTGRES_MIRROR`.
    ///
    /// # Errors
    /// [`PostgresError::Setting`] where a value is none of those named.
    pub fn from_env() -> Result<Self, PostgresError> {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let source = match text("SUBMITTER_DEV_POSTGRES").as_deref() {
            None | Some("any") => Source::Any,
            Some("installed") => Source::Installed,
            Some("download") => Source::Download,
            Some(other) => {
                return Err(PostgresError::Setting {
                    name: "SUBMITTER_DEV_POSTGRES",
                    value: other.to_owned(),
                    expected: "any, installed or download",
                });
            }
        };
        Ok(Self {
            data: None,
            port: None,
            source,
            pg_bin: text("PG_BIN").map(PathBuf::from),
            cache: text("SUBMITTER_DEV_POSTGRES_CACHE").map(PathBuf::from),
            mirror: text("SUBMITTER_DEV_POSTGRES_MIRROR"),
        })
    }
}

/// A running server. Dropping it shuts the server down and removes its folder where that is temporary.
///
/// The order of the fields is the order of the end: first the server, then its files, and only then the watchdog that would have done both.
pub struct Postgres {
    server: Server,
    folder: Folder,
    _watchdog: Watchdog,
    binaries: Binaries,
    port: u16,
    password: String,
}

impl Postgres {
    /// Starts a server and returns when it takes connections.
    ///
    /// Blocks: about a second where PostgreSQL is installed, until the download is done (at most five minutes) where it has to be fetched. In an
    /// asynchronous program call it from a blocking thread.
    ///
    /// # Errors
    /// [`PostgresError`] names what is missing or in the way, and what to do about it.
    pub fn start(options: Options) -> Result<Self, PostgresError> {
        let begun = Instant::now();
        let account = Account::choose()?;
        let folder = Folder::open(options.data.as_deref(), &account)?;
        let binaries = binaries::locate(&options, folder.major()?, &account)?;
        // Before anything that it would have to clean up.
        let mut watchdog = Watchdog::spawn(&account, &binaries, &folder)?;
        let password = folder.initialise(&account, &binaries, USER)?;
        folder.wait_for_predecessor();
        let (server, port) = launch(&options, &account, &binaries, &folder, &mut watchdog)?;
        tracing::info!(
            version = %binaries.version(), port, folder = %folder.root().display(),
            elapsed_ms = begun.elapsed().as_millis(), "embedded PostgreSQL is ready"
        );
        Ok(Self {
            server,
            folder,
            _watchdog: watchdog,
            binaries,
            port,
            password,
        })
    }

    /// `postgres://…`, with user and password: treat it as a secret.
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// The same for another database of this server. `database` must be a plain name: letters, digits and underscores.
    pub fn url_of(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// What `postgres -V` says of itself, such as `18.6`.
    pub fn version(&self) -> &str {
        self.binaries.version()
    }

    /// The folder with data, log and password.
    pub fn folder(&self) -> &Path {
        self.folder.root()
    }

    /// Shuts the server down: sessions are ended, everything committed is on disk.
    ///
    /// # Errors
    /// [`PostgresError::NotStopped`] where a fast shutdown took too long and a harder one was needed; nothing committed is lost then either.
    pub fn stop(mut self) -> Result<(), PostgresError> {
        self.server.stop()
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the password.
        f.debug_struct("Postgres")
            .field("pid", &self.pid())
            .field("port", &self.port)
            .field("folder", &self.folder.root())
            .finish_non_exhaustive()
    }
}

fn launch(
    options: &Options,
    account: &Account,
    binaries: &Binaries,
    folder: &Folder,
    watchdog: &mut Watchdog,
) -> Result<(Server, u16), PostgresError> {
    let mut wished = options.port.filter(|port| is_free(*port));
    for _ in 0..PORT_TRIES {
        let port = match wished.take() {
            Some(port) => port,
            None => free_port()?,
        };
        match Server::launch(account, binaries, folder, watchdog, port) {
            // The server gave up and the port is somebody's: that was the reason. Its log would say so too, but in words.
            Err(PostgresError::Exited { .. }) if !is_free(port) => continue,
            outcome => return outcome.map(|server| (server, port)),
        }
    }
    Err(PostgresError::Ports { tries: PORT_TRIES })
}

fn free_port() -> Result<u16, PostgresError> {
    TcpListener::bind(loopback(0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| PostgresError::Io {
            what: "find a free port on",
            path: PathBuf::from("127.0.0.1"),
            source,
        })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(loopback(port)).is_ok()
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Whether a variable of our own environment would change what PostgreSQL's programs do (PGDATA, PGPORT, PGOPTIONS, …).
fn steers_postgres(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("PG"))
}
