//! How a bench answers: a table for people, one JSON object for programs, both with what the figures rest on.

use anyhow::Context as _;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::{Value, json};

use super::machine::Machine;
use super::meter::Costs;
use crate::clock::{Clock as _, SystemClock};
use crate::store::figures::Durability;

/// What a bench found.
#[derive(Debug)]
pub struct Outcome {
    /// Everything, as one object.
    pub json: Value,
    /// The same for people.
    pub text: String,
    /// What is wrong; `None` where everything that was promised was kept.
    pub wrong: Option<String>,
}

/// Puts together what a bench found.
///
/// # Errors
/// Where figures cannot be written as JSON.
pub fn outcome(
    bench: &str,
    durability: &Durability,
    settings: &Value,
    figures: &impl Serialize,
    table: &Table,
    wrong: Option<String>,
) -> anyhow::Result<Outcome> {
    let machine = Machine::look()?;
    let now = SystemClock.now();
    let build = if cfg!(debug_assertions) {
        "debug: not for comparing"
    } else {
        "release"
    };
    let json = json!({
        "bench": bench,
        "version": env!("CARGO_PKG_VERSION"),
        "build": build,
        "command": std::env::args().collect::<Vec<_>>(),
        "finished_at": now.unix_timestamp(),
        "machine": machine,
        "postgres": durability,
        "settings": settings,
        "figures": serde_json::to_value(figures).context("figures")?,
        "wrong": wrong,
    });
    let text = format!(
        "{table}\n{}\nPostgreSQL {}: fsync {}, synchronous_commit {}, full_page_writes {}, shared_buffers {}\n{build} build",
        machine.line(),
        durability.version,
        durability.fsync,
        durability.synchronous_commit,
        durability.full_page_writes,
        durability.shared_buffers,
    );
    Ok(Outcome { json, text, wrong })
}

/// A table of names and values, a column of values for each run.
pub fn table(name: &str, runs: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(std::iter::once(name.to_owned()).chain(runs));
    table
}

/// Adds a line: a name, and a value for each run.
pub fn line(table: &mut Table, name: &str, values: impl IntoIterator<Item = String>) {
    let values = values
        .into_iter()
        .map(|value| Cell::new(value).set_alignment(CellAlignment::Right));
    table.add_row(std::iter::once(Cell::new(name)).chain(values));
}

/// The lines that every bench with daemons has.
pub fn cost_lines(table: &mut Table, runs: &[&Costs]) {
    type Pick = fn(&super::meter::PerIntent) -> f64;
    let lines: [(&str, Pick); 7] = [
        ("daemon CPU, µs an intent", |each| each.cpu_us.daemon),
        ("PostgreSQL CPU, µs an intent", |each| each.cpu_us.postgres),
        ("sandbox CPU, µs an intent", |each| each.cpu_us.sandbox),
        ("load and measuring CPU, µs an intent", |each| {
            each.cpu_us.load
        }),
        ("WAL bytes an intent", |each| each.wal_bytes),
        ("commits an intent", |each| each.commits),
        ("requests to Horizon an intent", |each| {
            each.horizon_requests
        }),
    ];
    for (name, pick) in lines {
        let decimals = if name.contains("bytes") || name.contains("µs") {
            1
        } else {
            4
        };
        line(
            table,
            name,
            runs.iter().map(|costs| {
                let value = costs.per_intent.as_ref().map(pick);
                number(value, decimals)
            }),
        );
    }
}

/// A number with so many places, or a dash.
pub fn number(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.places$}"))
}

/// Bytes in megabytes.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
