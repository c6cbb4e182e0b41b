//! Paints assets on this machine: the bytes of files and an action in, the bytes of files out.
//!
//! This crate knows no farm, no leases and no network, and it is not async: the command line, a
//! plug-in or a worker calls it on a thread that may block.
//!
//! [`EnginePainter`] opens devices and keeps networks prepared there. An [`Adapter`] turns the
//! files of one kind of asset into [`View`]s and painted views into files; a [`Method`] paints
//! views. [`Registry`] lists both, and other crates add theirs to it. [`paint()`] paints one asset
//! with a given adapter and method. [`Filler`] fills holes in one picture from the rest of it.
//! [`mod@bench`] measures how fast this machine paints.
//!
//! # Example
//!
//! Paints a picture in the style of another:
//!
//! ```
//! # use impasto_assets::{Origin, Picture, encode};
//! # use impasto_types::Recipe;
//! use std::ops::ControlFlow;
//!
//! use impasto_models::ModelStore;
//! use impasto_painter::{Devices, EnginePainter, PaintStep, Painter, Source, Sources, machine};
//! use impasto_types::{AssetKind, ContainerFormat, ModelName, OutputSpec, Part, Preset};
//!
//! # // The weights that the workspace's other tests pull; without them there is nothing to run.
//! # let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-models");
//! # let dir = std::env::var_os("IMPASTO_MODELS_DIR").map_or(target.into(), |dir| dir);
//! # let models_dir = Some(std::path::Path::new(&dir));
//! # if ModelStore::open(models_dir)?.find(ModelName::Vgg19)?.is_none() {
//! #     println!("skipped: there are no weights in {}", dir.display());
//! #     return Ok(());
//! # }
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! let png = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };
//! # for (name, level) in [("wall.png", 90.0), ("night.png", 30.0)] {
//! #     let rgb = (0..32 * 32 * 3).map(|i| level + (i * 37 % 80) as f32).collect();
//! #     let origin = Origin::synthetic(name, ContainerFormat::Png);
//! #     let (alpha, extra) = (None, Vec::new());
//! #     let picture = Picture { width: 32, height: 32, rgb, alpha, extra, origin };
//! #     std::fs::write(name, encode(&picture, png)?)?;
//! # }
//! let sources = Sources::picture(Source::read("wall.png")?, vec![Source::read("night.png")?]);
//! let model = ModelStore::open(models_dir)?.ensure(ModelName::Vgg19, &mut |_| {})?.model;
//! let recipe = Preset::Texture.recipe();
//! # let recipe = match recipe {
//! #     Recipe::Optimize(recipe) => Recipe::Optimize(impasto_types::Optimize {
//! #         iterations: 2,
//! #         coarse_iterations: 2,
//! #         ..recipe
//! #     }),
//! #     other => other,
//! # };
//! let action = sources.action(AssetKind::picture(), recipe, &[1.0], vec![model], vec![png]);
//!
//! let painter = EnginePainter::open(models_dir, machine::threads(), &Devices::Cpu, None)?;
//! let mut show = |step: &PaintStep| {
//!     println!("{:.0} %", 100.0 * step.done);
//!     ControlFlow::Continue(())
//! };
//! let painted = painter.paint(painter.whole(0), "wall.png", &action, &sources, &mut show)?;
//! std::fs::write("painted.png", &painted.files[0].bytes)?;
//! # assert_eq!(Source::read("painted.png")?.bytes[..4], *b"\x89PNG");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapter;
pub mod bench;
mod budget;
mod checkpoint;
mod coats;
mod device;
mod engine_painter;
mod error;
mod fill;
mod gathered;
mod gauge;
pub mod machine;
mod method;
mod nearest;
mod opened_device;
mod pace;
mod paint;
mod painter;
mod regions;
mod registry;
mod shared_time;
mod sized;
mod sources;
mod train;

pub use adapter::{
    Adapter, AdapterError, Files, Filling, OpenAsset, Opened, OutputFile, Source, View,
};
pub use device::{Cards, Devices, MAX_CARDS, UnknownDevice};
pub use engine_painter::EnginePainter;
pub use error::{OpenError, PaintError, TrainingError};
pub use fill::{FillError, FilledFiles, Filler};
pub use gathered::Gathered;
pub use impasto_engine::Interrupt;
pub use impasto_engine::cards::Unavailable;
pub use impasto_engine::{EngineError, StepReport};
pub use method::{AskedStyle, Job, Method, Optimizing, PrepareError, Prepared, Site, SiteDevice};
pub use pace::Pace;
pub use paint::{Observer, PaintStep, Painted, Stop, Tools, paint};
pub use painter::{Lane, Offer, Painter, Sharing};
pub use registry::Registry;
pub use sources::Sources;
pub use train::photo;
