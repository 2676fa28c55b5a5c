//! Whatever ends a bench ends what it started.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long starting may take, and how long ending.
const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Every process below this one, with when it was started: a process id alone may come to be another's.
fn below(root: i32) -> Vec<(i32, u64, String)> {
    let all: Vec<_> = all_processes()
        .unwrap()
        .filter_map(|process| process.ok()?.stat().ok())
        .collect();
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for stat in all.iter().filter(|stat| stat.ppid == parent) {
            parents.push(stat.pid);
            found.push((stat.pid, stat.starttime, stat.comm.clone()));
        }
    }
    found
}

fn lives(process: &(i32, u64, String)) -> bool {
    let stat = Process::new(process.0).and_then(|process| process.stat());
    stat.is_ok_and(|stat| stat.starttime == process.1 && stat.state != 'Z')
}

fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(POLL);
    }
    panic!("{what}: not within {LIMIT:?}");
}

/// A bench that would run for an hour, and everything that it has started: two daemons, a ledger, PostgreSQL, watchdogs.
fn started(folder: &Path) -> (Child, Vec<(i32, u64, String)>) {
    let child = Command::new(env!("CARGO_BIN_EXE_stellar-submitter"))
        .args(["bench", "drive", "--channels", "5", "--seconds", "3600"])
        .args(["--daemons", "2"])
        .env("TMPDIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let all = eventually("everything runs", || {
        let all = below(pid);
        let named = |name: &str| all.iter().filter(|one| one.2.starts_with(name)).count();
        (named("stellar-submitt") == 3 && named("postgres") > 3).then_some(all)
    });
    (child, all)
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// A folder for everything temporary, which PostgreSQL's user may enter, too.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let everybody = Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everybody).unwrap();
    folder
}

fn all_end(all: &[(i32, u64, String)], folder: &Path) {
    eventually("everything has ended", || {
        (!all.iter().any(lives)).then_some(())
    });
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_interrupted_bench_ends_what_it_started() {
    let folder = folder();
    let (child, all) = started(folder.path());
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("interrupted"), "{errors}");
    all_end(&all, folder.path());
}

#[test]
fn a_killed_bench_leaves_nothing_running() {
    let folder = folder();
    let (mut child, all) = started(folder.path());
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    all_end(&all, folder.path());
}
