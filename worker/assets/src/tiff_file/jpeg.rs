//! Checks JPEG streams inside TIFF before they are unpacked.

use super::directory::{damaged, unsupported};
use super::kind::Kind;
use crate::AssetErrorKind;
use crate::jpeg::{Segment, segments};

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
    for Segment { marker, payload, .. } in segments(stream) {
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
