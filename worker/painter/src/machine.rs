//! This machine's name, CPU and memory.

use std::num::NonZeroUsize;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The machine's host name; empty if it has none.
pub fn host_name() -> String {
    System::host_name().unwrap_or_default()
}

/// How many threads this process may run at once, within a container's limit.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The memory that is free now, in bytes, within a container's limit.
pub(crate) fn free_memory_bytes() -> u64 {
    let system = System::new_with_specifics(
        RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()),
    );
    // If the system does not report free memory, assume half of all memory.
    let free = Some(system.available_memory())
        .filter(|bytes| *bytes > 0)
        .unwrap_or(system.total_memory() / 2);
    // The page cache of a container is freed on demand, so only what its processes hold counts.
    system
        .cgroup_limits()
        .map_or(free, |limits| free.min(limits.total_memory.saturating_sub(limits.rss)))
}

/// The memory that painting may use by default: four fifths of what is free, so that the machine
/// remains usable.
pub(crate) fn default_memory_bytes() -> u64 {
    free_memory_bytes() / 10 * 8
}

/// The CPU's model name, as the CPU reports it.
pub(crate) fn cpu_model() -> String {
    let system =
        System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
    system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default()
}

/// The peak memory of this process so far in bytes, if the system reports it.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    peak_of(&status)
}

/// Resets [`peak_memory_bytes`], if the system can.
pub(crate) fn forget_peak_memory() {
    // 5 resets the peak: see proc(5).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Parses a line such as `VmHWM: 123 kB`.
fn peak_of(status: &str) -> Option<u64> {
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(
            peak_of("VmPeak:\t   9 kB\nVmHWM:\t  1234 kB\nVmRSS:\t 7 kB\n"),
            Some(1234 * 1024)
        );
        assert_eq!(peak_of("VmRSS:\t 7 kB\n"), None);
        assert!(
            cfg!(not(target_os = "linux"))
                || peak_memory_bytes().is_some_and(|bytes| bytes > 1 << 20)
        );
    }

    #[test]
    fn there_is_memory() {
        assert!(free_memory_bytes() > 0);
    }
}
