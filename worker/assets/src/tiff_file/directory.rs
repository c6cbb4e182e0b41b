//! The tags of a TIFF file's pages.

use std::io::{Read, Seek, SeekFrom};

use impasto_types::ContainerFormat;

use crate::AssetErrorKind;

/// The tags that are read or written here.
pub(super) mod tag {
    pub(in crate::tiff_file) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in crate::tiff_file) const SUBFILE_TYPE: u16 = 255;
    pub(in crate::tiff_file) const WIDTH: u16 = 256;
    pub(in crate::tiff_file) const HEIGHT: u16 = 257;
    pub(in crate::tiff_file) const BITS_PER_SAMPLE: u16 = 258;
    pub(in crate::tiff_file) const COMPRESSION: u16 = 259;
    pub(in crate::tiff_file) const PHOTOMETRIC: u16 = 262;
    pub(in crate::tiff_file) const FILL_ORDER: u16 = 266;
    pub(in crate::tiff_file) const STRIP_OFFSETS: u16 = 273;
    pub(in crate::tiff_file) const ORIENTATION: u16 = 274;
    pub(in crate::tiff_file) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in crate::tiff_file) const ROWS_PER_STRIP: u16 = 278;
    pub(in crate::tiff_file) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(in crate::tiff_file) const X_RESOLUTION: u16 = 282;
    pub(in crate::tiff_file) const Y_RESOLUTION: u16 = 283;
    pub(in crate::tiff_file) const PLANAR_CONFIGURATION: u16 = 284;
    pub(in crate::tiff_file) const RESOLUTION_UNIT: u16 = 296;
    pub(in crate::tiff_file) const PREDICTOR: u16 = 317;
    pub(in crate::tiff_file) const COLOR_MAP: u16 = 320;
    pub(in crate::tiff_file) const TILE_WIDTH: u16 = 322;
    pub(in crate::tiff_file) const TILE_HEIGHT: u16 = 323;
    pub(in crate::tiff_file) const TILE_OFFSETS: u16 = 324;
    pub(in crate::tiff_file) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in crate::tiff_file) const SUB_DIRECTORIES: u16 = 330;
    pub(in crate::tiff_file) const INK_SET: u16 = 332;
    pub(in crate::tiff_file) const EXTRA_SAMPLES: u16 = 338;
    pub(in crate::tiff_file) const SAMPLE_FORMAT: u16 = 339;
    pub(in crate::tiff_file) const JPEG_TABLES: u16 = 347;
    pub(in crate::tiff_file) const YCBCR_COEFFICIENTS: u16 = 529;
    pub(in crate::tiff_file) const YCBCR_SUBSAMPLING: u16 = 530;
    pub(in crate::tiff_file) const REFERENCE_BLACK_WHITE: u16 = 532;
    pub(in crate::tiff_file) const XMP: u16 = 700;
    pub(in crate::tiff_file) const IMAGE_DEPTH: u16 = 32_997;
    pub(in crate::tiff_file) const IPTC: u16 = 33_723;
    pub(in crate::tiff_file) const PHOTOSHOP: u16 = 34_377;
    pub(in crate::tiff_file) const ICC_PROFILE: u16 = 34_675;
    pub(in crate::tiff_file) const EXIF_DIRECTORY: u16 = 34_665;
    pub(in crate::tiff_file) const CREDENTIALS: u16 = 52_545;
}

/// Types of values.
pub(super) const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const LONG8: u16 = 16;

/// A TIFF or BigTIFF file.
#[derive(Debug)]
pub(super) struct File<R> {
    reader: R,
    length: u64,
    pub layout: Layout,
    /// Where the first directory is.
    pub first: u64,
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub big_endian: bool,
    /// BigTIFF, whose offsets have 8 bytes instead of 4.
    pub big: bool,
}

/// The tags of one page.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    entries: Vec<Entry>,
    /// Where the next page's directory is; 0 after the last.
    pub next: u64,
}

/// A tag's value, or where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub tag: u16,
    /// The type of the values.
    pub kind: u16,
    pub count: u64,
    /// The last 4 bytes of the entry, 8 in BigTIFF: the value if it fits, otherwise its position.
    pub field: [u8; 8],
}

/// The specification names some 90 tags; a page with more than this many is noise.
const MAX_ENTRIES: u64 = 1024;

impl Layout {
    pub(super) fn number(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    /// The bytes of a number, in as many bytes as asked for.
    pub(super) fn bytes(self, number: u64, size: usize) -> Vec<u8> {
        if self.big_endian {
            number.to_be_bytes()[8 - size..].to_vec()
        } else {
            number.to_le_bytes()[..size].to_vec()
        }
    }

    pub(super) fn offset_bytes(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// The type of an offset.
    pub(super) fn offset_kind(self) -> u16 {
        if self.big { LONG8 } else { LONG }
    }

    /// The size of the number of entries that starts a directory.
    pub(super) fn count_bytes(self) -> usize {
        if self.big { 8 } else { 2 }
    }
}

impl Entry {
    /// The size of one value; 0 for an unknown type.
    pub(super) fn value_bytes(&self) -> u64 {
        match self.kind {
            1 | 2 | 6 | 7 | 129 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => 0,
        }
    }

    fn is_unsigned(&self) -> bool {
        matches!(self.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18)
    }
}

impl Directory {
    pub(super) fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }
}

impl<R: Read + Seek> File<R> {
    pub(super) fn open(reader: R, length: u64) -> Result<Self, AssetErrorKind> {
        let layout = Layout { big_endian: false, big: false };
        let mut file = Self { reader, length, layout, first: 0 };
        let head: [u8; 8] = file.array(0)?;
        file.layout.big_endian = head.starts_with(b"MM");
        file.layout.big = head[2..4].contains(&43);
        file.first = if file.layout.big {
            let at = file.array::<8>(8)?;
            file.layout.number(&at)
        } else {
            file.layout.number(&head[4..])
        };
        Ok(file)
    }

