use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use super::account::Account;
use super::binaries::Binaries;
use super::error::{At, PostgresError};

/// Longest wait for a server whose starter was killed and which is still shutting down, and how often it is looked at.
const PREDECESSOR_LIMIT: Duration = Duration::from_secs(15);
const PREDECESSOR_POLL: Duration = Duration::from_millis(50);

/// Bytes of the server's log that an error quotes.
const LOG_TAIL_BYTES: usize = 2000;

/// Bytes of randomness in a password.
const PASSWORD_BYTES: usize = 16;

/// A folder with a cluster's data, log and password; ours alone while the lock is held.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    temporary: bool,
    _lock: File,
}

impl Folder {
    pub(super) fn open(data: Option<&Path>, account: &Account) -> Result<Self, PostgresError> {
        let (root, temporary) = match data {
            Some(data) => (std::path::absolute(data).at("find", data)?, false),
            None => {
                let name = format!("stellar-submitter-pg-{}", random_hex::<8>());
                (std::env::temp_dir().join(name), true)
            }
        };
        if !account.can_enter(&root)? {
            return Err(PostgresError::Unreachable {
                dir: root,
                account: account.name().to_owned(),
            });
        }
        let mode = if temporary { 0o700 } else { 0o755 };
        DirBuilder::new()
            .recursive(!temporary)
            .mode(mode)
            .create(&root)
            .at("make", &root)?;
        if temporary {
            account.own(&root)?;
        } else if !account.can_enter(&root)? {
            return Err(PostgresError::Unreachable {
                dir: root,
                account: account.name().to_owned(),
            });
        }
        let path = root.join("lock");
        let lock = File::create(&path).at("make", &path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(PostgresError::DataInUse {
                    dir: root,
                    pid: None,
                });
            }
            Err(TryLockError::Error(error)) => Err(error).at("lock", &path)?,
        }
        Ok(Self {
            root,
            temporary,
            _lock: lock,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that a watchdog has to remove.
    pub(super) fn temporary(&self) -> Option<&Path> {
        self.temporary.then_some(self.root.as_path())
    }

    pub(super) fn pgdata(&self) -> PathBuf {
        self.root.join("pgdata")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// The end of the server's log, for errors.
    pub(super) fn log_tail(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let start = text.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&text[start..]).trim().to_owned()
    }

    /// The major version that made the data; `None` where there is none yet.
    pub(super) fn major(&self) -> Result<Option<u32>, PostgresError> {
        let path = self.pgdata().join("PG_VERSION");
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).at("read", &path)?;
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| std::io::Error::other(format!("it says {:?}", text.trim())))
            .at("read a version from", &path)
    }

    /// Makes the cluster unless there is one, and returns its password.
    pub(super) fn initialise(
        &self,
        account: &Account,
        binaries: &Binaries,
        user: &str,
    ) -> Result<String, PostgresError> {
        let secret = self.root.join("password");
        if self.pgdata().is_dir() {
            return std::fs::read_to_string(&secret).at("read the password in", &secret);
        }
        let password = random_hex::<PASSWORD_BYTES>();
        let _ = std::fs::remove_file(&secret);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&secret)
            .at("make", &secret)?;
        file.write_all(password.as_bytes()).at("write", &secret)?;
        account.own(&secret)?;

        // Under another name until it is whole: a kill in between must not leave half a cluster that the next start takes for a whole one.
        let unfinished = self.root.join("pgdata.new");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).at("remove", &unfinished)?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(&unfinished)
            .at("make", &unfinished)?;
        account.own(&unfinished)?;
        let mut initdb = account.command(binaries.program("initdb"));
        initdb
            .arg("--pgdata")
            .arg(&unfinished)
            .args(["--username", user, "--encoding=UTF8", "--locale=C"])
            .args(["--auth=scram-sha-256", "--no-instructions"])
            .arg("--pwfile")
            .arg(&secret);
        if self.temporary {
            // Only initdb's own flush of the fresh files; nobody reads them after a power cut.
            initdb.arg("--no-sync");
        }
        let output = initdb.output().at("run", binaries.program("initdb"))?;
        if !output.status.success() {
            return Err(PostgresError::Initdb {
                dir: self.root.clone(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        std::fs::rename(&unfinished, self.pgdata()).at("rename", &unfinished)?;
        Ok(password)
    }

    /// Gives a server whose starter was killed the time to end.
    pub(super) fn wait_for_predecessor(&self) {
        let begun = Instant::now();
        while self.live_postmaster().is_some() && begun.elapsed() < PREDECESSOR_LIMIT {
            std::thread::sleep(PREDECESSOR_POLL);
        }
    }

    /// The process that `postmaster.pid` names, where it lives.
    pub(super) fn live_postmaster(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.pgdata().join("postmaster.pid")).ok()?;
        let pid: i32 = text.lines().next()?.trim().parse().ok()?;
        match test_kill_process(Pid::from_raw(pid)?) {
            Ok(()) | Err(rustix::io::Errno::PERM) => u32::try_from(pid).ok(),
            Err(_) => None,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.root)
        {
            tracing::warn!(folder = %self.root.display(), %error, "a temporary folder stays behind");
        }
    }
}

fn random_hex<const N: usize>() -> String {
    hex::encode(rand::random::<[u8; N]>())
}
