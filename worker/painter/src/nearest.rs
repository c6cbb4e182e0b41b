//! The nearest places of a grid.

use std::collections::VecDeque;

/// For each place of a grid the nearest one that is known, by steps to any of eight neighbours;
/// nothing if none is known.
pub(crate) fn nearest(
    is_known: impl Fn(usize) -> bool,
    (width, height): (usize, usize),
    wraps: (bool, bool),
) -> Option<Vec<u32>> {
    const UNKNOWN: u32 = u32::MAX;
    let count = width * height;
    // A grid has fewer places than `u32` has values: a side is at most 32768.
    let mut nearest: Vec<u32> =
        (0..count).map(|place| if is_known(place) { place as u32 } else { UNKNOWN }).collect();
    let is_edge = |place: &usize| {
        nearest[*place] != UNKNOWN
            && neighbors(*place, (width, height), wraps).any(|other| nearest[other] == UNKNOWN)
    };
    let mut edge: VecDeque<usize> = (0..count).filter(is_edge).collect();
    while let Some(place) = edge.pop_front() {
        for other in neighbors(place, (width, height), wraps) {
            if nearest[other] == UNKNOWN {
                nearest[other] = nearest[place];
                edge.push_back(other);
            }
        }
    }
    nearest.iter().all(|place| *place != UNKNOWN).then_some(nearest)
}

/// The up to eight places around one.
pub(crate) fn neighbors(
    place: usize,
    (width, height): (usize, usize),
    (across, down): (bool, bool),
) -> impl Iterator<Item = usize> {
    let (x, y) = (place % width, place / width);
    let along = |at: usize, step: isize, len: usize, wraps: bool| match at.checked_add_signed(step)
    {
        Some(at) if at < len => Some(at),
        _ if wraps => Some(if step < 0 { len - 1 } else { 0 }),
        _ => None,
    };
    const STEPS: [(isize, isize); 8] =
        [(0, -1), (-1, 0), (1, 0), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)];
    STEPS.into_iter().filter_map(move |(dx, dy)| {
        Some(along(y, dy, height, down)? * width + along(x, dx, width, across)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_its_nearest_and_an_axis_may_wrap() {
        let found = |wraps| nearest(|place| [2, 29].contains(&place), (10, 3), wraps);
        let ends = found((false, false)).expect("two are known");
        assert_eq!((ends[0], ends[2], ends[9], ends[20]), (2, 2, 29, 2));
        let wraps = found((true, false)).expect("two are known");
        assert_eq!((wraps[20], wraps[1]), (29, 2));
        assert_eq!(nearest(|_| false, (4, 4), (true, true)), None);
    }
}
