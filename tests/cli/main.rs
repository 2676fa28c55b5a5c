//! The command line as people and scripts use it: our program as a process, against a real `dev`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "../support/mod.rs"]
mod support;

mod connection;
mod dev;
mod list;
mod one;
mod program;
mod rows;
mod submit;
