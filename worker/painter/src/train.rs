//! Does a part of a training run: from pictures and the state that the part before it left to a
//! state, or to the network.

use std::ops::ControlFlow;
use std::time::Instant;

use impasto_assets::{AssetError, ColorSpace, Limits, decode};
use impasto_engine::{Image, Interrupt, StepReport};
use impasto_models::read_vgg19;
use impasto_trainer::{Corpus, Fit, Photo, Settings, State, Trainer, Verdict, network};
use impasto_types::{Action, Digest, Losses, ModelName, Part, RunReport, Train, error_text};
use rayon::prelude::*;
use tracing::debug;

use crate::adapter;
use crate::error::TrainingError;
use crate::method::Site;
use crate::{Observer, OutputFile, PaintError, PaintStep, Painted, Source, Sources, Stop};

/// A picture to train on squares of `side` pixels, upright, and what became of its size.
///
/// # Errors
/// If it cannot be decoded.
pub fn photo(source: &Source, side: usize) -> Result<(Photo, Fit), AssetError> {
    let picture = decode(&source.bytes, &source.name, &Limits::default())?;
    let picture = picture.to_display().upright();
    let (width, height) = (picture.width as usize, picture.height as usize);
    let space = ColorSpace::of(&picture.origin);
    let mut image = Image { width, height, rgb: picture.rgb };
    space.convert(&mut image.rgb, &ColorSpace::default());
    image.clamp();
    Ok(Photo::fitted(Digest::of(&source.bytes), &image, side))
}

/// What is trained, and from what.
pub(crate) struct Job<'a> {
    pub(crate) asset: &'a str,
    pub(crate) action: &'a Action,
    pub(crate) train: &'a Train,
    pub(crate) sources: &'a Sources,
    /// Where it is trained: on the CPU.
    pub(crate) site: &'a Site<'a>,
    pub(crate) memory_bytes: u64,
}

