//! The samples of the merged image: one plane for each channel, each by rows.

use std::borrow::Cow;

use flate2::{Decompress, FlushDecompress, Status};

use super::fields::{Fields, damaged};
use crate::AssetErrorKind;
use crate::psd_layout::PsdPacking;

/// Unpacked samples.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    fields: &'a Fields,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Samples<'a> {
    /// `data` is the rest of the file.
    pub(super) fn read(
        data: &'a [u8],
        packing: PsdPacking,
        fields: &'a Fields,
    ) -> Result<Self, AssetErrorKind> {
        let size = fields.row_bytes() * fields.rows();
        let bytes = match packing {
            PsdPacking::None => Cow::Borrowed(data.get(..size).ok_or(AssetErrorKind::Truncated)?),
            PsdPacking::PackBits => Cow::Owned(unpack_rows(data, fields)?),
            PsdPacking::Zip => Cow::Owned(inflate(data, size)?),
            PsdPacking::ZipOfDifferences => {
                let mut bytes = inflate(data, size)?;
                let mut row = vec![0; fields.row_bytes()];
                for differences in bytes.chunks_exact_mut(fields.row_bytes()) {
                    add_up(differences, fields.bits, &mut row);
                }
                Cow::Owned(bytes)
            }
        };
        Ok(Self { fields, bytes })
    }

    /// The values of a channel: floats, or integers up to [`Fields::most`].
    pub(super) fn channel(&self, channel: usize) -> impl Iterator<Item = f32> + '_ {
        let Fields { width, height, bits, .. } = *self.fields;
        let row_bytes = self.fields.row_bytes();
        let plane = &self.bytes[channel * height as usize * row_bytes..];
        let rows = plane.chunks_exact(row_bytes).take(height as usize);
        rows.flat_map(move |row| {
            (0..width as usize).map(move |at| match bits {
                1 => f32::from(row[at / 8] >> (7 - at % 8) & 1),
                8 => f32::from(row[at]),
                16 => f32::from(u16::from_be_bytes([row[2 * at], row[2 * at + 1]])),
                _ => {
                    let at = 4 * at;
                    f32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]])
                }
            })
        })
    }

    /// All values of a channel, each converted.
    pub(super) fn plane(&self, channel: usize, convert: impl Fn(f32) -> f32) -> Vec<f32> {
        let mut plane = Vec::with_capacity(self.fields.pixels());
        plane.extend(self.channel(channel).map(convert));
        plane
    }

    /// The place of a float that is not a number, column and row.
    pub(super) fn not_finite(&self, channels: usize) -> Option<(u32, u32)> {
        if self.fields.bits != 32 {
            return None;
        }
        let width = self.fields.width as usize;
        (0..channels).find_map(|channel| {
            let at = self.channel(channel).position(|value| !value.is_finite())?;
            // Both fit: the index is below width * height.
            Some(((at % width) as u32, (at / width) as u32))
        })
    }
}

impl Fields {
    pub(super) fn row_bytes(&self) -> usize {
        (self.width as usize * usize::from(self.bits)).div_ceil(8)
    }

    pub(super) fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Of all channels.
    fn rows(&self) -> usize {
        self.channels * self.height as usize
    }

    /// The value of a full sample.
    pub(super) fn most(&self) -> f32 {
        if self.bits == 32 { 1.0 } else { ((1_u32 << self.bits) - 1) as f32 }
    }
}

