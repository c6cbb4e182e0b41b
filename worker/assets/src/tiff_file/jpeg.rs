//! Checks JPEG streams inside TIFF before they are unpacked.

use super::directory::{damaged, unsupported};
use super::kind::Kind;
use crate::AssetErrorKind;

/// Refuses streams that are larger than their tiles, which could make the decoder allocate as much
/// as they say, and kinds that the decoder does not read right: several scans in a baseline
/// stream, and brightness of lower resolution than colours.
pub(super) fn check_chunks(
    bytes: &[u8],
    at: &[u64],
    sizes: &[u64],
    kind: &Kind,
) -> Result<(), AssetErrorKind> {
    for (&at, &size) in at.iter().zip(sizes) {
        let stream = usize::try_from(at).ok().zip(usize::try_from(size).ok());
        let stream = stream.and_then(|(at, size)| bytes.get(at..)?.get(..size));
        check(stream.ok_or(AssetErrorKind::Truncated)?, kind)?;
    }
    Ok(())
}

fn check(stream: &[u8], kind: &Kind) -> Result<(), AssetErrorKind> {
    let samples = if kind.planar { 1 } else { kind.samples };
    let mut has_frame = false;
    for (marker, payload) in segments(stream) {
        match (marker, payload) {
            // Tables for Huffman and arithmetic coding, and an extension that nobody uses.
            (0xc4 | 0xc8 | 0xcc, _) => {}
            (0xc0..=0xcf, &[precision, h1, h0, w1, w0, count, ref components @ ..]) => {
                let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                if has_frame
                    || u32::from(width) > kind.chunk.0
                    || u32::from(height) > kind.chunk.1
                    || usize::from(count) != samples
                    || components.len() < 3 * samples
                {
                    return Err(damaged("a JPEG stream does not fit its tile"));
                }
                if precision != 8 || !matches!(marker, 0xc0..=0xc2) {
                    return Err(unsupported("a rare kind of JPEG compression"));
                }
                let factors = || components.chunks_exact(3).map(|component| component[1]);
                let first = factors().next().unwrap_or(0x11);
                if factors().any(|factor| factor >> 4 > first >> 4 || factor & 15 > first & 15) {
                    return Err(unsupported("JPEG compression with coarse brightness"));
                }
                has_frame = true;
            }
            (0xda, &[count, ..]) if usize::from(count) != samples => {
                return Err(unsupported("JPEG compression in several scans"));
            }
            _ => {}
        }
    }
    if has_frame { Ok(()) } else { Err(damaged("a JPEG stream has no picture")) }
}

/// The markers of a stream, with what belongs to each; coded pixels are skipped.
fn segments(stream: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    const END: u8 = 0xd9;
    // Past the start of the stream, which has no content.
    let mut rest = stream.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        // 0xff00 is a coded byte, 0xffd0 to 0xffd7 are restarts, 0xffff is padding.
        let at = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff))?;
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        if marker == END {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        let payload = rest.get(2..length)?;
        rest = &rest[length..];
        Some((marker, payload))
    })
}
