//! An opened device, and the methods prepared in its lanes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use impasto_engine::cards::{Handle, Unavailable, trim};
use impasto_types::{DeviceHealth, Digest, Method, ModelRef, Profile, error_text};

use crate::Offer;
use crate::device::Device;
use crate::gauge::Gauge;
use crate::method::Prepared;

/// While one picture is decoded, encoded or waits for the host, the other computes; a third would
/// gain little, and take their memory.
const CARD_LANES: u32 = 2;

#[derive(Debug)]
pub(crate) struct OpenedDevice {
    pub(crate) device: Device,
    pub(crate) offer: Offer,
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
    pub(crate) fn open(device: Device, limit_bytes: Option<u64>) -> Result<Self, Unavailable> {
        let first = LaneState { card: device.open()?, prepared: None };
        let lanes = if device == Device::Cpu { 1 } else { CARD_LANES };
        let offer = Offer { info: device.info(limit_bytes)?, lanes };
        let lanes = Mutex::new(BTreeMap::from([(0, Arc::new(Mutex::new(first)))]));
        Ok(Self { device, offer, lanes, gauge: Gauge::of(device), lost: OnceLock::new() })
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
