//! What processes have used, as the system counts it: CPU time in ticks of 10 ms, memory in kilobytes.

use std::ops::Sub;

use serde::Serialize;

/// CPU time in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
pub struct Cpu {
    /// In the program.
    pub user: f64,
    /// In the system on its behalf.
    pub system: f64,
}

impl Cpu {
    /// Both.
    pub fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Sub for Cpu {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }
}

impl std::iter::Sum for Cpu {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            user: sum.user + one.user,
            system: sum.system + one.system,
        })
    }
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Resident now (VmRSS).
    pub resident: u64,
    /// The most that ever was resident (VmHWM).
    pub peak: u64,
}

/// The machine that it was measured on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Hardware {
    /// The processor's own name.
    pub cpu: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

#[cfg(target_os = "linux")]
mod system {
    use anyhow::Context as _;
    use procfs::Current as _;
    use procfs::process::{Process, Stat, all_processes};

    use super::{Cpu, Hardware, Memory};

    fn seconds(ticks: u64) -> f64 {
        ticks as f64 / procfs::ticks_per_second() as f64
    }

    fn own(stat: &Stat) -> Cpu {
        Cpu {
            user: seconds(stat.utime),
            system: seconds(stat.stime),
        }
    }

    fn stat(pid: u32) -> anyhow::Result<Stat> {
        let process = Process::new(i32::try_from(pid)?).context("a process to be measured")?;
        process.stat().context("a process to be measured")
    }

    /// What a process has used, without its children.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn cpu_of(pid: u32) -> anyhow::Result<Cpu> {
        Ok(own(&stat(pid)?))
    }

    /// What a process and its children have used, those that have ended included. Nothing of a child is ever lost in it: when
    /// one ends, what it used is counted for its parent.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn cpu_of_family(pid: u32) -> anyhow::Result<Cpu> {
        let parent = stat(pid)?;
        let ended = |ticks: i64| seconds(u64::try_from(ticks).unwrap_or(0));
        let gone = Cpu {
            user: ended(parent.cutime),
            system: ended(parent.cstime),
        };
        let children = all_processes()
            .context("the list of processes")?
            .filter_map(|process| process.ok()?.stat().ok())
            .filter(|child| child.ppid == parent.pid)
            .map(|child| own(&child));
        Ok(children.chain([own(&parent), gone]).sum())
    }

    /// What a process holds in memory.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn memory_of(pid: u32) -> anyhow::Result<Memory> {
        let status = Process::new(i32::try_from(pid)?)
            .and_then(|process| process.status())
            .context("a process to be measured")?;
        let bytes = |kilobytes: Option<u64>| kilobytes.unwrap_or(0) * 1024;
        Ok(Memory {
            resident: bytes(status.vmrss),
            peak: bytes(status.vmhwm),
        })
    }

    /// What this machine is.
    pub fn hardware() -> Hardware {
        let name = procfs::CpuInfo::current()
            .ok()
            .and_then(|info| info.model_name(0).map(str::to_owned));
        let memory = procfs::Meminfo::current().map(|info| info.mem_total);
        Hardware {
            cpu: name.unwrap_or_default(),
            memory_bytes: memory.unwrap_or(0),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Cpu, Hardware, Memory};

    const ELSEWHERE: &str = "CPU time and memory are read from /proc, which only Linux has";

    pub fn cpu_of(_: u32) -> anyhow::Result<Cpu> {
        anyhow::bail!(ELSEWHERE)
    }

    pub fn cpu_of_family(_: u32) -> anyhow::Result<Cpu> {
        anyhow::bail!(ELSEWHERE)
    }

    pub fn memory_of(_: u32) -> anyhow::Result<Memory> {
        anyhow::bail!(ELSEWHERE)
    }

    pub fn hardware() -> Hardware {
        Hardware::default()
    }
}

pub use system::{cpu_of, cpu_of_family, hardware, memory_of};

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn work_shows_as_cpu_time_of_the_process_and_of_its_family() {
        use super::{cpu_of, cpu_of_family, memory_of};
        let me = std::process::id();
        let (before, family) = (
            cpu_of(me).expect("we live"),
            cpu_of_family(me).expect("we live"),
        );
        let begun = std::time::Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < std::time::Duration::from_millis(300) {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        assert_ne!(sum, 1);
        let used = cpu_of(me).expect("we live") - before;
        let family = cpu_of_family(me).expect("we live") - family;
        assert!(used.total() > 0.02, "{used:?}");
        assert!(family.total() >= used.total() - 0.02, "{family:?} {used:?}");
        let memory = memory_of(me).expect("we live");
        assert!(memory.peak >= memory.resident && memory.resident > 1 << 20);
    }
}
