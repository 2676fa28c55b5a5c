use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::account::Account;
use super::binaries::Binaries;
use super::error::{At, PostgresError};
use super::folder::Folder;
use super::watchdog::Watchdog;

/// Longest start, recovery after a crash included.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Longest fast shutdown, which includes a checkpoint; then longest immediate shutdown.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const HARD_STOP_LIMIT: Duration = Duration::from_secs(5);

/// How often the server is looked at meanwhile.
const POLL: Duration = Duration::from_millis(10);

/// Longest path of a Unix socket, in bytes, on every system we know (macOS allows least: 104 with the closing zero).
const SOCKET_PATH_BYTES: usize = 103;

/// Tests run many pools against one server.
const MAX_CONNECTIONS: u16 = 200;

/// A postmaster, our child.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts the postmaster on `port` and waits until it is ready.
    pub(super) fn launch(
        account: &Account,
        binaries: &Binaries,
        folder: &Folder,
        watchdog: &mut Watchdog,
        port: u16,
    ) -> Result<Self, PostgresError> {
        // Cut at each start: a bound for a file that is read only after a failure.
        let log = File::create(folder.log()).at("make", folder.log())?;
        let also_log = log.try_clone().at("use", folder.log())?;
        let program = binaries.program("postgres");
        let mut command = account.command(&program);
        command.arg("-D").arg(folder.pgdata());
        for (name, value) in settings(folder, port) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let child = command
            .stdout(also_log)
            .stderr(log)
            .spawn()
            .at("run", &program)?;
        let mut server = Self { child };
        watchdog.guard(server.pid());
        server.wait_until_ready(folder)?;
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self, folder: &Folder) -> Result<(), PostgresError> {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            if let Some(status) = self.ended() {
                return Err(match folder.live_postmaster() {
                    Some(pid) => PostgresError::DataInUse {
                        dir: folder.root().to_owned(),
                        pid: Some(pid),
                    },
                    None => PostgresError::Exited {
                        status: status.to_string(),
                        log: folder.log_tail(),
                    },
                });
            }
            if is_ready(&folder.pgdata().join("postmaster.pid"), self.pid()) {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        Err(PostgresError::NotReady {
            seconds: START_LIMIT.as_secs(),
            log: folder.log_tail(),
        })
    }

    /// Fast shutdown; immediate where that takes too long. Fine to call again.
    pub(super) fn stop(&mut self) -> Result<(), PostgresError> {
        if self.end_with(Signal::INT, STOP_LIMIT) {
            return Ok(());
        }
        if !self.end_with(Signal::QUIT, HARD_STOP_LIMIT) {
            // `kill` fails only for a child that has already been waited for.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        Err(PostgresError::NotStopped {
            seconds: STOP_LIMIT.as_secs(),
        })
    }

    fn end_with(&mut self, signal: Signal, limit: Duration) -> bool {
        // A child that has been waited for has no pid any more that would be safe to signal.
        if self.ended().is_some() {
            return true;
        }
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if self.ended().is_some() {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child
            .try_wait()
            .expect("waiting for our own child cannot fail")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "embedded PostgreSQL");
        }
    }
}

/// Line 8 of `postmaster.pid` says `ready` once connections are taken; line 1 says whose file it is.
/// Source: `src/include/utils/pidfile.h` of PostgreSQL.
fn is_ready(pid_file: &PathBuf, pid: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(pid_file) else {
        return false;
    };
    let mut lines = text.lines();
    lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid)
        && lines.nth(6).map(str::trim) == Some("ready")
}

/// What differs from the defaults. Durability does not: what `dev` shows must be what `run` does.
fn settings(folder: &Folder, port: u16) -> Vec<(&'static str, String)> {
    let pgdata = folder.pgdata();
    let socket = format!("{}/.s.PGSQL.{port}", pgdata.display());
    let sockets = if socket.len() <= SOCKET_PATH_BYTES {
        pgdata.display().to_string()
    } else {
        String::new()
    };
    vec![
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", sockets),
        ("max_connections", MAX_CONNECTIONS.to_string()),
        ("shared_buffers", "1GB".to_owned()),
        // A checkpoint makes each page be logged whole once more; every 1 GB, the default, is every 15 s under load.
        ("max_wal_size", "4GB".to_owned()),
        ("fsync", "on".to_owned()),
        ("synchronous_commit", "on".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("log_destination", "stderr".to_owned()),
        ("log_min_messages", "warning".to_owned()),
        // The statements of failed tests are the tests' business.
        ("log_min_error_statement", "panic".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::is_ready;

    #[test]
    fn ready_is_line_eight_of_our_own_file() {
        let path = std::env::temp_dir().join(format!("postmaster-{}", std::process::id()));
        let file = |pid: u32, state: &str| {
            format!("{pid}\n/data\n1700000000\n5432\n/data\n127.0.0.1\n  123 4\n{state}\n")
        };
        for (text, expected) in [
            (file(7, "ready   "), true),
            (file(7, "starting"), false),
            (file(8, "ready   "), false),
            ("7\n/data\n".to_owned(), false),
        ] {
            std::fs::write(&path, &text).expect("the temporary folder takes a file");
            assert_eq!(is_ready(&path, 7), expected, "{text}");
        }
        std::fs::remove_file(&path).expect("the file is there");
        assert!(!is_ready(&path, 7));
    }
}
