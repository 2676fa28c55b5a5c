use std::io::Write;
use std::process::{Child, Stdio};

use super::account::Account;
use super::binaries::Binaries;
use super::error::{At, PostgresError};
use super::folder::Folder;

/// Reads lines until the pipe closes, which it does when our process ends, by whatever means, `kill -9` included. `$1` is `pg_ctl`, `$2` the data folder, `$3`
/// the folder to remove or empty. A server that has just been started has no `postmaster.pid` for a moment, hence five looks, a second apart. In a folder
/// that is kept only the server that we were told of is stopped: another process may by then have started its own there.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
server=
while read -r word value; do
    case $word in
        server) server=$value ;;
        done) exit 0 ;;
    esac
done
for look in 1 2 3 4 5; do
    if read -r owner < "$2/postmaster.pid" && { [ "$owner" = "$server" ] || [ -n "$3" ]; }; then
        "$1" stop -s -D "$2" -m fast -t 30 || "$1" stop -s -D "$2" -m immediate -t 5
        break
    fi
    sleep 1
done
[ -z "$3" ] || rm -rf "$3"
"#;

/// A process that shuts the server down and removes a temporary folder when ours has ended without doing so.
///
/// Not `PR_SET_PDEATHSIG`: that follows the thread that spawned, not the process, needs `unsafe`, exists on Linux only, and removes nothing.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
}

impl Watchdog {
    pub(super) fn spawn(
        account: &Account,
        binaries: &Binaries,
        folder: &Folder,
    ) -> Result<Self, PostgresError> {
        let remove = folder.temporary().unwrap_or("".as_ref());
        let child = account
            .command("/bin/sh")
            .args(["-c", SCRIPT, "stellar-submitter-postgres-watchdog"])
            .arg(binaries.program("pg_ctl"))
            .arg(folder.pgdata())
            .arg(remove)
            .stdin(Stdio::piped())
            // Not ours: whoever reads our output to its end must not wait for the watchdog.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .at("run", "/bin/sh")?;
        Ok(Self { child })
    }

    /// Says which server is ours. Where the watchdog has been killed there is nobody to tell, and no reason to stop.
    pub(super) fn guard(&mut self, server: u32) {
        if let Some(pipe) = &mut self.child.stdin {
            let _ = writeln!(pipe, "server {server}");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Without this word it would take our going away for our death.
        if let Some(mut pipe) = self.child.stdin.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.child.wait();
    }
}
