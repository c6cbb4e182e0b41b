//! Decodes the files that the usual decoder reads wrong.

use std::io;

use image::error::DecodingError;
use image::{DynamicImage, GrayImage, ImageError, ImageFormat, RgbImage};
use jpeg_decoder::{Decoder, Error, PixelFormat, UnsupportedFeature};

use super::frame::{Frame, damaged, not_supported};
use crate::AssetErrorKind;

/// Decodes a file whose frame is within the limits.
pub(super) fn decode(bytes: &[u8], frame: &Frame) -> Result<DynamicImage, AssetErrorKind> {
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let pixels = width as usize * height as usize;
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(pixels * frame.components.len());
    let samples = decoder.decode().map_err(refused)?;
    let image = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => GrayImage::from_raw(width, height, samples).map(Into::into),
        Some(PixelFormat::RGB24) => RgbImage::from_raw(width, height, samples).map(Into::into),
        Some(PixelFormat::CMYK32) => {
            RgbImage::from_raw(width, height, without_inks(&samples)).map(Into::into)
        }
        Some(PixelFormat::L16) | None => None,
    };
    image.ok_or_else(|| damaged("it has not as many pixels as it says"))
}

/// The colours of inks from 0, none, to 255, as the usual decoder gives them.
fn without_inks(cmyk: &[u8]) -> Vec<u8> {
    let (pixels, _) = cmyk.as_chunks::<4>();
    let light = |ink: u8, black: u8| {
        let product = (255 - u32::from(ink)) * (255 - u32::from(black));
        ((product + 127) / 255) as u8
    };
    pixels.iter().flat_map(|&[c, m, y, k]| [light(c, k), light(m, k), light(y, k)]).collect()
}

fn refused(error: Error) -> AssetErrorKind {
    match error {
        Error::Io(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            AssetErrorKind::Truncated
        }
        Error::Unsupported(UnsupportedFeature::SubsamplingRatio) => {
            not_supported("sampling factors that are no multiples of each other")
        }
        Error::Unsupported(feature) => not_supported(format!("{feature:?}")),
        error => AssetErrorKind::Damaged(ImageError::Decoding(DecodingError::new(
            ImageFormat::Jpeg.into(),
            error,
        ))),
    }
}
