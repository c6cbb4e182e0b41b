//! What a training run is asked to do.

use impasto_kernels::networks::{FeedForwardLayout, LayoutError};
use impasto_types::Optimize;
use serde::{Deserialize, Serialize};

/// The settings of a run. The same settings, styles and pictures give the same network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
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
    /// Adam's learning rate at its highest.
    pub learning_rate: f32,
    /// Steps from one look at the held-out pictures to the next.
    pub look_every: u32,
    /// Looks without an improvement of [`Settings::LEAST_GAIN`] after which the run ends; 0 goes on
    /// to the last step.
    pub patience: u32,
    pub seed: u64,
}

/// Why a run cannot be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    #[error("{what} is {found}, but has to be {expected}")]
    Range { what: &'static str, found: String, expected: &'static str },
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl Settings {
    /// What a look has to gain, as a share of the held-out loss.
    pub const LEAST_GAIN: f64 = 0.002;

    /// Pixels by which more is painted than the loss looks at: one of the deepest layer's. The
    /// square that is looked at lies anywhere within, so that VGG's pooling grid lies on every
    /// position of the network's own. On a grid that never moves a network learns to paint a
    /// lattice, which pooling cannot see.
    pub const PLAY_PX: u32 = 16;

    /// The side of the squares that are painted.
    pub fn painted_px(&self) -> u32 {
        self.crop_px + Self::PLAY_PX
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first that is out of its range.
    pub fn check(&self, styles: usize) -> Result<(), SettingsError> {
        let range = |what, found: String, fits: bool, expected| {
            if fits { Ok(()) } else { Err(SettingsError::Range { what, found, expected }) }
        };
        let Self { size_px, crop_px, batch, steps, learning_rate, look_every, .. } = self;
        let fits = (64..=1024).contains(crop_px) && crop_px.is_multiple_of(16);
        range("the crop", crop_px.to_string(), fits, "a multiple of 16 from 64 to 1024 pixels")?;
        let fits = (64..=8192).contains(size_px);
        range("the size", size_px.to_string(), fits, "from 64 to 8192 pixels")?;
        range("the batch", batch.to_string(), (1..=64).contains(batch), "from 1 to 64")?;
        range(
            "the steps",
            steps.to_string(),
            (1..=1_000_000).contains(steps),
            "from 1 to 1000000",
        )?;
        let fits = *learning_rate > 0.0 && *learning_rate <= 1.0;
        range("the learning rate", learning_rate.to_string(), fits, "above 0, at most 1")?;
        let fits = *look_every > 0;
        range("the number of steps between looks", look_every.to_string(), fits, "at least 1")?;
        let styled = self.recipe.is_styled();
        range("the style's weight", "0".to_owned(), styled, "above 0, at some layer")?;
        Ok(FeedForwardLayout { styles, ..FeedForwardLayout::OWN }.check()?)
    }
}
