//! Encodes pictures to files.

mod cut;
mod dds_file;
mod exr_file;
mod glb_file;
mod hdr_file;
mod ktx2_file;
mod png_file;
mod psd_file;
mod texels;
mod tga_file;
mod tiff_file;

use std::borrow::Cow;

use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::{JpegEncoder, PixelDensity, PixelDensityUnit};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use impasto_types::{CannotWrite, ContainerFormat, OutputSpec, Shape};

use crate::color::describes;
use crate::exif::Exif;
use crate::{
    AlphaKind, AssetError, AssetErrorKind, Color, Depth, Picture, bmp_header, jpeg, qoi_file,
    webp_chunks,
};

/// Encodes a picture with its alpha and its origin's bit depth, colour profile, orientation and
/// pixel density, as far as the format supports them.
///
/// - Levels are rounded and clamped; only formats with floats keep levels beyond 0 to 255. A depth
///   that the format lacks becomes the nearest that it has: 16 bits become 8 in JPEG, TGA, WebP,
///   BMP and QOI; floats become 16 bits in PNG.
/// - Light that [`Picture::to_display`] has brought to levels is light again in EXR, HDR, DDS,
///   KTX2 and PSD. Levels of another format become light in EXR and HDR, and floats in PSD.
/// - A grey asset stays grey if the format supports it and every pixel is grey. One that was
///   painted in colour becomes RGB, without its grey profile.
/// - Associated alpha stays so in TIFF, TGA, DDS and KTX2; an EXR's is always associated. Colours
///   of which only the user knows that they are multiplied are so in every format. Samples that
///   are neither colour nor alpha stay in TIFF, EXR and PSD. The layout of an asset's own format
///   stays: it decides how colours are packed.
/// - A model is its own file with other textures, each in its own format. A texture that has not
///   changed keeps its bytes, and so does everything else.
/// - What the format cannot hold at all is an error: see [`ContainerFormat::can_write`].
/// - The same picture gives the same bytes.
pub fn encode(picture: &Picture, output: OutputSpec) -> Result<Vec<u8>, AssetError> {
    encode_kind(picture, output).map_err(|kind| kind.of(&picture.origin.name))
}

pub(crate) fn encode_kind(
    picture: &Picture,
    output: OutputSpec,
) -> Result<Vec<u8>, AssetErrorKind> {
    let (format, width, height) = (output.format, picture.width, picture.height);
    picture.check()?;
    let (alpha, asset) = (picture.alpha.is_some(), picture.origin.format);
    let large = picture.origin.psd.as_ref().is_some_and(|psd| psd.large);
    format.can_write(Shape { width, height, alpha, asset, large })?;
    if picture.origin.sheet.is_some() && format != picture.origin.format {
        return Err(CannotWrite::Sheet(picture.origin.format).into());
    }
    let picture = &*picture.in_terms_of(format);
    let plan = Plan::of(picture, format);
    let failed = |source| AssetErrorKind::Encode { format, source };
    match format {
        ContainerFormat::Png => {
            png_file::write(picture, &plan).map_err(|error| failed(error.into()))
        }
        ContainerFormat::Tiff => {
            tiff_file::write(picture, &plan).map_err(|error| failed(error.into()))
        }
        ContainerFormat::Tga => Ok(tga_file::write(picture, &plan)),
        ContainerFormat::Dds => Ok(dds_file::write(picture)),
        ContainerFormat::Exr => {
            exr_file::write(picture, &plan).map_err(|error| failed(error.into()))
        }
        ContainerFormat::Hdr => Ok(hdr_file::write(picture)),
        ContainerFormat::Ktx2 => ktx2_file::write(picture).map_err(failed),
        ContainerFormat::Psd => psd_file::write(picture, &plan),
        ContainerFormat::Glb => glb_file::write(picture, output),
        // Its files are with whoever gathered them.
        ContainerFormat::Gltf => Err(failed("give a model in one file".into())),
        ContainerFormat::Qoi => {
            let samples = plan.samples(level8);
            qoi_file::encode(&samples, (width, height), picture.origin.is_linear)
                .map_err(|error| failed(error.into()))
        }
        ContainerFormat::Jpeg | ContainerFormat::Webp | ContainerFormat::Bmp => {
            write_eight_bit(picture, &plan, output).map_err(|error| failed(error.into()))
        }
    }
}

