//! Decodes pictures.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder};
use impasto_types::ContainerFormat;

use crate::color::describes;
use crate::header::{Pixels, open_decoder, read_metadata};
use crate::sniff::sniff;
use crate::webp_chunks::check_whole;
use crate::{
    AssetErrorKind, Color, Limits, Origin, Picture, dds_file, exr_file, hdr_file, jpeg, ktx2_file,
    psd_file, qoi_file, tga_file, tiff_file,
};

/// Decodes a picture to the stored grid.
pub(crate) fn decode_picture(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<Picture, AssetErrorKind> {
    limits.check_file(bytes.len() as u64)?;
    let format = sniff(name, bytes)?;
    let (image, mut metadata) = match format {
        ContainerFormat::Tiff => return tiff_file::decode(bytes, name, limits),
        ContainerFormat::Tga => return tga_file::decode(bytes, name, limits),
        ContainerFormat::Dds => return dds_file::decode(bytes, name, limits),
        ContainerFormat::Exr => return exr_file::decode(bytes, name, limits),
        ContainerFormat::Hdr => return hdr_file::decode(bytes, name, limits),
        ContainerFormat::Qoi => return qoi_file::decode(bytes, name, limits),
        ContainerFormat::Ktx2 => return ktx2_file::decode(bytes, name, limits),
        ContainerFormat::Psd => return psd_file::decode(bytes, name, limits),
        ContainerFormat::Glb | ContainerFormat::Gltf => return Err(AssetErrorKind::NotAPicture),
        ContainerFormat::Jpeg => {
            let jpeg::Head { frame, metadata } = jpeg::Head::read(&mut &bytes[..])?;
            let usual = || Ok(decode_usual(bytes, format, limits)?.0);
            (jpeg::decode(bytes, &frame, limits, usual)?, metadata)
        }
        _ => {
            let mut metadata = read_metadata(format, &mut Cursor::new(bytes))?;
            if format == ContainerFormat::Webp {
                check_whole(bytes)?;
            }
            let (image, icc) = decode_usual(bytes, format, limits)?;
            metadata.icc = metadata.icc.or(icc);
            (image, metadata)
        }
    };
    let Pixels { color, alpha, depth } = Pixels::of(image.color(), format)?;
    let (rgb, alpha) = channels(&image, color, alpha);
    let (width, height) = (image.width(), image.height());
    drop(image);

    let icc = metadata.icc.take().filter(|icc| describes(icc, color));
    let origin = metadata.origin(Origin { color, depth, icc, ..Origin::synthetic(name, format) });
    let picture = Picture { width, height, rgb, alpha, extra: Vec::new(), origin };
    picture.check()?;
    Ok(picture)
}

/// The pixels and the colour profile, by the general decoder.
pub(crate) fn decode_usual(
    bytes: &[u8],
    format: ContainerFormat,
    limits: &Limits,
) -> Result<(DynamicImage, Option<Vec<u8>>), AssetErrorKind> {
    let mut decoder = open_decoder(Cursor::new(bytes), format, limits)?;
    let icc = decoder.icc_profile().ok().flatten();
    let image = DynamicImage::from_decoder(decoder)
        .map_err(|error| AssetErrorKind::from_decoder(format, error))?;
    Ok((image, icc))
}

/// The colours and the alpha of an image, in separate buffers.
fn channels(image: &DynamicImage, color: Color, alpha: bool) -> (Vec<f32>, Option<Vec<f32>>) {
    let eight: fn(u8) -> f32 = f32::from;
    // 65535 is 257 * 255, so this division is `v * 255 / 65535` with one rounding.
    let sixteen = |v: u16| f32::from(v) / 257.0;
    let float = |v: f32| v * 255.0;
    match image {
        DynamicImage::ImageLuma8(image) => split(image.as_raw(), color, alpha, eight),
        DynamicImage::ImageLumaA8(image) => split(image.as_raw(), color, alpha, eight),
        DynamicImage::ImageRgb8(image) => split(image.as_raw(), color, alpha, eight),
        DynamicImage::ImageRgba8(image) => split(image.as_raw(), color, alpha, eight),
        DynamicImage::ImageLuma16(image) => split(image.as_raw(), color, alpha, sixteen),
        DynamicImage::ImageLumaA16(image) => split(image.as_raw(), color, alpha, sixteen),
        DynamicImage::ImageRgb16(image) => split(image.as_raw(), color, alpha, sixteen),
        DynamicImage::ImageRgba16(image) => split(image.as_raw(), color, alpha, sixteen),
        DynamicImage::ImageRgb32F(image) => split(image.as_raw(), color, alpha, float),
        DynamicImage::ImageRgba32F(image) => split(image.as_raw(), color, alpha, float),
        // `DynamicImage` is non-exhaustive; an unknown kind is converted to the widest known one.
        other if alpha => split(other.to_rgba32f().as_raw(), Color::Rgb, true, float),
        other => split(other.to_rgb32f().as_raw(), Color::Rgb, false, float),
    }
}

/// Converts interleaved samples to levels from 0 to 255 and alpha from 0 to 1.
fn split<T: Copy>(
    samples: &[T],
    color: Color,
    alpha: bool,
    level: impl Fn(T) -> f32,
) -> (Vec<f32>, Option<Vec<f32>>) {
    let colors = match color {
        Color::Gray => 1,
        Color::Rgb => 3,
    };
    let pixels = samples.chunks_exact(colors + usize::from(alpha));
    let count = pixels.len();
    let mut rgb = Vec::with_capacity(count * 3);
    let mut opacity = Vec::with_capacity(if alpha { count } else { 0 });
    for pixel in pixels {
        match color {
            Color::Gray => rgb.extend([level(pixel[0]); 3]),
            Color::Rgb => rgb.extend([level(pixel[0]), level(pixel[1]), level(pixel[2])]),
        }
        if alpha {
            opacity.push(level(pixel[colors]) / 255.0);
        }
    }
    (rgb, alpha.then_some(opacity))
}

impl Picture {
    /// Undoes the multiplication by alpha. Where alpha is 0, colours stay as they are stored:
    /// black, or light that is added.
    pub(crate) fn divide_by_alpha(&mut self) {
        let Some(alpha) = &self.alpha else { return };
        for (pixel, &alpha) in self.rgb.chunks_exact_mut(3).zip(alpha) {
            if alpha > 0.0 {
                pixel.iter_mut().for_each(|level| *level /= alpha);
            } else {
                self.origin.additive |= pixel.iter().any(|&level| level != 0.0);
            }
        }
    }

    /// Refuses buffers of the wrong length, and pixels that are not numbers.
    pub(crate) fn check(&self) -> Result<(), AssetErrorKind> {
        let (width, height) = (self.width, self.height);
        let wrong = |samples| Err(AssetErrorKind::WrongLength { width, height, samples });
        if self.width == 0 || self.height == 0 {
            return Err(AssetErrorKind::NoPixels { width, height });
        }
        if self.rgb.len() != self.pixels() * 3 {
            return wrong(self.rgb.len());
        }
        let mut planes = self.alpha.iter().chain(&self.extra);
        if let Some(plane) = planes.find(|plane| plane.len() != self.pixels()) {
            return wrong(plane.len());
        }
        let in_rgb = self.rgb.iter().position(|level| !level.is_finite()).map(|at| at / 3);
        let in_alpha =
            self.alpha.as_ref().and_then(|alpha| alpha.iter().position(|value| !value.is_finite()));
        match in_rgb.or(in_alpha) {
            // Both fit: the index is below width * height.
            Some(at) => Err(AssetErrorKind::NotFinite {
                x: (at % width as usize) as u32,
                y: (at / width as usize) as u32,
            }),
            None => Ok(()),
        }
    }
}
