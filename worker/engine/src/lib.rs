//! Neural stylisation: pictures and a recipe in, a picture out.
//!
//! This crate knows no files and no network, is not async, prints nothing and reads no clock.
//! Pixels come in as plain [`Image`]s and go out as one; alpha, bit depth and profiles are their
//! owner's.
//!
//! A run of any method is a [`Run`]: it steps, reports, checkpoints and can be dropped between any
//! two steps. Each method has a module of its own:
//!
//! - [`one_pass`]: one pass through a network, for any style or for those that it has learned.
//! - [`optimize`]: the pixels are optimised so that VGG-19 sees the content and the style in them.
//!
//! Beside methods, [`mod@fill`] fills holes in a picture with what lies elsewhere in it.

mod beginning;
pub mod cards;
mod color;
mod error;
pub mod fill;
mod frame;
mod image;
mod inputs;
mod interrupt;
mod joins;
mod low_pass;
mod mask;
mod noise;
pub mod one_pass;
pub mod optimize;
mod resize;
mod run;
mod sources;
mod style;
mod threads;
#[cfg(test)]
mod tiny;
mod values;

pub use error::{EngineError, Unlearned};
pub use frame::Frame;
pub use image::Image;
pub use inputs::Inputs;
pub use interrupt::Interrupt;
pub use joins::{Border, Join, Joins, JoinsError, Neighbor};
pub use mask::Mask;
pub use resize::{resize_plane, resize_weighted};
pub use run::{Losses, Run, Step, StepReport};
pub use style::Style;
pub use threads::PROCESS_BYTES;
