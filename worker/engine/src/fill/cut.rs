//! The cheapest labelling of a grid of pixels, each of which is old or new.
//!
//! A labelling is a cut between the pixels that would be new and those that would be old, and the
//! cheapest is found by a maximal flow (Ford and Fulkerson, "Maximal flow through a network",
//! 1956) that is pushed along shortest paths, all of one length at a time (Dinic, 1970). Costs of
//! neighbours become capacities as Kolmogorov and Zabih have it ("What energy functions can be
//! minimized via graph cuts?", 2004).

/// Of a pixel that may not change its label.
const ENDLESS: i64 = 1 << 40;
/// Of a pixel that no path has reached.
const FAR: u32 = u32::MAX;

const LEFT: usize = 0;
const RIGHT: usize = 1;
const ABOVE: usize = 2;
const BELOW: usize = 3;
/// The opposite of a direction is `direction ^ 1`.
const DIRECTIONS: usize = 4;

/// What two neighbours cost together; nothing if both are new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) both_old: u32,
    /// Only the first, which is at the left or above, is new.
    pub(super) first_new: u32,
    pub(super) second_new: u32,
}

/// A grid of pixels, row by row.
#[derive(Debug)]
pub(super) struct Grid {
    width: usize,
    /// What is left of each pixel's pull to be new; below zero, to be old.
    pulls: Vec<i64>,
    /// What is left of the capacity from each pixel to its neighbours.
    left: Vec<[u32; DIRECTIONS]>,
}

