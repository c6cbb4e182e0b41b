//! The eight tiles and what the instructions do to them, after Intel's manual (SDM volume 2,
//! palette 1: 16 rows of 64 bytes).
//!
//! **The order of roundings in TDPBF16PS.** With `K` pairs in a row of the left tile, the manual
//! computes per value of the sum
//!
//! ```text
//! even = 0, odd = 0 for k in 0..K:  even = fma(left[2k], right[k][2n], even);  odd = fma(left[2k +
//! 1], right[k][2n + 1], odd) sum = sum + (even + odd)
//! ```
//!
//! in fp32, to nearest even, denormals taken and given as zero. That is what this file does.
//! Intel's intrinsics guide writes the same instruction as one chain that starts at the old sum.
//! The two differ by rounding only: each makes at most 2K + 2 roundings, so either is within (2K +
//! 2) * 2^-24 * (|sum| + the sum of |products|) of the exact value, and a test whose tolerance is
//! that bound holds for both, and for the CPU whichever it does.
//!
//! A product of two bf16 has 16 significant bits, so fp32 holds it exactly and multiply-then-add is
//! the fused operation, as long as the product is a normal number: one below 2^-126 counts as zero
//! here, one above 2^128 as infinity.
//!
//! Kept apart from the CPU's tiles: `start_row`, which only a fault in the midst of a load makes
//! other than 0.

use std::ptr;

use super::decode::{Rows, TileName};

const TILES: usize = 8;
const ROWS: usize = 16;
const ROW_BYTES: usize = 64;
/// fp32 values in a row of a sum; pairs of bf16 in a row of a factor.
const ROW_LANES: usize = ROW_BYTES / 4;

#[derive(Debug)]
pub(super) struct Tiles {
    tiles: [Tile; TILES],
}

/// Rows and bytes beyond the configured ones are zero. A tile without rows is not configured.
#[derive(Clone, Copy, Debug)]
struct Tile {
    rows: usize,
    row_bytes: usize,
    data: [[u8; ROW_BYTES]; ROWS],
}

/// An instruction that a CPU would refuse because of its operands or of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    UnknownPalette,
    StartRow,
    ReservedBytes,
    TooLarge,
    HalfEmpty,
    NotConfigured,
    BrokenLanes,
    SameTile,
    ShapesDiffer,
}

impl Misuse {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::UnknownPalette => "ldtilecfg: the palette is neither 0 nor 1",
            Self::StartRow => "ldtilecfg: start_row is not 0, and restarts are not emulated",
            Self::ReservedBytes => "ldtilecfg: a reserved byte is not 0",
            Self::TooLarge => "ldtilecfg: a tile has over 16 rows or over 64 bytes in a row",
            Self::HalfEmpty => "ldtilecfg: a tile has rows without bytes, or bytes without rows",
            Self::NotConfigured => "a tile is used that is not configured in this thread",
            Self::BrokenLanes => "the bytes in a tile's row are no multiple of 4",
            Self::SameTile => "tdpbf16ps: two operands are the same tile",
            Self::ShapesDiffer => "tdpbf16ps: the shapes of the tiles do not fit",
        }
    }
}

impl Tiles {
    pub(super) const RELEASED: Self = Self { tiles: [Tile::NOT_CONFIGURED; TILES] };

    /// LDTILECFG. Nothing changes if the configuration is refused.
    pub(super) fn configure(&mut self, config: &[u8; 64]) -> Result<(), Misuse> {
        match config[0] {
            0 => {
                self.release();
                return Ok(());
            }
            1 => {}
            _ => return Err(Misuse::UnknownPalette),
        }
        if config[1] != 0 {
            return Err(Misuse::StartRow);
        }
        if [&config[2..16], &config[32..48], &config[56..64]]
            .into_iter()
            .flatten()
            .any(|&byte| byte != 0)
        {
            return Err(Misuse::ReservedBytes);
        }
        let shape = |tile: usize| {
            let row_bytes = u16::from_le_bytes([config[16 + 2 * tile], config[17 + 2 * tile]]);
            (usize::from(config[48 + tile]), usize::from(row_bytes))
        };
        for (rows, row_bytes) in (0..TILES).map(shape) {
            if rows > ROWS || row_bytes > ROW_BYTES {
                return Err(Misuse::TooLarge);
            }
            if (rows == 0) != (row_bytes == 0) {
                return Err(Misuse::HalfEmpty);
            }
        }
        self.release();
        for (tile, (rows, row_bytes)) in self.tiles.iter_mut().zip((0..TILES).map(shape)) {
            (tile.rows, tile.row_bytes) = (rows, row_bytes);
        }
        Ok(())
    }