/// The samples of the file to write.
#[derive(Debug)]
struct Plan<'a> {
    depth: Depth,
    color: Color,
    /// Multiplied by alpha, if the file's colours are to be.
    rgb: Cow<'a, [f32]>,
    alpha: Option<&'a [f32]>,
    icc: Option<&'a [u8]>,
}

impl<'a> Plan<'a> {
    fn of(picture: &'a Picture, format: ContainerFormat) -> Self {
        let origin = &picture.origin;
        let depth = match (format, origin.depth) {
            (
                ContainerFormat::Tiff
                | ContainerFormat::Dds
                | ContainerFormat::Ktx2
                | ContainerFormat::Psd
                | ContainerFormat::Glb
                | ContainerFormat::Gltf,
                depth,
            ) => depth,
            (ContainerFormat::Exr | ContainerFormat::Hdr, _) => Depth::Float,
            (ContainerFormat::Png, Depth::Float) => Depth::Sixteen,
            (ContainerFormat::Png, depth) => depth,
            (
                ContainerFormat::Jpeg
                | ContainerFormat::Tga
                | ContainerFormat::Webp
                | ContainerFormat::Bmp
                | ContainerFormat::Qoi,
                _,
            ) => Depth::Eight,
        };
        let stays_gray = || match depth {
            Depth::Eight => picture
                .rgb
                .chunks_exact(3)
                .all(|p| level8(p[0]) == level8(p[1]) && level8(p[1]) == level8(p[2])),
            Depth::Sixteen => picture
                .rgb
                .chunks_exact(3)
                .all(|p| level16(p[0]) == level16(p[1]) && level16(p[1]) == level16(p[2])),
            Depth::Float => picture.rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]),
        };
        // Many programs read grey with alpha as unrelated bands in TIFF, or not at all in TGA, so
        // that only an asset that is so stays so. BMP has no such pixels, and QOI no grey ones.
        let no_gray = picture.alpha.is_some()
            && match format {
                ContainerFormat::Tiff => origin.tiff.is_none(),
                ContainerFormat::Tga => origin.tga.is_none(),
                ContainerFormat::Bmp => true,
                ContainerFormat::Png
                | ContainerFormat::Jpeg
                | ContainerFormat::Webp
                | ContainerFormat::Dds
                | ContainerFormat::Exr
                | ContainerFormat::Hdr
                | ContainerFormat::Qoi
                | ContainerFormat::Ktx2
                | ContainerFormat::Psd
                | ContainerFormat::Glb
                | ContainerFormat::Gltf => false,
            };
        let no_gray = no_gray || format == ContainerFormat::Qoi;
        let color = if origin.color == Color::Gray && !no_gray && stays_gray() {
            Color::Gray
        } else {
            Color::Rgb
        };
        // WebP has no grey pixels, so a profile of grey ones would be wrong there.
        let described = if format == ContainerFormat::Webp { Color::Rgb } else { color };
        let icc = origin.icc.as_deref().filter(|icc| describes(icc, described));
        // EXR knows no other opacity.
        let is_multiplied = match format {
            ContainerFormat::Tiff | ContainerFormat::Tga => {
                origin.alpha_kind == AlphaKind::Associated
            }
            ContainerFormat::Exr => origin.alpha_kind != AlphaKind::Unspecified,
            _ => false,
        };
        let is_multiplied = is_multiplied || origin.is_premultiplied;
        let rgb = match &picture.alpha {
            Some(alpha) if is_multiplied => {
                Cow::Owned(multiplied(&picture.rgb, alpha, origin.additive))
            }
            _ => Cow::Borrowed(&picture.rgb[..]),
        };
        Self { depth, color, rgb, alpha: picture.alpha.as_deref(), icc }
    }

    /// How many colours each pixel has.
    fn colors(&self) -> usize {
        match self.color {
            Color::Gray => 1,
            Color::Rgb => 3,
        }
    }

    /// The samples in the file's order, each converted by `level`.
    fn samples<T>(&self, level: impl Fn(f32) -> T) -> Vec<T> {
        let colors = self.colors();
        let channels = colors + usize::from(self.alpha.is_some());
        let mut samples = Vec::with_capacity(self.rgb.len() / 3 * channels);
        for (index, pixel) in self.rgb.chunks_exact(3).enumerate() {
            samples.extend(pixel[..colors].iter().map(|&value| level(value)));
            if let Some(alpha) = self.alpha {
                samples.push(level(alpha[index] * 255.0));
            }
        }
        samples
    }
}

