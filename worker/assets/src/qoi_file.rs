//! QOI: 8 bits a sample, with or without alpha.

use std::io::Read;

use impasto_types::{ContainerFormat, Depth, FileTraits};
use qoi::{ColorSpace, Error};

use crate::{AssetErrorKind, Color, Header, Limits, Orientation, Origin, Picture};

const HEADER_BYTES: usize = 14;
/// What stands after the pixels.
const END_BYTES: u64 = 8;
/// The pixels of the longest run, which is one byte.
const LONGEST_RUN: u64 = 62;

/// Reads the header of a file from its start.
pub(crate) fn header(mut reader: impl Read, limits: &Limits) -> Result<Header, AssetErrorKind> {
    let mut head = Vec::with_capacity(HEADER_BYTES);
    reader
        .by_ref()
        .take(HEADER_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(AssetErrorKind::Read)?;
    let qoi::Header { width, height, channels, .. } = parse(&head, limits)?;
    Ok(Header {
        format: ContainerFormat::Qoi,
        width,
        height,
        color: Color::Rgb,
        alpha: channels.is_rgba(),
        depth: Depth::Eight,
        extra: 0,
        orientation: Orientation::Normal,
        traits: FileTraits::default(),
        largest: None,
        sheet: None,
        layers: 0,
    })
}

/// Decodes every pixel, and keeps none.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    samples(bytes, limits).map(drop)
}

/// Decodes a file.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let (qoi::Header { width, height, channels, colorspace }, samples) = samples(bytes, limits)?;
    let channels = usize::from(channels.as_u8());
    let pixels = samples.chunks_exact(channels);
    let rgb = pixels.clone().flat_map(|pixel| &pixel[..3]).map(|&level| f32::from(level)).collect();
    let alpha = pixels.filter_map(|pixel| pixel.get(3)).map(|&level| f32::from(level) / 255.0);
    let alpha = (channels == 4).then(|| alpha.collect());
    let origin = Origin {
        is_linear: colorspace.is_linear(),
        ..Origin::synthetic(name, ContainerFormat::Qoi)
    };
    let picture = Picture { width, height, rgb, alpha, extra: Vec::new(), origin };
    picture.check()?;
    Ok(picture)
}

/// Encodes three or four samples a pixel.
pub(crate) fn encode(
    samples: &[u8],
    (width, height): (u32, u32),
    is_linear: bool,
) -> Result<Vec<u8>, Error> {
    let space = if is_linear { ColorSpace::Linear } else { ColorSpace::Srgb };
    qoi::Encoder::new(samples, width, height)?.with_colorspace(space).encode_to_vec()
}

fn parse(head: &[u8], limits: &Limits) -> Result<qoi::Header, AssetErrorKind> {
    // The size first, which the crate refuses without naming the limit.
    if let Some(size) = head.get(4..12) {
        let side = |at: usize| size[at..].first_chunk().map_or(0, |four| u32::from_be_bytes(*four));
        limits.check(side(0), side(4))?;
    }
    qoi::decode_header(head).map_err(refuse)
}

fn samples(bytes: &[u8], limits: &Limits) -> Result<(qoi::Header, Vec<u8>), AssetErrorKind> {
    let header = parse(&bytes[..HEADER_BYTES.min(bytes.len())], limits)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    // Before memory is allocated for it.
    let least = HEADER_BYTES as u64 + pixels.div_ceil(LONGEST_RUN) + END_BYTES;
    if least > bytes.len() as u64 {
        return Err(AssetErrorKind::Truncated);
    }
    qoi::decode_to_vec(bytes).map_err(refuse)
}

fn refuse(error: Error) -> AssetErrorKind {
    match error {
        Error::UnexpectedBufferEnd => AssetErrorKind::Truncated,
        Error::InvalidChannels { channels } => AssetErrorKind::NotSupported {
            format: ContainerFormat::Qoi,
            what: format!("{channels} channels"),
        },
        Error::InvalidColorSpace { colorspace } => AssetErrorKind::NotSupported {
            format: ContainerFormat::Qoi,
            what: format!("the colour space {colorspace}"),
        },
        other => AssetErrorKind::damaged(ContainerFormat::Qoi, other),
    }
}
