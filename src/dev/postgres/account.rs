use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::{At, PostgresError};
use super::steers_postgres;

/// Tried in this order where we are root.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Whom PostgreSQL's programs run as.
#[derive(Clone, Debug)]
pub(super) enum Account {
    Ourselves,
    Other {
        name: &'static str,
        uid: u32,
        gid: u32,
    },
}

impl Account {
    /// Ourselves, except as root, which PostgreSQL refuses.
    pub(super) fn choose() -> Result<Self, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        for name in UNPRIVILEGED {
            if let (Some(uid), Some(gid)) = (ask_id("-u", name)?, ask_id("-g", name)?)
                && uid != 0
            {
                return Ok(Self::Other { name, uid, gid });
            }
        }
        Err(PostgresError::NoAccount)
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Ourselves => "yourself",
            Self::Other { name, .. } => name,
        }
    }

    pub(super) fn is_other(&self) -> bool {
        matches!(self, Self::Other { .. })
    }

    /// `program` as this account, in a process group of its own (Ctrl-C in our terminal must not end the server before the daemon has drained), in a
    /// folder that everybody may enter, and without the variables that would steer it.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .process_group(0)
            .current_dir("/")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| steers_postgres(name)) {
            command.env_remove(name);
        }
        if let Self::Other { uid, gid, .. } = self {
            // Setting a uid as root also drops root's supplementary groups.
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Makes `path` this account's.
    pub(super) fn own(&self, path: &Path) -> Result<(), PostgresError> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).at("give away", path)
            }
        }
    }

    /// Whether the account can enter `dir`, or the nearest folder above it that exists. Asked of the system as that account, because modes alone do not
    /// tell (access lists, mounts).
    pub(super) fn can_enter(&self, dir: &Path) -> Result<bool, PostgresError> {
        let existing = dir
            .ancestors()
            .find(|dir| dir.is_dir())
            .unwrap_or(Path::new("/"));
        self.command("test")
            .arg("-x")
            .arg(existing)
            .status()
            .map(|status| status.success())
            .at("look at", existing)
    }
}

/// A number from `id`, which also knows users of directories; `None` where there is no such user.
fn ask_id(flag: &str, name: &str) -> Result<Option<u32>, PostgresError> {
    let output = match Command::new("id").args([flag, name]).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output.at("run", "id")?,
    };
    Ok(output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().parse().ok())
        .flatten())
}
