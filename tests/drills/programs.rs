//! PostgreSQL's own programs, those of a backup too: an installed PostgreSQL has them all.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where Debian and its kin keep one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What the drills need.
const PROGRAMS: [&str; 5] = [
    "postgres",
    "initdb",
    "pg_dump",
    "pg_restore",
    "pg_basebackup",
];

/// The newest installation that has them all; none is said so, and fails the test where it runs for everybody.
pub fn installed() -> bool {
    let found = folder().is_some();
    if !found {
        let why = format!("no PostgreSQL with all of {PROGRAMS:?} in PG_BIN or {DEBIAN}/*/bin");
        assert!(std::env::var_os("CI").is_none(), "{why}");
        println!("skipped: {why}");
    }
    found
}

fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOLDER.get_or_init(|| {
        let given = std::env::var_os("PG_BIN").map(PathBuf::from);
        let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
        let mut folders: Vec<(u32, PathBuf)> = versions
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        folders.sort();
        let newest_first = folders.into_iter().rev().map(|(_, folder)| folder);
        let mut candidates = given.into_iter().chain(newest_first);
        candidates.find(|folder| PROGRAMS.iter().all(|name| folder.join(name).is_file()))
    });
    found.as_deref()
}

/// Who runs them where we are root, which PostgreSQL refuses.
fn other() -> Option<(u32, u32)> {
    static OTHER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *OTHER.get_or_init(|| {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let id = |flag: &str| {
            let asked = Command::new("id")
                .args([flag, "postgres"])
                .output()
                .unwrap();
            let said = String::from_utf8(asked.stdout).unwrap();
            said.trim().parse().expect("there is a user `postgres`")
        };
        Some((id("-u"), id("-g")))
    })
}

/// Gives a folder to whoever runs them.
pub fn own(folder: &Path) {
    if let Some((uid, gid)) = other() {
        std::os::unix::fs::chown(folder, Some(uid), Some(gid)).unwrap();
    }
}

/// One of them, deaf to what this environment says to PostgreSQL.
pub fn program(name: &str) -> Command {
    let folder = folder().expect("asked only where they are installed");
    let mut command = Command::new(folder.join(name));
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(|name| name.starts_with("PG")) {
            command.env_remove(variable);
        }
    }
    if let Some((uid, gid)) = other() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Runs one to its end, off the threads that the test answers on.
pub async fn run(name: &'static str, arguments: Vec<String>) {
    let ran = tokio::task::spawn_blocking(move || {
        let output = program(name).args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} {arguments:?}: {said}");
    });
    ran.await.unwrap();
}
