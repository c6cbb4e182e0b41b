//! Cutting a picture into tiles that give the same answer as the whole.
//!
//! VGG-19's relu5_1 sees 156 pixels: features are exact from 70 pixels behind a cut on, and
//! gradients of pixels from 150. So a tile is computed with a halo around its interior, and only
//! the interior is used: the statistics of all interiors add up to the picture's, and their
//! gradients are the picture's. Where the picture wraps, the halo reads the opposite side, across a
//! seam.
//!
//! Tiles begin at multiples of [`GRID_PX`]: there the pooling windows of every layer and the blocks
//! that convolutions are computed in lie as they do in the whole picture, so that a tile's values
//! are the whole's to the last bit, and no rounding opens a ReLU that the whole keeps closed.

use std::ops::Range;

use impasto_kernels::{Edge, Layer, Region, Shape};

use super::view::View;

/// Pixels around a tile's interior that are computed and thrown away: what a gradient sees, rounded
/// up to whole pixels of the deepest layer.
pub const HALO_PX: usize = Layer::Relu5_1.halo_px();

/// Tiles begin at multiples of this: four pixels (a block of the convolutions) of the deepest
/// layer, which is a sixteenth of the picture.
const GRID_PX: usize = 64;

/// The most work, in pixels computed for one of the picture's, that a cut may cost. Interiors of
/// 256 pixels cost 5.6 and those of 64 cost 42: a picture that took ten seconds whole would take
/// minutes a step, so memory for larger tiles is asked for instead.
const MOST_OVERHEAD: usize = 6;

/// One pixel of the deepest layer.
const DEEPEST_PX: usize = 16;

/// A picture's tiles, in the order in which their sums are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiling {
    pub tiles: Vec<Tile>,
    /// The interiors' size, but for the last ones of a row or column.
    pub interior: (usize, usize),
    width: usize,
    height: usize,
}

/// One tile, halo included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    pub shape: Shape,
    /// Where the tile's first pixel lies in the picture.
    pub origin: (usize, usize),
    /// What counts of the tile, in its own pixels.
    pub inner: Region,
    /// The same in the picture's pixels.
    pub interior: Region,
}

/// A way to cut a picture, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// What [`Tiling::cut`] takes.
    pub interior: (usize, usize),
    /// Pixels that are computed, halos included.
    pub work_px: usize,
    /// A shape that is as large as the largest tile along both axes.
    pub largest: Shape,
}

/// One axis of a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    origin: usize,
    len: usize,
    seam: usize,
    edge: Edge,
    inner: Range<usize>,
    interior: Range<usize>,
}

impl Tiling {
    /// The picture in one piece.
    pub fn whole(view: View, width: usize, height: usize) -> Self {
        Self::cut(view, width, height, (width, height))
            .unwrap_or_else(|| unreachable!("one piece is never cut"))
    }

    /// Tiles whose interiors are `interior` pixels wide and high: multiples of 64, or the picture's
    /// own side. `None` where an axis wraps and a tile with its halo would be longer than the axis.
    pub fn cut(view: View, width: usize, height: usize, interior: (usize, usize)) -> Option<Self> {
        let across = spans(width, view.edge_x, interior.0)?;
        let down = spans(height, view.edge_y, interior.1)?;
        let tile = |x: &Span, y: &Span| Tile {
            shape: Shape {
                width: x.len,
                height: y.len,
                edge_x: x.edge,
                edge_y: y.edge,
                pool: view.pool,
                seam_x: x.seam,
                seam_y: y.seam,
            },
            origin: (x.origin, y.origin),
            inner: Region { x: x.inner.clone(), y: y.inner.clone() },
            interior: Region { x: x.interior.clone(), y: y.interior.clone() },
        };
        let tiles = down.iter().flat_map(|y| across.iter().map(move |x| tile(x, y))).collect();
        Some(Self { tiles, interior, width, height })
    }

    /// The tilings that a picture may be painted in, those of least work first.
    pub fn sane(view: View, width: usize, height: usize) -> Vec<Candidate> {
        let mut sane = Self::candidates(view, width, height);
        sane.retain(|candidate| candidate.work_px <= MOST_OVERHEAD * width * height);
        sane
    }

