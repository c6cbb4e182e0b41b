//! What this machine has: its name, its processors, its memory, its user's folders.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

pub(crate) fn host_name() -> String {
    System::host_name().unwrap_or_default()
}

/// How many threads this process may run at once; a container's limit counts.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Memory that is free now; a container's limit counts.
pub(crate) fn free_memory_bytes() -> u64 {
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()));
    // Where the system does not tell what is free, half of what there is is a fair guess.
    let free = Some(system.available_memory()).filter(|bytes| *bytes > 0).unwrap_or(system.total_memory() / 2);
    system.cgroup_limits().map_or(free, |limits| free.min(limits.free_memory))
}

/// The user's folder for what can be made again.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "impasto").map(|dirs| dirs.cache_dir().to_owned())
}