    pub(super) fn directory(&mut self, at: u64) -> Result<Directory, AssetErrorKind> {
        let layout = self.layout;
        let offset_bytes = layout.offset_bytes();
        let count = self.read(at, layout.count_bytes() as u64)?;
        let count = layout.number(&count);
        if count > MAX_ENTRIES {
            return Err(damaged("a directory has too many tags"));
        }
        let entry_bytes = 4 + 2 * offset_bytes;
        // `at` lies within the file, so the sum is small.
        let table_at = at + layout.count_bytes() as u64;
        let table = self.read(table_at, count * entry_bytes as u64 + offset_bytes as u64)?;
        let (table, next) = table.split_at(table.len() - offset_bytes);
        let entries = table.chunks_exact(entry_bytes).map(|entry| {
            let (head, last) = entry.split_at(entry_bytes - offset_bytes);
            let mut field = [0; 8];
            field[..offset_bytes].copy_from_slice(last);
            Entry {
                tag: layout.number(&head[..2]) as u16,
                kind: layout.number(&head[2..4]) as u16,
                count: layout.number(&head[4..]),
                field,
            }
        });
        Ok(Directory { entries: entries.collect(), next: layout.number(next) })
    }

    /// The first value of a tag, if the page has it.
    pub(super) fn first(
        &mut self,
        page: &Directory,
        tag: u16,
    ) -> Result<Option<u64>, AssetErrorKind> {
        let Some(entry) = page.entry(tag) else { return Ok(None) };
        Ok(self.unsigned(entry, 1)?.first().copied())
    }

    /// All values of a tag; none if the page does not have it.
    pub(super) fn numbers(
        &mut self,
        page: &Directory,
        tag: u16,
    ) -> Result<Vec<u64>, AssetErrorKind> {
        page.entry(tag).map_or(Ok(Vec::new()), |entry| self.unsigned(entry, u64::MAX))
    }

    /// The bytes of a tag, at most `most`, if the page has it.
    pub(super) fn bytes(
        &mut self,
        page: &Directory,
        tag: u16,
        most: u64,
    ) -> Result<Option<Vec<u8>>, AssetErrorKind> {
        let Some(entry) = page.entry(tag) else { return Ok(None) };
        self.value(entry, most / entry.value_bytes().max(1)).map(Some)
    }

    /// The fractions of a tag; none if the page does not have it.
    pub(super) fn fractions(
        &mut self,
        page: &Directory,
        tag: u16,
    ) -> Result<Vec<f64>, AssetErrorKind> {
        let Some(entry) = page.entry(tag) else { return Ok(Vec::new()) };
        if entry.kind != RATIONAL {
            return Err(damaged("a tag has values of the wrong type"));
        }
        let layout = self.layout;
        let fraction =
            |pair: &[u8]| layout.number(&pair[..4]) as f64 / layout.number(&pair[4..]) as f64;
        Ok(self.value(entry, u64::MAX)?.chunks_exact(8).map(fraction).collect())
    }

    fn unsigned(&mut self, entry: &Entry, most: u64) -> Result<Vec<u64>, AssetErrorKind> {
        if !entry.is_unsigned() {
            return Err(damaged("a tag has values of the wrong type"));
        }
        let layout = self.layout;
        let size = entry.value_bytes() as usize;
        Ok(self.value(entry, most)?.chunks_exact(size).map(|value| layout.number(value)).collect())
    }

    /// The bytes of an entry's first values, at most `most` values.
    pub(super) fn value(&mut self, entry: &Entry, most: u64) -> Result<Vec<u8>, AssetErrorKind> {
        let offset_bytes = self.layout.offset_bytes();
        let size = entry.value_bytes();
        let all = entry.count.checked_mul(size).ok_or(AssetErrorKind::Truncated)?;
        let wanted = entry.count.min(most) * size;
        if all <= offset_bytes as u64 {
            return Ok(entry.field[..wanted as usize].to_vec());
        }
        let at = self.layout.number(&entry.field[..offset_bytes]);
        self.read(at, wanted)
    }

    fn array<const N: usize>(&mut self, at: u64) -> Result<[u8; N], AssetErrorKind> {
        let bytes = self.read(at, N as u64)?;
        bytes.try_into().map_err(|_| AssetErrorKind::Truncated)
    }

    /// Reads a part of the file. Its size is checked against the file's before it is allocated.
    fn read(&mut self, at: u64, length: u64) -> Result<Vec<u8>, AssetErrorKind> {
        if at.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(AssetErrorKind::Truncated);
        }
        self.reader.seek(SeekFrom::Start(at)).map_err(AssetErrorKind::Read)?;
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes).map_err(AssetErrorKind::Read)?;
        Ok(bytes)
    }
}

pub(super) fn damaged(what: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Tiff, what)
}

pub(super) fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Tiff, what: what.into() }
}
