//! The painter of this machine: its devices, the methods prepared on them, and the model store.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use impasto_engine::EngineError;
use impasto_engine::cards::Unavailable;
use impasto_models::ModelStore;
use impasto_types::{Action, DeviceHealth, Digest, ModelRef, Part, Recipe, RunReport, error_text};

use crate::device::{Devices, cpu_level};
use crate::method::{Prepared, Site, SiteDevice};
use crate::opened_device::{Key, OpenedDevice};
use crate::paint::{Tools, paint};
use crate::train;
use crate::{Lane, Observer, Offer, OpenError, PaintError, Painted, Painter, Registry, Sources};

/// Paints on the devices of this machine, with models from the model store.
#[derive(Debug)]
pub struct EnginePainter {
    store: ModelStore,
    threads: usize,
    devices: Vec<OpenedDevice>,
    registry: Registry,
}

impl EnginePainter {
    /// A painter with the model store in `models_dir`, or the user's own. Everything that it paints
    /// at once on the CPU shares `threads` threads. It may use `limit_bytes` of each device's
    /// memory, by default four fifths of the free memory, or of the GPU's.
    ///
    /// # Errors
    /// If there is no folder for a model store, this program was built without such GPUs, or a
    /// driver or a GPU is missing or too old.
    pub fn open(
        models_dir: Option<&Path>,
        threads: usize,
        devices: &Devices,
        limit_bytes: Option<u64>,
    ) -> Result<Self, OpenError> {
        let store = ModelStore::open(models_dir)?;
        let opened = || -> Result<Vec<_>, Unavailable> {
            let listed = devices.list()?.into_iter();
            listed.map(|device| OpenedDevice::open(device, threads, limit_bytes)).collect()
        };
        let opened = opened()
            .map_err(|source| OpenError::Device { devices: devices.to_string(), source })?;
        Ok(Self { store, threads, devices: opened, registry: Registry::default() })
    }

    /// The same with other adapters or methods.
    #[must_use]
    pub fn with_registry(self, registry: Registry) -> Self {
        Self { registry, ..self }
    }

    /// A lane with all the memory that may be used on a device.
    pub fn whole(&self, device: usize) -> Lane {
        let memory_bytes = self.devices[device].offer.info.memory_bytes;
        Lane { device, lane: 0, memory_bytes, refuses_cuts: false }
    }

