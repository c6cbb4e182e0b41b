//! VGG optimisation: Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural
//! Networks", CVPR 2016, and texture synthesis by the same loss.
//!
//! An [`Engine`] holds the network, prepared once; a [`Session`] is one run. The `objective` says
//! what a picture is measured against, a [`device`] measures it and sends the gradient back, an
//! `optimizer` moves the pixels. A texture begins with its style's `pattern`.

mod canvases;
mod checkpoint;
pub mod device;
mod engine;
pub mod objective;
pub mod optimizer;
mod pattern;
mod plateau;
mod schedule;
mod session;
mod total_variation;
mod vector;

pub use engine::Engine;
pub use session::Session;
