//! What paints: the engine, behind an interface that tests can fill with something quick.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use impasto_engine::device::tensor::{Handle, TensorDevice, Unavailable, trim};
use impasto_engine::{Engine, EngineError};
use impasto_kernels::{Level, UnknownLevel};
use impasto_models::{ModelError, ModelStore, VggWeights, read_vgg19};
use impasto_types::{Action, DeviceHealth, DeviceInfo, Digest, ModelRef, Profile, error_text};

use crate::device::{Device, Devices};
use crate::gauge::Gauge;
use crate::paint::{Observer, PaintError, Painted, Sources, paint};

/// Paints what a worker has leased. All of it blocks, and is called on threads that may.
pub trait Painter: fmt::Debug + Send + Sync + 'static {
    /// What it paints on: at least one device, always the same, with the memory that may be taken
    /// there.
    fn offers(&self) -> Vec<Offer>;

    /// How its devices fare, in the order of the offers, as far as anything is known. A device with
    /// a fault is given no more tasks.
    fn health(&self) -> Vec<DeviceHealth> {
        Vec::new()
    }

    /// Whether a model's weights are at hand; if not, the worker fetches them and hands them over.
    fn has_model(&self, model: &ModelRef) -> bool;

    /// Keeps a copy of a file of weights, whose digest has been checked.
    ///
    /// # Errors
    /// Where they cannot be kept.
    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError>;

    /// Paints one asset in a lane, which paints nothing else meanwhile; see [`paint`].
    ///
    /// # Errors
    /// As [`paint`].
    fn paint(
        &self,
        lane: Lane,
        asset: &str,
        action: &Action,
        sources: &Sources,
        observer: &mut Observer<'_>,
    ) -> Result<Painted, PaintError>;
}

/// A device that a painter paints on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub info: DeviceInfo,
    /// How many pictures are best painted there at once.
    pub lanes: u32,
}

/// Where one picture is painted, and the memory that it may take there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The device's place among the offers.
    pub device: usize,
    pub lane: u32,
    pub memory_bytes: u64,
}

/// Why there is no painter.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the model store")]
    Models(#[from] ModelError),
    #[error("cannot paint on `{devices}`; the processor can paint: --device cpu")]
    Device { devices: String, source: Unavailable },
}

/// The real one: the engine, on weights from the model store.
#[derive(Debug)]
pub struct EnginePainter {
    store: ModelStore,
    threads: usize,
    stations: Vec<Station>,
    /// What was read last from the model store for cards: each lane prepares its own network from
    /// it.
    weights: Mutex<Option<(Digest, Arc<VggWeights>)>>,
}

/// While one picture is decoded, encoded or waits for the host, the other computes; a third would
/// find little left to do, and take its memory.
const CARD_LANES: u32 = 2;

/// A device, and what stands ready there.
#[derive(Debug)]
struct Station {
    device: Device,
    offer: Offer,
    /// Made as lanes are first used. All lanes of the processor are one: they share its network and
    /// its threads.
    lanes: Mutex<BTreeMap<u32, Arc<Mutex<Equipment>>>>,
    gauge: Option<Gauge>,
    /// Why a card that has failed could not be opened again.
    lost: OnceLock<String>,
}

/// What a lane works with.
#[derive(Debug, Default)]
struct Equipment {
    /// A card, with a stream of this lane's own, so that one lane does not wait for what another
    /// has asked of the card.
    handle: Option<Handle>,
    /// The network that was used last, in its precision. Preparing one takes about a second and
    /// many megabytes, and a farm's tasks all ask for the same.
    engine: Option<(Digest, Profile, Arc<Engine>)>,
}

impl EnginePainter {
    /// A painter with the model store in `models_dir`, or the user's own. All that it paints at
    /// once on the processor shares `threads` threads. It may take `limit_bytes` of each device's
    /// memory, or most of what there is.
    ///
    /// # Errors
    /// Where there is no folder for a model store, this program was built without such cards, or a
    /// driver or a card is missing or too old.
    pub fn open(
        models_dir: Option<&Path>,
        threads: usize,
        devices: &Devices,
        limit_bytes: Option<u64>,
    ) -> Result<Self, OpenError> {
        let store = ModelStore::open(models_dir)?;
        let opened = || {
            devices
                .list()?
                .into_iter()
                .map(|device| Station::open(device, limit_bytes))
                .collect::<Result<_, _>>()
        };
        let stations = opened()
            .map_err(|source| OpenError::Device { devices: devices.to_string(), source })?;
        Ok(Self { store, threads, stations, weights: Mutex::new(None) })
    }

