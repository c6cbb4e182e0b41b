//! Cutting a picture into tiles that give the same answer as the whole.
//!
//! VGG-19's relu5_1 sees 156 pixels: features are exact from 70 pixels behind a cut on, and
//! gradients of pixels from 150. So a tile is computed with a halo around its interior, and only
//! the interior is used: the statistics of all interiors add up to the picture's, and their
//! gradients are the picture's. Where the picture wraps, the halo reads the opposite side, across a
//! seam. Where no layer so deep is asked for, the halo is smaller: 32 pixels up to relu3_1.
//!
//! Tiles begin at multiples of [`Reach::grid_px`]: there the pooling windows of every layer and the
//! blocks that convolutions are computed in lie as they do in the whole picture, so that a tile's
//! values are the whole's to the last bit, and no rounding opens a ReLU that the whole keeps
//! closed.

use std::fmt;
use std::ops::Range;

use impasto_kernels::{Edge, Layer, Region, Shape};

use super::view::View;

/// What tiles hold around their interiors, and where they may begin.
#[derive(Debug, Clone, Copy)]
struct Reach {
    halo_px: usize,
    /// Tiles begin at multiples of this: a block of the convolutions at the deepest layer that is
    /// asked for, and whole pixels of every layer. With blocks of four pixels it is 64 for relu5_1
    /// and 16 up to relu3_1; with blocks of one, 16 for all.
    grid_px: usize,
}

impl Reach {
    fn new(deepest: Layer, block_px: usize) -> Self {
        let grid_px = (block_px << deepest.halvings()).max(DEEPEST_PX);
        Self { halo_px: deepest.halo_px(), grid_px }
    }

    fn of(view: View) -> Self {
        Self::new(view.deepest, view.block_px)
    }
}

/// The most work, in pixels computed for one of the picture's, that a cut may cost. Interiors of
/// 256 pixels cost 5.6 and those of 64 cost 42: a picture that took ten seconds whole would take
/// minutes a step, so memory for larger tiles is asked for instead.
const MOST_OVERHEAD: usize = 6;

/// One pixel of the deepest layer of all. Regions are multiples of it, whatever is asked for.
const DEEPEST_PX: usize = 16;

/// A picture's tiles, in the order in which their sums are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiling {
    pub tiles: Vec<Tile>,
    /// The interiors' size, but for the last ones of a row or column.
    pub interior: (usize, usize),
    /// The deepest layer whose features and gradients are those of the whole.
    pub deepest: Layer,
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
    /// The deepest layer that a tile is computed for.
    pub deepest: Layer,
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

impl Candidate {
    /// In one piece.
    pub(crate) fn whole(view: View, width: usize, height: usize) -> Self {
        let (largest, deepest) = (view.shape(width, height), view.deepest);
        Self { interior: (width, height), work_px: width * height, largest, deepest }
    }
}

impl Tiling {
    /// The picture in one piece.
    pub fn whole(view: View, width: usize, height: usize) -> Self {
        Self::cut(view, width, height, (width, height))
            .unwrap_or_else(|| unreachable!("one piece is never cut"))
    }

    /// Tiles whose interiors are `interior` pixels wide and high: multiples of 64 pixels, or of 16
    /// for a view up to relu3_1 or in blocks of one pixel, or the picture's own side. `None` where
    /// an axis wraps and a tile with its halo would be longer than the axis.
    pub fn cut(view: View, width: usize, height: usize, interior: (usize, usize)) -> Option<Self> {
        let reach = Reach::of(view);
        let across = spans(width, view.edge_x, reach, interior.0)?;
        let down = spans(height, view.edge_y, reach, interior.1)?;
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
        Some(Self { tiles, interior, deepest: view.deepest, width, height })
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
            let reach = Reach::of(view);
            let cut = interiors(len, reach.grid_px)
                .filter_map(move |interior| Some((interior, spans(len, edge, reach, interior)?)));
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
                deepest: view.deepest,
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

    /// The width and the height of what is cut.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
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

/// Such as `in one piece`.
impl fmt::Display for Tiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.interior;
        match self.tiles.len() {
            1 => f.write_str("in one piece"),
            tiles => write!(
                f,
                "{tiles} tiles of {width} x {height} at {:.1} times the work",
                self.overhead()
            ),
        }
    }
}

/// Lengths of interiors along an axis: the axis in one piece, in two, in three and so on, without
/// repetition.
fn interiors(len: usize, grid: usize) -> impl Iterator<Item = usize> {
    let mut last = 0;
    (1..=len.div_ceil(grid)).filter_map(move |pieces| {
        let interior = if pieces == 1 { len } else { len.div_ceil(pieces).next_multiple_of(grid) };
        let new = interior != last;
        last = interior;
        new.then_some(interior)
    })
}