impl Job<'_> {
    /// Trains until the step that the action names, unless the observer ends it before.
    ///
    /// # Errors
    /// If a style cannot be read, there are too few pictures, or the loss is not finite.
    pub(crate) fn run(&self, observer: &mut dyn Observer) -> Result<Painted, PaintError> {
        let Self { asset, train, site, .. } = *self;
        let threads = site.threads;
        let began = Instant::now();
        let failed = |error: TrainingError| PaintError::Training {
            asset: asset.to_owned(),
            source: Box::new(error),
        };
        let settings = train.training.clone();
        let styles = self.styles()?;
        let (photos, unreadable) = self.photos(&settings).map_err(failed)?;
        let pictures = photos.len() + unreadable;
        let corpus = Corpus::new(photos, settings.painted_px() as usize);
        let corpus = corpus.map_err(|error| failed(error.into()))?;
        let vgg = site.model(ModelName::Vgg19).and_then(|model| site.parse(model, read_vgg19));
        let vgg = vgg.map_err(|error| PaintError::of_method(asset, self.memory_bytes, error))?;
        let run = |error: impasto_trainer::TrainError| failed(error.into());
        let mut trainer = Trainer::new(&vgg, settings, &styles, corpus, threads).map_err(run)?;
        drop(vgg);
        if let Some(state) = self.state(&trainer).map_err(failed)? {
            trainer.restore(state).map_err(run)?;
        }
        observer.began(Interrupt::default());
        let first = trainer.steps();
        loop {
            if trainer.is_time_to_look() {
                trainer.look().map_err(run)?;
            }
            if trainer.steps() >= train.until || trainer.verdict() != Verdict::GoesOn {
                break;
            }
            let step = trainer.step().map_err(run)?;
            let whole = f64::from(train.until.saturating_sub(first)).max(1.0);
            let report = StepReport {
                iteration: step.step,
                iterations: train.training.steps,
                scale: (train.training.crop_px, train.training.crop_px),
                done: f64::from(step.step.saturating_sub(first)) / whole,
                losses: None,
            };
            if let ControlFlow::Break(stop) =
                observer.step(&PaintStep { report, done: report.done })
            {
                return Err(self.stopped(&trainer, stop));
            }
        }
        let bytes = self.result(&trainer, &styles).map_err(failed)?;
        let part = if train.is_last() { Part::Model } else { Part::State };
        let losses = trainer.held().last().map(|held| Losses {
            total: held.total(),
            content: held.content,
            style: held.style,
        });
        let report = RunReport {
            iterations: trainer.steps().saturating_sub(first),
            losses,
            compute_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            device: trainer.device().to_owned(),
            warning: (unreadable > 0).then(|| {
                format!("{unreadable} of {pictures} pictures cannot be read and were left out")
            }),
        };
        Ok(Painted { files: vec![OutputFile { part, bytes, width: 0, height: 0 }], report })
    }

    fn styles(&self) -> Result<Vec<(Image, Digest)>, PaintError> {
        let Self { asset, action, sources, .. } = *self;
        let (expected, given) = (action.styles.len(), sources.styles.len());
        if expected != given {
            return Err(PaintError::StyleCount { asset: asset.to_owned(), expected, given });
        }
        let read = |(source, style): (&Source, &impasto_types::StyleRef)| {
            let read = adapter::style(source, style)
                .map_err(|error| PaintError::of_adapter(asset, &action.kind, error))?;
            let (read, space) = read;
            let mut image = read.image;
            space.convert(&mut image.rgb, &ColorSpace::default());
            image.clamp();
            Ok((image, style.blob.digest))
        };
        sources.styles.iter().zip(&action.styles).map(read).collect()
    }

    /// The pictures to train on, and how many cannot be read.
    fn photos(&self, settings: &Settings) -> Result<(Vec<Photo>, usize), TrainingError> {
        let side = settings.painted_px() as usize;
        let read = |(part, source): (&Part, &Source)| {
            let Part::Frame(_) = part else { return None };
            let photo = photo(source, side).inspect_err(|error| debug!("{}", error_text(error)));
            Some(photo.map(|(photo, _)| photo).ok())
        };
        let threads = self.site.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|source| TrainingError::Threads { threads, source })?;
        let files: Vec<_> = self.sources.files.iter().collect();
        let photos: Vec<Option<Photo>> =
            pool.install(|| files.into_par_iter().filter_map(read).collect());
        let unreadable = photos.iter().filter(|photo| photo.is_none()).count();
        Ok((photos.into_iter().flatten().collect(), unreadable))
    }

    /// Where this part goes on from: its own checkpoint if it was stopped, or the state that the
    /// part before it left.
    fn state(&self, trainer: &Trainer) -> Result<Option<State>, TrainingError> {
        let parameters = trainer.kind().parameters();
        let read = |bytes: &[u8]| State::from_bytes(bytes, trainer.run(), parameters);
        if let Some(bytes) = &self.sources.checkpoint {
            match read(bytes) {
                Ok(state) => return Ok(Some(state)),
                Err(error) => debug!("{}: its checkpoint: {error}", self.asset),
            }
        }
        let before = self.sources.files.get(&Part::State);
        before.map(|file| read(&file.bytes).map_err(TrainingError::State)).transpose()
    }

    fn stopped(&self, trainer: &Trainer, stop: Stop) -> PaintError {
        let asset = self.asset.to_owned();
        match stop {
            Stop::Cancel => PaintError::Canceled { asset },
            // Without one, the next attempt begins this part anew.
            Stop::Save => {
                let checkpoint = trainer.state().to_bytes().unwrap_or_default();
                PaintError::Stopped { asset, checkpoint }
            }
        }
    }

    fn result(
        &self,
        trainer: &Trainer,
        styles: &[(Image, Digest)],
    ) -> Result<Vec<u8>, TrainingError> {
        if !self.train.is_last() {
            return trainer.state().to_bytes().map_err(TrainingError::State);
        }
        let names = self.train.names.iter().cloned();
        let styles = names.zip(styles.iter().map(|(_, digest)| *digest));
        let header = network::header(trainer, styles, None);
        Ok(network::to_bytes(&header, trainer.averaged())?)
    }
}
