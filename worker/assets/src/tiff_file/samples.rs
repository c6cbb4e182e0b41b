//! Unpacks a page's samples with the crate `tiff`.
//!
//! The crate drops samples that it does not know. So it is shown the same file with another
//! directory after its end, which says that the page is grey with as many samples as it has: of
//! such a page it returns every sample as it is stored.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use half::f16;
use impasto_types::ContainerFormat;
use tiff::decoder::{Decoder, Limits};
use tiff::{TiffError, TiffUnsupportedError};

use super::directory::{Directory, File, Layout, SHORT, damaged, tag, unsupported};
use super::jpeg;
use super::kind::{JPEG, Kind};
use crate::AssetErrorKind;

/// The samples of a page in the order of the file, in native byte order.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    kind: &'a Kind,
    bytes: Vec<u8>,
}

impl<'a> Samples<'a> {
    pub(super) fn read(
        bytes: &[u8],
        file: &mut File<Cursor<&[u8]>>,
        page: &Directory,
        kind: &'a Kind,
    ) -> Result<Self, AssetErrorKind> {
        let chunks = Chunks::of(file, page, kind)?;
        if kind.compression == JPEG {
            jpeg::check_chunks(bytes, &chunks.at, &chunks.sizes, kind)?;
        }
        let size = kind.row_bytes() * kind.height as usize;
        // Checked before so much memory is allocated.
        if kind.most_expansion().is_some_and(|most| size * kind.planes() > most * bytes.len()) {
            return Err(AssetErrorKind::Truncated);
        }
        let mut unpacked = vec![0; size * kind.planes()];
        let each = chunks.at.len() / kind.planes();
        // Planes are read one by one: the crate takes the tiles of further planes for longer.
        for (index, plane) in unpacked.chunks_exact_mut(size).enumerate() {
            let part = index * each..(index + 1) * each;
            let (at, sizes) = (&chunks.at[part.clone()], &chunks.sizes[part]);
            let shown = Shown::new(bytes, file.layout, page, kind, at, sizes);
            let mut limits = Limits::default();
            limits.intermediate_buffer_size = bytes.len();
            limits.ifd_value_size = bytes.len() + shown.directory.len();
            let mut decoder = Decoder::new(shown).map_err(refused)?.with_limits(limits);
            if decoder.image_buffer_layout().map_err(refused)?.complete_len != size {
                return Err(damaged("the size of the samples is contradictory"));
            }
            decoder.read_image_bytes(plane).map_err(refused)?;
        }
        Ok(Self { kind, bytes: unpacked })
    }

    /// All values of one sample of the pixels, by rows: floating-point numbers, or integers up to
    /// [`Kind::most`].
    pub(super) fn plane(&self, sample: usize) -> Vec<f32> {
        let Kind { width, height, bits, .. } = *self.kind;
        let (width, height) = (width as usize, height as usize);
        let row_bytes = self.kind.row_bytes();
        let (rows, first, step) = if self.kind.planar {
            (&self.bytes[sample * row_bytes * height..][..row_bytes * height], 0, 1)
        } else {
            (&self.bytes[..], sample, self.kind.samples)
        };
        let mut plane = Vec::with_capacity(width * height);
        for row in rows.chunks_exact(row_bytes) {
            let at = (0..width).map(|x| first + x * step);
            match (bits, self.kind.float) {
                (8, _) => plane.extend(at.map(|at| f32::from(row[at]))),
                (16, false) => {
                    plane.extend(at.map(|at| f32::from(u16::from_ne_bytes(word(row, at)))));
                }
                (16, true) => plane.extend(at.map(|at| f16::from_ne_bytes(word(row, at)).to_f32())),
                (32, _) => plane.extend(at.map(|at| f32::from_ne_bytes(word(row, at)))),
                _ => plane.extend(at.map(|at| {
                    let bit = at * usize::from(bits);
                    let shift = 8 - usize::from(bits) - bit % 8;
                    f32::from(row[bit / 8] >> shift & ((1 << bits) - 1))
                })),
            }
        }
        plane
    }
}

