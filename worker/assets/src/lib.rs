//! Image files to pixels and back, losing nothing that the format can hold: bit depth, alpha,
//! colour profile and pixel density.
//!
//! This crate knows no recipe and paints nothing. It opens no file but the one whose path it is
//! given ([`header_of_path`]), and writes none. Bytes come from anywhere, so every size is checked
//! against [`Limits`] before a decoder allocates for it, and damage is an [`AssetError`], never a
//! panic.

mod bleed;
mod container;
mod decode;
mod encode;
mod error;
mod header;
mod limits;
mod metadata;
mod picture;
mod sniff;

pub use bleed::bleed;
pub use decode::decode;
pub use encode::encode;
pub use error::{AssetError, AssetErrorKind};
pub use header::{Color, Header, header_of_path, read_header};
pub use impasto_types::Depth;
pub use limits::Limits;
pub use metadata::PngColor;
pub use picture::{Density, Origin, Picture};