impl Grid {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let pixels = width * height;
        Self { width, pulls: vec![0; pixels], left: vec![[0; DIRECTIONS]; pixels] }
    }

    /// A pixel that has to be new, or else old.
    pub(super) fn force(&mut self, at: usize, is_new: bool) {
        self.pulls[at] = if is_new { ENDLESS } else { -ENDLESS };
    }

    /// What a pixel and its neighbour at the right, if `is_across`, or below cost.
    pub(super) fn join(&mut self, at: usize, is_across: bool, pair: Pair) {
        let way = if is_across { RIGHT } else { BELOW };
        let next = self.neighbor(at, way);
        let Pair { both_old, first_new, second_new } = pair;
        let [both_old, first, second] = [both_old, first_new, second_new].map(i64::from);
        self.pulls[at] -= first - both_old;
        self.pulls[next] += first;
        // Costs that are no metric cannot be a cut's; such a pair counts as the nearest that is.
        let capacity = (first + second - both_old).max(0);
        self.left[next][way ^ 1] += u32::try_from(capacity).unwrap_or(u32::MAX / 2);
    }

    fn neighbor(&self, at: usize, way: usize) -> usize {
        match way {
            LEFT => at - 1,
            RIGHT => at + 1,
            ABOVE => at - self.width,
            _ => at + self.width,
        }
    }

    /// Whether each pixel is new in the cheapest labelling, of several in the one with the fewest
    /// that are.
    pub(super) fn cut(mut self) -> Vec<bool> {
        loop {
            let (depths, reaches_old) = self.depths();
            if !reaches_old {
                return depths.into_iter().map(|depth| depth != FAR).collect();
            }
            self.push(&depths);
        }
    }

    /// The length of the shortest path to each pixel from one that pulls to be new, and whether one
    /// leads to a pixel that pulls to be old.
    fn depths(&self) -> (Vec<u32>, bool) {
        let mut depths = vec![FAR; self.pulls.len()];
        let mut reached: Vec<usize> =
            (0..self.pulls.len()).filter(|&at| self.pulls[at] > 0).collect();
        reached.iter().for_each(|at| depths[*at] = 0);
        let (mut next, mut depth, mut reaches_old) = (Vec::new(), 0, false);
        while !reached.is_empty() && !reaches_old {
            depth += 1;
            for at in reached.drain(..) {
                for way in (0..DIRECTIONS).filter(|&way| self.left[at][way] > 0) {
                    let to = self.neighbor(at, way);
                    if depths[to] == FAR {
                        depths[to] = depth;
                        reaches_old |= self.pulls[to] < 0;
                        next.push(to);
                    }
                }
            }
            std::mem::swap(&mut reached, &mut next);
        }
        (depths, reaches_old)
    }

    /// Pushes flow along paths that grow deeper with each pixel, until none is left.
    fn push(&mut self, depths: &[u32]) {
        // For each pixel, how many directions lead nowhere any more.
        let mut tried = vec![0; depths.len()];
        let mut path: Vec<(usize, usize)> = Vec::new();
        for start in (0..depths.len()).filter(|&at| depths[at] == 0) {
            let mut at = start;
            while self.pulls[start] > 0 {
                if self.pulls[at] < 0 {
                    at = self.push_along(&mut path, start, at);
                    continue;
                }
                let way = (tried[at]..DIRECTIONS).find(|&way| {
                    self.left[at][way] > 0 && depths[self.neighbor(at, way)] == depths[at] + 1
                });
                tried[at] = way.unwrap_or(DIRECTIONS);
                if let Some(way) = way {
                    path.push((at, way));
                    at = self.neighbor(at, way);
                } else {
                    let Some((before, way)) = path.pop() else { break };
                    tried[before] = way + 1;
                    at = before;
                }
            }
            path.clear();
        }
    }

    /// Pushes what a path can take from its start to its end. Returns the last pixel that can
    /// still be reached along it, to which the path is cut.
    fn push_along(&mut self, path: &mut Vec<(usize, usize)>, start: usize, end: usize) -> usize {
        let narrowest = path.iter().map(|&(at, way)| i64::from(self.left[at][way])).min();
        let pulled = self.pulls[start].min(-self.pulls[end]);
        let flow = narrowest.map_or(pulled, |narrowest| narrowest.min(pulled));
        self.pulls[start] -= flow;
        self.pulls[end] += flow;
        // No more than a capacity.
        let flow = flow as u32;
        for &(at, way) in path.iter() {
            let to = self.neighbor(at, way);
            self.left[at][way] -= flow;
            self.left[to][way ^ 1] += flow;
        }
        let full = path.iter().position(|&(at, way)| self.left[at][way] == 0);
        let last = full.map_or(end, |full| path[full].0);
        path.truncate(full.unwrap_or(path.len()));
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    /// What a labelling costs.
    fn cost(pairs: &[(usize, usize, bool, Pair)], is_new: impl Fn(usize) -> bool) -> u32 {
        let pair = |&(one, other, _, pair): &(usize, usize, bool, Pair)| match (
            is_new(one),
            is_new(other),
        ) {
            (false, false) => pair.both_old,
            (true, false) => pair.first_new,
            (false, true) => pair.second_new,
            (true, true) => 0,
        };
        pairs.iter().map(pair).sum()
    }

    #[test]
    fn no_labelling_is_cheaper() {
        let (width, height) = (4, 3);
        for seed in 0..200 {
            let mut noise = Noise::new(seed);
            let mut draw = |most: f32| (noise.normal().abs() * most) as u32;
            let mut pairs = Vec::new();
            for at in 0..width * height {
                let below = (at + width < width * height).then_some((at, at + width, false));
                let right = (at % width + 1 < width).then_some((at, at + 1, true));
                for (one, other, is_across) in right.into_iter().chain(below) {
                    let (first_new, second_new) = (draw(20.0), draw(20.0));
                    // A metric: no more than by way of the new label.
                    let both_old = draw(20.0).min(first_new + second_new);
                    pairs.push((one, other, is_across, Pair { both_old, first_new, second_new }));
                }
            }
            let forced = [(0, false), (5, true), (width * height - 1, seed % 2 == 0)];
            let mut grid = Grid::new(width, height);
            forced.iter().for_each(|&(at, is_new)| grid.force(at, is_new));
            pairs.iter().for_each(|&(at, _, is_across, pair)| grid.join(at, is_across, pair));
            let cut = grid.cut();
            let is_allowed = |label: &dyn Fn(usize) -> bool| {
                forced.iter().all(|&(at, is_new)| label(at) == is_new)
            };
            assert!(is_allowed(&|at| cut[at]), "{seed}: {cut:?}");
            let labellings = 0..1_u32 << (width * height);
            let least = labellings
                .filter(|bits| is_allowed(&|at| bits >> at & 1 == 1))
                .map(|bits| cost(&pairs, |at| bits >> at & 1 == 1))
                .min();
            assert_eq!(Some(cost(&pairs, |at| cut[at])), least, "{seed}");
        }
    }

    #[test]
    fn costs_that_are_no_metric_still_give_a_labelling() {
        let mut grid = Grid::new(3, 1);
        grid.force(0, true);
        grid.force(2, false);
        let dear = Pair { both_old: u32::MAX, first_new: 1, second_new: 2 };
        grid.join(0, true, dear);
        grid.join(1, true, Pair { both_old: 5, first_new: u32::MAX, second_new: u32::MAX });
        let cut = grid.cut();
        assert_eq!((cut[0], cut[2]), (true, false));
    }
}
