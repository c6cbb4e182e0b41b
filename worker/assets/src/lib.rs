//! Image files to pixels and back, losing nothing that the format can hold: bit depth, alpha,
//! colour profile and pixel density.
//!
//! This crate paints nothing and knows nothing of recipes. It opens no file except the one whose
//! path it is given ([`header_of_path`]), and writes none. Its input is untrusted: every size is
//! checked against [`Limits`] before memory is allocated for it, and damage is an [`AssetError`],
//! never a panic.

mod bleed;
mod container;
mod decode;
mod density;
mod encode;
mod error;
mod header;
mod limits;
mod look;
mod metadata;
mod picture;
mod sniff;

pub use bleed::bleed;
pub use decode::decode;
pub use density::Density;
pub use encode::encode;
pub use error::{AssetError, AssetErrorKind};
pub use header::{Color, Header, header_of_path, read_header};
pub use impasto_types::Depth;
pub use limits::Limits;
pub use look::{Look, look};
pub use metadata::PngColor;
pub use picture::{Origin, Picture};
