//! What paints: the engine, behind an interface that tests can fill with something quick.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use impasto_engine::Engine;
use impasto_engine::device::tensor::{Handle, TensorDevice, Unavailable};
use impasto_kernels::{Level, UnknownLevel};
use impasto_models::{ModelError, ModelStore, read_vgg19};
use impasto_types::{Action, Digest, ModelRef, Profile};

use crate::device::{Device, card_memory_bytes};
use crate::paint::{Observer, PaintError, Painted, Sources, paint};

/// Paints what a worker has leased. All of it blocks, and is called on threads that may.
pub trait Painter: fmt::Debug + Send + Sync + 'static {
    /// What it runs on, such as `cpu avx512`. A report says in which precision, too.
    fn device(&self) -> String;

    /// Whether a model's weights are at hand; if not, the worker fetches them and hands them over.
    fn has_model(&self, model: &ModelRef) -> bool;

    /// Keeps a copy of a file of weights, whose digest has been checked.
    ///
    /// # Errors
    /// Where they cannot be kept.
    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError>;

    /// Paints one asset within `memory_bytes`; see [`paint`].
    ///
    /// # Errors
    /// As [`paint`].
    fn paint(
        &self,
        asset: &str,
        memory_bytes: u64,
        action: &Action,
        sources: &Sources,
        observer: &mut Observer<'_>,
    ) -> Result<Painted, PaintError>;
}

/// The real one: the engine, on weights from the model store.
#[derive(Debug)]
pub struct EnginePainter {
    store: ModelStore,
    threads: usize,
    device: Device,
    /// Where the device is a card: it, and whose turn it is. A card is kept busy by one picture, and its memory is planned for one.
    card: Option<Card>,
    /// The network that was used last, in its precision. Preparing one takes about a second and many megabytes, and a farm's tasks all ask for the same.
    engine: Mutex<Option<(Digest, Profile, Arc<Engine>)>>,
}

/// Steps on a card come from one thread: the library that convolves there has a handle for each.
const CARD_THREADS: usize = 1;

#[derive(Debug)]
struct Card {
    handle: Handle,
    turn: Mutex<()>,
}

impl EnginePainter {
    /// A painter with the model store in `models_dir`, or the user's own. All that it paints at once shares `threads` threads.
    ///
    /// # Errors
    /// Where there is no folder for a model store.
    pub fn open(models_dir: Option<&Path>, threads: usize) -> Result<Self, ModelError> {
        Ok(Self { store: ModelStore::open(models_dir)?, threads, device: Device::Cpu, card: None, engine: Mutex::new(None) })
    }

    /// The same on another device than the processor.
    ///
    /// # Errors
    /// Where this program was built without such cards, or the driver or the card is missing or too old.
    pub fn on(self, device: Device) -> Result<Self, Unavailable> {
        let card = device.open()?.map(|handle| Card { handle, turn: Mutex::new(()) });
        Ok(Self { device, card, ..self })
    }

    /// The engine for the model that an action names, prepared on first use.
    ///
    /// # Errors
    /// Where the store has no such weights, or they cannot be used.
    pub fn engine(&self, asset: &str, action: &Action) -> Result<Arc<Engine>, PaintError> {
        let model = action.models.first().ok_or_else(|| PaintError::NoModel { asset: asset.to_owned() })?;
        // The lock is held while the network is prepared, so that two slots do not prepare it twice. It holds nothing half made.
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (model.blob.digest, action.recipe.profile);
        if let Some((_, _, engine)) = engine.as_ref().filter(|(digest, profile, _)| (*digest, *profile) == wanted) {
            return Ok(engine.clone());
        }
        let unusable = |source| PaintError::Model { name: model.name, source };
        let weights = self.weights(model).map_err(|error| unusable(error.into()))?;
        let prepared = match &self.card {
            Some(card) => TensorDevice::new(&weights, card.handle.clone(), wanted.1)
                .and_then(|device| Engine::with_device(Box::new(device), CARD_THREADS)),
            None => {
                let level = level().map_err(|source| PaintError::Level { source })?;
                Engine::new(&weights, self.threads, Some(level), wanted.1)
            }
        };
        let prepared = Arc::new(prepared.map_err(|error| unusable(error.into()))?);
        *engine = Some((wanted.0, wanted.1, prepared.clone()));
        Ok(prepared)
    }

    fn weights(&self, model: &ModelRef) -> Result<impasto_models::VggWeights, ModelError> {
        let file = self.store.find_ref(model)?.ok_or(ModelError::Missing { name: model.name })?;
        read_vgg19(&file.read()?)
    }
}

/// The best instructions that this processor has, or lesser ones where `IMPASTO_CPU_LEVEL` asks for them: to compare, or to step around a fault.
pub(crate) fn level() -> Result<Level, UnknownLevel> {
    std::env::var("IMPASTO_CPU_LEVEL").map_or_else(|_| Ok(Level::detect()), |wish| Level::at_most(&wish))
}

impl Painter for EnginePainter {
    fn device(&self) -> String {
        match self.device {
            // A level that cannot be followed is an error as soon as there is something to paint.
            Device::Cpu => format!("cpu {}", level().unwrap_or_else(|_| Level::detect())),
            card @ (Device::Cuda(_) | Device::Metal(_)) => card.to_string(),
        }
    }

    fn has_model(&self, model: &ModelRef) -> bool {
        // A store that cannot be read now is one without the model; what is wrong shows when the model is to be kept.
        matches!(self.store.find_ref(model), Ok(Some(_)))
    }

    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError> {
        let adopted = self.store.adopt(*model, weights);
        adopted.map(|_| ()).map_err(|error| PaintError::Model { name: model.name, source: error.into() })
    }

    fn paint(
        &self,
        asset: &str,
        memory_bytes: u64,
        action: &Action,
        sources: &Sources,
        observer: &mut Observer<'_>,
    ) -> Result<Painted, PaintError> {
        let engine = self.engine(asset, action)?;
        // A turn guards no data, so one that ended badly leaves nothing half done.
        let _turn = self.card.as_ref().map(|card| card.turn.lock().unwrap_or_else(PoisonError::into_inner));
        let memory_bytes = card_memory_bytes(self.device).map_or(memory_bytes, |most| memory_bytes.min(most));
        paint(&engine, memory_bytes, asset, action, sources, observer)
    }
}
