//! The segments of a JPEG file.

use std::io::{self, BufRead, Read};

/// One marker and the bytes that belong to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub marker: u8,
    pub payload: &'a [u8],
    /// What follows: for [`START_OF_SCAN`], the coded pixels.
    pub rest: &'a [u8],
}

pub(super) const HUFFMAN_TABLES: u8 = 0xc4;
pub(super) const END_OF_IMAGE: u8 = 0xd9;
pub(super) const START_OF_SCAN: u8 = 0xda;
pub(super) const RESTART_INTERVAL: u8 = 0xdd;

/// Whether a marker stands among coded pixels, or has no meaning: 0xff00 is a data byte, 0xffff is
/// padding, 0xff01 is reserved, 0xffd0 to 0xffd7 are restarts.
fn is_within_pixels(marker: u8) -> bool {
    matches!(marker, 0 | 1 | 0xd0..=0xd7 | 0xff)
}

/// The segments up to the end of the image, or to the first that is cut off. Coded pixels are
/// skipped.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    // Past the start of the image, which has no payload.
    let mut rest = bytes.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let at = rest.windows(2).position(|pair| pair[0] == 0xff && !is_within_pixels(pair[1]))?;
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        if marker == END_OF_IMAGE {
            rest = &[];
            return Some(Segment { marker, payload: &[], rest });
        }
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
        let payload = rest.get(2..length)?;
        rest = &rest[length..];
        Some(Segment { marker, payload, rest })
    })
}

/// Reads a file up to its pixels.
pub(super) fn read_head<R: BufRead>(reader: &mut R) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(2).read_to_end(&mut head)?;
    while reader.read_until(0xff, &mut head)? > 0 {
        let mut marker = [0xff];
        while marker == [0xff] && reader.read(&mut marker)? == 1 {
            head.extend(marker);
        }
        match marker[0] {
            within if is_within_pixels(within) => {}
            END_OF_IMAGE => break,
            marker => {
                let mut length = [0; 2];
                if reader.read_exact(&mut length).is_err() {
                    break;
                }
                head.extend(length);
                let length = u64::from(u16::from_be_bytes(length));
                reader.take(length.saturating_sub(2)).read_to_end(&mut head)?;
                if marker == START_OF_SCAN {
                    break;
                }
            }
        }
    }
    Ok(head)
}
