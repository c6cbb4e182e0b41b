//! How a picture is cut into tiles for a network that sees a little around each pixel.

use std::ops::Range;

use impasto_kernels::networks::{DecoderLayout, FADE_PX, Picture};

use crate::Image;

const BLOCK: usize = DecoderLayout::BLOCK_PX;

/// What is looked at around a tile: as far as the deepest features reach, and the decoder.
const HALO_PX: usize = (32 + DecoderLayout::REACH_PX).next_multiple_of(BLOCK);

/// What is looked at along an axis, in blocks, and what of it is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it begins, perhaps before the picture.
    pub(super) from: isize,
    pub(super) len: usize,
    /// Pixels of it before those that are painted.
    pub(super) before: usize,
    pub(super) inner: Range<usize>,
}

/// The spans of an axis of `len` pixels, of which `painted` are painted, at most `tile_px` in each:
/// more than there are where the next lap is wanted as well.
pub(super) fn spans(len: usize, painted: usize, wraps: bool, tile_px: usize) -> Vec<Span> {
    let count = painted.div_ceil(tile_px).max(1);
    let step = painted.div_ceil(count).next_multiple_of(BLOCK);
    let span = |start: usize| {
        let inner = start..painted.min(start + step);
        let before = if wraps { HALO_PX } else { HALO_PX.min(start) };
        let behind = (inner.end + HALO_PX).next_multiple_of(BLOCK);
        let end = if wraps { behind } else { behind.min(len.next_multiple_of(BLOCK)) };
        Span { from: start as isize - before as isize, len: end + before - start, before, inner }
    };
    (0..painted).step_by(step).map(span).collect()
}

/// A part of a picture, continued by its next lap or by its mirror image.
pub(super) fn cut(picture: &Picture<'_>, across: &Span, down: &Span) -> Image {
    let source = |position: isize, len: usize, wraps: bool| -> usize {
        let len = len as isize;
        if wraps {
            return position.rem_euclid(len) as usize;
        }
        let there = position.rem_euclid((2 * len - 2).max(1));
        there.min(2 * len - 2 - there).max(0) as usize
    };
    let of = |span: &Span, len: usize, wraps: bool| -> Vec<usize> {
        (span.from..span.from + span.len as isize)
            .map(|position| source(position, len, wraps))
            .collect()
    };
    let columns = of(across, picture.width, picture.wrap_x);
    let mut rgb = Vec::with_capacity(3 * across.len * down.len);
    for y in of(down, picture.height, picture.wrap_y) {
        let row = &picture.rgb[3 * y * picture.width..][..3 * picture.width];
        columns.iter().for_each(|x| rgb.extend_from_slice(&row[3 * x..][..3]));
    }
    Image { width: across.len, height: down.len, rgb }
}

/// How much of the next lap is painted along an axis: where it wraps and is no multiple of a block,
/// the features of both ends lie on other positions of the grid.
pub(super) fn next_lap(len: usize, wraps: bool) -> usize {
    if wraps && !len.is_multiple_of(BLOCK) { FADE_PX.min(len) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_an_axis_and_see_enough_around_it() {
        for len in [1, 7, 8, 63, 64, 65, 200, 1000] {
            for wraps in [false, true] {
                let painted = len + next_lap(len, wraps);
                let all = spans(len, painted, wraps, 64);
                assert_eq!((all[0].inner.start, all[all.len() - 1].inner.end), (0, painted));
                for pair in all.windows(2) {
                    assert_eq!(pair[0].inner.end, pair[1].inner.start, "{len}");
                }
                for Span { from, len: span, before, inner } in all {
                    assert_eq!((from.rem_euclid(8), span % 8), (0, 0), "{len}: whole blocks");
                    assert_eq!(from + before as isize, inner.start as isize);
                    let after = span - before - inner.len();
                    let ends = !wraps && inner.end + HALO_PX > len;
                    assert!(after >= HALO_PX || ends, "{len} {wraps}: {after}");
                    assert!(before >= HALO_PX || from == 0, "{len} {wraps}: {before}");
                }
            }
        }
    }

    #[test]
    fn a_lap_is_painted_where_blocks_end_within_it() {
        assert_eq!((next_lap(64, true), next_lap(65, false)), (0, 0));
        assert_eq!((next_lap(65, true), next_lap(9, true)), (16, 9));
    }
}
