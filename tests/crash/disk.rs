//! A small disk that can be filled: a tmpfs, where mounting one is allowed.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Bytes of it. A fresh cluster takes 40 MB, and a short run writes less than 100 MB of log.
const SIZE_BYTES: u64 = 384 * 1024 * 1024;
/// Bytes that are written at once to fill it.
const FILLING_BYTES: usize = 1024 * 1024;

/// Whether one may be mounted here.
pub fn may_be_mounted() -> bool {
    let folder = tempfile::tempdir().unwrap();
    Disk::mount(folder.path()).is_ok()
}

/// A disk, mounted.
pub struct Disk {
    path: PathBuf,
    /// Unmounts it when the pipe closes, which it does when this process ends, however it does.
    watchdog: Child,
}

impl Disk {
    /// Mounts one in this folder, which must be empty; says why where that is not allowed.
    pub fn mount(path: &Path) -> Result<Self, String> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={SIZE_BYTES},mode=0755"))
            .arg("stellar-submitter-crash")
            .arg(path)
            .output()
            .map_err(|error| format!("`mount` cannot be run: {error}"))?;
        if !mounted.status.success() {
            let said = String::from_utf8_lossy(&mounted.stderr);
            return Err(said.trim().to_owned());
        }
        let watchdog = Command::new("/bin/sh")
            .args([
                "-c",
                "trap '' INT TERM HUP; read -r word; umount -l \"$1\"",
                "watchdog",
            ])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Ok(Self {
            path: path.to_owned(),
            watchdog,
        })
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::create(self.ballast()).unwrap();
        file.set_permissions(Permissions::from_mode(0o600)).unwrap();
        let mut chunk = vec![1; FILLING_BYTES];
        while !chunk.is_empty() {
            if file.write_all(&chunk).is_err() {
                chunk.truncate(chunk.len() / 2);
            }
        }
    }

    /// Makes room again.
    pub fn empty(&self) {
        let _ = std::fs::remove_file(self.ballast());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}
