//! Blocks: what a document says of its layers, each with a key and a length.

use std::io::{Read, Seek};

use super::section::Section;
use crate::AssetErrorKind;
use crate::psd_layout::PsdLayout;

/// Reads the blocks of a section, one after the other.
#[derive(Debug)]
pub(super) struct Blocks<'b, 'a, R> {
    section: &'b mut Section<'a, R>,
    /// Of a large document, where some lengths have eight bytes.
    large: bool,
    /// To multiples of so many bytes, the likeliest first.
    paddings: [u64; 3],
    /// What is left of the last block.
    rest: u64,
    count: usize,
    last: Option<[u8; 4]>,
}

/// A key, and what it is about.
pub(super) type Block<'a, R> = ([u8; 4], Section<'a, R>);

/// A signature, a key and a length of four bytes.
const LEAST_BLOCK: u64 = 12;

/// Of a layer, or of all. Photoshop has some hundred keys, and each is there once.
const MOST_BLOCKS: usize = 1000;

impl<'b, 'a, R: Read + Seek> Blocks<'b, 'a, R> {
    /// Those of one layer, which are not padded beyond their lengths.
    pub(super) fn of_layer(section: &'b mut Section<'a, R>, large: bool) -> Self {
        Self { section, large, paddings: [1, 2, 4], rest: 0, count: 0, last: None }
    }

    /// Those of all layers.
    pub(super) fn of_all(section: &'b mut Section<'a, R>, large: bool) -> Self {
        Self { paddings: [4, 2, 1], ..Self::of_layer(section, large) }
    }

    /// The key of the last block.
    pub(super) fn last(&self) -> Option<[u8; 4]> {
        self.last
    }

    /// The next block; none if there is something else, or nothing.
    pub(super) fn next(&mut self) -> Result<Option<Block<'_, R>>, AssetErrorKind> {
        self.section.skip(std::mem::take(&mut self.rest))?;
        if self.section.left() < LEAST_BLOCK || self.count == MOST_BLOCKS {
            return Ok(None);
        }
        let Some([signature @ .., a, b, c, d]) = self.section.ahead::<8>(0)? else {
            return Ok(None);
        };
        let key = [a, b, c, d];
        let lengths: &[u64] = match &signature {
            b"8B64" => &[8],
            b"8BIM" if !self.large => &[4],
            b"8BIM" if PsdLayout::is_long(key) => &[8, 4],
            b"8BIM" => &[4, 8],
            _ => return Ok(None),
        };
        let Some((length_bytes, length, padded)) = self.measure(lengths)? else { return Ok(None) };
        self.section.skip(8 + length_bytes)?;
        self.rest = padded - length;
        self.count += 1;
        self.last = Some(key);
        Ok(Some((key, self.section.part(length)?)))
    }

    /// Whether nothing is left but what is too short for a block, or zeros.
    pub(super) fn are_read(&mut self) -> Result<bool, AssetErrorKind> {
        /// Sections are padded to fewer bytes.
        const MOST_PADDING: u64 = 1024;
        match self.section.left() {
            left if left < LEAST_BLOCK => Ok(true),
            left if left > MOST_PADDING => Ok(false),
            left => Ok(self.section.bytes(left)?.iter().all(|byte| *byte == 0)),
        }
    }

    /// How many bytes the length has, the length, and the same with padding: the first after which
    /// another block begins, or else that fits.
    fn measure(&mut self, lengths: &[u64]) -> Result<Option<(u64, u64, u64)>, AssetErrorKind> {
        let mut fitting = None;
        for &length_bytes in lengths {
            let number = match length_bytes {
                4 => self.section.ahead(8)?.map(|bytes| u32::from_be_bytes(bytes).into()),
                _ => self.section.ahead(8)?.map(u64::from_be_bytes),
            };
            let room = self.section.left().saturating_sub(8 + length_bytes);
            let Some(length) = number.filter(|length| *length <= room) else { continue };
            let is_clear = lengths.len() == 1 && length.is_multiple_of(4);
            for padding in self.paddings {
                let padded = length.next_multiple_of(padding).min(room);
                if is_clear || self.goes_on(8 + length_bytes + padded)? {
                    return Ok(Some((length_bytes, length, padded)));
                }
                fitting = fitting.or(Some((length_bytes, length, padded)));
            }
        }
        Ok(fitting)
    }

    /// Whether a block begins after so many bytes, or nothing is there.
    fn goes_on(&mut self, after: u64) -> Result<bool, AssetErrorKind> {
        if self.section.left() == after {
            return Ok(true);
        }
        let signature = self.section.ahead::<4>(after)?;
        Ok(matches!(signature.as_ref(), Some(b"8BIM" | b"8B64")))
    }
}