    /// All tilings, those of least work first.
    pub fn candidates(view: View, width: usize, height: usize) -> Vec<Candidate> {
        let axis = |len, edge| {
            let cut = interiors(len)
                .filter_map(move |interior| Some((interior, spans(len, edge, interior)?)));
            cut.map(|(interior, spans)| {
                let total: usize = spans.iter().map(|span| span.len).sum();
                (interior, total, spans.iter().map(|span| span.len).max().unwrap_or(0))
            })
        };
        let across: Vec<_> = axis(width, view.edge_x).collect();
        let pairs = axis(height, view.edge_y).flat_map(|y| across.iter().map(move |&x| (x, y)));
        let mut candidates: Vec<_> = pairs
            .map(|((width, total_x, longest_x), (height, total_y, longest_y))| Candidate {
                interior: (width, height),
                work_px: total_x * total_y,
                largest: view.shape(longest_x, longest_y),
            })
            .collect();
        candidates.sort_by_key(|candidate| candidate.work_px);
        candidates
    }

    /// Pixels computed for one of the picture's: 1 where it is painted whole.
    pub fn overhead(&self) -> f64 {
        let px = |tile: &Tile| tile.shape.width * tile.shape.height;
        self.tiles.iter().map(px).sum::<usize>() as f64 / (self.width * self.height) as f64
    }

    pub fn is_whole(&self) -> bool {
        self.tiles.len() == 1
    }

    /// Calls `copy(tile's range, picture's range)` for each run of values of a tile's rows, of
    /// `channels` values a pixel.
    pub fn runs(
        &self,
        tile: &Tile,
        channels: usize,
        mut copy: impl FnMut(Range<usize>, Range<usize>),
    ) {
        let Shape { width, height, .. } = tile.shape;
        for y in 0..height {
            let row = (tile.origin.1 + y) % self.height;
            let mut x = 0;
            while x < width {
                let column = (tile.origin.0 + x) % self.width;
                let len = (width - x).min(self.width - column);
                let (own, whole) =
                    ((y * width + x) * channels, (row * self.width + column) * channels);
                copy(own..own + len * channels, whole..whole + len * channels);
                x += len;
            }
        }
    }
}

/// Lengths of interiors along an axis: the axis in one piece, in two, in three and so on, without
/// repetition.
fn interiors(len: usize) -> impl Iterator<Item = usize> {
    let mut last = 0;
    (1..=len.div_ceil(GRID_PX)).filter_map(move |pieces| {
        let interior =
            if pieces == 1 { len } else { len.div_ceil(pieces).next_multiple_of(GRID_PX) };
        let new = interior != last;
        last = interior;
        new.then_some(interior)
    })
}

/// An axis in pieces of `interior`.
fn spans(len: usize, edge: Edge, interior: usize) -> Option<Vec<Span>> {
    if interior >= len {
        return Some(vec![Span { origin: 0, len, seam: 0, edge, inner: 0..len, interior: 0..len }]);
    }
    (0..len.div_ceil(interior))
        .map(|piece| span(len, edge, piece * interior..len.min((piece + 1) * interior)))
        .collect()
}

fn span(len: usize, edge: Edge, interior: Range<usize>) -> Option<Span> {
    let before = HALO_PX.next_multiple_of(GRID_PX);
    if edge != Edge::Wrap {
        let origin = interior.start.saturating_sub(before);
        let end = len.min(interior.end + HALO_PX);
        let inner = interior.start - origin..interior.end - origin;
        return Some(Span { origin, len: end - origin, seam: 0, edge, inner, interior });
    }
    let (origin, seam) = match interior.start.checked_sub(before) {
        Some(origin) => (origin, len - origin),
        None => {
            let origin = (len + interior.start).checked_sub(HALO_PX)? / GRID_PX * GRID_PX;
            (origin, len - origin)
        }
    };
    // Counted from the origin, across the border.
    let start = (interior.start + len - origin) % len;
    let end = start + interior.len();
    let crosses_after = origin <= interior.start && interior.end + HALO_PX > len;
    let last = if crosses_after {
        seam + (interior.end + HALO_PX - len).next_multiple_of(DEEPEST_PX)
    } else {
        end + HALO_PX
    };
    // What lies before the border has to end there exactly, and a tile must not meet itself.
    let seam = if last > seam { seam } else { 0 };
    (last <= len).then_some(Span {
        origin,
        len: last,
        seam,
        edge: Edge::Zero,
        inner: start..end,
        interior,
    })
}

