//! Where a window is laid next: where most of what is wanted lies in its middle.

use super::window::Extent;

/// The part of a window's side that is rim, at each end: windows overlap by so much.
const RIM: usize = 5;
/// Where more than this share of a window is known, its surroundings say enough.
const KNOWN: f32 = 1.0 / 3.0;

/// What windows are laid over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Each hole counts one. A window needs surroundings to go by.
    Holes,
    /// Joins count by their costs.
    Joins,
}

/// The start of the window of `size` that has most of what is `wanted`, of which each pixel has
/// some, in its middle. `None` if there is nothing.
pub(super) fn aim(
    extent: Extent,
    wanted: &[f32],
    size: (usize, usize),
    target: Target,
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
        let known = match target {
            Target::Holes => 1.0 - count / (width * height) as f32,
            Target::Joins => 1.0,
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_go_around_what_repeats() {
        let values: Vec<f32> = (0..12).map(|at| at as f32).collect();
        let of = |wraps| sums(Extent { width: 4, height: 3, wraps }, &values, (2, 2));
        assert_eq!(of((false, false))[..4], [10.0, 14.0, 18.0, 10.0]);
        assert_eq!(of((true, false))[3], 3.0 + 0.0 + 7.0 + 4.0);
        assert_eq!(of((true, true))[11], 11.0 + 8.0 + 3.0 + 0.0);
    }

    #[test]
    fn a_window_has_what_is_wanted_in_its_middle() {
        let aimed = |wraps, place: usize| {
            let extent = Extent { width: 30, height: 20, wraps };
            let mut wanted = vec![0.0; extent.pixels()];
            wanted[place] = 1.0;
            aim(extent, &wanted, (10, 10), Target::Holes)
        };
        let (x, y) = aimed((false, false), 9 * 30 + 15).expect("there is something");
        assert!((9..=12).contains(&x) && (3..=6).contains(&y), "{x} {y}");
        assert_eq!(aimed((false, false), 0), Some((0, 0)));
        let (x, y) = aimed((true, true), 0).expect("there is something");
        assert!((23..=27).contains(&x) && (13..=17).contains(&y), "{x} {y}");
        let extent = Extent { width: 30, height: 20, wraps: (false, false) };
        assert_eq!(aim(extent, &[0.0; 600], (10, 10), Target::Joins), None);
    }
}