impl Samples<'_> {
    /// The place of a sample that is not a number, column and row.
    pub(super) fn not_finite(&self) -> Option<(u32, u32)> {
        let Kind { height, bits, samples, planar, float, .. } = *self.kind;
        if !float {
            return None;
        }
        let is_finite = |bytes: &[u8]| match bits {
            16 => f16::from_ne_bytes(word(bytes, 0)).is_finite(),
            _ => f32::from_ne_bytes(word(bytes, 0)).is_finite(),
        };
        let across = if planar { 1 } else { samples };
        let mut rows = self.bytes.chunks_exact(self.kind.row_bytes()).zip(0_u32..);
        rows.find_map(|(row, y)| {
            let mut values = row.chunks_exact(usize::from(bits) / 8);
            let at = values.position(|value| !is_finite(value))?;
            // Fits: the index is below the width.
            Some(((at / across) as u32, y % height))
        })
    }
}

/// The sample at an index of a row.
fn word<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
    let mut word = [0; N];
    word.copy_from_slice(&row[at * N..][..N]);
    word
}

impl Kind {
    /// How many bytes a stored byte may become at most, if the compression has such a limit: a fax
    /// needs one bit for any white row.
    fn most_expansion(&self) -> Option<usize> {
        match self.compression {
            1 => Some(1),
            4 => None,
            // Above LZW's 2731 and Deflate's 1032.
            _ => Some(4096),
        }
    }

    /// Whether the compression allows a predictor: LZW and Deflate.
    fn can_predict(&self) -> bool {
        matches!(self.compression, 5 | 8 | 32_946)
    }

    fn row_bytes(&self) -> usize {
        let samples = if self.planar { 1 } else { self.samples };
        (self.width as usize * samples * usize::from(self.bits)).div_ceil(8)
    }

    /// The value of a full sample.
    pub(super) fn most(&self) -> f32 {
        if self.float { 1.0 } else { ((1_u32 << self.bits) - 1) as f32 }
    }
}

/// Where the strips or tiles are, and how long they are; of each sample in turn if it has its own.
#[derive(Debug)]
struct Chunks {
    at: Vec<u64>,
    sizes: Vec<u64>,
}

impl Chunks {
    fn of<R: Read + Seek>(
        file: &mut File<R>,
        page: &Directory,
        kind: &Kind,
    ) -> Result<Self, AssetErrorKind> {
        let (at, sizes) = kind.chunk_tags();
        let (at, sizes) = (file.numbers(page, at)?, file.numbers(page, sizes)?);
        if at.len() == kind.chunks() && sizes.len() == at.len() {
            Ok(Self { at, sizes })
        } else {
            Err(damaged("some strips or tiles have no position"))
        }
    }
}

/// A file as the crate `tiff` is shown it: another header, then the rest of the file, then another
/// directory.
#[derive(Debug)]
struct Shown<'a> {
    head: Vec<u8>,
    file: &'a [u8],
    directory: Vec<u8>,
    at: u64,
}

/// The tags that say how samples are packed, as far as they are the page's own.
const PACKING: [u16; 8] = [
    tag::WIDTH,
    tag::HEIGHT,
    tag::COMPRESSION,
    tag::ROWS_PER_STRIP,
    tag::PREDICTOR,
    tag::TILE_WIDTH,
    tag::TILE_HEIGHT,
    tag::JPEG_TABLES,
];