    /// A lane with all that may be taken of a device's memory.
    pub fn whole(&self, device: usize) -> Lane {
        Lane { device, lane: 0, memory_bytes: self.stations[device].offer.info.memory_bytes }
    }

    /// The engine of a lane for the model that an action names, prepared on first use.
    fn engine(&self, lane: Lane, asset: &str, action: &Action) -> Result<Arc<Engine>, PaintError> {
        let station = &self.stations[lane.device];
        let model =
            action.models.first().ok_or_else(|| PaintError::NoModel { asset: asset.to_owned() })?;
        let equipment = station.equipment(lane.lane);
        // The lock is held while the network is prepared, so that two lanes that are one do not
        // prepare it twice. It holds nothing half made.
        let mut equipment = equipment.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (model.blob.digest, action.recipe.common().profile);
        if let Some((_, _, engine)) =
            equipment.engine.as_ref().filter(|(digest, profile, _)| (*digest, *profile) == wanted)
        {
            return Ok(engine.clone());
        }
        // A card's memory has no room for two.
        equipment.engine = None;
        if equipment.handle.is_none() {
            let opened = station.device.open();
            equipment.handle = opened.map_err(|source| match source {
                // Others fill it, and may let it go again.
                source @ Unavailable::Full { .. } => {
                    PaintError::FullCard { asset: asset.to_owned(), source }
                }
                source => {
                    let _ = station.lost.set(error_text(&source));
                    PaintError::Card { device: station.device.to_string(), source }
                }
            })?;
        }
        let unusable = |source| PaintError::Model { name: model.name, source };
        let weights =
            self.weights(model, station.device).map_err(|error| unusable(error.into()))?;
        let prepared = match &equipment.handle {
            Some(handle) => TensorDevice::new(&weights, handle.clone(), wanted.1)
                .and_then(|device| Engine::with_device(Box::new(device), self.threads)),
            None => {
                let level = level().map_err(|source| PaintError::Level { source })?;
                Engine::new(&weights, self.threads, Some(level), wanted.1)
            }
        };
        let prepared = Arc::new(prepared.map_err(|error| match error {
            error @ (EngineError::DeviceMemory { .. } | EngineError::Device { .. }) => {
                PaintError::of_engine(asset, lane.memory_bytes, error)
            }
            error => unusable(error.into()),
        })?);
        equipment.engine = Some((wanted.0, wanted.1, prepared.clone()));
        Ok(prepared)
    }

    /// A model's weights. Cards share what was read for one of their lanes; the processor needs
    /// them once.
    fn weights(&self, model: &ModelRef, device: Device) -> Result<Arc<VggWeights>, ModelError> {
        let read = || {
            let file =
                self.store.find_ref(model)?.ok_or(ModelError::Missing { name: model.name })?;
            read_vgg19(&file.read()?).map(Arc::new)
        };
        if device == Device::Cpu {
            return read();
        }
        // Held while they are read, so that lanes that begin together read them once.
        let mut kept = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, weights)) = kept.as_ref().filter(|(digest, _)| *digest == model.blob.digest)
        {
            return Ok(weights.clone());
        }
        let weights = read()?;
        *kept = Some((model.blob.digest, weights.clone()));
        Ok(weights)
    }
}

impl Station {
    /// The device is opened at once, so that a card that cannot be had is an error before there is
    /// work for it.
    fn open(device: Device, limit_bytes: Option<u64>) -> Result<Self, Unavailable> {
        let first = Equipment { handle: device.open()?, engine: None };
        let lanes = if device == Device::Cpu { 1 } else { CARD_LANES };
        let offer = Offer { info: device.info(limit_bytes)?, lanes };
        let lanes = Mutex::new(BTreeMap::from([(0, Arc::new(Mutex::new(first)))]));
        Ok(Self { device, offer, lanes, gauge: Gauge::of(device), lost: OnceLock::new() })
    }

