//! JPEG: what a file says beside its pixels, and which decoder reads it.
//!
//! The usual decoder is the faster one, but it reads some kinds of sound files to garbage without
//! an error: those are told apart by the frame and the scans, and another decoder reads them.

mod frame;
mod huffman;
mod other;
mod segments;
mod whole;

use std::io::BufRead;
use std::panic::resume_unwind;
use std::thread;

use image::DynamicImage;
use impasto_types::FileTrait;

use crate::color::describes;
use crate::exif::Exif;
use crate::metadata::Metadata;
use crate::{AssetErrorKind, Color, Density, Limits};

use frame::Component;
pub(crate) use frame::Frame;
use segments::read_head;
pub(crate) use segments::{Segment, segments};
use whole::{Scans, check_whole};

/// What stands before a file's pixels.
#[derive(Debug)]
pub(crate) struct Head {
    pub frame: Frame,
    pub metadata: Metadata,
}

impl Head {
    /// Reads a file up to its pixels.
    ///
    /// # Errors
    /// If the file ends there, or is coded in a way that is not supported.
    pub(crate) fn read<R: BufRead>(reader: &mut R) -> Result<Self, AssetErrorKind> {
        let head = read_head(reader).map_err(AssetErrorKind::Read)?;
        let frame = Frame::read(&head)?;
        let metadata = metadata(&head, &frame);
        Ok(Self { frame, metadata })
    }
}

impl Frame {
    /// Of the decoded pixels.
    pub(crate) fn color(&self) -> Color {
        if self.components.len() == 1 { Color::Gray } else { Color::Rgb }
    }

    /// Whether the usual decoder reads files of these sampling factors: powers of two, of which the
    /// first component has the largest, and, if those go down too, every other component has the
    /// same or only one.
    fn is_usual(&self) -> bool {
        let first = self.components[0];
        let factors = |one: &Component| (one.across, one.down);
        let powers = |one: &Component| one.across.is_power_of_two() && one.down.is_power_of_two();
        factors(&first) == self.largest()
            && self.components.iter().all(powers)
            && (first.down == 1
                || self
                    .components
                    .iter()
                    .all(|one| matches!(factors(one), (1, 1)) || factors(one) == factors(&first)))
    }

    /// Whether the other decoder reads a component from a scan of its own: it takes each row of
    /// blocks for as long as in a scan of all components.
    fn is_readable_alone(&self, index: usize) -> bool {
        let component = self.components[index];
        let (units_across, units_down) = self.units();
        let rounded = |units: usize, factor: u8, side: u16| {
            (units * usize::from(factor)).min(usize::from(side).div_ceil(8))
        };
        self.blocks(component)
            == (
                rounded(units_across, component.across, self.width),
                rounded(units_down, component.down, self.height),
            )
    }
}

/// Decodes a file.
///
/// # Errors
/// If a part of the picture is missing or damaged, or if no decoder reads such a file.
pub(crate) fn decode(
    bytes: &[u8],
    frame: &Frame,
    limits: &Limits,
    usual: impl FnOnce() -> Result<DynamicImage, AssetErrorKind>,
) -> Result<DynamicImage, AssetErrorKind> {
    limits.check(frame.width.into(), frame.height.into())?;
    let Scans { single, .. } = if frame.is_usual() {
        // Side by side, so that the check takes no time. Of sequential files, the usual decoder
        // reads only those with a single scan; others are rare enough to be decoded in vain.
        let (scans, image) = thread::scope(|scope| {
            let scans = scope.spawn(|| check_whole(bytes, frame));
            let image = usual();
            (scans.join().unwrap_or_else(|panic| resume_unwind(panic)), image)
        });
        let scans = scans?;
        if frame.progressive || !scans.apart {
            return image;
        }
        scans
    } else {
        check_whole(bytes, frame)?
    };
    let unreadable = |index: usize| single[index] && !frame.is_readable_alone(index);
    if (0..frame.components.len()).any(unreadable) {
        return Err(frame::not_supported(
            "separate scans of components with these sampling factors",
        ));
    }
    other::decode(bytes, frame)
}

fn metadata(head: &[u8], frame: &Frame) -> Metadata {
    const COMMENT: u8 = 0xfe;
    let mut metadata = Metadata::default();
    metadata.add(FileTrait::Progressive, frame.progressive);
    metadata.add(FileTrait::SubsampledChroma, frame.is_subsampled());
    metadata.add(FileTrait::Cmyk, frame.components.len() == 4);
    let mut profile = Vec::new();
    for Segment { marker, payload, .. } in segments(head) {
        match (marker, payload) {
            (0xe0, [b'J', b'F', b'I', b'F', 0, _, _, unit, x0, x1, y0, y1, ..]) => {
                let (x, y) = (u16::from_be_bytes([*x0, *x1]), u16::from_be_bytes([*y0, *y1]));
                metadata.density = density(*unit, f64::from(x), f64::from(y));
            }
            (0xe1, [b'E', b'x', b'i', b'f', 0, _, exif @ ..]) => {
                let Exif { orientation, rights } = Exif::parse(exif);
                metadata.orientation = orientation;
                metadata.add(FileTrait::Rights, rights);
            }
            (0xe1, xmp) => {
                metadata.add(FileTrait::Rights, xmp.starts_with(b"http://ns.adobe.com/xap/"));
            }
            (0xe2, chunk) => profile.extend(profile_chunk(chunk)),
            (0xed, photoshop) => metadata.add(FileTrait::Rights, has_iptc(photoshop)),
            (COMMENT, text) => metadata.add(FileTrait::Rights, names_rights(text)),
            _ => {}
        }
    }
    profile.sort_by_key(|&(number, _)| number);
    let icc: Vec<u8> = profile.into_iter().flat_map(|(_, part)| part).copied().collect();
    metadata.icc = Some(icc).filter(|icc| describes(icc, frame.color()));
    metadata.add(FileTrait::Icc, metadata.icc.is_some());
    metadata
}

fn density(unit: u8, x: f64, y: f64) -> Option<Density> {
    match unit {
        1 => Density::from_dpi(x, y).checked(),
        2 => Density { x: x * 100.0, y: y * 100.0 }.checked(),
        // An aspect ratio only.
        _ => None,
    }
}

/// The number and the content of a part of an ICC profile.
fn profile_chunk(payload: &[u8]) -> Option<(u8, &[u8])> {
    match payload.strip_prefix(b"ICC_PROFILE\0")? {
        [number, _count, part @ ..] => Some((*number, part)),
        _ => None,
    }
}

/// Whether a segment of Photoshop's resources has those of the IPTC.
fn has_iptc(payload: &[u8]) -> bool {
    const IPTC: &[u8] = b"8BIM\x04\x04";
    payload.starts_with(b"Photoshop 3.0\0")
        && payload.windows(IPTC.len()).any(|resource| resource == IPTC)
}

/// Whether a comment says who made the picture or who may use it; most name a program.
fn names_rights(comment: &[u8]) -> bool {
    const WORDS: [&str; 5] = ["copyright", "(c)", "\u{a9}", "author", "licen"];
    let comment = String::from_utf8_lossy(comment).to_lowercase();
    WORDS.iter().any(|word| comment.contains(word))
}
