//! Reads a picture's header, without its pixels.

use std::io::{BufRead, Read, Seek, SeekFrom};

use image::{ColorType, ImageDecoder, ImageFormat, ImageReader};
use impasto_types::{ContainerFormat, Depth};

use crate::limits::METADATA_BYTES;
use crate::metadata::Metadata;
use crate::sniff::{HEAD_BYTES, sniff};
use crate::{
    AssetErrorKind, Color, Header, Limits, bmp_header, dds_file, exr_file, hdr_file, jpeg,
    ktx2_file, png_chunks, psd_file, qoi_file, tga_file, tiff_file, webp_chunks,
};

/// The format of a file, of which the beginning is read.
pub(crate) fn format_of<R: BufRead + Seek>(
    reader: &mut R,
    name: &str,
) -> Result<ContainerFormat, AssetErrorKind> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(AssetErrorKind::Read)?;
    reader.seek(SeekFrom::Start(0)).map_err(AssetErrorKind::Read)?;
    sniff(name, &head)
}

/// Reads the header of a picture, and no more than its format requires.
pub(crate) fn picture_header<R: BufRead + Seek>(
    mut reader: R,
    length: u64,
    name: &str,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    limits.check_file(length)?;
    let format = format_of(&mut reader, name)?;
    picture_header_in(format, reader, length, limits)
}

/// The same of a file whose length is within the limits and whose format is known.
pub(crate) fn picture_header_in<R: BufRead + Seek>(
    format: ContainerFormat,
    mut reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    match format {
        ContainerFormat::Tiff => return tiff_file::header(reader, length, limits),
        ContainerFormat::Tga => return tga_file::header(reader, length, limits),
        ContainerFormat::Dds => return dds_file::header(reader, length, limits),
        ContainerFormat::Exr => return exr_file::header(reader, length, limits),
        ContainerFormat::Hdr => return hdr_file::header(reader, limits),
        ContainerFormat::Qoi => return qoi_file::header(reader, limits),
        ContainerFormat::Ktx2 => return ktx2_file::header(reader, length, limits),
        ContainerFormat::Psd => return psd_file::header(reader, length, limits),
        ContainerFormat::Glb | ContainerFormat::Gltf => return Err(AssetErrorKind::NotAPicture),
        _ => {}
    }
    if format == ContainerFormat::Jpeg {
        let jpeg::Head { frame, metadata } = jpeg::Head::read(&mut reader)?;
        let size = (u32::from(frame.width), u32::from(frame.height));
        limits.check(size.0, size.1)?;
        let pixels = Pixels { color: frame.color(), alpha: false, depth: Depth::Eight };
        return Ok(Header::new(format, size, pixels, &metadata));
    }
    let metadata = read_metadata(format, &mut reader)?;
    reader.seek(SeekFrom::Start(0)).map_err(AssetErrorKind::Read)?;
    let decoder = open_decoder(reader, format, limits)?;
    let pixels = Pixels::of(decoder.color_type(), format)?;
    Ok(Header::new(format, decoder.dimensions(), pixels, &metadata))
}

/// Reads the metadata of a file without decoding pixels. Most formats have a reader
/// of their own, which reads it too.
///
/// # Errors
/// If the file has several frames.
pub(crate) fn read_metadata<R: BufRead + Seek>(
    format: ContainerFormat,
    reader: &mut R,
) -> Result<Metadata, AssetErrorKind> {
    reader.seek(SeekFrom::Start(0)).map_err(AssetErrorKind::Read)?;
    match format {
        ContainerFormat::Png => png_chunks::read_metadata(reader),
        ContainerFormat::Webp => webp_chunks::read_metadata(reader),
        ContainerFormat::Jpeg => jpeg::Head::read(reader).map(|head| head.metadata),
        ContainerFormat::Bmp => Ok(bmp_header::read_metadata(reader)),
        _ => Ok(Metadata::default()),
    }
}

impl Header {
    fn new(
        format: ContainerFormat,
        (width, height): (u32, u32),
        Pixels { color, alpha, depth }: Pixels,
        metadata: &Metadata,
    ) -> Self {
        let (orientation, traits) = (metadata.orientation, metadata.traits());
        Self {
            format,
            width,
            height,
            color,
            alpha,
            depth,
            extra: 0,
            orientation,
            traits,
            largest: None,
            sheet: None,
            layers: 0,
        }
    }
}

/// What a decoder returns for a pixel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pixels {
    pub color: Color,
    pub alpha: bool,
    pub depth: Depth,
}

impl Pixels {
    pub(crate) fn of(
        color_type: ColorType,
        format: ContainerFormat,
    ) -> Result<Self, AssetErrorKind> {
        let (color, alpha, depth) = match color_type {
            ColorType::L8 => (Color::Gray, false, Depth::Eight),
            ColorType::La8 => (Color::Gray, true, Depth::Eight),
            ColorType::Rgb8 => (Color::Rgb, false, Depth::Eight),
            ColorType::Rgba8 => (Color::Rgb, true, Depth::Eight),
            ColorType::L16 => (Color::Gray, false, Depth::Sixteen),
            ColorType::La16 => (Color::Gray, true, Depth::Sixteen),
            ColorType::Rgb16 => (Color::Rgb, false, Depth::Sixteen),
            ColorType::Rgba16 => (Color::Rgb, true, Depth::Sixteen),
            ColorType::Rgb32F => (Color::Rgb, false, Depth::Float),
            ColorType::Rgba32F => (Color::Rgb, true, Depth::Float),
            // `ColorType` is non-exhaustive, but the decoders that are used return no other.
            other => {
                return Err(AssetErrorKind::UnknownPixels { format, pixels: format!("{other:?}") });
            }
        };
        Ok(Self { color, alpha, depth })
    }
}

/// A decoder for a picture within the limits, whose allocations are bounded by the picture's size.
pub(crate) fn open_decoder<'a, R: BufRead + Seek + 'a>(
    reader: R,
    format: ContainerFormat,
    limits: &Limits,
) -> Result<impl ImageDecoder + 'a, AssetErrorKind> {
    let refuse = |error| AssetErrorKind::from_decoder(format, error);
    let known = image_format(format).ok_or(AssetErrorKind::NotAnImage)?;
    let mut reader = ImageReader::with_format(reader, known);
    // Before the size is known, only metadata may be allocated.
    reader.limits(allocating(METADATA_BYTES));
    let mut decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    // Twice the picture: TIFF reads a strip, which may be the whole picture, beside the picture.
    decoder.set_limits(allocating(decoder.total_bytes() * 2 + METADATA_BYTES)).map_err(refuse)?;
    Ok(decoder)
}

fn allocating(bytes: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

/// The formats for which there is no reader here.
fn image_format(format: ContainerFormat) -> Option<ImageFormat> {
    match format {
        ContainerFormat::Png => Some(ImageFormat::Png),
        ContainerFormat::Jpeg => Some(ImageFormat::Jpeg),
        ContainerFormat::Webp => Some(ImageFormat::WebP),
        ContainerFormat::Bmp => Some(ImageFormat::Bmp),
        _ => None,
    }
}