    /// The action's method in a lane, prepared there on first use.
    fn prepared(
        &self,
        lane: Lane,
        asset: &str,
        action: &Action,
        sources: &Sources,
    ) -> Result<Arc<dyn Prepared>, PaintError> {
        let opened = &self.devices[lane.device];
        let method = action.recipe.method();
        let implementation = self
            .registry
            .method(method)
            .ok_or_else(|| PaintError::UnknownMethod { asset: asset.to_owned(), method })?;
        let profile = action.recipe.common().profile;
        let network = sources.files.get(&Part::Model).map(|file| (file, Digest::of(&file.bytes)));
        let own = network.map(|(_, digest)| digest);
        let key = Key { method, models: action.models.clone(), network: own, profile };
        let state = opened.lane(lane.lane);
        // Holding the lock keeps two users of a shared lane from preparing networks twice. A panic
        // meanwhile leaves nothing half prepared.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, prepared)) = state.prepared.as_ref().filter(|(known, _)| *known == key) {
            return Ok(prepared.clone());
        }
        // A GPU's memory has no room for two networks.
        state.prepared = None;
        if state.card.is_none() {
            state.card = opened.reopen().map_err(|source| match source {
                // Other programs use the memory, and may free it again.
                source @ Unavailable::Full { .. } => {
                    PaintError::FullCard { asset: asset.to_owned(), source }
                }
                source => PaintError::Card { device: opened.device.to_string(), source },
            })?;
        }
        let device = match &state.card {
            Some(card) => SiteDevice::Card(card),
            None => SiteDevice::Cpu(cpu_level().map_err(|source| PaintError::Level { source })?),
        };
        let (threads, store) = (self.threads, &self.store);
        let site = Site { device, threads, profile, models: &action.models, network, store };
        let prepared = implementation
            .prepare(&site)
            .map_err(|error| PaintError::of_method(asset, lane.memory_bytes, error))?;
        state.prepared = Some((key, prepared.clone()));
        Ok(prepared)
    }

    fn paint_in(
        &self,
        lane: Lane,
        asset: &str,
        action: &Action,
        sources: &Sources,
        observer: &mut dyn Observer,
    ) -> Result<Painted, PaintError> {
        if let Recipe::Train(train) = &action.recipe {
            let level = cpu_level().map_err(|source| PaintError::Level { source })?;
            let site = Site {
                device: SiteDevice::Cpu(level),
                threads: self.threads,
                profile: action.recipe.common().profile,
                models: &action.models,
                network: None,
                store: &self.store,
            };
            let (site, memory_bytes) = (&site, lane.memory_bytes);
            return train::Job { asset, action, train, sources, site, memory_bytes }.run(observer);
        }
        let adapter = self.registry.adapter(&action.kind).ok_or_else(|| {
            PaintError::UnknownKind { asset: asset.to_owned(), kind: action.kind.clone() }
        })?;
        let method = self.prepared(lane, asset, action, sources)?;
        let Lane { memory_bytes, refuses_cuts, .. } = lane;
        let tools = Tools { adapter, method: &*method, memory_bytes, refuses_cuts };
        let sharer = self.devices[lane.device].time.join();
        let Painted { files, report } = paint(tools, asset, action, sources, observer)?;
        let compute_ms = sharer.own_ms(report.compute_ms);
        Ok(Painted { files, report: RunReport { compute_ms, ..report } })
    }
}

impl Painter for EnginePainter {
    fn offers(&self) -> Vec<Offer> {
        self.devices.iter().map(|device| device.offer.clone()).collect()
    }

    fn health(&self) -> Vec<DeviceHealth> {
        let health: Vec<_> = self.devices.iter().map(OpenedDevice::health).collect();
        if health.iter().all(|health| *health == DeviceHealth::default()) {
            Vec::new()
        } else {
            health
        }
    }

    fn has_model(&self, model: &ModelRef) -> bool {
        // A store that cannot be read counts as one without the model: storing the model will
        // report the reason.
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
        observer: &mut dyn Observer,
    ) -> Result<Painted, PaintError> {
        let painted = self.paint_in(lane, asset, action, sources, observer);
        match &painted {
            Err(PaintError::Engine { source: EngineError::Device { .. }, .. }) => {
                self.devices[lane.device].discard(lane.lane);
            }
            Err(PaintError::CardMemory { .. }) => {
                if let Err(error) = self.devices[lane.device].trim(lane.lane) {
                    tracing::debug!(
                        error = error_text(&error),
                        "a GPU's memory could not be given back"
                    );
                }
            }
            _ => {}
        }
        painted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sharing;

    #[test]
    fn the_cpu_is_one_device_whose_lanes_share_their_state() {
        let models = tempfile::tempdir().expect("a folder");
        let painter =
            EnginePainter::open(Some(models.path()), 1, &Devices::Cpu, None).expect("it is there");
        let [offer] = &painter.offers()[..] else { panic!("one device") };
        assert!(offer.info.name.starts_with("cpu ") && offer.info.memory_bytes > 0, "{offer:?}");
        assert!(matches!(offer.sharing, Sharing::OneOrAll { .. }), "{offer:?}");
        assert_eq!(offer.info.compute_capability, None);
        assert!(Arc::ptr_eq(&painter.devices[0].lane(0), &painter.devices[0].lane(3)));
        assert_eq!(painter.health(), []);
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn an_error_names_devices_that_cannot_be_opened() {
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
