//! What is trained: a network, and where the style of each square comes from.

use std::fmt;

use impasto_engine::Image;
use impasto_engine::optimize::device::Terms;

use crate::error::TrainError;

/// A network that learns to paint squares, each in the style that was chosen last.
pub(crate) trait Learner: fmt::Debug + Send {
    /// Goes on with other parameters.
    fn set(&mut self, parameters: &[f32]) -> Result<(), TrainError>;

    /// Chooses the style of a training square, by its number.
    fn choose(&mut self, number: u64) -> Result<(), TrainError>;

    /// In how many styles each held-out picture is looked at.
    fn looks(&self) -> usize;

    /// Chooses a style for looking at a held-out picture, by the numbers of both. Returns the
    /// style's place, and its image where it was not learned.
    fn choose_for_look(
        &mut self,
        picture: usize,
        look: usize,
    ) -> Result<(usize, Option<Image>), TrainError>;

    /// Paints a square. `given` is `content` with noise.
    fn paint(&mut self, content: &Image, given: &Image) -> Result<Image, TrainError>;

    /// The loss of a part of what was painted, whose gradient overwrites `gradient`.
    fn loss(
        &mut self,
        content: &Image,
        painted: &Image,
        gradient: &mut [f32],
    ) -> Result<Terms, TrainError>;

    /// What the gradient of a square with this loss is multiplied with.
    fn share(&self, _loss: &Terms) -> f32 {
        1.0
    }

    /// Adds the gradient of all parameters to `sums`, from that of the values that were painted
    /// last.
    fn learn(&mut self, gradient: &[f32], sums: &mut [f32]);

    /// What the loss is computed on, such as `cpu amx bf16`.
    fn device(&self) -> &str;
}
