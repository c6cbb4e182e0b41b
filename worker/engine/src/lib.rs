//! Neural stylisation: pictures and a recipe in, a picture out.
//!
//! This crate does no network or file I/O, is not async, prints nothing and reads no clock. An
//! [`Engine`] holds the network, prepared once; a [`Session`] is one run of a recipe, which steps,
//! reports, checkpoints and can be dropped between any two steps.

mod checkpoint;
mod color;
pub mod device;
mod engine;
mod error;
mod frame;
mod image;
mod noise;
pub mod objective;
pub mod optimizer;
mod resize;
mod session;
mod total_variation;
mod vector;

pub use engine::Engine;
pub use error::EngineError;
pub use frame::Frame;
pub use image::Image;
pub use session::{Inputs, Session, Step, StepReport};