impl<'a> Shown<'a> {
    /// Shows the chunks at these positions and of these sizes as a page.
    fn new(
        file: &'a [u8],
        layout: Layout,
        page: &Directory,
        kind: &Kind,
        at: &[u64],
        sizes: &[u64],
    ) -> Self {
        const BLACK_IS_ZERO: u64 = 1;
        let offset_bytes = layout.offset_bytes();
        let (chunk_at, chunk_sizes) = kind.chunk_tags();
        let samples = if kind.planar { 1 } else { kind.samples };
        let mut entries = vec![
            (tag::BITS_PER_SAMPLE, SHORT, vec![kind.bits.into()]),
            (tag::PHOTOMETRIC, SHORT, vec![BLACK_IS_ZERO]),
            (tag::SAMPLES_PER_PIXEL, SHORT, vec![samples as u64]),
            (tag::SAMPLE_FORMAT, SHORT, vec![if kind.float { 3 } else { 1 }]),
            (chunk_at, layout.offset_kind(), at.to_vec()),
            (chunk_sizes, layout.offset_kind(), sizes.to_vec()),
        ];
        // Other programs ignore a predictor where a compression has none.
        let own = PACKING.into_iter().filter(|&tag| tag != tag::PREDICTOR || kind.can_predict());
        let own: Vec<_> = own.filter_map(|tag| page.entry(tag)).collect();

        let count = entries.len() + own.len();
        let directory_bytes = layout.count_bytes() + count * (4 + 2 * offset_bytes) + offset_bytes;
        let values_at = file.len() + directory_bytes;
        let mut values = Vec::new();
        let mut table: Vec<(u16, Vec<u8>)> = Vec::new();
        let mut add = |tag: u16, kind: u16, count: u64, field: &[u8]| {
            let mut entry = [layout.bytes(tag.into(), 2), layout.bytes(kind.into(), 2)].concat();
            entry.extend(layout.bytes(count, offset_bytes));
            entry.extend(field);
            entry.resize(4 + 2 * offset_bytes, 0);
            table.push((tag, entry));
        };
        for (tag, kind, numbers) in entries.drain(..) {
            let size = if kind == SHORT { 2 } else { offset_bytes };
            let mut field: Vec<u8> =
                numbers.iter().flat_map(|&number| layout.bytes(number, size)).collect();
            if field.len() > offset_bytes {
                let at = (values_at + values.len()) as u64;
                values.extend(std::mem::replace(&mut field, layout.bytes(at, offset_bytes)));
            }
            add(tag, kind, numbers.len() as u64, &field);
        }
        for entry in own {
            add(entry.tag, entry.kind, entry.count, &entry.field[..offset_bytes]);
        }
        table.sort_unstable();

        let mut directory = layout.bytes(count as u64, layout.count_bytes());
        directory.extend(table.into_iter().flat_map(|(_, entry)| entry));
        // There is no next page.
        directory.extend(layout.bytes(0, offset_bytes));
        directory.extend(values);
        let first = layout.bytes(file.len() as u64, offset_bytes);
        let mut head = file[..if layout.big { 16 } else { 8 }].to_vec();
        let offset_at = head.len() - offset_bytes;
        head[offset_at..].copy_from_slice(&first);
        Self { head, file, directory, at: 0 }
    }

    fn length(&self) -> u64 {
        (self.file.len() + self.directory.len()) as u64
    }
}

impl Read for Shown<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.at.min(self.length()) as usize;
        let rest = if let Some(rest) = self.head.get(at..).filter(|rest| !rest.is_empty()) {
            rest
        } else if let Some(rest) = self.file.get(at..).filter(|rest| !rest.is_empty()) {
            rest
        } else {
            &self.directory[at - self.file.len()..]
        };
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Shown<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// What the crate's refusal means.
fn refused(error: TiffError) -> AssetErrorKind {
    match error {
        TiffError::IoError(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            AssetErrorKind::Truncated
        }
        TiffError::UnsupportedError(
            TiffUnsupportedError::HorizontalPredictor(_)
            | TiffUnsupportedError::FloatingPointPredictor(_),
        ) => unsupported("a predictor that does not fit its samples"),
        TiffError::UnsupportedError(what) => unsupported(what.to_string()),
        other => AssetErrorKind::damaged(ContainerFormat::Tiff, other),
    }
}
