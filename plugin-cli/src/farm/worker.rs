//! A worker, as lists show it.

use std::fmt;

use impasto_proto::limits::{MAX_DEVICES, MAX_LEASES};
use impasto_proto::{FieldError, from_proto, v1};
use impasto_types::{DeviceHealth, DeviceInfo, JobId, TaskIndex, WorkerName};
use serde::Serialize;

use super::job::printable;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FarmWorker {
    pub name: WorkerName,
    pub state: WorkerState,
    pub slots: u32,
    pub memory_bytes: u64,
    pub device: String,
    pub engine_version: u32,
    /// What it paints now: jobs and the places of their tasks.
    pub tasks: Vec<(JobId, TaskIndex)>,
    pub tasks_done: u64,
    /// What it paints on, and how that fares; older workers do not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<FarmDevice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FarmDevice {
    #[serde(flatten)]
    pub info: DeviceInfo,
    #[serde(flatten)]
    pub health: DeviceHealth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    Idle,
    Busy,
    Draining,
    Lost,
}

impl WorkerState {
    const ALL: [Self; 4] = [Self::Idle, Self::Busy, Self::Draining, Self::Lost];

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

impl FarmWorker {
    pub(super) fn from_proto(message: v1::WorkerInfo) -> Result<Self, FieldError> {
        let state = WorkerState::ALL.into_iter().find(|state| state.as_str() == message.state);
        let leases = from_proto::each("leases", message.leases, MAX_LEASES, from_proto::lease)?;
        let mut health =
            from_proto::each("health", message.health, MAX_DEVICES, from_proto::device_health)?
                .into_iter();
        let devices =
            from_proto::each("devices", message.devices, MAX_DEVICES, from_proto::device_info)?
                .into_iter();
        let devices = devices
            .map(|info| FarmDevice { info, health: health.next().unwrap_or_default() })
            .collect();
        Ok(Self {
            name: from_proto::worker_name("name", &message.name)?,
            state: state.ok_or_else(|| {
                FieldError::malformed("state", &message.state, "there is no such state")
            })?,
            slots: message.slots,
            memory_bytes: message.memory_bytes,
            device: printable(message.device),
            engine_version: message.engine_version,
            tasks: leases.into_iter().map(|lease| (lease.job, lease.task)).collect(),
            tasks_done: message.tasks_done,
            devices,
        })
    }
}