#[cfg(test)]
mod tests {
    use impasto_kernels::Pool;

    use super::*;

    #[test]
    fn spans_of_an_axis() {
        let check = |len, edge, interior, expected: &[(usize, usize, usize, Range<usize>)]| {
            let found = spans(len, edge, interior).expect("it fits");
            let found: Vec<_> = found
                .into_iter()
                .map(|span| (span.origin, span.len, span.seam, span.inner))
                .collect();
            assert_eq!(found, expected, "{len} {edge:?} in pieces of {interior}");
        };
        check(700, Edge::Zero, 700, &[(0, 700, 0, 0..700)]);
        check(
            700,
            Edge::Reflect,
            320,
            &[(0, 480, 0, 0..320), (128, 572, 0, 192..512), (448, 252, 0, 192..252)],
        );
        check(1024, Edge::Wrap, 512, &[(832, 864, 192, 192..704), (320, 864, 704, 192..704)]);
        check(
            1024,
            Edge::Wrap,
            320,
            &[
                (832, 672, 192, 192..512),
                (128, 672, 0, 192..512),
                (448, 672, 576, 192..512),
                (768, 416, 256, 192..256),
            ],
        );
    }

    #[test]
    fn no_picture_is_cut_into_crumbs() {
        for (edge, width, height) in
            [(Edge::Zero, 712, 600), (Edge::Wrap, 768, 768), (Edge::Reflect, 4096, 4096)]
        {
            let view = View { edge_x: edge, edge_y: edge, pool: Pool::Max };
            let sane = Tiling::sane(view, width, height);
            assert!(sane.iter().any(|candidate| candidate.interior == (width, height)));
            let least = sane.iter().map(|tile| tile.largest.width * tile.largest.height).min();
            assert!(least.is_some_and(|px| (400 * 400..=768 * 768).contains(&px)), "{least:?}");
            for candidate in sane {
                let cut = Tiling::cut(view, width, height, candidate.interior).expect("it is one");
                assert!(cut.overhead() <= MOST_OVERHEAD as f64, "{:?}", candidate.interior);
            }
        }
    }

    #[test]
    fn an_axis_that_wraps_is_not_cut_shorter_than_its_halo() {
        assert_eq!(spans(512, Edge::Wrap, 256), None);
        assert!(spans(512, Edge::Zero, 256).is_some());
    }

    #[test]
    fn every_pixel_is_interior_once_and_a_tile_reads_what_the_picture_has_there() {
        for (edge_x, edge_y) in [(Edge::Zero, Edge::Wrap), (Edge::Wrap, Edge::Reflect)] {
            for (width, height) in [(1000, 640), (701, 900)] {
                let view = View { edge_x, edge_y, pool: Pool::Max };
                let mut cut = 0;
                for candidate in Tiling::candidates(view, width, height).into_iter().step_by(3) {
                    let tiling = Tiling::cut(view, width, height, candidate.interior)
                        .expect("it was a candidate");
                    let work: usize =
                        tiling.tiles.iter().map(|tile| tile.shape.width * tile.shape.height).sum();
                    assert_eq!(work, candidate.work_px);
                    let mut covered = vec![0_u8; width * height];
                    for tile in &tiling.tiles {
                        let Shape { width: tile_width, height: tile_height, .. } = tile.shape;
                        let mut read = vec![usize::MAX; tile_width * tile_height];
                        tiling.runs(tile, 1, |own, whole| {
                            own.zip(whole).for_each(|(own, whole)| read[own] = whole)
                        });
                        let places = tile
                            .interior
                            .y
                            .clone()
                            .flat_map(|y| tile.interior.x.clone().map(move |x| y * width + x));
                        let inner =
                            tile.inner.y.clone().flat_map(|y| {
                                tile.inner.x.clone().map(move |x| y * tile_width + x)
                            });
                        for (place, own) in places.zip(inner) {
                            covered[place] += 1;
                            assert_eq!(read[own], place);
                        }
                    }
                    assert!(
                        covered.iter().all(|&times| times == 1),
                        "{width}x{height} in {:?}",
                        tiling.interior
                    );
                    cut += 1;
                }
                assert!(cut > 5);
            }
        }
    }
}
