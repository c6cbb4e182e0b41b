//! Image files, and models with textures, to pixels and back, losing nothing that the format can
//! hold: bit depth, alpha, colour profile, orientation and pixel density.
//!
//! This crate paints nothing and knows nothing of recipes. It opens no file except the one whose
//! path it is given ([`header_of_path`]), and writes none. Its input is untrusted: every size is
//! checked against [`Limits`] before memory is allocated for it, and damage is an [`AssetError`],
//! never a panic.

mod bleed;
mod bmp_header;
mod color;
mod dds_file;
mod dds_layout;
mod decode;
mod density;
mod display;
mod encode;
mod error;
mod exif;
mod exr_file;
mod exr_layout;
mod file;
mod glb_file;
mod glb_layout;
mod hdr_file;
mod hdr_layout;
mod header;
mod jpeg;
mod ktx2_file;
mod ktx2_layout;
mod layout;
mod limits;
mod look;
mod metadata;
mod model;
mod model_file;
mod notes;
mod orientation;
mod parts;
mod photoshop;
mod picture;
mod png_chunks;
mod png_color;
mod properties;
mod psd_file;
mod psd_layout;
mod qoi_file;
mod result;
mod sheet_layout;
mod sniff;
mod space;
mod storage;
mod texels;
mod tga_file;
mod tiff_file;
mod tone;
mod verify;
mod webp_chunks;

pub use bleed::{bleed, is_transparency_empty};
pub use color::Color;
pub use dds_layout::DdsLayout;
pub use density::{Density, PixelAspect};
pub use encode::encode;
pub use error::{AssetError, AssetErrorKind, TextureError};
pub use exr_layout::ExrLayout;
pub use file::{decode, header_of_path, read_header, verify};
pub use glb_layout::{GlbLayout, Place, Wrap};
pub use hdr_layout::HdrLayout;
pub use impasto_types::Depth;
pub use ktx2_layout::Ktx2Layout;
pub use layout::{TgaAreas, TgaLayout, TiffLayout};
pub use limits::Limits;
pub use look::{Look, look};
pub use model::{Corner, Model, ModelFile, ModelMap, Scattered, Triangle};
pub use model_file::{
    gather_model, is_text_model, model_files, model_maps, read_model, read_surface, scatter_model,
    with_images,
};
pub use notes::Notes;
pub use orientation::Orientation;
pub use picture::{AlphaKind, Origin, Picture};
pub use png_color::PngColor;
pub use properties::Header;
pub use psd_layout::PsdLayout;
pub use result::{BadResult, check_announced, check_result, output_name, result_header};
pub use sheet_layout::SheetLayout;
pub use space::ColorSpace;
pub use tone::{LightMeter, ToneCurve};
