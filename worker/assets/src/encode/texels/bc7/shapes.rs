//! How BC7 divides a block between two lines of colours, and which division suits a block.

use super::super::line::Channels;

/// The texels of the second line, from the lowest bit: the table of two subsets in Direct3D's
/// description of BC7.
pub(super) const SHAPES: [u16; 64] = [
    0xcccc, 0x8888, 0xeeee, 0xecc8, 0xc880, 0xfeec, 0xfec8, 0xec80, 0xc800, 0xffec, 0xfe80, 0xe800,
    0xffe8, 0xff00, 0xfff0, 0xf000, 0xf710, 0x008e, 0x7100, 0x08ce, 0x008c, 0x7310, 0x3100, 0x8cce,
    0x088c, 0x3110, 0x6666, 0x366c, 0x17e8, 0x0ff0, 0x718e, 0x399c, 0xaaaa, 0xf0f0, 0x5a5a, 0x33cc,
    0x3c3c, 0x55aa, 0x9696, 0xa55a, 0x73ce, 0x13c8, 0x324c, 0x3bdc, 0x6996, 0xc33c, 0x9966, 0x0660,
    0x0272, 0x04e4, 0x4e40, 0x2720, 0xc936, 0x936c, 0x39c6, 0x639c, 0x9336, 0x9cc6, 0x817e, 0xe718,
    0xccf0, 0x0fcc, 0x7744, 0xee22,
];

/// The texel of the second line whose index has a bit less.
pub(super) const ANCHORS: [usize; 64] = [
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 8, 2, 2, 8, 8, 15, 2, 8,
    2, 2, 8, 8, 2, 2, 15, 15, 6, 8, 2, 8, 15, 15, 2, 8, 2, 2, 2, 15, 15, 6, 6, 2, 6, 8, 15, 15, 2,
    2, 15, 15, 15, 15, 15, 2, 2, 15,
];

/// Sums over texels: how many there are, their colours, and the products of two colours.
type Sums = [f32; 10];

/// A number for each shape, side by side, so that the compiler computes four at a time.
type ForShapes = [f32; SHAPES.len()];

/// The shapes in which two lines leave the least, best first.
pub(super) fn best_shapes<const N: usize>([red, green, blue]: &Channels<3>) -> [usize; N] {
    let products: [Sums; 16] = std::array::from_fn(|at| {
        let (r, g, b) = (red[at], green[at], blue[at]);
        [1.0, r, g, b, r * r, g * g, b * b, r * g, r * b, g * b]
    });
    // The sums of all sets of texels of one row.
    let mut rows = [[[0.0_f32; 10]; 16]; 4];
    for (row, sets) in rows.iter_mut().enumerate() {
        for set in 1..16_usize {
            let texel = &products[4 * row + set.trailing_zeros() as usize];
            let rest = sets[set & (set - 1)];
            sets[set] = std::array::from_fn(|i| rest[i] + texel[i]);
        }
    }
    let all: Sums = std::array::from_fn(|i| rows.iter().map(|sets| sets[15][i]).sum());
    let mut firsts = [[0.0; SHAPES.len()]; 10];
    let mut seconds = [[0.0; SHAPES.len()]; 10];
    for (shape, &members) in SHAPES.iter().enumerate() {
        let set = |row: usize| &rows[row][usize::from(members >> (4 * row) & 15)];
        let [a, b, c, d] = [set(0), set(1), set(2), set(3)];
        for i in 0..10 {
            let sum = (a[i] + b[i]) + (c[i] + d[i]);
            (firsts[i][shape], seconds[i][shape]) = (all[i] - sum, sum);
        }
    }
    let (first, second) = (left_by_a_line(&firsts), left_by_a_line(&seconds));
    let mut best = [(f32::INFINITY, 0); N];
    for shape in 0..SHAPES.len() {
        let left = first[shape] + second[shape];
        if let Some(place) = best.iter().position(|other| left < other.0) {
            best[place..].rotate_right(1);
            best[place] = (left, shape);
        }
    }
    best.map(|(_, shape)| shape)
}

/// What a line leaves of each set of texels: the spread but for that along the principal axis, the
/// largest eigenvalue. The eighth root of the sum of all eigenvalues' eighth powers is at most 15 %
/// larger, and needs no iteration: it is the size of the spread's fourth power.
fn left_by_a_line([count, r, g, b, rr, gg, bb, rg, rb, gb]: &[ForShapes; 10]) -> ForShapes {
    let mut left = [0.0; SHAPES.len()];
    for at in 0..SHAPES.len() {
        let share = 1.0 / count[at].max(1.0);
        let (r, g, b) = (r[at], g[at], b[at]);
        let spread = [
            rr[at] - r * r * share,
            gg[at] - g * g * share,
            bb[at] - b * b * share,
            rg[at] - r * g * share,
            rb[at] - r * b * share,
            gb[at] - g * b * share,
        ];
        let trace = (spread[0] + spread[1] + spread[2]).max(1e-3);
        let fourth = squared(squared(spread.map(|part| part / trace)));
        let [rr, gg, bb, rg, rb, gb] = fourth.map(|part| part * part);
        let size = (rr + gg + bb + 2.0 * (rg + rb + gb)).sqrt();
        left[at] = trace * (1.0 - size.sqrt().sqrt());
    }
    left
}

/// The square of a symmetric matrix.
fn squared([rr, gg, bb, rg, rb, gb]: [f32; 6]) -> [f32; 6] {
    [
        rr * rr + rg * rg + rb * rb,
        rg * rg + gg * gg + gb * gb,
        rb * rb + gb * gb + bb * bb,
        rr * rg + rg * gg + rb * gb,
        rr * rb + rg * gb + rb * bb,
        rg * rb + gg * gb + gb * bb,
    ]
}
