//! Our own program as processes beside this one: started, watched, and ended whatever happens to us.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a process may take until it says where it listens.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at its log.
const POLL: Duration = Duration::from_millis(20);
/// Bytes at the end of a log that an error shows.
const LOG_TAIL_BYTES: usize = 4_000;
/// Reads process ids until the pipe closes, which it does when we end, by `kill -9` too; then it ends them all, and removes the
/// folder `$1`.
const GUARD: &str = r#"
trap '' HUP INT TERM
all=
while read -r pid; do
    [ "$pid" = done ] && exit 0
    all="$all $pid"
done
[ -z "$all" ] || kill -KILL $all
rm -rf "$1"
"#;

/// Ends our processes should we end without doing so.
pub struct Guard(Child);

impl Guard {
    /// Begins to watch over a folder, and over nobody yet.
    ///
    /// # Errors
    /// Where there is no `/bin/sh`.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", GUARD, "stellar-submitter-bench-guard"])
            .arg(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("/bin/sh")?;
        Ok(Self(child))
    }

    fn watch(&mut self, pid: u32) {
        if let Some(pipe) = &mut self.0.stdin {
            // A guard that somebody has ended protects nobody; the processes are still ended by us.
            let _ = writeln!(pipe, "{pid}");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.0.wait();
    }
}

/// A process of our own program; dropping it kills it. Nothing on record is lost by that.
pub struct Process {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Process {
    /// Starts it. Of this environment it sees none of our variables, only `env`; what it says goes into a file of `folder`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn spawn(
        name: &'static str,
        args: &[String],
        env: &[(String, String)],
        folder: &Path,
        guard: &mut Guard,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program is")?;
        let log = tempfile::Builder::new()
            .prefix(name)
            .suffix(".log")
            .tempfile_in(folder)
            .context("a log file")?
            .keep()
            .context("a log file")?
            .1;
        let file = File::create(&log).context("a log file")?;
        let mut command = Command::new(program);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("SUBMITTER_") {
                command.env_remove(variable);
            }
        }
        let child = command
            .args(args)
            .envs(env.iter().map(|(key, value)| (key, value)))
            // Ctrl-C in the terminal is ours to hear.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("a log file")?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting the {name}"))?;
        guard.watch(child.id());
        Ok(Self { child, name, log })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails where it has ended, with the end of what it said.
    ///
    /// # Errors
    /// That.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait().context("looking at a process")? {
            None => Ok(()),
            Some(status) => {
                let log = self.log();
                let mut from = log.len().saturating_sub(LOG_TAIL_BYTES);
                while !log.is_char_boundary(from) {
                    from += 1;
                }
                bail!(
                    "the {} ended ({status}); it said:\n{}",
                    self.name,
                    &log[from..]
                )
            }
        }
    }

    /// Waits until `find` finds what it looks for in a line of the log.
    ///
    /// # Errors
    /// Where the process ends, or says nothing of the kind in time.
    pub async fn said<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            if let Some(found) = self.log().lines().find_map(&find) {
                return Ok(found);
            }
            self.check()?;
            tokio::time::sleep(POLL).await;
        }
        bail!(
            "the {} did not start within {} s",
            self.name,
            START_LIMIT.as_secs()
        )
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