    /// TILERELEASE
    pub(super) fn release(&mut self) {
        *self = Self::RELEASED;
    }

    /// TILEZERO
    pub(super) fn zero(&mut self, name: TileName) -> Result<(), Misuse> {
        self.configured(name)?.data = Tile::NOT_CONFIGURED.data;
        Ok(())
    }

    /// TILELOADD. What the tile held before is gone, beyond its shape too.
    ///
    /// # Safety
    /// Every configured row must be readable in its configured length.
    pub(super) unsafe fn load(&mut self, name: TileName, rows: Rows) -> Result<(), Misuse> {
        let tile = self.in_lanes(name)?;
        tile.data = Tile::NOT_CONFIGURED.data;
        let row_bytes = tile.row_bytes;
        for (row, from) in tile.data[..tile.rows].iter_mut().zip(rows.addresses()) {
            ptr::copy_nonoverlapping(
                ptr::with_exposed_provenance(from),
                row.as_mut_ptr(),
                row_bytes,
            );
        }
        Ok(())
    }

    /// TILESTORED. Only the configured bytes of the configured rows are written.
    ///
    /// # Safety
    /// Every configured row must be writable in its configured length.
    pub(super) unsafe fn store(&mut self, name: TileName, rows: Rows) -> Result<(), Misuse> {
        let tile = self.in_lanes(name)?;
        for (row, to) in tile.data[..tile.rows].iter().zip(rows.addresses()) {
            ptr::copy_nonoverlapping(
                row.as_ptr(),
                ptr::with_exposed_provenance_mut(to),
                tile.row_bytes,
            );
        }
        Ok(())
    }

    /// TDPBF16PS: `sum += left * right`, where a 4-byte lane of `left` and `right` is a pair along
    /// the shared dimension.
    pub(super) fn multiply(
        &mut self,
        sum: TileName,
        left: TileName,
        right: TileName,
    ) -> Result<(), Misuse> {
        if sum == left || sum == right || left == right {
            return Err(Misuse::SameTile);
        }
        let (left, right) = (*self.in_lanes(left)?, *self.in_lanes(right)?);
        let sum = self.in_lanes(sum)?;
        let pairs = left.row_bytes / 4;
        if sum.rows != left.rows || sum.row_bytes != right.row_bytes || pairs != right.rows {
            return Err(Misuse::ShapesDiffer);
        }

        let right = right.data.map(|row| split_pairs(&row));
        for (sums, left) in sum.data[..sum.rows].iter_mut().zip(&left.data) {
            let [left_even, left_odd] = split_pairs(left);
            let (mut even, mut odd) = ([0.0; ROW_LANES], [0.0; ROW_LANES]);
            for (k, [right_even, right_odd]) in right[..pairs].iter().enumerate() {
                for n in 0..ROW_LANES {
                    even[n] = flush(even[n] + flush(left_even[k] * right_even[n]));
                    odd[n] = flush(odd[n] + flush(left_odd[k] * right_odd[n]));
                }
            }
            let (lanes, _) = sums[..sum.row_bytes].as_chunks_mut::<4>();
            for (n, lane) in lanes.iter_mut().enumerate() {
                *lane =
                    flush(flush(f32::from_le_bytes(*lane)) + flush(even[n] + odd[n])).to_le_bytes();
            }
        }
        Ok(())
    }

