//! A network that learns to paint in any style, from many pictures of them.

use std::sync::Arc;

use impasto_engine::Image;
use impasto_engine::one_pass::{FeatureStatistics, FeatureTransfer, Reading, Restyler};
use impasto_engine::optimize::device::{Terms, TiledPass, Tiling, View};
use impasto_kernels::Level;
use impasto_kernels::networks::{DecoderLayout, DecoderTraining};
use impasto_models::VggWeights;
use rayon::ThreadPool;

use crate::Settings;
use crate::chance::Chance;
use crate::corpus::Corpus;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::loss::Loss;

/// What random numbers are for, beside those of every trainer.
const STYLES: u64 = 4;

/// A square whose loss is higher pulls like one with this loss. Losses are relative to what is in
/// a style's statistics: of a flat style that is next to nothing, and what little of it a painting
/// lacks is many times that.
const MOST_LOSS: f64 = 3.0;

#[derive(Debug)]
pub(crate) struct AnyStyle {
    seed: u64,
    training: DecoderTraining,
    threads: Arc<ThreadPool>,
    /// How the network looks at pictures.
    view: View,
    /// Its eyes, for squares of this side: those that were looked at last.
    eyes: Option<(usize, TiledPass)>,
    loss: Loss,
    styles: Corpus,
    /// The middles of held-out styles.
    middles: Vec<Image>,
    /// The statistics of the style that was chosen last.
    style: Option<FeatureStatistics>,
    /// What the decoder read last.
    read: Option<Reading>,
}

impl AnyStyle {
    pub(crate) fn new(
        vgg: &VggWeights,
        settings: &Settings,
        layout: DecoderLayout,
        styles: Corpus,
        parameters: &[f32],
        threads: Arc<ThreadPool>,
    ) -> Result<Self, TrainError> {
        let loss = Loss::new(vgg, settings, threads.clone()).map_err(TrainError::Measure)?;
        let side = settings.painted_px() as usize;
        let view = Restyler::view(settings.recipe.pooling);
        let training = DecoderTraining::new(layout, parameters, Level::detect(), threads.clone())
            .map_err(TrainError::Network)?;
        let middles = styles.middles(side);
        let seed = settings.seed;
        Ok(Self {
            seed,
            training,
            threads,
            view,
            eyes: None,
            loss,
            styles,
            middles,
            style: None,
            read: None,
        })
    }

    /// Looks at a square of a style.
    fn look(&mut self, style: &Image) -> Result<(), TrainError> {
        let moments = self.loss.set_style(style).map_err(TrainError::Measure)?;
        let [_, second, third, fourth, ..] = &moments[..] else {
            unreachable!("a style is looked at in all layers")
        };
        self.style = Some(FeatureStatistics::of(style, None, [second, third, fourth]));
        Ok(())
    }
}

impl Learner for AnyStyle {
    fn set(&mut self, parameters: &[f32]) -> Result<(), TrainError> {
        self.training.set(parameters).map_err(TrainError::Network)
    }

    fn choose(&mut self, number: u64) -> Result<(), TrainError> {
        let mut chance = Chance::of(self.seed, STYLES, number);
        let style = self.styles.draw(&mut chance);
        self.look(&style)
    }

    fn looks(&self) -> usize {
        1
    }

    fn choose_for_look(
        &mut self,
        picture: usize,
        _: usize,
    ) -> Result<(usize, Option<Image>), TrainError> {
        let place = picture % self.middles.len();
        let style = self.middles[place].clone();
        self.look(&style)?;
        Ok((place, Some(style)))
    }

    fn paint(&mut self, content: &Image, given: &Image) -> Result<Image, TrainError> {
        let style = self.style.as_ref().ok_or(TrainError::NoStyle)?;
        let side = given.width;
        let known = self.eyes.take().filter(|(own, _)| *own == side);
        let new = || (side, self.loss.cpu().pass(Tiling::whole(self.view, side, side)));
        let (_, eyes) = self.eyes.insert(known.unwrap_or_else(new));
        let mut read = Reading::of(eyes, given.clone());
        let transfer = FeatureTransfer::new(&read.statistics(), style);
        self.threads.install(|| read.restyle(&transfer, content));
        let read = self.read.insert(read);
        let mut painted = Image::filled(given.width, given.height, [0.0; 3]);
        let made = self.training.forward(&read.input(), &mut painted.rgb);
        made.map_err(TrainError::Paint)?;
        Ok(painted)
    }

    fn loss(
        &mut self,
        content: &Image,
        painted: &Image,
        gradient: &mut [f32],
    ) -> Result<Terms, TrainError> {
        self.loss.evaluate(0, content, painted, gradient).map_err(TrainError::Loss)
    }

    fn share(&self, loss: &Terms) -> f32 {
        (MOST_LOSS / loss.total()).min(1.0) as f32
    }

    fn learn(&mut self, gradient: &[f32], sums: &mut [f32]) {
        if let Some(read) = &self.read {
            self.training.backward(&read.input(), gradient, sums);
        }
    }

    fn device(&self) -> &str {
        self.loss.label()
    }
}