    fn health(&self) -> DeviceHealth {
        let told = self.gauge.as_ref().map(Gauge::read).unwrap_or_default();
        match self.lost.get() {
            Some(lost) if told.fault.is_empty() => DeviceHealth { fault: lost.clone(), ..told },
            _ => told,
        }
    }

    fn equipment(&self, lane: u32) -> Arc<Mutex<Equipment>> {
        let lane = if self.device == Device::Cpu { 0 } else { lane };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(lane).or_default().clone()
    }

    /// What a card was asked after it failed is worth nothing: the lane begins anew, and finds out
    /// whether the card is still there.
    fn discard(&self, lane: u32) {
        let old = std::mem::take(
            &mut *self.equipment(lane).lock().unwrap_or_else(PoisonError::into_inner),
        );
        // The libraries of a card that does not answer any more panic when they are let go, so they
        // are kept: this ends with the process.
        if old.handle.as_ref().is_some_and(|handle| handle.synchronize().is_err()) {
            std::mem::forget(old);
        }
    }

    /// Gives what a lane's card keeps for tensors to come back to it: others, and its libraries,
    /// may have need of it.
    fn trim(&self, lane: u32) {
        let equipment = self.equipment(lane);
        let equipment = equipment.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = equipment.handle.as_ref().map(trim) {
            tracing::debug!(error = error_text(&error), "a card's memory could not be given back");
        }
    }
}

/// The best instructions that this processor has, or lesser ones where `IMPASTO_CPU_LEVEL` asks for
/// them: to compare, or to step around a fault.
pub(crate) fn level() -> Result<Level, UnknownLevel> {
    std::env::var("IMPASTO_CPU_LEVEL")
        .map_or_else(|_| Ok(Level::detect()), |wish| Level::at_most(&wish))
}

impl Painter for EnginePainter {
    fn offers(&self) -> Vec<Offer> {
        self.stations.iter().map(|station| station.offer.clone()).collect()
    }

    fn health(&self) -> Vec<DeviceHealth> {
        let health: Vec<_> = self.stations.iter().map(Station::health).collect();
        if health.iter().all(|health| *health == DeviceHealth::default()) {
            Vec::new()
        } else {
            health
        }
    }

    fn has_model(&self, model: &ModelRef) -> bool {
        // A store that cannot be read now is one without the model; what is wrong shows when the
        // model is to be kept.
        matches!(self.store.find_ref(model), Ok(Some(_)))
    }

    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError> {
        let adopted = self.store.adopt(*model, weights);
        adopted
            .map(|_| ())
            .map_err(|error| PaintError::Model { name: model.name, source: error.into() })
    }

    fn paint(
        &self,
        lane: Lane,
        asset: &str,
        action: &Action,
        sources: &Sources,
        observer: &mut Observer<'_>,
    ) -> Result<Painted, PaintError> {
        let painted = self
            .engine(lane, asset, action)
            .and_then(|engine| paint(&engine, lane.memory_bytes, asset, action, sources, observer));
        match &painted {
            Err(PaintError::Engine { source: EngineError::Device { .. }, .. }) => {
                self.stations[lane.device].discard(lane.lane)
            }
            Err(PaintError::CardMemory { .. }) => self.stations[lane.device].trim(lane.lane),
            _ => {}
        }
        painted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_one_device_whose_lanes_are_one() {
        let models = tempfile::tempdir().expect("a folder");
        let painter =
            EnginePainter::open(Some(models.path()), 1, &Devices::Cpu, None).expect("it is there");
        let [offer] = &painter.offers()[..] else { panic!("one device") };
        assert!(offer.info.name.starts_with("cpu ") && offer.info.memory_bytes > 0, "{offer:?}");
        assert_eq!((offer.lanes, offer.info.compute_capability), (1, None));
        let station = &painter.stations[0];
        assert!(Arc::ptr_eq(&station.equipment(0), &station.equipment(3)));
        assert_eq!(painter.health(), []);
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn devices_that_cannot_be_had_are_named() {
        let models = tempfile::tempdir().expect("a folder");
        let devices = "cuda:0,1".parse().expect("a device");
        let error =
            EnginePainter::open(Some(models.path()), 1, &devices, None).expect_err("there is none");
        let text = error_text(&error);
        for part in ["`cuda:0,1`", "feature `cuda`", "--device cpu"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
