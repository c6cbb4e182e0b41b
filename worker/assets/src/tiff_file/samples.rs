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
        if kind.compression == JPEG {
            jpeg::check_chunks(bytes, file, page, kind)?;
        }
        let shown = Shown::new(bytes, file.layout, page, kind);
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::MAX; // Nothing is read into buffers of the crate.
        limits.intermediate_buffer_size = bytes.len();
        limits.ifd_value_size = bytes.len();
        let mut decoder = Decoder::new(shown).map_err(refused)?.with_limits(limits);
        let size = decoder.image_buffer_layout().map_err(refused)?.complete_len;
        // Its own reckoning, so that memory is bounded by the checked size of the picture.
        if size != kind.row_bytes() * kind.height as usize * kind.planes() {
            return Err(damaged("the size of the samples is contradictory"));
        }
        let mut unpacked = vec![0; size];
        decoder.read_image_bytes(&mut unpacked).map_err(refused)?;
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

/// The sample at an index of a row.
fn word<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
    let mut word = [0; N];
    word.copy_from_slice(&row[at * N..][..N]);
    word
}

impl Kind {
    /// How many blocks of rows the unpacked samples have: one, or one for each sample.
    fn planes(&self) -> usize {
        if self.planar { self.samples } else { 1 }
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

/// A file as the crate `tiff` is shown it: another header, then the rest of the file, then another
/// directory.
#[derive(Debug)]
struct Shown<'a> {
    head: Vec<u8>,
    file: &'a [u8],
    directory: Vec<u8>,
    at: u64,
}

/// The tags that say how samples are packed.
const PACKING: [u16; 13] = [
    tag::WIDTH,
    tag::HEIGHT,
    tag::BITS_PER_SAMPLE,
    tag::COMPRESSION,
    tag::STRIP_OFFSETS,
    tag::ROWS_PER_STRIP,
    tag::STRIP_BYTE_COUNTS,
    tag::PREDICTOR,
    tag::TILE_WIDTH,
    tag::TILE_HEIGHT,
    tag::TILE_OFFSETS,
    tag::TILE_BYTE_COUNTS,
    tag::JPEG_TABLES,
];

impl<'a> Shown<'a> {
    fn new(file: &'a [u8], layout: Layout, page: &Directory, kind: &Kind) -> Self {
        const BLACK_IS_ZERO: u64 = 1;
        let offset_bytes = layout.offset_bytes();
        let entry = |tag: u16, kind: u16, count: u64, field: &[u8]| {
            let mut entry = layout.bytes(u64::from(tag), 2);
            entry.extend(layout.bytes(u64::from(kind), 2));
            entry.extend(layout.bytes(count, offset_bytes));
            entry.extend(field);
            entry.resize(4 + 2 * offset_bytes, 0);
            (tag, entry)
        };
        let number = |tag, number: u64| entry(tag, SHORT, 1, &layout.bytes(number, 2));
        let mut entries = vec![
            number(tag::PHOTOMETRIC, BLACK_IS_ZERO),
            number(tag::SAMPLES_PER_PIXEL, kind.samples as u64),
            number(tag::PLANAR_CONFIGURATION, if kind.planar { 2 } else { 1 }),
            number(tag::SAMPLE_FORMAT, if kind.float { 3 } else { 1 }),
        ];
        let packing = PACKING.into_iter().filter_map(|tag| page.entry(tag));
        entries.extend(
            packing.map(|own| entry(own.tag, own.kind, own.count, &own.field[..offset_bytes])),
        );
        entries.sort_unstable();

        let mut directory = layout.bytes(entries.len() as u64, layout.count_bytes());
        directory.extend(entries.into_iter().flat_map(|(_, entry)| entry));
        // There is no next page.
        directory.extend(layout.bytes(0, offset_bytes));
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
