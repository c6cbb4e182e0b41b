//! Workers, in their first message and in lists.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeviceHealth, DeviceInfo, Digest, LeaseId, Method, WorkerName};

/// The most leases that a worker can hold or name at once, and so the most slots that it can have.
pub const MAX_LEASES: usize = 1024;

/// The state of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    Idle,
    Busy,
    /// Finishes its leases and takes no more.
    Draining,
    /// Has finished its leases after it was drained or shut down, and is gone.
    Drained,
    /// Its connection ended, and it has not reconnected.
    Lost,
}

impl WorkerState {
    /// Its name on the wire, in JSON and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A worker's devices and methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// How many tasks it runs at once.
    pub slots: u32,
    /// Memory for tasks, over all slots, in bytes.
    pub memory_bytes: u64,
    /// For display, such as `cpu avx512`.
    pub device: String,
    /// The methods that it runs, each in one version; it only gets tasks of these.
    pub methods: Vec<MethodVersion>,
    /// Its devices. A task gets memory of one of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub devices: Vec<DeviceInfo>,
}

/// A method in one of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MethodVersion {
    pub method: Method,
    pub version: u32,
}

impl MethodVersion {
    /// Every method of this program.
    pub fn all() -> Vec<Self> {
        Method::ALL.into_iter().map(Self::of).collect()
    }

    /// The method in this program's version.
    pub fn of(method: Method) -> Self {
        Self { method, version: method.version() }
    }
}

impl fmt::Display for MethodVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.method.as_str(), self.version)
    }
}

impl Capabilities {
    /// The most memory that one task gets, in bytes.
    pub fn task_memory_bytes(&self) -> u64 {
        let largest = self.devices.iter().map(|device| device.memory_bytes).max();
        largest.map_or(self.memory_bytes, |largest| largest.min(self.memory_bytes))
    }
}

/// A worker's first message on a new connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name that it asks for; the answer has the one that it gets.
    pub name: WorkerName,
    /// A random number, drawn at start and kept over connections, that distinguishes this process
    /// from others that ask for the same name.
    pub instance: u64,
    pub capabilities: Capabilities,
    /// Leases that it still runs, or has unacknowledged reports for.
    pub held: Vec<LeaseId>,
    /// Blobs that it has cached: only the most recently used.
    pub blobs: Vec<Digest>,
}

/// Why a worker gets no tasks for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bench {
    /// When it gets one task to prove itself, in milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// How its last attempt failed.
    pub reason: String,
}

/// A worker, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    pub name: WorkerName,
    pub state: WorkerState,
    #[serde(flatten)]
    pub capabilities: Capabilities,
    /// The leases that it holds now.
    pub leases: Vec<LeaseId>,
    /// The results accepted from it since the coordinator started.
    pub tasks_done: u64,
    /// Its attempts that failed since its last success.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub failures: u32,
    /// Present if it gets no tasks because of these failures.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub benched: Option<Bench>,
    /// In the order of its devices, as far as their drivers report it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub health: Vec<DeviceHealth>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
