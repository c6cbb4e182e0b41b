//! JPEG: what a file says beside its pixels, and which decoder reads it.
//!
//! The usual decoder is the faster one, but it reads some kinds of sound files to garbage without
//! an error: those are told apart by the frame and the scans, and another decoder reads them.

mod frame;
mod huffman;
mod metadata;
mod other;
mod photoshop;
mod segments;
mod whole;

use std::io::BufRead;
use std::panic::resume_unwind;
use std::thread;

use image::DynamicImage;

use crate::metadata::Metadata;
use crate::{AssetErrorKind, Color, Limits};

use frame::Component;
pub(crate) use frame::Frame;
pub(crate) use metadata::with_notes;
pub(crate) use photoshop::has_iptc;
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
        let metadata = metadata::read(&head, &frame);
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
