//! Parts of a file that have a length.

use std::io::{Read, Seek};

use super::fields::damaged;
use crate::AssetErrorKind;
use crate::parts::read_part;

/// A part of a file, read from its start on.
#[derive(Debug)]
pub(super) struct Section<'a, R> {
    reader: &'a mut R,
    start: u64,
    at: u64,
    end: u64,
    /// It is all of the file: then what is beyond its end has been cut off.
    is_file: bool,
}

impl<'a, R: Read + Seek> Section<'a, R> {
    /// A file of so many bytes.
    pub(super) fn file(reader: &'a mut R, length: u64) -> Self {
        Self { reader, start: 0, at: 0, end: length, is_file: true }
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.end - self.start
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.end - self.at
    }

    /// The next bytes.
    pub(super) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, AssetErrorKind> {
        let at = self.at;
        self.skip(count)?;
        read_part(self.reader, self.end, at, count)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], AssetErrorKind> {
        let bytes = self.bytes(N as u64)?;
        // There are so many: `bytes` returns all or none.
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    /// A number of one to eight bytes.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64, AssetErrorKind> {
        let bytes = self.bytes(bytes as u64)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn skip(&mut self, count: u64) -> Result<(), AssetErrorKind> {
        match self.at.checked_add(count) {
            Some(end) if end <= self.end => {
                self.at = end;
                Ok(())
            }
            _ if self.is_file => Err(AssetErrorKind::Truncated),
            _ => Err(damaged("a part is longer than the one around it")),
        }
    }

    /// The part of the next so many bytes; this one goes on after it.
    pub(super) fn part(&mut self, count: u64) -> Result<Section<'_, R>, AssetErrorKind> {
        let at = self.at;
        self.skip(count)?;
        Ok(Section { reader: self.reader, start: at, at, end: self.at, is_file: false })
    }

    /// A part with its length in front of it, a number of so many bytes.
    pub(super) fn measured(&mut self, bytes: usize) -> Result<Section<'_, R>, AssetErrorKind> {
        let length = self.number(bytes)?;
        self.part(length)
    }
}
