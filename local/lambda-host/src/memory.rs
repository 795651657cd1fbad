//! How much memory a process has.

use std::fs;

/// Resident memory as Linux counts it (`proc_pid_status(5)`), in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// `VmRSS`: now.
    pub resident_kib: u64,
    /// `VmHWM`: the most there ever was.
    pub peak_kib: u64,
}

impl Memory {
    /// `None` where there is no such process, or no `/proc`.
    pub fn of(pid: u32) -> Option<Self> {
        Self::read(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
    }

    fn read(status: &str) -> Option<Self> {
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix("kB")?.trim().parse().ok()
        };
        Some(Self { resident_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_numbers_are_found() {
        let status = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t    40 kB\nVmRSS:\t    38 kB\nThreads:\t3\n";
        assert_eq!(Memory::read(status), Some(Memory { resident_kib: 38, peak_kib: 40 }));
        assert_eq!(Memory::read("Name:\tx\nState:\tZ (zombie)\n"), None);
    }
}