/// An axis in pieces of `interior`.
fn spans(len: usize, edge: Edge, reach: Reach, interior: usize) -> Option<Vec<Span>> {
    if interior >= len {
        return Some(vec![Span { origin: 0, len, seam: 0, edge, inner: 0..len, interior: 0..len }]);
    }
    (0..len.div_ceil(interior))
        .map(|piece| span(len, edge, reach, piece * interior..len.min((piece + 1) * interior)))
        .collect()
}

/// Around the interior are the pixels that are computed and thrown away: what a gradient sees,
/// rounded up to whole pixels of the deepest layer.
fn span(len: usize, edge: Edge, reach: Reach, interior: Range<usize>) -> Option<Span> {
    let Reach { halo_px: halo, grid_px: grid } = reach;
    let before = halo.next_multiple_of(grid);
    if edge != Edge::Wrap {
        let origin = interior.start.saturating_sub(before);
        let end = len.min(interior.end + halo);
        let inner = interior.start - origin..interior.end - origin;
        return Some(Span { origin, len: end - origin, seam: 0, edge, inner, interior });
    }
    let (origin, seam) = match interior.start.checked_sub(before) {
        Some(origin) => (origin, len - origin),
        None => {
            let origin = (len + interior.start).checked_sub(halo)? / grid * grid;
            (origin, len - origin)
        }
    };
    // Counted from the origin, across the border.
    let start = (interior.start + len - origin) % len;
    let end = start + interior.len();
    let crosses_after = origin <= interior.start && interior.end + halo > len;
    let last = if crosses_after {
        seam + (interior.end + halo - len).next_multiple_of(DEEPEST_PX)
    } else {
        end + halo
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

    /// Origin, length, seam and interior in the tile's own pixels.
    type ExpectedSpan = (usize, usize, usize, Range<usize>);

    #[test]
    fn spans_of_an_axis() {
        let check_at = |reach, len, edge, interior, expected: &[ExpectedSpan]| {
            let found = spans(len, edge, reach, interior).expect("it fits");
            let found: Vec<_> = found
                .into_iter()
                .map(|span| (span.origin, span.len, span.seam, span.inner))
                .collect();
            assert_eq!(found, expected, "{len} {edge:?} in pieces of {interior}");
        };
        let check = |len, edge, interior, expected: &[ExpectedSpan]| {
            check_at(Reach::new(Layer::Relu5_1, 4), len, edge, interior, expected);
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
        // No deeper than relu3_1, 32 pixels are enough.
        check_at(
            Reach::new(Layer::Relu3_1, 4),
            200,
            Edge::Reflect,
            80,
            &[(0, 112, 0, 0..80), (48, 144, 0, 32..112), (128, 72, 0, 32..72)],
        );
        check_at(
            Reach::new(Layer::Relu3_1, 4),
            192,
            Edge::Wrap,
            96,
            &[(160, 160, 32, 32..128), (64, 160, 128, 32..128)],
        );
        // In blocks of one pixel, no multiple of 64 has to be met.
        check_at(
            Reach::new(Layer::Relu5_1, 1),
            1024,
            Edge::Wrap,
            512,
            &[(864, 832, 160, 160..672), (352, 832, 672, 160..672)],
        );
    }

    #[test]
    fn no_picture_is_cut_into_crumbs() {
        for (edge, width, height) in
            [(Edge::Zero, 712, 600), (Edge::Wrap, 768, 768), (Edge::Reflect, 4096, 4096)]
        {
            let view = View::new(edge, edge, Pool::Max);
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
        let cut = |edge, deepest| spans(512, edge, Reach::new(deepest, 4), 256).is_some();
        assert!(!cut(Edge::Wrap, Layer::Relu5_1) && cut(Edge::Zero, Layer::Relu5_1));
        assert!(cut(Edge::Wrap, Layer::Relu3_1));
    }

    #[test]
    fn every_pixel_is_interior_once_and_a_tile_reads_what_the_picture_has_there() {
        for (edge_x, edge_y, deepest, block_px) in [
            (Edge::Zero, Edge::Wrap, Layer::Relu5_1, 4),
            (Edge::Wrap, Edge::Reflect, Layer::Relu5_1, 4),
            (Edge::Wrap, Edge::Wrap, Layer::Relu5_1, 1),
            (Edge::Wrap, Edge::Zero, Layer::Relu3_1, 4),
        ] {
            for (width, height) in [(1000, 640), (701, 900)] {
                let view = View::new(edge_x, edge_y, Pool::Max).up_to(deepest);
                let view = view.in_blocks_of(block_px);
                let mut cut = 0;
                let candidates = Tiling::candidates(view, width, height);
                let step = candidates.len().div_ceil(40).max(3);
                for candidate in candidates.into_iter().step_by(step) {
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