    fn configured(&mut self, name: TileName) -> Result<&mut Tile, Misuse> {
        let tile = &mut self.tiles[name];
        if tile.rows == 0 { Err(Misuse::NotConfigured) } else { Ok(tile) }
    }

    /// A configured tile whose rows are whole 4-byte lanes, as everything but TILEZERO wants it.
    fn in_lanes(&mut self, name: TileName) -> Result<&mut Tile, Misuse> {
        let tile = self.configured(name)?;
        if tile.row_bytes.is_multiple_of(4) { Ok(tile) } else { Err(Misuse::BrokenLanes) }
    }
}

impl Tile {
    const NOT_CONFIGURED: Self = Self { rows: 0, row_bytes: 0, data: [[0; ROW_BYTES]; ROWS] };
}

impl Rows {
    fn addresses(self) -> impl Iterator<Item = usize> {
        (0..).map(move |row: u64| self.start.wrapping_add(self.stride.wrapping_mul(row)) as usize)
    }
}

/// The first and the second bf16 of each lane, in fp32, denormals as zero.
fn split_pairs(row: &[u8; ROW_BYTES]) -> [[f32; ROW_LANES]; 2] {
    let (lanes, _) = row.as_chunks::<4>();
    let mut split = [[0.0; ROW_LANES]; 2];
    for (n, lane) in lanes.iter().enumerate() {
        let pair = u32::from_le_bytes(*lane);
        split[0][n] = flush(f32::from_bits(pair << 16));
        split[1][n] = flush(f32::from_bits(pair & 0xFFFF_0000));
    }
    split
}

