//! A worker of the farm: it leases tasks, moves blobs, runs the engine and reports.
//!
//! It decides nothing about scheduling, and keeps nothing that cannot be made again. [`paint`]
//! needs no farm at all: files' bytes and an action in, a file's bytes out. [`run`] is the whole
//! worker; [`Settings`] are what it has to know.

mod asset;
mod attempt;
mod backoff;
pub mod bench;
mod blob_cache;
mod device;
mod gauge;
mod ledger;
mod machine;
mod one_line;
mod paint;
mod painter;
mod pool;
mod progress;
mod settings;
mod wire;
mod worker;

pub use device::{Cards, Devices, UnknownDevice};
pub use impasto_engine::cards::Unavailable;
pub use one_line::one_line;
pub use paint::{Observer, PaintError, Painted, Source, Sources, paint};
pub use painter::{EnginePainter, Lane, Offer, OpenError, Painter};
pub use settings::{DEFAULT_COORDINATOR, Settings, SettingsError};
pub use worker::{WorkerError, run, run_with};
