//! Packs rows of samples.

use std::borrow::Cow;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use impasto_types::Depth;

use crate::psd_layout::{PsdLayout, PsdPacking};

/// How planes are packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packer {
    row_bytes: usize,
    depth: Depth,
    packing: PsdPacking,
    large: bool,
}

impl Packer {
    pub(super) fn new(width: u32, depth: Depth, layout: &PsdLayout) -> Self {
        let sample = match depth {
            Depth::Eight => 1,
            Depth::Sixteen => 2,
            Depth::Float => 4,
        };
        let PsdLayout { packing, large, .. } = *layout;
        Self { row_bytes: width as usize * sample, depth, packing, large }
    }
}

/// Appends the number of the packing, and planes packed as one.
pub(super) fn pack(planes: &[Vec<u8>], packer: &Packer, bytes: &mut Vec<u8>) {
    let rows = || planes.iter().flat_map(|plane| plane.chunks_exact(packer.row_bytes));
    let start = bytes.len();
    bytes.extend((packer.packing as u16).to_be_bytes());
    let is_packed = match packer.packing {
        PsdPacking::None => false,
        PsdPacking::PackBits => pack_rows(rows(), packer.large, bytes).is_some(),
        PsdPacking::Zip => {
            deflate(rows().map(Cow::Borrowed), bytes);
            true
        }
        PsdPacking::ZipOfDifferences => {
            deflate(rows().map(|row| Cow::Owned(differences(row, packer.depth))), bytes);
            true
        }
    };
    if !is_packed {
        bytes.truncate(start);
        bytes.extend((PsdPacking::None as u16).to_be_bytes());
        planes.iter().for_each(|plane| bytes.extend(plane));
    }
}

/// Appends rows with their lengths in front of all of them; none if one is too long for the table.
fn pack_rows<'a>(
    rows: impl Iterator<Item = &'a [u8]> + Clone,
    large: bool,
    bytes: &mut Vec<u8>,
) -> Option<()> {
    let length_bytes = if large { 4 } else { 2 };
    let mut length_at = bytes.len();
    bytes.resize(length_at + rows.clone().count() * length_bytes, 0);
    for row in rows {
        let start = bytes.len();
        pack_row(row, bytes);
        let length = bytes.len() - start;
        let place = &mut bytes[length_at..length_at + length_bytes];
        match large {
            true => place.copy_from_slice(&u32::try_from(length).ok()?.to_be_bytes()),
            false => place.copy_from_slice(&u16::try_from(length).ok()?.to_be_bytes()),
        }
        length_at += length_bytes;
    }
    Some(())
}

/// PackBits.
fn pack_row(row: &[u8], packed: &mut Vec<u8>) {
    const LONGEST: usize = 128;
    /// Fewer equal bytes are not worth a run among others.
    const SHORTEST_RUN: usize = 3;
    let run_at = |at: usize| {
        let rest = &row[at..row.len().min(at + LONGEST)];
        rest.iter().take_while(|byte| **byte == rest[0]).count()
    };
    let mut at = 0;
    while at < row.len() {
        let run = run_at(at);
        if run >= SHORTEST_RUN {
            // From 129 on: 257 less the number.
            packed.extend([(257 - run) as u8, row[at]]);
            at += run;
            continue;
        }
        let start = at;
        while at < row.len() && at - start < LONGEST && run_at(at) < SHORTEST_RUN {
            at += 1;
        }
        packed.push((at - start - 1) as u8);
        packed.extend(&row[start..at]);
    }
}

fn deflate<'a>(rows: impl Iterator<Item = Cow<'a, [u8]>>, bytes: &mut Vec<u8>) {
    let mut encoder = ZlibEncoder::new(bytes, Compression::default());
    // Writing into memory does not fail.
    for row in rows {
        let _ = encoder.write_all(&row);
    }
    let _ = encoder.finish();
}

/// Each sample less the one before it; of floats all first bytes, then all second ones and so on,
/// each byte less the one before it.
fn differences(row: &[u8], depth: Depth) -> Vec<u8> {
    match depth {
        Depth::Eight => byte_differences(row),
        Depth::Sixteen => {
            let words = row.as_chunks::<2>().0.iter().map(|word| u16::from_be_bytes(*word));
            let before = std::iter::once(0).chain(words.clone());
            words
                .zip(before)
                .flat_map(|(own, before)| own.wrapping_sub(before).to_be_bytes())
                .collect()
        }
        Depth::Float => {
            let bytes = (0..4).flat_map(|byte| row.iter().skip(byte).step_by(4).copied());
            byte_differences(&bytes.collect::<Vec<u8>>())
        }
    }
}

fn byte_differences(row: &[u8]) -> Vec<u8> {
    let before = std::iter::once(&0).chain(row);
    row.iter().zip(before).map(|(own, before)| own.wrapping_sub(*before)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_packed_as_runs_and_others() {
        let check = |row: &[u8], expected: &[u8]| {
            let mut packed = Vec::new();
            pack_row(row, &mut packed);
            assert_eq!(packed, expected, "{row:?}");
        };
        check(&[], &[]);
        check(&[7], &[0, 7]);
        check(&[7, 7], &[1, 7, 7]);
        check(&[7, 7, 7], &[254, 7]);
        check(&[1, 7, 7, 2], &[3, 1, 7, 7, 2]);
        check(&[1, 7, 7, 7, 2, 3], &[0, 1, 254, 7, 1, 2, 3]);
        check(&[9; 130], &[129, 9, 1, 9, 9]);
        let different: Vec<u8> = (0..=128).collect();
        check(&different, &[&[127], &different[..128], &[0, 128]].concat());
    }

    #[test]
    fn a_table_of_short_lengths_has_no_long_row() {
        let noise: Vec<u8> = (0..65_536_u32).map(|at| ((at * 7_919) >> 3) as u8).collect();
        let pack = |large| {
            let mut bytes = Vec::new();
            pack_rows([&noise[..]].into_iter(), large, &mut bytes).map(|()| bytes)
        };
        assert_eq!(pack(false), None);
        let large = pack(true).expect("it fits");
        assert_eq!(large[..4], (large.len() as u32 - 4).to_be_bytes());
    }
}
