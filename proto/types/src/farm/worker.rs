//! Workers, as they introduce themselves and as lists show them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeviceHealth, DeviceInfo, Digest, LeaseId, Method, WorkerName};

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    Idle,
    Busy,
    /// Finishes what it has and takes no more.
    Draining,
    /// Its connection ended, and it has not come back.
    Lost,
}

impl WorkerState {
    /// The word for it, the same on the wire, in JSON and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a worker can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// How many tasks it runs at once.
    pub slots: u32,
    /// Memory for tasks, over all slots, in bytes.
    pub memory_bytes: u64,
    /// Such as `cpu avx512`, to show.
    pub device: String,
    /// The methods that it runs, each in one version; it is only given tasks of these.
    pub methods: Vec<MethodVersion>,
    /// Its devices one by one. A task gets the memory of one of them.
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

    /// The method as this program has it.
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

/// How a worker introduces itself on a new connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name it asks for; the answer says which one it gets.
    pub name: WorkerName,
    /// Tells this process from any other that asks for the same name: drawn at its start, kept
    /// over its connections.
    pub instance: u64,
    pub capabilities: Capabilities,
    /// Leases that it still works on, or has unacknowledged reports for.
    pub held: Vec<LeaseId>,
    /// Blobs that it already holds: a bounded sample of the newest.
    pub blobs: Vec<Digest>,
}

/// A worker as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    pub name: WorkerName,
    pub state: WorkerState,
    #[serde(flatten)]
    pub capabilities: Capabilities,
    /// What it works on now.
    pub leases: Vec<LeaseId>,
    /// Results that were taken from it since the coordinator started.
    pub tasks_done: u64,
    /// In the order of its devices, as far as their drivers tell.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub health: Vec<DeviceHealth>,
}
