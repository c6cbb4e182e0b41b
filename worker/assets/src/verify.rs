//! Whether a picture is whole.

use std::io::Cursor;

use impasto_types::ContainerFormat;

use crate::decode::decode_usual;
use crate::limits::METADATA_BYTES;
use crate::sniff::sniff;
use crate::webp_chunks::check_whole;
use crate::{
    AssetErrorKind, Limits, dds_file, exr_file, hdr_file, jpeg, ktx2_file, png_chunks, psd_file,
    qoi_file, tga_file, tiff_file,
};

/// Reads every sample of a picture.
pub(crate) fn verify_picture(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<(), AssetErrorKind> {
    limits.check_file(bytes.len() as u64)?;
    let format = sniff(name, bytes)?;
    match format {
        ContainerFormat::Png => verify_png(bytes, limits),
        ContainerFormat::Tiff => tiff_file::check(bytes, limits),
        ContainerFormat::Tga => tga_file::check(bytes, limits),
        ContainerFormat::Dds => dds_file::check(bytes, limits),
        ContainerFormat::Exr => exr_file::check(bytes, limits),
        ContainerFormat::Hdr => hdr_file::check(bytes, limits),
        ContainerFormat::Qoi => qoi_file::check(bytes, limits),
        ContainerFormat::Ktx2 => ktx2_file::check(bytes, limits),
        ContainerFormat::Psd => psd_file::check(bytes, limits),
        ContainerFormat::Glb | ContainerFormat::Gltf => Err(AssetErrorKind::NotAPicture),
        ContainerFormat::Jpeg => {
            let frame = jpeg::Head::read(&mut &bytes[..])?.frame;
            let usual = || Ok(decode_usual(bytes, format, limits)?.0);
            jpeg::decode(bytes, &frame, limits, usual).map(drop)
        }
        ContainerFormat::Webp => {
            check_whole(bytes)?;
            decode_usual(bytes, format, limits).map(drop)
        }
        ContainerFormat::Bmp => decode_usual(bytes, format, limits).map(drop),
    }
}

/// Row by row.
fn verify_png(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    png_chunks::read_metadata(&mut Cursor::new(bytes))?;
    let allocated = png::Limits { bytes: METADATA_BYTES as usize };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), allocated);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(of_png)?;
    let (width, height) = reader.info().size();
    limits.check(width, height)?;
    while reader.next_row().map_err(of_png)?.is_some() {}
    reader.finish().map_err(of_png)
}

/// As the general decoder distinguishes them.
fn of_png(error: png::DecodingError) -> AssetErrorKind {
    match error {
        png::DecodingError::IoError(error) => {
            AssetErrorKind::from_decoder(ContainerFormat::Png, image::ImageError::IoError(error))
        }
        other => AssetErrorKind::damaged(ContainerFormat::Png, other),
    }
}
