//! Parts of a file that have a length.

use std::io::{Read, Seek, SeekFrom};

use super::fields::damaged;
use crate::AssetErrorKind;

/// A file and the place where it is read. Seeking costs a buffered reader what it has read ahead,
/// so that it is done only to go elsewhere.
#[derive(Debug)]
pub(super) struct Source<R> {
    reader: R,
    at: u64,
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn new(mut reader: R) -> Result<Self, AssetErrorKind> {
        reader.seek(SeekFrom::Start(0)).map_err(AssetErrorKind::Read)?;
        Ok(Self { reader, at: 0 })
    }

    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), AssetErrorKind> {
        if at != self.at {
            // Files are shorter than 2^63 bytes.
            let way = at as i64 - self.at as i64;
            self.reader.seek_relative(way).map_err(AssetErrorKind::Read)?;
        }
        self.reader.read_exact(bytes).map_err(AssetErrorKind::Read)?;
        self.at = at + bytes.len() as u64;
        Ok(())
    }
}

/// A part of a file, read from its start on.
#[derive(Debug)]
pub(super) struct Section<'a, R> {
    source: &'a mut Source<R>,
    at: u64,
    end: u64,
    /// It is all of the file: then what is beyond its end has been cut off.
    is_file: bool,
}

impl<'a, R: Read + Seek> Section<'a, R> {
    /// A file of so many bytes.
    pub(super) fn file(source: &'a mut Source<R>, length: u64) -> Self {
        Self { source, at: 0, end: length, is_file: true }
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.end - self.at
    }

    /// The next bytes. They are there before memory is allocated for them.
    pub(super) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, AssetErrorKind> {
        let at = self.at;
        self.skip(count)?;
        let mut bytes = vec![0; count as usize];
        self.source.read(at, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], AssetErrorKind> {
        let at = self.at;
        self.skip(N as u64)?;
        let mut bytes = [0; N];
        self.source.read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// A number of one to eight bytes.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64, AssetErrorKind> {
        let at = self.at;
        self.skip(bytes as u64)?;
        let mut number = [0; 8];
        self.source.read(at, &mut number[8 - bytes..])?;
        Ok(u64::from_be_bytes(number))
    }

    /// The bytes after so many others, without going there; none if there are fewer.
    pub(super) fn ahead<const N: usize>(
        &mut self,
        after: u64,
    ) -> Result<Option<[u8; N]>, AssetErrorKind> {
        if after.saturating_add(N as u64) > self.left() {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.source.read(self.at + after, &mut bytes)?;
        Ok(Some(bytes))
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
        Ok(Section { source: self.source, at, end: self.at, is_file: false })
    }

    /// A part with its length in front of it, a number of so many bytes.
    pub(super) fn measured(&mut self, bytes: usize) -> Result<Section<'_, R>, AssetErrorKind> {
        let length = self.number(bytes)?;
        self.part(length)
    }
}
