//! A PostgreSQL of one world alone, that can be stopped hard, crashed, filled up, and started again.

use std::fs::Permissions;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, PgConnection};
use stellar_submitter::dev::postgres::{Options, Postgres};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::world::eventually;

/// How long an administrator waits for a connection, or for an answer.
const ADMIN_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may take to come back by itself.
const RECOVERY_LIMIT: Duration = Duration::from_secs(30);
/// Log segments that are begun while the disk is full: the first few were made ahead.
const SEGMENTS: u32 = 6;

/// The server and what it stands on. The order of the fields is the order of the end.
pub struct Cluster {
    server: Option<Postgres>,
    pub disk: Option<Disk>,
    folder: TempDir,
    port: u16,
    /// Of the first start: the role and its password stay.
    url: String,
}

impl Cluster {
    /// A fresh one, on a small disk where mounting is allowed.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let mut cluster = Self {
            server: None,
            disk: None,
            folder,
            port: 0,
            url: String::new(),
        };
        cluster.start_again().await;
        cluster.move_to_small_disk().await;
        cluster
    }

    /// The data and its log move; what the server says stays, or a full disk could not be told of.
    async fn move_to_small_disk(&mut self) {
        let small = self.folder.path().join("small");
        std::fs::create_dir(&small).unwrap();
        match Disk::mount(&small) {
            Ok(disk) => self.disk = Some(disk),
            Err(why) => {
                // Not by a macro, whose words nobody hears of a test that passes.
                let said = format!("SKIPPED: a full disk: {why}\n");
                std::io::stderr().write_all(said.as_bytes()).unwrap();
                return;
            }
        }
        self.stop_immediately().await;
        let data = self.folder.path().join("kept/pgdata");
        let moved = Command::new("cp")
            .arg("-a")
            .args([&data, &small])
            .status()
            .unwrap();
        assert!(moved.success(), "the data could not be moved");
        std::fs::remove_dir_all(&data).unwrap();
        std::os::unix::fs::symlink(small.join("pgdata"), &data).unwrap();
        self.start_again().await;
    }

    /// Where it listens now.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its URL, by way of another address.
    pub fn url_by(&self, address: SocketAddr) -> String {
        let mut url = url::Url::parse(&self.url).unwrap();
        url.set_port(Some(address.port())).unwrap();
        url.into()
    }

    pub async fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs");
        let options = Options {
            data: Some(self.folder.path().join("kept")),
            port: Some(self.port).filter(|port| *port > 0),
            ..Options::from_env().unwrap()
        };
        let server = tokio::task::spawn_blocking(|| Postgres::start(options))
            .await
            .unwrap()
            .unwrap();
        self.port = server.port();
        self.url = server.url();
        self.server = Some(server);
    }

    /// What `pg_ctl stop -m immediate` does: no checkpoint, no farewell, and recovery at the next start.
    pub async fn stop_immediately(&mut self) {
        let server = self.server.take().expect("it runs");
        let _ = kill_process(pid(server.pid()), Signal::QUIT);
        // Waits for its end.
        tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
    }

    /// Stops all its processes for so long: connections are still taken by the system, and nothing is answered. Returns how many they were.
    pub async fn freeze(&self, length: Duration) -> usize {
        let server = self.server.as_ref().expect("it runs").pid();
        let main = pid(server);
        let _ = kill_process(main, Signal::STOP);
        // The main process begins no others now.
        let sessions = children(server);
        for session in &sessions {
            let _ = kill_process(*session, Signal::STOP);
        }
        tokio::time::sleep(length).await;
        for process in sessions.iter().chain([&main]) {
            let _ = kill_process(*process, Signal::CONT);
        }
        1 + sessions.len()
    }

    /// A connection past every proxy; none where the server does not answer now.
    async fn admin(&self) -> Option<PgConnection> {
        let connecting = PgConnection::connect(&self.url);
        tokio::time::timeout(ADMIN_LIMIT, connecting)
            .await
            .ok()?
            .ok()
    }

    /// Process ids of the sessions of daemons.
    async fn sessions(&self) -> Vec<i32> {
        let Some(mut admin) = self.admin().await else {
            return Vec::new();
        };
        let asked = sqlx::query_scalar(
            "select pid from pg_stat_activity where application_name = 'stellar-submitter' order by pid",
        );
        let asked = tokio::time::timeout(ADMIN_LIMIT, asked.fetch_all(&mut admin)).await;
        asked.unwrap_or(Ok(Vec::new())).unwrap_or_default()
    }

    /// Ends sessions as an administrator does: those of these draws, each of 0 to 99, that are below `percent`. Returns how many.
    pub async fn terminate_sessions(&self, percent: u64, mut draw: impl FnMut() -> u64) -> usize {
        let sessions = self.sessions().await;
        let doomed: Vec<i32> = sessions.into_iter().filter(|_| draw() < percent).collect();
        let Some(mut admin) = self.admin().await else {
            return 0;
        };
        let ended = sqlx::query_scalar("select count(*) from (select pg_terminate_backend(pid) as ended from unnest($1::int[]) pid) t where ended")
            .bind(doomed)
            .fetch_one(&mut admin);
        let ended = tokio::time::timeout(ADMIN_LIMIT, ended).await;
        let ended: i64 = ended.unwrap_or(Ok(0)).unwrap_or(0);
        usize::try_from(ended).unwrap()
    }

    /// `kill -9` of a session, on which the server ends all the others and recovers. Returns whether there was one.
    pub async fn kill_session(&self, draw: u64) -> bool {
        let sessions = self.sessions().await;
        let count = u64::try_from(sessions.len()).unwrap();
        if count == 0 {
            return false;
        }
        let victim = sessions[usize::try_from(draw % count).unwrap()];
        kill_process(Pid::from_raw(victim).unwrap(), Signal::KILL).is_ok()
    }

    /// Fills the disk for so long, and in the end has the server begin new segments of its log: where `log_too`, or where nothing else wanted room.
    /// Returns whether the server ran out of
    /// room: it has then refused a write, or crashed.
    pub async fn run_out_of_disk(&mut self, length: Duration, log_too: bool) -> bool {
        let Some(disk) = &self.disk else { return false };
        let before = self.complaints();
        disk.fill();
        tokio::time::sleep(length).await;
        let noticed = self.complaints() > before;
        if (log_too || !noticed)
            && let Some(mut admin) = self.admin().await
        {
            for _ in 0..SEGMENTS {
                let written = sqlx::query(
                    "select pg_logical_emit_message(true, 'crash', 'full'), pg_switch_wal()",
                );
                let written = tokio::time::timeout(ADMIN_LIMIT, written.execute(&mut admin)).await;
                if !matches!(written, Ok(Ok(_))) {
                    break;
                }
            }
        }
        disk.empty();
        let ran_out = self.complaints() > before;
        // A server that could not even recover has ended.
        if !self.comes_back().await {
            self.stop_immediately().await;
            self.start_again().await;
        }
        ran_out
    }

    /// Whether it takes connections, or will without being started; told by its process.
    async fn comes_back(&self) -> bool {
        let server = self.server.as_ref().expect("it was started");
        eventually("the server recovers or ends", RECOVERY_LIMIT, async || {
            if ended(server.pid()) {
                return Some(false);
            }
            self.admin().await.is_some().then_some(true)
        })
        .await
    }

    /// How often the server's log says that the disk is full.
    fn complaints(&self) -> usize {
        let log = self.folder.path().join("kept/postgres.log");
        let log = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
        log.matches("No space left on device").count()
    }
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

/// The processes that this one has begun.
fn children(parent: u32) -> Vec<Pid> {
    let listed = Command::new("ps")
        .args(["-A", "-o", "ppid=,pid="])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let of_parent = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse::<i32>);
        let (above, process) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (u32::try_from(above) == Ok(parent)).then(|| Pid::from_raw(process))?
    };
    listed.lines().filter_map(of_parent).collect()
}

/// Whether our child has ended, which nobody has waited for yet.
fn ended(pid: u32) -> bool {
    let asked = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(asked.stdout).unwrap();
    state.trim().is_empty() || state.trim().starts_with('Z')
}