/// A denormal becomes the zero of its sign. Without a branch, so that the loops above are vector
/// code.
fn flush(value: f32) -> f32 {
    const SIGN: u32 = 1 << 31;
    const EXPONENT: u32 = 0xFF << 23;
    let bits = value.to_bits();
    let kept = if bits & EXPONENT == 0 { SIGN } else { u32::MAX };
    f32::from_bits(bits & kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut [u8; 64])) -> [u8; 64] {
        let mut config = [0; 64];
        config[0] = 1;
        change(&mut config);
        config
    }

    #[test]
    fn refuses_what_the_manual_refuses() {
        let rows = [
            (config(|c| c[0] = 2), Misuse::UnknownPalette),
            (config(|c| c[1] = 1), Misuse::StartRow),
            (config(|c| c[15] = 1), Misuse::ReservedBytes),
            (config(|c| c[32] = 1), Misuse::ReservedBytes),
            (config(|c| c[63] = 1), Misuse::ReservedBytes),
            (config(|c| (c[16], c[48]) = (64, 17)), Misuse::TooLarge),
            (config(|c| (c[30], c[55]) = (65, 16)), Misuse::TooLarge),
            (config(|c| (c[31], c[55]) = (1, 16)), Misuse::TooLarge),
            (config(|c| c[48] = 1), Misuse::HalfEmpty),
            (config(|c| c[18] = 4), Misuse::HalfEmpty),
        ];
        for (config, expected) in rows {
            let mut tiles = Tiles::RELEASED;
            assert_eq!(tiles.configure(&config), Err(expected));
        }
    }

    #[test]
    fn refuses_tiles_that_do_not_fit() {
        // Tile 0: a sum of 3 x 2 values; 1: 3 rows of 2 pairs; 2: 2 pairs of 2 columns; 3: rows of
        // 6 bytes; 4: not configured.
        let mut tiles = Tiles::RELEASED;
        let shapes = config(|c| {
            for (tile, (rows, row_bytes)) in
                [(3, 8), (3, 8), (2, 8), (3, 6)].into_iter().enumerate()
            {
                (c[48 + tile], c[16 + 2 * tile]) = (rows, row_bytes);
            }
        });
        assert_eq!(tiles.configure(&shapes), Ok(()));
        let rows = [
            ([0, 1, 2], Ok(())),
            ([0, 0, 2], Err(Misuse::SameTile)),
            ([0, 1, 1], Err(Misuse::SameTile)),
            ([2, 1, 2], Err(Misuse::SameTile)),
            ([2, 1, 0], Err(Misuse::ShapesDiffer)),
            ([0, 2, 1], Err(Misuse::ShapesDiffer)),
            ([0, 1, 3], Err(Misuse::BrokenLanes)),
            ([0, 1, 4], Err(Misuse::NotConfigured)),
            ([4, 1, 2], Err(Misuse::NotConfigured)),
        ];
        for ([sum, left, right], expected) in rows {
            assert_eq!(tiles.multiply(sum, left, right), expected, "{sum} += {left} * {right}");
        }
        assert_eq!(tiles.zero(3), Ok(()));
        assert_eq!(tiles.zero(4), Err(Misuse::NotConfigured));
        assert_eq!(tiles.configure(&config(|c| c[0] = 0)), Ok(()));
        assert_eq!(tiles.zero(0), Err(Misuse::NotConfigured), "palette 0 releases");
    }

    /// One row, one column: the sum after `sum += left . right`.
    fn dot(sum: f32, left: &[f32], right: &[f32]) -> f32 {
        let bf16 = |value: f32| ((value.to_bits() >> 16) as u16).to_le_bytes();
        let pairs = left.len() / 2;
        let mut tiles = Tiles::RELEASED;
        tiles.tiles[0] = Tile { rows: 1, row_bytes: 4, ..Tile::NOT_CONFIGURED };
        tiles.tiles[0].data[0][..4].copy_from_slice(&sum.to_le_bytes());
        tiles.tiles[1] = Tile { rows: 1, row_bytes: 4 * pairs, ..Tile::NOT_CONFIGURED };
        tiles.tiles[2] = Tile { rows: pairs, row_bytes: 4, ..Tile::NOT_CONFIGURED };
        for (k, (&left, &right)) in left.iter().zip(right).enumerate() {
            tiles.tiles[1].data[0][2 * k..2 * k + 2].copy_from_slice(&bf16(left));
            tiles.tiles[2].data[k / 2][k % 2 * 2..k % 2 * 2 + 2].copy_from_slice(&bf16(right));
        }
        assert_eq!(tiles.multiply(0, 1, 2), Ok(()));
        let [a, b, c, d, ..] = tiles.tiles[0].data[0];
        f32::from_le_bytes([a, b, c, d])
    }

    #[test]
    fn sums_even_and_odd_apart_and_then_onto_the_old_sum() {
        let big = 16_777_216.0; // 2^24: adding 1 to it is a tie that goes back to it.
        assert_eq!(dot(0.5, &[2.0, 3.0, 4.0, 5.0], &[1.0, 16.0, 256.0, 4096.0]), 21554.5);
        assert_eq!(
            dot(big, &[1.0, 1.0], &[1.0, 1.0]),
            big + 2.0,
            "one chain from the old sum would stay at 2^24"
        );
        assert_eq!(
            dot(0.0, &[big, 1.0, 1.0, 1.0], &[1.0; 4]),
            big + 2.0,
            "the even chain loses its 1, the odd chain does not"
        );
    }

    #[test]
    fn denormals_are_zero() {
        let (tiny, least) = (f32::from_bits(0x0001_0000), f32::MIN_POSITIVE);
        assert_eq!(dot(0.0, &[tiny, 0.0], &[1e30, 0.0]), 0.0, "a factor");
        assert_eq!(dot(f32::from_bits(1), &[0.0; 2], &[0.0; 2]), 0.0, "the old sum");
        assert_eq!(dot(0.0, &[least, 0.0], &[0.5, 0.0]), 0.0, "a product");
        assert_eq!(dot(0.0, &[least, -least], &[1.5, 1.0]), 0.0, "a result");
        assert_eq!(dot(0.0, &[least, 0.0], &[1.0, 0.0]), least, "the least normal number stays");
        assert_eq!(dot(f32::INFINITY, &[1.0, 0.0], &[1.0, 0.0]), f32::INFINITY);
        assert!(dot(0.0, &[f32::INFINITY, 0.0], &[0.0, 0.0]).is_nan());
    }
}