/// Colours times alpha. Where alpha is 0, `additive` colours stay as they are.
fn multiplied(rgb: &[f32], alpha: &[f32], additive: bool) -> Vec<f32> {
    let factor = |alpha: f32| if alpha <= 0.0 && additive { 1.0 } else { alpha.max(0.0) };
    let pixels = rgb.chunks_exact(3).zip(alpha);
    pixels.flat_map(|(pixel, &alpha)| [0, 1, 2].map(|at| pixel[at] * factor(alpha))).collect()
}

/// The nearest of 256 levels. A float converts to an integer with saturation.
fn level8(level: f32) -> u8 {
    level.round() as u8
}

/// The nearest of 65536 levels.
fn level16(level: f32) -> u16 {
    (level * 257.0).round() as u16
}

fn write_eight_bit(
    picture: &Picture,
    plan: &Plan<'_>,
    output: OutputSpec,
) -> image::ImageResult<Vec<u8>> {
    let pixels = match (plan.color, plan.alpha) {
        (Color::Gray, None) => ExtendedColorType::L8,
        (Color::Gray, Some(_)) => ExtendedColorType::La8,
        (Color::Rgb, None) => ExtendedColorType::Rgb8,
        (Color::Rgb, Some(_)) => ExtendedColorType::Rgba8,
    };
    let samples = plan.samples(level8);
    let mut bytes = Vec::new();
    match output.format {
        ContainerFormat::Jpeg => {
            let mut encoder =
                JpegEncoder::new_with_quality(&mut bytes, output.quality.clamp(1, 100));
            if let Some(density) = jpeg_density(picture) {
                encoder.set_pixel_density(density);
            }
            write_with_metadata(encoder, plan, &samples, picture, (pixels, output.format))?;
            if let Some(notes) = picture.notes_in(output.format) {
                bytes = jpeg::with_notes(bytes, notes);
            }
        }
        ContainerFormat::Webp => {
            let encoder = WebPEncoder::new_lossless(&mut bytes);
            write_with_metadata(encoder, plan, &samples, picture, (pixels, output.format))?;
            if let Some(notes) = picture.notes_in(output.format) {
                let size = (picture.width, picture.height);
                bytes = webp_chunks::with_notes(bytes, notes, size, plan.alpha.is_some());
            }
        }
        _ => {
            BmpEncoder::new(&mut bytes).encode(&samples, picture.width, picture.height, pixels)?;
            if let (Some(density), Some(field)) =
                (picture.origin.density, bytes.get_mut(bmp_header::DENSITY))
            {
                field[..4].copy_from_slice(&(density.x.round() as u32).to_le_bytes());
                field[4..].copy_from_slice(&(density.y.round() as u32).to_le_bytes());
            }
        }
    }
    Ok(bytes)
}

/// Pixels of an inch; or, of a JPEG that tells only their shape, that.
fn jpeg_density(picture: &Picture) -> Option<PixelDensity> {
    let of = |x: f64, y: f64, unit| {
        Some(PixelDensity { density: (x.round() as u16, y.round() as u16), unit })
    };
    match (picture.origin.density, picture.aspect_in(ContainerFormat::Jpeg)) {
        (Some(density), _) => of(density.dpi().0, density.dpi().1, PixelDensityUnit::Inches),
        (None, Some(aspect)) => of(aspect.x, aspect.y, PixelDensityUnit::PixelAspectRatio),
        (None, None) => None,
    }
}

fn write_with_metadata(
    mut encoder: impl ImageEncoder,
    plan: &Plan<'_>,
    samples: &[u8],
    picture: &Picture,
    (pixels, format): (ExtendedColorType, ContainerFormat),
) -> image::ImageResult<()> {
    if let Some(icc) = plan.icc {
        encoder.set_icc_profile(icc.to_vec()).map_err(image::ImageError::Unsupported)?;
    }
    let text = picture.notes_in(format).map(|notes| &notes.exif);
    if let Some(exif) = Exif::written(picture.origin.orientation, text) {
        encoder.set_exif_metadata(exif).map_err(image::ImageError::Unsupported)?;
    }
    encoder.write_image(samples, picture.width, picture.height, pixels)
}
