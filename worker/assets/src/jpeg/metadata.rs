//! What a JPEG says beside its pixels.

use impasto_types::FileTrait;

use super::frame::Frame;
use super::photoshop::{Rights, is_photoshop, rights};
use super::segments::{END_OF_IMAGE, Segment, segments};
use crate::color::describes;
use crate::density::{Density, PixelAspect};
use crate::exif::Exif;
use crate::metadata::Metadata;
use crate::notes::{Note, Notes, find};

const JFIF: u8 = 0xe0;
/// EXIF and XMP.
const APP_1: u8 = 0xe1;
const ICC: u8 = 0xe2;
/// JUMBF, which holds content credentials.
const APP_11: u8 = 0xeb;
pub(super) const PHOTOSHOP: u8 = 0xed;
const COMMENT: u8 = 0xfe;

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// XMP beyond the length of a segment. It often holds the old picture, so it is not kept.
const MORE_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

/// Reads what stands before a file's pixels.
pub(super) fn read(head: &[u8], frame: &Frame) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.add(FileTrait::Progressive, frame.progressive);
    metadata.add(FileTrait::SubsampledChroma, frame.is_subsampled());
    metadata.add(FileTrait::Cmyk, frame.components.len() == 4);
    let mut profile = Vec::new();
    for Segment { marker, payload, .. } in segments(head) {
        let mut keep =
            |payload: &[u8]| metadata.add_note(Note::Segment { marker, payload: payload.to_vec() });
        match (marker, payload) {
            (JFIF, [b'J', b'F', b'I', b'F', 0, _, _, unit, x0, x1, y0, y1, ..]) => {
                let (x, y) = (u16::from_be_bytes([*x0, *x1]), u16::from_be_bytes([*y0, *y1]));
                let dimensions = dimensions(*unit, f64::from(x), f64::from(y));
                (metadata.density, metadata.aspect) = dimensions;
            }
            (APP_1, [b'E', b'x', b'i', b'f', 0, _, exif @ ..]) => {
                metadata.add_exif(Exif::parse(exif));
            }
            (APP_1, xmp) if xmp.starts_with(XMP) => keep(xmp),
            (APP_1, xmp) => metadata.add(FileTrait::Rights, xmp.starts_with(MORE_XMP)),
            (ICC, chunk) => profile.extend(profile_chunk(chunk)),
            (APP_11, boxes) => {
                metadata.add(FileTrait::Credentials, find(boxes, b"c2pa").is_some());
            }
            (COMMENT, text) => keep(text),
            _ => {}
        }
    }
    add_photoshop(&mut metadata, head);
    profile.sort_by_key(|&(number, _)| number);
    let icc: Vec<u8> = profile.into_iter().flat_map(|(_, part)| part).copied().collect();
    metadata.icc = Some(icc).filter(|icc| describes(icc, frame.color()));
    metadata.add(FileTrait::Icc, metadata.icc.is_some());
    metadata
}

/// Photoshop's resources on rights, of all segments together: one may continue in the next.
fn add_photoshop(metadata: &mut Metadata, head: &[u8]) {
    let segments = segments(head).filter(|segment| segment.marker == PHOTOSHOP);
    let payloads: Vec<&[u8]> =
        segments.map(|segment| segment.payload).filter(|payload| is_photoshop(payload)).collect();
    let Rights { payloads, lost } = rights(&payloads);
    metadata.add(FileTrait::Rights, lost);
    for payload in payloads {
        metadata.add_note(Note::Segment { marker: PHOTOSHOP, payload });
    }
}

/// A density, or only the shape of pixels.
fn dimensions(unit: u8, x: f64, y: f64) -> (Option<Density>, Option<PixelAspect>) {
    match unit {
        0 => (None, PixelAspect { x, y }.checked().and_then(PixelAspect::unusual)),
        1 => (Density::from_dpi(x, y).checked(), None),
        2 => (Density { x: x * 100.0, y: y * 100.0 }.checked(), None),
        _ => (None, None),
    }
}

/// The number and the content of a part of an ICC profile.
fn profile_chunk(payload: &[u8]) -> Option<(u8, &[u8])> {
    match payload.strip_prefix(b"ICC_PROFILE\0")? {
        [number, _count, part @ ..] => Some((*number, part)),
        _ => None,
    }
}

/// A file of this crate's encoder with text, which stands after JFIF and EXIF.
pub(crate) fn with_notes(file: Vec<u8>, notes: &Notes) -> Vec<u8> {
    if notes.parts.is_empty() {
        return file;
    }
    let is_before = |segment: &Segment<'_>| matches!(segment.marker, JFIF | APP_1);
    let first = segments(&file).find(|segment| !is_before(segment));
    let at = first.filter(|first| first.marker != END_OF_IMAGE).map_or(2, |first| {
        // A segment begins with two bytes of marker and two of length.
        file.len() - first.rest.len() - first.payload.len() - 4
    });
    let mut bytes = file.get(..at).unwrap_or_default().to_vec();
    for note in &notes.parts {
        if let Note::Segment { marker, payload } = note {
            bytes.extend([0xff, *marker]);
            // A payload was read from a segment, or is no longer than one.
            bytes.extend((payload.len() as u16 + 2).to_be_bytes());
            bytes.extend(payload);
        }
    }
    bytes.extend(file.get(at..).unwrap_or_default());
    bytes
}
