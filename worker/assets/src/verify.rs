//! Whether a file is a whole picture, and the one that an action asks for.

use std::io::Cursor;

use impasto_types::{ContainerFormat, Expected, Output, WrongResult};

use crate::decode::decode_usual;
use crate::header::METADATA_BYTES;
use crate::sniff::sniff;
use crate::webp_chunks::check_whole;
use crate::{
    AssetError, AssetErrorKind, Header, Limits, dds_file, exr_file, hdr_file, jpeg, ktx2_file,
    png_chunks, qoi_file, read_header, tga_file, tiff_file,
};

/// Why a file is not the result that an action asks for.
#[derive(Debug, thiserror::Error)]
pub enum BadResult {
    #[error(transparent)]
    File(#[from] AssetError),
    #[error(transparent)]
    Wrong(#[from] WrongResult),
    /// The file is not what its sender said it was.
    #[error("{} has {} x {} pixels, but was announced with {} x {}",
        announced.part, size.0, size.1, announced.width, announced.height)]
    Announced { announced: Output, size: (u32, u32) },
}

/// Checks a result's file by its header: its format, size, depth and alpha, and that it is what
/// its sender said it was.
///
/// # Errors
/// What is wrong with it.
pub fn check_result(
    header: &Header,
    output: &Output,
    expected: &Expected,
) -> Result<(), BadResult> {
    expected.check(header.format, header.picture())?;
    check_announced(header, output)
}

/// Checks that a file has the size that its sender announced.
///
/// # Errors
/// [`BadResult::Announced`].
pub fn check_announced(header: &Header, output: &Output) -> Result<(), BadResult> {
    let size = (header.width, header.height);
    if size == (output.width, output.height) {
        Ok(())
    } else {
        Err(BadResult::Announced { announced: *output, size })
    }
}

/// The header of the file of `output`, by its bytes.
///
/// # Errors
/// If it is no picture, or beyond the limits.
pub fn result_header(bytes: &[u8], output: &Output) -> Result<Header, BadResult> {
    // A name without an extension: the format is compared with the action's.
    Ok(read_header(bytes, &output_name(output), &Limits::default())?)
}

/// What errors call the file of an output.
pub fn output_name(output: &Output) -> String {
    format!("the {} output", output.part)
}

/// Reads every sample of a file and keeps none: for a picture that is not needed here, but has to
/// be whole. It takes [`Footprint::reading_bytes`](impasto_types::Footprint::reading_bytes) of
/// memory.
///
/// # Errors
/// Those of [`decode`](crate::decode()).
pub fn verify(bytes: &[u8], name: &str, limits: &Limits) -> Result<(), AssetError> {
    verify_kind(bytes, name, limits).map_err(|kind| kind.of(name))
}

fn verify_kind(bytes: &[u8], name: &str, limits: &Limits) -> Result<(), AssetErrorKind> {
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
