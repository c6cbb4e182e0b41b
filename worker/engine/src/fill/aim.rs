//! Where a window is laid next: where it covers most of what is wanted, in its middle.

use super::window::Extent;

/// The part of a window's side that is rim, at each end: windows overlap by so much.
const RIM: usize = 5;
/// Where more than this share of a window is known, its surroundings say enough.
const KNOWN: f32 = 1.0 / 3.0;

/// The start of the window of `size` in whose middle there is most of what is `wanted`, of which
/// each pixel has some; `None` if there is nothing. If `fills`, that is holes, and a window needs
/// surroundings to go by.
pub(super) fn aim(
    extent: Extent,
    wanted: &[f32],
    size: (usize, usize),
    fills: bool,
) -> Option<(usize, usize)> {
    let (width, height) = size;
    let rim = (width / RIM, height / RIM);
    let half = ((width - 2 * rim.0).div_ceil(2), (height - 2 * rim.1).div_ceil(2));
    // Of a tent that is as wide as the middle: what lies in its centre counts most.
    let tent = sums(extent, &sums(extent, wanted, half), half);
    let whole = sums(extent, wanted, size);
    let ends = |len: usize, size: usize, wraps: bool| if wraps { len } else { len - size + 1 };
    let columns = ends(extent.width, width, extent.wraps.0);
    let rows = ends(extent.height, height, extent.wraps.1);
    let mut best = (0.0, None);
    for start in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
        let count = whole[extent.place(start)];
        let middle = tent[extent.place((start.0 + rim.0, start.1 + rim.1))];
        let known = if fills { 1.0 - count / (width * height) as f32 } else { 1.0 };
        // At the border of a picture that ends, what is wanted may lie in the rim alone.
        let score = (middle + 1e-3 * count) * f32::min(1.0, known / KNOWN);
        if score > best.0 {
            best = (score, Some(start));
        }
    }
    best.1
}

/// For each pixel, the sum of the window of this size that begins there; beyond the end of a
/// picture there is nothing.
fn sums(extent: Extent, values: &[f32], size: (usize, usize)) -> Vec<f32> {
    let Extent { width, height, wraps } = extent;
    let mut across = vec![0.0; values.len()];
    for (row, sums) in values.chunks_exact(width).zip(across.chunks_exact_mut(width)) {
        line_sums(|at| row[at], size.0, wraps.0, width, |at, sum| sums[at] = sum);
    }
    let mut all = vec![0.0; values.len()];
    for x in 0..width {
        let sums = |at: usize, sum: f32| all[at * width + x] = sum;
        line_sums(|at| across[at * width + x], size.1, wraps.1, height, sums);
    }
    all
}

/// The same along a line. In double precision, so that what is added and taken away again leaves
/// nothing.
fn line_sums(
    value: impl Fn(usize) -> f32,
    size: usize,
    wraps: bool,
    len: usize,
    mut put: impl FnMut(usize, f32),
) {
    let at = |at: usize| match wraps {
        true => f64::from(value(at % len)),
        false => {
            if at < len {
                f64::from(value(at))
            } else {
                0.0
            }
        }
    };
    let mut sum: f64 = (0..size).map(at).sum();
    for start in 0..len {
        put(start, sum.max(0.0) as f32);
        sum += at(start + size) - at(start);
    }
}
