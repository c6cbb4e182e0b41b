//! The interface between the method and the device: a network on a device.

use impasto_kernels::Moments;

use super::canvas::{Canvas, Task};
use super::plan::Plan;
use super::view::View;
use super::work::Work;
use crate::{EngineError, Image, Interrupt, Mask};

/// A network on a device.
pub trait VggDevice: Send + Sync + std::fmt::Debug {
    /// The device, its instructions and the precision of its features, such as `cpu avx512 fp32`.
    fn label(&self) -> String;

    /// Memory that the network itself takes.
    fn bytes(&self) -> u64;

    /// How a picture can be painted within `budget_bytes` of the device's memory, the network not
    /// counted.
    ///
    /// # Errors
    /// [`EngineError::Memory`] where it cannot.
    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError>;

    /// The moments of `image` at each of [`Layer::STYLE`](impasto_kernels::Layer::STYLE) up to the
    /// view's deepest layer, in tiles where the budget asks for them. Pixels count by their
    /// `weights`, where there are any.
    ///
    /// # Errors
    /// [`EngineError::Memory`] where the budget is too small, [`EngineError::Interrupted`] where
    /// that was asked, or where the device fails.
    fn moments(
        &self,
        image: &Image,
        weights: Option<&Mask>,
        view: View,
        budget_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Moments>, EngineError>;

    /// The least budget that [`VggDevice::moments`] asks for a picture of this width and height.
    fn least_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64;

    /// The budget from which on [`VggDevice::moments`] does not cut such a picture.
    fn uncut_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64;

    /// A picture on the device, ready for its first step.
    ///
    /// # Errors
    /// Where the device fails.
    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError>;
}
