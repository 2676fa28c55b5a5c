//! What the test binaries share: a database a test, our program as a process, ports and folders.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unused_imports, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

pub mod database;
pub mod process;

use std::net::{Ipv4Addr, TcpListener};

pub use database::{Template, TestDatabase, database, empty_database};
pub use process::Process;
use tempfile::TempDir;

/// A port on loopback that was free a moment ago. Prefer port 0 where the program can tell what it got.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A folder for one test, removed at its end.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
