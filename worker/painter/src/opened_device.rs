//! A device that is painted on, and what is ready in its lanes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use impasto_engine::cards::{Handle, Unavailable, trim};
use impasto_types::{DeviceHealth, Method, ModelRef, Profile, error_text};

use crate::Offer;
use crate::device::Device;
use crate::gauge::Gauge;
use crate::method::Prepared;

/// While one picture is decoded, encoded or waits for the host, the other computes; a third would
/// find little left to do, and take its memory.
const CARD_LANES: u32 = 2;

#[derive(Debug)]
pub(crate) struct OpenedDevice {
    pub(crate) device: Device,
    pub(crate) offer: Offer,
    /// Made as lanes are first used. All lanes of the processor are one: they share its networks
    /// and its threads.
    lanes: Mutex<BTreeMap<u32, Arc<Mutex<LaneState>>>>,
    gauge: Option<Gauge>,
    /// Why a card that has failed could not be opened again.
    lost: OnceLock<String>,
}

/// What is ready in a lane.
#[derive(Debug, Default)]
pub(crate) struct LaneState {
    /// A card, with a stream of this lane's own, so that one lane does not wait for what another
    /// has asked of the card.
    pub(crate) card: Option<Handle>,
    /// The method that was used last. Preparing its networks takes about a second and many
    /// megabytes, and a farm's tasks mostly ask for the same.
    pub(crate) prepared: Option<(Key, Arc<dyn Prepared>)>,
}

/// What a method was prepared for.
#[derive(Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) method: Method,
    pub(crate) models: Vec<ModelRef>,
    pub(crate) profile: Profile,
}

impl OpenedDevice {
    /// Cards are opened at once, so that one that cannot be had is an error before there is work
    /// for it.
    pub(crate) fn open(device: Device, limit_bytes: Option<u64>) -> Result<Self, Unavailable> {
        let first = LaneState { card: device.open()?, prepared: None };
        let lanes = if device == Device::Cpu { 1 } else { CARD_LANES };
        let offer = Offer { info: device.info(limit_bytes)?, lanes };
        let lanes = Mutex::new(BTreeMap::from([(0, Arc::new(Mutex::new(first)))]));
        Ok(Self { device, offer, lanes, gauge: Gauge::of(device), lost: OnceLock::new() })
    }

    /// The card, opened once more for another lane or after a failure; nothing for the processor.
    pub(crate) fn reopen(&self) -> Result<Option<Handle>, Unavailable> {
        let opened = self.device.open();
        match &opened {
            Err(error) if !matches!(error, Unavailable::Full { .. }) => {
                // The first reason stays: later ones follow from it.
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

    /// Drops what a lane has on a card that failed: the lane begins anew, and finds out whether the
    /// card is still there.
    pub(crate) fn discard(&self, lane: u32) {
        let old =
            std::mem::take(&mut *self.lane(lane).lock().unwrap_or_else(PoisonError::into_inner));
        // The libraries of a card that no longer answers panic when they are dropped, so they are
        // kept until the process ends.
        if old.card.as_ref().is_some_and(|card| card.synchronize().is_err()) {
            std::mem::forget(old);
        }
    }

    /// Returns the memory that a lane keeps for tensors to its card: other programs, and the card's
    /// own libraries, may need it.
    pub(crate) fn trim(&self, lane: u32) -> Result<(), impasto_engine::EngineError> {
        let lane = self.lane(lane);
        let lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        lane.card.as_ref().map_or(Ok(()), trim)
    }
}
