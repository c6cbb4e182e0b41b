//! Paints assets on this machine: files' bytes and an action in, files' bytes out.
//!
//! This crate knows no farm, no leases and no network, and it is not async: the command line, an
//! engine plug-in or a worker of a farm calls it on a thread that may block. [`EnginePainter`]
//! opens devices and keeps the networks prepared there; [`paint()`] is one asset on one of them.
//! [`bench`] measures how fast this machine paints.

pub mod bench;
mod device;
mod gauge;
pub mod machine;
mod paint;
mod painter;

pub use device::{Cards, Devices, MAX_CARDS, UnknownDevice};
pub use impasto_engine::device::tensor::Unavailable;
pub use impasto_engine::{EngineError, StepReport};
pub use paint::{Observer, PaintError, Painted, Source, Sources, paint};
pub use painter::{EnginePainter, Lane, Offer, OpenError, Painter};
