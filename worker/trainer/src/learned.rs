//! A network that learns styles by heart.

use std::sync::Arc;

use impasto_engine::Image;
use impasto_engine::optimize::device::Terms;
use impasto_kernels::Level;
use impasto_kernels::networks::{FeedForwardLayout, Picture, Training};
use impasto_models::VggWeights;
use rayon::ThreadPool;

use crate::Settings;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::loss::Loss;

#[derive(Debug)]
pub(crate) struct LearnedStyles {
    layout: FeedForwardLayout,
    training: Training,
    loss: Loss,
    /// The style that was chosen last.
    style: usize,
}

impl LearnedStyles {
    /// Measures the styles.
    pub(crate) fn new(
        vgg: &VggWeights,
        settings: &Settings,
        layout: FeedForwardLayout,
        styles: &[Image],
        parameters: &[f32],
        threads: Arc<ThreadPool>,
    ) -> Result<Self, TrainError> {
        let mut loss = Loss::new(vgg, settings, threads.clone()).map_err(TrainError::Measure)?;
        for style in styles {
            loss.add_style(settings, style).map_err(TrainError::Measure)?;
        }
        let training = Training::new(layout, parameters, Level::detect(), threads)
            .map_err(TrainError::Network)?;
        Ok(Self { layout, training, loss, style: 0 })
    }
}

impl Learner for LearnedStyles {
    fn set(&mut self, parameters: &[f32]) -> Result<(), TrainError> {
        self.training.set(parameters).map_err(TrainError::Network)
    }

    fn choose(&mut self, number: u64) -> Result<(), TrainError> {
        self.style = (number % self.layout.styles as u64) as usize;
        Ok(())
    }

    fn looks(&self) -> usize {
        self.layout.styles
    }

    fn choose_for_look(
        &mut self,
        _: usize,
        look: usize,
    ) -> Result<(usize, Option<Image>), TrainError> {
        self.style = look;
        Ok((look, None))
    }

    fn paint(&mut self, _: &Image, given: &Image) -> Result<Image, TrainError> {
        let mut painted = Image::filled(given.width, given.height, [0.0; 3]);
        let made = self.training.forward(&picture(given), self.style, &mut painted.rgb);
        made.map_err(TrainError::Paint)?;
        Ok(painted)
    }

    fn loss(
        &mut self,
        content: &Image,
        painted: &Image,
        gradient: &mut [f32],
    ) -> Result<Terms, TrainError> {
        let terms = self.loss.evaluate(self.style, content, painted, gradient);
        terms.map_err(TrainError::Loss)
    }

    fn learn(&mut self, gradient: &[f32], sums: &mut [f32]) {
        self.training.backward(gradient, sums);
    }

    fn device(&self) -> &str {
        self.loss.label()
    }
}

fn picture(image: &Image) -> Picture<'_> {
    let Image { width, height, rgb } = image;
    Picture { rgb, width: *width, height: *height, wrap_x: false, wrap_y: false }
}
