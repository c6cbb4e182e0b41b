//! An opened device, and the methods prepared in its lanes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use impasto_engine::cards::{Handle, Unavailable, trim};
use impasto_types::{DeviceHealth, Digest, Method, ModelRef, Profile, error_text};

use crate::device::Device;
use crate::gauge::Gauge;
use crate::method::Prepared;
use crate::shared_time::SharedTime;
use crate::{Offer, Sharing};

/// While one picture is decoded, encoded or waits for the host, the other computes; a third would
/// gain little, and take their memory.
const CARD_LANES: u32 = 2;

/// Small pictures that are painted at once, for each thread of the CPU: their layers are too small
/// for several threads, and while one is decoded or encoded, the others compute.
const LANES_PER_THREAD: usize = 2;

/// No more lanes than this on the CPU: each takes memory.
const MOST_CPU_LANES: usize = 16;

/// The most that a small picture needs by the planner's estimate: 0.6 GiB for the network and the
/// process, which each picture counts as its own, and about 600 x 600 pixels.
const SMALL_BYTES: u64 = 896 << 20;

/// The least memory of a lane of the CPU. Not to be cut, a picture needs more than its estimate.
const LEAST_SHARE_BYTES: u64 = 1 << 30;
const _: () = assert!(SMALL_BYTES < LEAST_SHARE_BYTES);

#[derive(Debug)]
pub(crate) struct OpenedDevice {
    pub(crate) device: Device,
    pub(crate) offer: Offer,
    /// Of what is painted here.
    pub(crate) time: SharedTime,
    /// Created on first use. All lanes of the CPU share one state: its networks and threads.
    lanes: Mutex<BTreeMap<u32, Arc<Mutex<LaneState>>>>,
    gauge: Option<Gauge>,
    /// Why a failed GPU could not be opened again.
    lost: OnceLock<String>,
}

/// The state of a lane.
#[derive(Debug, Default)]
pub(crate) struct LaneState {
    /// The GPU with a stream of this lane's own, so that lanes do not wait for each other's work.
    pub(crate) card: Option<Handle>,
    /// The last method used. Preparing its networks takes about a second and many megabytes, and
    /// most tasks of a farm use the same one.
    pub(crate) prepared: Option<(Key, Arc<dyn Prepared>)>,
}

/// What a method was prepared for.
#[derive(Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) method: Method,
    pub(crate) models: Vec<ModelRef>,
    /// The asset's own network.
    pub(crate) network: Option<Digest>,
    pub(crate) profile: Profile,
}

impl OpenedDevice {
    /// GPUs are opened at once, so that one that cannot be opened is an error before it has work.
    pub(crate) fn open(
        device: Device,
        threads: usize,
        limit_bytes: Option<u64>,
    ) -> Result<Self, Unavailable> {
        let first = LaneState { card: device.open()?, prepared: None };
        let info = device.info(limit_bytes)?;
        let (lanes, sharing) = match device {
            Device::Cpu => {
                let sharing = Sharing::OneOrAll { small_bytes: SMALL_BYTES };
                (cpu_lanes(threads, info.memory_bytes), sharing)
            }
            Device::Cuda(_) | Device::Metal(_) => (CARD_LANES, Sharing::ByNeed),
        };
        let offer = Offer { info, lanes, sharing };
        let lanes = Mutex::new(BTreeMap::from([(0, Arc::new(Mutex::new(first)))]));
        let (time, gauge) = (SharedTime::default(), Gauge::of(device));
        Ok(Self { device, offer, time, lanes, gauge, lost: OnceLock::new() })
    }

    /// Opens the GPU once more, for another lane or after a failure; `None` for the CPU.
    pub(crate) fn reopen(&self) -> Result<Option<Handle>, Unavailable> {
        let opened = self.device.open();
        match &opened {
            Err(error) if !matches!(error, Unavailable::Full { .. }) => {
                // Keep the first reason: later ones follow from it.
                let _ = self.lost.set(error_text(error));
            }
            _ => {}
        }
        opened
    }

    pub(crate) fn health(&self) -> DeviceHealth {
        let read = self.gauge.as_ref().map(Gauge::read).unwrap_or_default();
        match self.lost.get() {
            Some(lost) if read.fault.is_empty() => DeviceHealth { fault: lost.clone(), ..read },
            _ => read,
        }
    }

    pub(crate) fn lane(&self, lane: u32) -> Arc<Mutex<LaneState>> {
        let lane = if self.device == Device::Cpu { 0 } else { lane };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(lane).or_default().clone()
    }

    /// Drops a lane's state after a failure of its GPU. The next use opens the GPU again, and shows
    /// whether it still works.
    pub(crate) fn discard(&self, lane: u32) {
        let old =
            std::mem::take(&mut *self.lane(lane).lock().unwrap_or_else(PoisonError::into_inner));
        // The libraries panic when dropped if their GPU no longer answers, so they are leaked.
        if old.card.as_ref().is_some_and(|card| card.synchronize().is_err()) {
            std::mem::forget(old);
        }
    }

    /// Returns the memory that a lane keeps for tensors to its GPU: other programs, and the GPU's
    /// libraries, may need it.
    pub(crate) fn trim(&self, lane: u32) -> Result<(), impasto_engine::EngineError> {
        let lane = self.lane(lane);
        let lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        lane.card.as_ref().map_or(Ok(()), trim)
    }
}

/// The lanes of a CPU that paints with so many threads and so much memory.
fn cpu_lanes(threads: usize, memory_bytes: u64) -> u32 {
    let busy = threads.saturating_mul(LANES_PER_THREAD).min(MOST_CPU_LANES) as u64;
    busy.min(memory_bytes / LEAST_SHARE_BYTES).max(1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_of_a_cpu_follow_its_threads_and_memory() {
        const GIB: u64 = 1 << 30;
        for (threads, memory_bytes, expected) in [
            (2, 64 * GIB, 4),
            (2, 3 * GIB, 3),
            (2, 2 * GIB - 1, 1),
            (1, 0, 1),
            (64, 64 * GIB, 16),
            (usize::MAX, u64::MAX, 16),
        ] {
            assert_eq!(cpu_lanes(threads, memory_bytes), expected, "{threads} {memory_bytes}");
        }
    }
}
