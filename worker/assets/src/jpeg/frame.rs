//! A JPEG file's frame: its size, its coding, and how its components are sampled.

use impasto_types::ContainerFormat;

use super::segments::{END_OF_IMAGE, START_OF_SCAN, Segment, segments};
use crate::AssetErrorKind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub width: u16,
    pub height: u16,
    pub progressive: bool,
    /// One, three or four.
    pub components: Vec<Component>,
}

/// A colour of the file, and how many samples it has in the space of the coarsest one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    pub id: u8,
    /// From one to four.
    pub across: u8,
    /// From one to four.
    pub down: u8,
}

impl Frame {
    /// The frame of a file, of which the bytes up to the pixels are enough.
    ///
    /// # Errors
    /// If the file is coded in a way that is not supported, by its name.
    pub(super) fn read(head: &[u8]) -> Result<Self, AssetErrorKind> {
        for Segment { marker, payload, .. } in segments(head) {
            return match marker {
                0xc0 | 0xc1 => Self::parse(payload, false),
                0xc2 => Self::parse(payload, true),
                0xc3 | 0xcb => Err(not_supported("lossless coding")),
                0xc5..=0xc7 | 0xcd..=0xcf | 0xde => Err(not_supported("hierarchical coding")),
                0xc9 | 0xca => Err(not_supported("arithmetic coding")),
                0xf7 => Err(not_supported("JPEG-LS coding")),
                START_OF_SCAN | END_OF_IMAGE => Err(damaged("it has no frame header")),
                _ => continue,
            };
        }
        Err(AssetErrorKind::Truncated)
    }

    fn parse(payload: &[u8], progressive: bool) -> Result<Self, AssetErrorKind> {
        let wrong = || damaged("its frame header is wrong");
        let [bits, h0, h1, w0, w1, count, components @ ..] = payload else { return Err(wrong()) };
        if *bits != 8 {
            return Err(not_supported(format!("{bits}-bit samples")));
        }
        let (components, excess) = components.as_chunks::<3>();
        if components.len() != usize::from(*count) || !excess.is_empty() {
            return Err(wrong());
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(not_supported(format!("{count} components")));
        }
        let mut frame = Self {
            width: u16::from_be_bytes([*w0, *w1]),
            height: u16::from_be_bytes([*h0, *h1]),
            progressive,
            components: Vec::with_capacity(components.len()),
        };
        for &[id, factors, _] in components {
            let component = Component { id, across: factors >> 4, down: factors & 15 };
            if !matches!((component.across, component.down), (1..=4, 1..=4)) {
                return Err(wrong());
            }
            frame.components.push(component);
        }
        if frame.height == 0 && frame.width > 0 {
            return Err(not_supported("a height that follows its pixels"));
        }
        Ok(frame)
    }

    /// The largest sampling factors, across and down.
    pub(super) fn largest(&self) -> (u8, u8) {
        let across = self.components.iter().map(|component| component.across).max();
        let down = self.components.iter().map(|component| component.down).max();
        (across.unwrap_or(1), down.unwrap_or(1))
    }

    /// Whether a component has fewer samples than another.
    pub(super) fn is_subsampled(&self) -> bool {
        let first = self.components[0];
        self.components.iter().any(|one| (one.across, one.down) != (first.across, first.down))
    }

    /// The blocks of a component in a scan of its own, across and down.
    pub(super) fn blocks(&self, component: Component) -> (usize, usize) {
        let (across, down) = self.largest();
        let blocks = |side: u16, factor: u8, largest: u8| {
            (usize::from(side) * usize::from(factor)).div_ceil(usize::from(largest) * 8)
        };
        (blocks(self.width, component.across, across), blocks(self.height, component.down, down))
    }

    /// The units of a scan of several components, across and down. Each has as many blocks of a
    /// component as its factors say.
    pub(super) fn units(&self) -> (usize, usize) {
        let (across, down) = self.largest();
        (
            usize::from(self.width).div_ceil(usize::from(across) * 8),
            usize::from(self.height).div_ceil(usize::from(down) * 8),
        )
    }
}

pub(super) fn not_supported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Jpeg, what: what.into() }
}

pub(super) fn damaged(reason: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Jpeg, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_told_apart() {
        let check = |marker: u8, payload: &[u8], expected: &str| {
            let length = (payload.len() as u16 + 2).to_be_bytes();
            let bytes = [&[0xff, 0xd8, 0xff, marker][..], &length, payload].concat();
            let found = Frame::read(&bytes)
                .map_or_else(|error| error.to_string(), |frame| format!("{frame:?}"));
            assert!(found.starts_with(expected), "{found}");
        };
        let gray = [8, 0, 9, 0, 7, 1, 1, 0x22, 0];
        check(0xc0, &gray, "Frame { width: 7, height: 9, progressive: false, components: [Comp");
        check(0xc2, &gray, "Frame { width: 7, height: 9, progressive: true");
        let unsupported = |what| format!("is a jpg with {what}, which is not supported");
        check(0xc3, &gray, &unsupported("lossless coding"));
        check(0xc5, &gray, &unsupported("hierarchical coding"));
        check(0xde, &gray, &unsupported("hierarchical coding"));
        check(0xc9, &gray, &unsupported("arithmetic coding"));
        check(0xca, &gray, &unsupported("arithmetic coding"));
        check(0xf7, &gray, &unsupported("JPEG-LS coding"));
        check(0xc1, &[12, 0, 9, 0, 7, 1, 1, 0x11, 0], &unsupported("12-bit samples"));
        let two = [8, 0, 9, 0, 7, 2, 1, 0x11, 0, 2, 0x11, 0];
        check(0xc0, &two, &unsupported("2 components"));
        let later = [8, 0, 0, 0, 7, 1, 1, 0x11, 0];
        check(0xc0, &later, &unsupported("a height that follows its pixels"));
        check(0xc0, &[8, 0, 9, 0, 7, 1, 1, 0x05, 0], "is damaged");
        check(0xc0, &[8, 0, 9, 0, 7, 3, 1, 0x11, 0], "is damaged");
        check(0xda, &[], "is damaged");
        check(0xe0, &[], "is truncated");
    }
}
