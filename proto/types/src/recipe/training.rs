//! Training a network: its settings, and the part of a run that one task does.

use serde::{Deserialize, Serialize};

use super::{Common, Optimize};
use crate::{ModelName, RecipeError};

/// The settings of a training run. The same settings, styles and pictures give the same network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// What the loss is: its weights, layers, norm, pooling and `style_scale`.
    pub recipe: Optimize,
    /// The longer side in pixels of the pictures that the network is to paint: strokes have the
    /// size that `optimize` gives them there.
    pub size_px: u32,
    /// The side in pixels of the squares that the loss looks at.
    pub crop_px: u32,
    /// Crops in a step.
    pub batch: u32,
    /// Steps of the whole run. The learning rate falls to almost nothing by then.
    pub steps: u32,
    /// Levels of noise that pictures are given before the network paints them: where a picture is
    /// flat, it makes strokes of it.
    pub noise: f32,
    /// Adam's learning rate at its highest.
    pub learning_rate: f32,
    /// Steps from one look at the held-out pictures to the next.
    pub look_every: u32,
    /// Looks without an improvement of [`Training::LEAST_GAIN`] after which the run ends; 0 goes on
    /// to the last step.
    pub patience: u32,
    pub seed: u64,
}

/// Every parameter of [`Method::Train`](super::Method::Train): a part of a training run.
///
/// It goes on from the state that the part before it left, its input
/// [`Part::State`](crate::Part::State), and leaves one, or the network if it is the last part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    pub training: Training,
    /// Of the styles, in the action's order.
    pub names: Vec<String>,
    /// The step that it ends with.
    pub until: u32,
}

impl Train {
    /// The models that training reads from the model store.
    pub const MODELS: &[ModelName] = &[ModelName::Vgg19];
}

impl Default for Training {
    fn default() -> Self {
        Self {
            recipe: Optimize::painterly(),
            size_px: 512,
            crop_px: 256,
            batch: 1,
            steps: 3000,
            noise: 40.0,
            learning_rate: 3e-3,
            look_every: 250,
            patience: 6,
            seed: 0,
        }
    }
}

impl Training {
    /// What a look has to gain, as a share of the held-out loss.
    pub const LEAST_GAIN: f64 = 0.002;

    /// Pixels by which more is painted than the loss looks at: one of the deepest layer's. The
    /// square that is looked at lies anywhere within, so that VGG's pooling grid lies on every
    /// position of the network's own. On a grid that never moves a network learns to paint a
    /// lattice, which pooling cannot see.
    pub const PLAY_PX: u32 = 16;

    /// The fewest pictures that a network can be trained on: one of them is held out.
    pub const LEAST_PICTURES: usize = 4;

    /// The most pictures of a run: more would not be seen.
    pub const MOST_PICTURES: usize = 4096;

    /// The side of the squares that are painted.
    pub fn painted_px(&self) -> u32 {
        self.crop_px + Self::PLAY_PX
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first that is out of its range.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.recipe.check()?;
        let range = |name, value: String, fits: bool, range| {
            if fits { Ok(()) } else { Err(RecipeError { name, value, range }) }
        };
        let Self { size_px, crop_px, batch, steps, noise, learning_rate, look_every, .. } = self;
        let fits = (64..=1024).contains(crop_px) && crop_px.is_multiple_of(16);
        range("crop", crop_px.to_string(), fits, "a multiple of 16 from 64 to 1024 pixels")?;
        let fits = (64..=8192).contains(size_px);
        range("size", size_px.to_string(), fits, "from 64 to 8192 pixels")?;
        range("batch", batch.to_string(), (1..=64).contains(batch), "from 1 to 64")?;
        range("steps", steps.to_string(), (1..=1_000_000).contains(steps), "from 1 to 1000000")?;
        let fits = (0.0..=255.0).contains(noise);
        range("noise", noise.to_string(), fits, "from 0 to 255")?;
        let fits = *learning_rate > 0.0 && *learning_rate <= 1.0;
        range("learning_rate", learning_rate.to_string(), fits, "above 0, at most 1")?;
        range("look_every", look_every.to_string(), *look_every > 0, "at least 1")?;
        range("style_weight", "0".to_owned(), self.recipe.is_styled(), "above 0, at some layer")
    }
}

impl Train {
    /// Whether it ends the run.
    pub fn is_last(&self) -> bool {
        self.until == self.training.steps
    }

    pub(super) fn common(&self) -> &Common {
        &self.training.recipe.common
    }

    pub(super) fn common_mut(&mut self) -> &mut Common {
        &mut self.training.recipe.common
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.training.check()?;
        if (1..=self.training.steps).contains(&self.until) {
            return Ok(());
        }
        let (name, value) = ("until", self.until.to_string());
        Err(RecipeError { name, value, range: "from 1 to the run's steps" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        assert_eq!(Training::default().check(), Ok(()));
        let check = |bad: Training, expected: &str| {
            assert_eq!(bad.check().expect_err(expected).to_string(), expected);
        };
        let crop = Training { crop_px: 100, ..Training::default() };
        check(crop, "crop is 100, but has to be a multiple of 16 from 64 to 1024 pixels");
        let rate = Training { learning_rate: 0.0, ..Training::default() };
        check(rate, "learning_rate is 0, but has to be above 0, at most 1");
        let recipe = Optimize { style_weight: 0.0, ..Optimize::painterly() };
        let plain = Training { recipe, ..Training::default() };
        check(plain, "style_weight is 0, but has to be above 0, at some layer");
    }

    #[test]
    fn a_part_ends_within_the_run() {
        let training = Training { steps: 500, ..Training::default() };
        let part = |until| Train { training: training.clone(), names: vec![], until };
        assert!(part(0).check().is_err() && part(501).check().is_err());
        assert!(part(250).check().is_ok() && !part(250).is_last());
        assert!(part(500).check().is_ok() && part(500).is_last());
    }
}
