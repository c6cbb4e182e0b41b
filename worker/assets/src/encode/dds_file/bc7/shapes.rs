//! How BC7 divides a block between two lines of colours, and which division suits a block.

use super::super::line::Texel;

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

/// The shapes in which two lines leave the least, best first. What a line leaves is the spread of
/// its texels but for that along their principal axis.
pub(super) fn best_shapes<const N: usize>(texels: &[Texel; 16]) -> [usize; N] {
    let products: [Sums; 16] =
        texels.map(|[r, g, b, _]| [1.0, r, g, b, r * r, g * g, b * b, r * g, r * b, g * b]);
    let mut all: Sums = [0.0; 10];
    products.iter().for_each(|texel| add(&mut all, texel));
    let mut best = [(f32::INFINITY, 0); N];
    for (shape, &members) in SHAPES.iter().enumerate() {
        let mut second: Sums = [0.0; 10];
        for (at, texel) in products.iter().enumerate() {
            if members >> at & 1 != 0 {
                add(&mut second, texel);
            }
        }
        let first: Sums = std::array::from_fn(|i| all[i] - second[i]);
        let left = left_by_a_line(&first) + left_by_a_line(&second);
        if let Some(place) = best.iter().position(|other| left < other.0) {
            best[place..].rotate_right(1);
            best[place] = (left, shape);
        }
    }
    best.map(|(_, shape)| shape)
}

fn add(sums: &mut Sums, texel: &Sums) {
    sums.iter_mut().zip(texel).for_each(|(sum, part)| *sum += part);
}

fn left_by_a_line(&[count, r, g, b, rr, gg, bb, rg, rb, gb]: &Sums) -> f32 {
    let share = 1.0 / count.max(1.0);
    let (rr, gg, bb) = (rr - r * r * share, gg - g * g * share, bb - b * b * share);
    let (rg, rb, gb) = (rg - r * g * share, rb - r * b * share, gb - g * b * share);
    let all = rr + gg + bb;
    let mut axis = if rr >= gg && rr >= bb {
        [rr, rg, rb]
    } else if gg >= bb {
        [rg, gg, gb]
    } else {
        [rb, gb, bb]
    };
    let times = |[x, y, z]: [f32; 3]| {
        [rr * x + rg * y + rb * z, rg * x + gg * y + gb * z, rb * x + gb * y + bb * z]
    };
    let dot = |a: [f32; 3], b: [f32; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    for _ in 0..2 {
        let squared = dot(axis, axis);
        if squared < 1e-6 {
            return all.max(0.0);
        }
        axis = times(axis.map(|part| part / squared.sqrt()));
    }
    let squared = dot(axis, axis);
    if squared < 1e-6 {
        return all.max(0.0);
    }
    (all - dot(axis, times(axis)) / squared).max(0.0)
}
