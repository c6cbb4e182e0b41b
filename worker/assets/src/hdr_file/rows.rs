//! Rows of pixels, which are flat or packed in one of two ways.

use super::damaged;
use crate::AssetErrorKind;
use crate::hdr_layout::{HdrRows, REPEAT, Rgbe};

/// The bytes of rows that are still to be read.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    rest: &'a [u8],
}

impl<'a> Rows<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Fills a row, and says how it was packed.
    pub(super) fn read(&mut self, row: &mut [Rgbe]) -> Result<HdrRows, AssetErrorKind> {
        match self.rest.first_chunk::<3>() {
            Some(start) if HdrRows::may_be_planes(row.len()) && HdrRows::is_mark(*start) => {
                self.read_planes(row)?;
                Ok(HdrRows::Planes)
            }
            _ => self.read_pixels(row),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], AssetErrorKind> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(AssetErrorKind::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, AssetErrorKind> {
        self.take(1).map(|one| one[0])
    }

    fn read_planes(&mut self, row: &mut [Rgbe]) -> Result<(), AssetErrorKind> {
        let mark = self.take(4)?;
        if usize::from(mark[2]) << 8 | usize::from(mark[3]) != row.len() {
            return Err(damaged("a row has another length"));
        }
        for plane in 0..4 {
            let mut at = 0;
            while at < row.len() {
                let count = self.byte()?;
                let (length, is_run) = match count {
                    0 => return Err(damaged("a run has no length")),
                    1..=128 => (usize::from(count), false),
                    _ => (usize::from(count) - 128, true),
                };
                let pixels = row.get_mut(at..at + length);
                let pixels = pixels.ok_or_else(|| damaged("a run is longer than its row"))?;
                if is_run {
                    let byte = self.byte()?;
                    pixels.iter_mut().for_each(|pixel| pixel[plane] = byte);
                } else {
                    let bytes = self.take(length)?;
                    pixels.iter_mut().zip(bytes).for_each(|(pixel, byte)| pixel[plane] = *byte);
                }
                at += length;
            }
        }
        Ok(())
    }

    fn read_pixels(&mut self, row: &mut [Rgbe]) -> Result<HdrRows, AssetErrorKind> {
        let (mut at, mut shift, mut rows) = (0, 0, HdrRows::Flat);
        while at < row.len() {
            let pixel: Rgbe =
                self.take(4)?.first_chunk().copied().ok_or(AssetErrorKind::Truncated)?;
            if pixel[..3] != REPEAT {
                (row[at], at, shift) = (pixel, at + 1, 0);
                continue;
            }
            rows = HdrRows::Pixels;
            // Counts that follow each other are the digits of one, the lowest first.
            let count = usize::from(pixel[3]).checked_shl(shift).unwrap_or(usize::MAX);
            let last =
                at.checked_sub(1).ok_or_else(|| damaged("a row begins with a repetition"))?;
            let (before, after) = row.split_at_mut(at);
            let repeated = after.get_mut(..count);
            let repeated = repeated.ok_or_else(|| damaged("a run is longer than its row"))?;
            repeated.fill(before[last]);
            (at, shift) = (at + count, shift + 8);
        }
        Ok(rows)
    }
}
