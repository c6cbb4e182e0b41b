//! Where pictures are measured and painted.
//!
//! Above this interface, nothing knows how feature maps are stored, which instructions multiply
//! them, whether a picture is cut into tiles, or in whose memory it lies while it is painted: a
//! picture is handed over when a scale begins and handed back when it ends. Below it, nothing knows
//! of scales, assets or colours. A device is replaced as a whole.
//!
//! [`VggDevice`] and [`Canvas`] are what a session uses. A device whose pictures are in host memory
//! implements only a [`Pass`]: [`HostCanvas`] does the rest.

mod blend;
mod canvas;
mod cpu;
mod host;
mod lap;
mod plan;
mod reduction;
pub mod tensor;
mod tile_sums;
mod tiled_pass;
mod tiling;
mod vgg_device;
mod view;
mod work;

pub use blend::Masked;
pub use canvas::{Canvas, Move, State, Task, Terms, Warmth};
pub use cpu::Cpu;
pub use host::{HostCanvas, Pass};
pub use plan::Plan;
pub use tile_sums::TileSums;
pub use tiled_pass::TiledPass;
pub use tiling::{Candidate, Tile, Tiling};
pub use vgg_device::VggDevice;
pub use view::View;
pub use work::{Look, Work};
