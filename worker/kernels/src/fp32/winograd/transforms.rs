//! The three transforms of F(4x4, 3x3): of kernels, of input windows and of products.

use crate::fp32::{gemm::BLOCK, lanes::Lanes};

/// Output pixels along a tile's side.
pub(super) const TILE: usize = 4;

/// Input pixels along a tile's side.
pub(super) const WINDOW: usize = 6;

/// Products of one tile.
pub(super) const POINTS: usize = WINDOW * WINDOW;

/// `G g G^T` of 16 kernels at once, in f64, so that only the result is rounded.
pub(super) fn transform_kernels(weight: impl Fn(usize, usize) -> f32) -> [[f32; BLOCK]; POINTS] {
    const G: [[f64; 3]; WINDOW] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let mut taps = [[0.0f64; BLOCK]; 9];
    for (tap, lanes) in taps.iter_mut().enumerate() {
        for (lane, value) in lanes.iter_mut().enumerate() {
            *value = f64::from(weight(lane, tap));
        }
    }
    let mut points = [[0.0; BLOCK]; POINTS];
    for (i, g) in G.iter().enumerate() {
        let mut row = [[0.0f64; BLOCK]; 3];
        for (column, row) in row.iter_mut().enumerate() {
            for (lane, value) in row.iter_mut().enumerate() {
                *value = g[0] * taps[column][lane]
                    + g[1] * taps[3 + column][lane]
                    + g[2] * taps[6 + column][lane];
            }
        }
        for (j, g) in G.iter().enumerate() {
            for (lane, value) in points[i * WINDOW + j].iter_mut().enumerate() {
                *value = (g[0] * row[0][lane] + g[1] * row[1][lane] + g[2] * row[2][lane]) as f32;
            }
        }
    }
    points
}
/// One column of a window whose rows are transformed.
#[inline(always)]
pub(super) fn column<L: Lanes, const N: usize>(rows: &[[L; N]; WINDOW], x: usize) -> [L; WINDOW] {
    [rows[0][x], rows[1][x], rows[2][x], rows[3][x], rows[4][x], rows[5][x]]
}

/// `B^T d` along one axis.
#[inline(always)]
pub(super) unsafe fn transform_input<L: Lanes>(d: [L; WINDOW]) -> [L; WINDOW] {
    let (two, four, minus_four, minus_five) =
        (L::splat(2.0), L::splat(4.0), L::splat(-4.0), L::splat(-5.0));
    let (a, b) = (d[2].mul_add(minus_four, d[4]), d[1].mul_add(minus_four, d[3]));
    let (c, e) = (d[4].sub(d[2]), d[3].sub(d[1]));
    [
        d[0].mul_add(four, d[2].mul_add(minus_five, d[4])),
        a.add(b),
        a.sub(b),
        e.mul_add(two, c),
        e.mul_add(L::splat(-2.0), c),
        d[1].mul_add(four, d[3].mul_add(minus_five, d[5])),
    ]
}

/// `A^T m` along one axis.
#[inline(always)]
pub(super) unsafe fn transform_output<L: Lanes>(m: [L; WINDOW]) -> [L; TILE] {
    let (sum, difference) = (m[1].add(m[2]), m[1].sub(m[2]));
    let (sum2, difference2) = (m[3].add(m[4]), m[3].sub(m[4]));
    [
        m[0].add(sum).add(sum2),
        difference2.mul_add(L::splat(2.0), difference),
        sum2.mul_add(L::splat(4.0), sum),
        difference2.mul_add(L::splat(8.0), difference).add(m[5]),
    ]
}