/// Unpacks rows, whose lengths stand before them.
fn unpack_rows(data: &[u8], fields: &Fields) -> Result<Vec<u8>, AssetErrorKind> {
    /// Two bytes may stand for so many.
    const LONGEST_RUN: usize = 128;
    let length_bytes = if fields.large { 4 } else { 2 };
    let table = fields.rows() * length_bytes;
    let (table, mut rest) = data.split_at_checked(table).ok_or(AssetErrorKind::Truncated)?;
    let length = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let lengths = table.chunks_exact(length_bytes).map(length);
    // Before memory is allocated for the rows.
    let mut most = 0_usize;
    for length in lengths.clone() {
        most = most.saturating_add(length);
    }
    if most > rest.len() {
        return Err(AssetErrorKind::Truncated);
    }
    let size = fields.row_bytes() * fields.rows();
    if most.saturating_mul(LONGEST_RUN / 2) < size {
        return Err(damaged("rows are shorter than the picture"));
    }
    let mut bytes = Vec::with_capacity(size);
    for length in lengths {
        // Together they are no longer than what is left.
        let (row, after) = rest.split_at_checked(length).ok_or(AssetErrorKind::Truncated)?;
        rest = after;
        let end = bytes.len() + fields.row_bytes();
        unpack_row(row, end, &mut bytes)?;
    }
    Ok(bytes)
}

/// PackBits: up to 127 says how many bytes follow less one; from 129 on, of which number less than
/// 257 the next byte is repeated. 128 says nothing.
fn unpack_row(mut row: &[u8], end: usize, bytes: &mut Vec<u8>) -> Result<(), AssetErrorKind> {
    let short = || damaged("a row is shorter than the picture");
    while bytes.len() < end {
        let (&code, rest) = row.split_first().ok_or_else(short)?;
        row = rest;
        let room = end - bytes.len();
        match code {
            0..=127 => {
                let count = usize::from(code) + 1;
                let (own, rest) = row.split_at_checked(count).ok_or_else(short)?;
                if count > room {
                    return Err(damaged("a row is longer than the picture"));
                }
                bytes.extend(own);
                row = rest;
            }
            128 => {}
            129..=255 => {
                let count = 257 - usize::from(code);
                let (&byte, rest) = row.split_first().ok_or_else(short)?;
                if count > room {
                    return Err(damaged("a row is longer than the picture"));
                }
                bytes.resize(bytes.len() + count, byte);
                row = rest;
            }
        }
    }
    Ok(())
}

/// Inflates to so many bytes.
fn inflate(data: &[u8], size: usize) -> Result<Vec<u8>, AssetErrorKind> {
    /// How many bytes Deflate makes of one at most.
    const MOST_EXPANSION: usize = 1032;
    // Before memory is allocated for them.
    if data.len().saturating_mul(MOST_EXPANSION) < size {
        return Err(AssetErrorKind::Truncated);
    }
    let mut bytes = vec![0; size];
    let mut inflater = Decompress::new(true);
    let mut status = Status::Ok;
    // There is a byte more than the samples have, so that the end of the data is seen.
    for room in [&mut bytes[..], &mut [0]] {
        if status == Status::StreamEnd {
            break;
        }
        // No more is read than there is.
        let rest = data.get(inflater.total_in() as usize..).unwrap_or_default();
        status = inflater
            .decompress(rest, room, FlushDecompress::Finish)
            .map_err(|_| damaged("the samples cannot be unpacked"))?;
    }
    match (status, inflater.total_out() as usize) {
        (Status::StreamEnd, found) if found == size => Ok(bytes),
        (Status::StreamEnd, _) => Err(damaged("there are fewer samples than pixels")),
        (_, found) if found > size => Err(damaged("there are more samples than pixels")),
        _ => Err(AssetErrorKind::Truncated),
    }
}

/// Makes samples of a row of differences; `spare` is as long.
///
/// Floats are stored as their first bytes, then all second ones and so on, each byte as its
/// difference to the one before.
fn add_up(row: &mut [u8], bits: u16, spare: &mut [u8]) {
    match bits {
        16 => {
            let mut sum = 0_u16;
            for word in row.as_chunks_mut::<2>().0 {
                sum = sum.wrapping_add(u16::from_be_bytes(*word));
                *word = sum.to_be_bytes();
            }
        }
        _ => {
            let mut sum = 0_u8;
            for byte in &mut *row {
                sum = sum.wrapping_add(*byte);
                *byte = sum;
            }
        }
    }
    if bits == 32 {
        let width = row.len() / 4;
        for (at, sample) in spare.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *sample = [0, 1, 2, 3].map(|byte| row[byte * width + at]);
        }
        row.copy_from_slice(spare);
    }
}
