//! On what it was measured: figures without it say nothing.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::usage::{self, Hardware};

/// Flushes of which the median is taken, and bytes written before each: a page of the log.
const FLUSHES: usize = 40;
const PAGE_BYTES: usize = 8192;
/// The most time that they take.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Processors that may be used at once.
    pub cores: usize,
    #[serde(flatten)]
    hardware: Hardware,
    /// Median time of a flush of 8 KiB to the disk, in microseconds: what a durable commit waits for.
    pub fdatasync_us: u64,
}

impl Machine {
    /// Looks at it. Blocks for up to two seconds, for the disk.
    ///
    /// # Errors
    /// Where the temporary folder takes no file.
    pub fn look() -> anyhow::Result<Self> {
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            hardware: usage::hardware(),
            fdatasync_us: median_flush().context("a file in the temporary folder")?,
        })
    }

    /// In one line.
    pub fn line(&self) -> String {
        let gigabytes = self.hardware.memory_bytes as f64 / f64::from(1 << 30);
        format!(
            "{} cores of {}, {gigabytes:.0} GiB, a flush to disk takes {} µs",
            self.cores, self.hardware.cpu, self.fdatasync_us
        )
    }
}

fn median_flush() -> std::io::Result<u64> {
    let mut file: File = tempfile::tempfile()?;
    let page = [7_u8; PAGE_BYTES];
    let begun = Instant::now();
    let mut times = Vec::with_capacity(FLUSHES);
    while times.len() < FLUSHES && begun.elapsed() < FLUSH_LIMIT {
        file.write_all(&page)?;
        let flushing = Instant::now();
        file.sync_data()?;
        times.push(u64::try_from(flushing.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or(0))
}
