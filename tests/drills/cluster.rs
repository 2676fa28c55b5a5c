//! A PostgreSQL of one drill alone: killed, backed up, restored, followed by a standby, put back to what it was.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

use crate::programs::{own, program, run};
use crate::support::{Process, free_port};
use crate::world::eventually;

/// The role that owns everything.
const ROLE: &str = "submitter";
/// The database of the records.
const DATABASE: &str = "records";
/// Where statements about databases are made.
const MAINTENANCE: &str = "postgres";
/// How long a server may take to answer, recovery included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long one statement may wait for its connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A server and its files.
pub struct Cluster {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
    /// What earlier processes of it said.
    said: Vec<String>,
}

impl Cluster {
    /// A new one, with an empty database.
    pub async fn start() -> Self {
        let mut cluster = Self::empty();
        let data = cluster.data().display().to_string();
        let flags = [
            "-U",
            ROLE,
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "-D",
            &data,
        ];
        run("initdb", flags.map(str::to_owned).to_vec()).await;
        cluster.start_again().await;
        cluster.make_database().await;
        cluster
    }

    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        own(folder.path());
        Self {
            process: None,
            port: free_port(),
            folder,
            said: Vec::new(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Of the records' database.
    pub fn url(&self) -> String {
        self.url_by(self.address())
    }

    /// The same by way of another address.
    pub fn url_by(&self, address: SocketAddr) -> String {
        url_of(address, DATABASE)
    }

    /// Starts it on its port, and returns when it answers.
    ///
    /// What is written need only outlive processes, which the system sees to: nothing is forced to the disk.
    pub async fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let mut command = program("postgres");
        command.arg("-D").arg(self.data());
        let port = format!("port={}", self.port);
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "max_connections=100",
            "wal_keep_size=1GB",
            "log_min_messages=warning",
            &port,
        ];
        for setting in settings {
            command.args(["-c", setting]);
        }
        let mut process = Process::start(command);
        eventually("PostgreSQL answers", START_LIMIT, async || {
            assert!(process.ended().is_none(), "it ended: {}", process.log());
            connect(self.address(), MAINTENANCE).await.map(drop)
        })
        .await;
        self.process = Some(process);
    }

    /// `kill -9` of the server and all its sessions.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        let children = children(process.pid());
        process.kill();
        for child in children {
            // Many end by themselves when they see that the server is gone.
            let _ = kill_process(child, Signal::KILL);
        }
        self.said.push(process.log());
    }

    /// A connection to the records.
    pub async fn connect(&self) -> Option<PgConnection> {
        connect(self.address(), DATABASE).await
    }

    async fn make_database(&self) {
        self.say(format!("create database {DATABASE}")).await;
    }

    /// Throws the records away, whoever uses them, and makes an empty database of the same name.
    pub async fn lose_database(&self) {
        self.say(format!("drop database {DATABASE} with (force)"))
            .await;
        self.make_database().await;
    }

    /// A statement about the server.
    async fn say(&self, statement: String) {
        let mut admin = connect(self.address(), MAINTENANCE)
            .await
            .expect("it answers");
        let said = sqlx::query(AssertSqlSafe(statement)).execute(&mut admin);
        said.await.unwrap();
    }

    /// A dump of the records, while they are in use.
    pub async fn dump(&self) -> PathBuf {
        let file = self.folder.path().join("dump");
        let arguments = [
            "--format=custom",
            "--compress=0",
            "--file",
            &file.display().to_string(),
            "--dbname",
            &self.url(),
        ];
        run("pg_dump", arguments.map(str::to_owned).to_vec()).await;
        file
    }

    /// Reads a dump into the database: one that is empty, or in the place of the tables that are there.
    pub async fn restore(&self, dump: &Path, in_place: bool) {
        let mut arguments = vec![
            "--no-owner".to_owned(),
            "--exit-on-error".to_owned(),
            "--single-transaction".to_owned(),
        ];
        if in_place {
            arguments.extend(["--clean".to_owned(), "--if-exists".to_owned()]);
        }
        arguments.extend(["--dbname".to_owned(), self.url()]);
        arguments.push(dump.display().to_string());
        run("pg_restore", arguments).await;
    }

    /// A copy of all its files, while they are in use.
    pub async fn copy_files(&self) -> PathBuf {
        let copy = self.folder.path().join("copy");
        self.base_backup(&copy, false).await;
        copy
    }

    /// Puts such a copy in the place of its files. It must not run.
    pub fn put_back(&self, copy: &Path) {
        assert!(self.process.is_none(), "it runs");
        std::fs::remove_dir_all(self.data()).unwrap();
        std::fs::rename(copy, self.data()).unwrap();
    }

    /// A standby that follows, asynchronously.
    pub async fn standby(&self) -> Self {
        let mut standby = Self::empty();
        self.base_backup(&standby.data(), true).await;
        standby.start_again().await;
        standby
    }

    async fn base_backup(&self, to: &Path, follow: bool) {
        let port = self.port.to_string();
        let to = to.display().to_string();
        let mut arguments = vec![
            "--host=127.0.0.1",
            "--username",
            ROLE,
            "--port",
            &port,
            "--pgdata",
            &to,
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
        ];
        if follow {
            arguments.push("--write-recovery-conf");
        }
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        run("pg_basebackup", arguments).await;
    }

    /// How many follow it.
    pub async fn followers(&self) -> i64 {
        let mut admin = connect(self.address(), MAINTENANCE)
            .await
            .expect("it answers");
        let asked = "select count(*) from pg_stat_replication where state = 'streaming'";
        sqlx::query_scalar(asked)
            .fetch_one(&mut admin)
            .await
            .unwrap()
    }

    /// Follows nobody any more, and does not know that it should not.
    pub async fn fall_behind(&self) {
        self.say("alter system set primary_conninfo = ''".to_owned())
            .await;
        self.say("select pg_reload_conf()".to_owned()).await;
        eventually("it follows nobody", START_LIMIT, async || {
            let mut admin = connect(self.address(), MAINTENANCE).await?;
            let asked = "select count(*) from pg_stat_wal_receiver";
            let count: i64 = sqlx::query_scalar(asked).fetch_one(&mut admin).await.ok()?;
            (count == 0).then_some(())
        })
        .await;
    }

    /// Makes a standby the primary.
    pub async fn promote(&self) {
        self.say("select pg_promote(true, 60)".to_owned()).await;
    }

    /// What it has said, and those before it.
    pub fn log(&self) -> String {
        let now = self.process.as_ref().map(Process::log);
        let all: Vec<String> = self.said.iter().cloned().chain(now).collect();
        all.join("\n--- started again\n")
    }
}

async fn connect(address: SocketAddr, database: &str) -> Option<PgConnection> {
    let url = url_of(address, database);
    let connecting = tokio::time::timeout(CONNECT_LIMIT, PgConnection::connect(&url));
    connecting.await.ok()?.ok()
}

fn url_of(address: SocketAddr, database: &str) -> String {
    format!("postgres://{ROLE}@{address}/{database}")
}

/// The processes that this one has begun.
fn children(parent: u32) -> Vec<Pid> {
    let listed = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &parent.to_string()])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let numbers = listed.split_whitespace();
    numbers
        .filter_map(|number| Pid::from_raw(number.parse().ok()?))
        .collect()
}
