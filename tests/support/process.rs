//! Our program as a process of its own, to be asked, killed and ended.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How often a process is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Lines of its log that a failed test shows.
const LOG_LINES: usize = 60;

/// A process that writes its output to a log file and does not outlive the test, even one that is killed.
pub struct Process {
    child: Child,
    status: Option<ExitStatus>,
    watchdog: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Process {
    /// Runs our program. Of this environment it sees neither our configuration nor a database, only `env`.
    pub fn spawn(args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stellar-submitter"));
        for (name, _) in std::env::vars_os() {
            let ours = name.to_string_lossy().starts_with("SUBMITTER__");
            if ours || name == "DATABASE_URL" {
                command.env_remove(name);
            }
        }
        command.args(args).envs(env.iter().copied());
        Self::start(command)
    }

    /// Runs any command.
    pub fn start(mut command: Command) -> Self {
        let folder = super::scratch();
        let log = folder.path().join("log");
        let file = File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        // The pipe closes when the test's process ends, however it does.
        let watchdog = Command::new("/bin/sh")
            .args([
                "-c",
                "trap '' INT TERM HUP; read -r word || kill -KILL $1",
                "watchdog",
            ])
            .arg(child.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            status: None,
            watchdog,
            log,
            _folder: folder,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until GET `url` answers 200; fails the test when the process ends before, or at the limit.
    pub async fn wait_until_ready(&mut self, url: &str, limit: Duration) {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .no_proxy()
            .build()
            .unwrap();
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(status) = self.ended() {
                panic!("the process ended ({status}) before {url} was ready");
            }
            if let Ok(answer) = client.get(url).send().await
                && answer.status() == reqwest::StatusCode::OK
            {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("{url} was not ready after {limit:?}");
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.wait(Duration::from_secs(10))
    }

    /// SIGTERM, and waits for the end; fails the test at the limit.
    pub fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(limit)
    }

    pub fn signal(&mut self, signal: Signal) {
        // Once waited for, its pid may be somebody else's.
        if self.ended().is_none() {
            self.signal_now(signal);
        }
    }

    /// For a process that nobody has waited for yet.
    pub fn signal_now(&self, signal: Signal) {
        assert!(self.status.is_none(), "it has ended");
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; fails the test at the limit.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(status) = self.ended() {
                return status;
            }
            std::thread::sleep(POLL);
        }
        panic!("the process still ran after {limit:?}");
    }

    /// Its status, where it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().unwrap();
        }
        self.status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_LINES)..];
            eprintln!(
                "the end of the log of process {}:\n{}",
                self.pid(),
                shown.join("\n")
            );
        }
    }
}
