//! Detects truncated files that a decoder would accept: a truncated JPEG decodes to a picture with
//! a grey remainder, and a WebP chunk may claim more bytes than the file has.

use impasto_types::ContainerFormat;

use crate::AssetErrorKind;

/// Refuses a file whose structure shows that its end is missing.
pub(crate) fn check_whole(format: ContainerFormat, bytes: &[u8]) -> Result<(), AssetErrorKind> {
    let whole = match format {
        ContainerFormat::Jpeg => jpeg_reaches_its_end(bytes),
        ContainerFormat::Webp => webp_chunks_fit(bytes),
        ContainerFormat::Png
        | ContainerFormat::Tga
        | ContainerFormat::Tiff
        | ContainerFormat::Bmp => true,
    };
    if whole { Ok(()) } else { Err(AssetErrorKind::Truncated) }
}

/// One marker of a JPEG file and the bytes that belong to it.
#[derive(Debug)]
pub(crate) struct JpegSegment<'a> {
    pub marker: u8,
    pub payload: &'a [u8],
}

const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// The segments of a JPEG file, up to the end of the image or the first invalid byte; scan data is
/// skipped.
pub(crate) fn jpeg_segments(bytes: &[u8]) -> impl Iterator<Item = JpegSegment<'_>> {
    // Past the start of the image, which has no payload.
    let mut rest = bytes.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        // Scan data up to the next marker: 0xff00 is a data byte, 0xffd0 to 0xffd7 are restarts,
        // 0xffff is padding.
        let at = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff))?;
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        if marker == END_OF_IMAGE {
            rest = &[];
            return Some(JpegSegment { marker, payload: &[] });
        }
        let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        let payload = rest.get(2..length)?;
        rest = &rest[length..];
        Some(JpegSegment { marker, payload })
    })
}

fn jpeg_reaches_its_end(bytes: &[u8]) -> bool {
    let mut has_scan = false;
    for segment in jpeg_segments(bytes) {
        has_scan |= segment.marker == START_OF_SCAN;
        if segment.marker == END_OF_IMAGE {
            return has_scan;
        }
    }
    false
}

/// Whether every chunk of a RIFF file lies within the file.
fn webp_chunks_fit(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.get(12..) else { return false };
    let announced = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    if announced.saturating_add(8) > bytes.len() {
        return false;
    }
    while let [_, _, _, _, a, b, c, d, chunk @ ..] = rest {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        if length > chunk.len() {
            return false;
        }
        // Chunks are padded to even lengths; the padding of the last one may be missing.
        rest = chunk.get(length + length % 2..).unwrap_or_default();
    }
    true
}
