//! A picture with holes, while it is covered with what lies elsewhere in it.
//!
//! Each pixel shows the one that lies at an offset from it; at no offset, itself. Where two
//! neighbours have different offsets there is a join, which costs as much as it shows (Kwatra et
//! al., "Graphcut textures: image and video synthesis using graph cuts", 2003). An offset is tried
//! for a window of the picture: which of its pixels take it is the cheapest labelling, in which
//! joins that were there may vanish (Boykov, Veksler and Zabih, "Fast approximate energy
//! minimization via graph cuts", 2001).

use std::sync::Arc;

use rayon::prelude::*;

use super::cut::{Grid, Pair};
use super::holes::Place;
use super::window::{Extent, Offset, Window};

/// The picture as it was.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) extent: Extent,
    /// Three values a pixel, levels of 0 to 255 but for light.
    rgb: Vec<f32>,
    places: Vec<Place>,
    /// Whether a pixel can be shown elsewhere.
    can_be_taken: Vec<bool>,
}

impl Picture {
    pub(super) fn new(
        extent: Extent,
        rgb: Vec<f32>,
        places: Vec<Place>,
        is_visible: impl Fn(usize) -> bool,
    ) -> Self {
        let taken = places.iter().enumerate();
        let can_be_taken =
            taken.map(|(at, place)| *place != Place::Missing && is_visible(at)).collect();
        Self { extent, rgb, places, can_be_taken }
    }

    /// A copy in which squares of `by` pixels a side, fewer at the right and the bottom, are one.
    /// It has the mean colour of those that can be taken, or of all if none can; what is missing in
    /// one of them is missing in it.
    pub(super) fn reduced(&self, by: usize) -> Self {
        let Extent { width, height, wraps } = self.extent;
        let extent = Extent { width: width.div_ceil(by), height: height.div_ceil(by), wraps };
        let pixels = (0..extent.height).flat_map(|y| (0..extent.width).map(move |x| (x, y)));
        let (mut rgb, mut places, mut can_be_taken) = (Vec::new(), Vec::new(), Vec::new());
        for (x, y) in pixels {
            let square = || {
                let rows = y * by..((y + 1) * by).min(height);
                rows.flat_map(move |y| {
                    (x * by..((x + 1) * by).min(width)).map(move |x| y * width + x)
                })
            };
            let has_any = square().any(|place| self.can_be_taken[place]);
            let counted = || square().filter(|place| self.can_be_taken[*place] || !has_any);
            let count = counted().count() as f32;
            let mean =
                |c: usize| counted().map(|place| self.rgb[3 * place + c]).sum::<f32>() / count;
            rgb.extend([mean(0), mean(1), mean(2)]);
            places.push(square().map(|place| self.places[place]).max().unwrap_or(Place::Kept));
            can_be_taken.push(square().all(|place| self.can_be_taken[place]));
        }
        Self { extent, rgb, places, can_be_taken }
    }

    pub(super) fn color(&self, place: usize) -> [f32; 3] {
        let at = 3 * place;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    pub(super) fn can_be_taken(&self, place: usize) -> bool {
        self.can_be_taken[place]
    }

    pub(super) fn is_kept(&self, place: usize) -> bool {
        self.places[place] == Place::Kept
    }

    /// The pixel at an offset from another, if there is one that can be shown there. At no offset
    /// a pixel can be shown unless it is missing.
    fn at(&self, place: usize, offset: Offset) -> Option<usize> {
        let is_there = match offset {
            Offset::NONE => self.places[place] != Place::Missing,
            offset => return self.extent.moved(place, offset).filter(|at| self.can_be_taken[*at]),
        };
        is_there.then_some(place)
    }

    fn difference(&self, one: usize, other: usize) -> f32 {
        let (one, other) = (self.color(one), self.color(other));
        one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    }

    /// What it costs that two neighbours have these offsets.
    fn join(&self, pixels: (usize, usize), offsets: (Offset, Offset)) -> u32 {
        if offsets.0 == offsets.1 {
            return 0;
        }
        let at = |offset: Offset| (self.at(pixels.0, offset), self.at(pixels.1, offset));
        self.mismatch(at(offsets.0), at(offsets.1))
    }

    /// What it costs that two pictures meet between two neighbours, which each has so: how much
    /// they differ, less where they change anyway. A join of nothing but length costs a little.
    fn mismatch(&self, one: Ends, other: Ends) -> u32 {
        /// So many levels of change halve what a difference costs.
        const CHANGE: f32 = 8.0;
        /// Light has no largest difference; costs of many joins are added.
        const MOST: f32 = 1e6;
        let difference = |one: Option<usize>, other: Option<usize>| {
            one.zip(other).map(|(one, other)| self.difference(one, other))
        };
        // Where a picture does not go on beyond the join, the other pixel counts twice.
        let sum = |one: Option<f32>, other: Option<f32>| match (one, other) {
            (Some(one), Some(other)) => one + other,
            (Some(only), None) | (None, Some(only)) => 2.0 * only,
            (None, None) => 0.0,
        };
        let differs = sum(difference(one.0, other.0), difference(one.1, other.1));
        let changes = sum(difference(one.0, one.1), difference(other.0, other.1));
        (256.0 * differs / (changes + CHANGE)).min(MOST) as u32 + 1
    }
}

/// The pixels that two neighbours show by one offset, where there are some.
type Ends = (Option<usize>, Option<usize>);

/// A picture with holes, and what covers them so far.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) picture: Arc<Picture>,
    /// For each pixel, which of the offsets it has, or that it is a hole.
    labels: Vec<u32>,
    offsets: Vec<Offset>,
}

/// Of pixels that show themselves.
const OWN: u32 = 0;
/// Of pixels that show nothing yet.
const HOLE: u32 = u32::MAX;

/// An offset for a window.
#[derive(Debug)]
pub(super) struct Move {
    window: Window,
    offset: Offset,
    /// Which of the window's pixels would take it.
    is_new: Vec<bool>,
    /// What all joins in the window would cost.
    pub(super) cost: u64,
}

impl Ground {
    pub(super) fn new(picture: Picture) -> Self {
        let label = |place: &Place| if *place == Place::Missing { HOLE } else { OWN };
        let labels = picture.places.iter().map(label).collect();
        Self { picture: Arc::new(picture), labels, offsets: vec![Offset::NONE] }
    }

    /// The same holes in a larger picture of the same, covered from the same places, as near as
    /// its pixels are.
    pub(super) fn enlarged(&self, picture: Picture) -> Self {
        let (small, large) = (self.picture.extent, picture.extent);
        let offsets = self.offsets.iter().map(|offset| offset.enlarged(small, large)).collect();
        let labels =
            (0..picture.places.len()).map(|place| self.labels[small.reduced(large, place)]);
        let labels = labels.collect();
        let mut ground = Self { picture: Arc::new(picture), labels, offsets };
        ground.check_labels();
        ground
    }

    /// Takes labels from pixels that cannot have them.
    fn check_labels(&mut self) {
        for place in 0..self.labels.len() {
            let own = match self.picture.places[place] {
                Place::Kept => {
                    self.labels[place] = OWN;
                    continue;
                }
                Place::Free => OWN,
                Place::Missing => HOLE,
            };
            if self.shown(place).is_none() {
                self.labels[place] = own;
            }
        }
    }

    pub(super) fn is_hole(&self, place: usize) -> bool {
        self.labels[place] == HOLE
    }

    fn offset(&self, place: usize) -> Option<Offset> {
        self.offsets.get(self.labels[place] as usize).copied()
    }

    /// The pixel that a place shows; `None` for a hole.
    pub(super) fn shown(&self, place: usize) -> Option<usize> {
        self.picture.at(place, self.offset(place)?)
    }

    /// The best labels of a window, if an offset is added to those that it has and those of pixels
    /// that `may_change` are chosen anew.
    pub(super) fn consider(
        &self,
        window: Window,
        offset: Offset,
        may_change: impl Fn(usize) -> bool,
    ) -> Move {
        let picture = &self.picture;
        let (width, height) = window.size;
        let places: Vec<usize> = window.places(picture.extent).collect();
        let new: Vec<_> = places.iter().map(|place| picture.at(*place, offset)).collect();
        let old: Vec<_> = places.iter().map(|place| self.shown(*place)).collect();
        let mut grid = Grid::new(width, height);
        for (at, &place) in places.iter().enumerate() {
            let may_take = new[at].is_some() && may_change(place);
            if self.is_hole(place) {
                // Of windows that can be taken as a whole, all of them.
                grid.force(at, new[at].is_some());
            } else if !may_take || picture.is_kept(place) || picture.extent.is_border(window, at) {
                grid.force(at, false);
            }
        }
        let pair = |one: usize, other: usize| {
            let pixels = (places[one], places[other]);
            let labels = (self.labels[pixels.0], self.labels[pixels.1]);
            if labels.0 == labels.1 {
                let cost = match self.offset(pixels.0) {
                    Some(old) if old == offset => 0,
                    // Both are new in any case.
                    None => 0,
                    Some(_) => picture.mismatch((new[one], new[other]), (old[one], old[other])),
                };
                return Pair { both_old: 0, first_new: cost, second_new: cost };
            }
            let (first, second) = (self.offset(pixels.0), self.offset(pixels.1));
            // A hole is new in any case.
            let cost = |first: Option<Offset>, second: Option<Offset>| {
                first.zip(second).map_or(0, |offsets| picture.join(pixels, offsets))
            };
            Pair {
                both_old: cost(first, second),
                first_new: cost(Some(offset), second),
                second_new: cost(first, Some(offset)),
            }
        };
        for (at, next, is_across) in window.neighbors() {
            grid.join(at, is_across, pair(at, next));
        }
        let is_new = grid.cut();
        let cost = self.cost(window, &places, |at| {
            if is_new[at] { Some(offset) } else { self.offset(places[at]) }
        });
        Move { window, offset, is_new, cost }
    }

    /// What all joins in a window cost.
    pub(super) fn window_cost(&self, window: Window) -> u64 {
        let places: Vec<usize> = window.places(self.picture.extent).collect();
        self.cost(window, &places, |at| self.offset(places[at]))
    }

    fn cost(&self, window: Window, places: &[usize], of: impl Fn(usize) -> Option<Offset>) -> u64 {
        let join = |(at, next, _): (usize, usize, bool)| {
            let offsets = of(at).zip(of(next));
            let pixels = (places[at], places[next]);
            offsets.map_or(0, |offsets| u64::from(self.picture.join(pixels, offsets)))
        };
        window.neighbors().map(join).sum()
    }

    pub(super) fn take(&mut self, made: Move) {
        let Move { window, offset, is_new, .. } = made;
        let known = self.offsets.iter().position(|known| *known == offset);
        let label = known.unwrap_or(self.offsets.len());
        if known.is_none() {
            self.offsets.push(offset);
        }
        let places = window.places(self.picture.extent).zip(is_new);
        for (place, _) in places.filter(|(_, is_new)| *is_new) {
            // Fewer than there are pixels.
            self.labels[place] = label as u32;
        }
    }

    /// For each pixel what the joins to the one at its right and the one below cost.
    pub(super) fn joins(&self) -> Vec<f32> {
        let extent = self.picture.extent;
        let mut costs = vec![0.0; self.labels.len()];
        for (at, next) in extent.neighbors() {
            if let Some(offsets) = self.offset(at).zip(self.offset(next)) {
                costs[at] += self.picture.join((at, next), offsets) as f32;
            }
        }
        costs
    }

    /// Moves each offset by at most a pixel along each axis, to where its joins cost least.
    pub(super) fn settle(&mut self) {
        let pairs = self.picture.extent.neighbors();
        let pairs: Vec<(usize, usize)> =
            pairs.filter(|(at, next)| self.labels[*at] != self.labels[*next]).collect();
        for label in 1..self.offsets.len() {
            let has = |place: usize| self.labels[place] as usize == label;
            let own: Vec<_> =
                pairs.iter().copied().filter(|(at, next)| has(*at) || has(*next)).collect();
            let cost = |offset: Offset| {
                let of = |place: usize| if has(place) { Some(offset) } else { self.offset(place) };
                let join = |&(at, next): &(usize, usize)| {
                    let offsets = of(at).zip(of(next));
                    offsets.map_or(0, |offsets| u64::from(self.picture.join((at, next), offsets)))
                };
                own.iter().map(join).sum::<u64>()
            };
            let around = [0, -1, 1].into_iter().flat_map(|x| [0, -1, 1].map(|y| (x, y)));
            let around = around.map(|(x, y)| self.offsets[label].plus(x, y));
            if let Some(best) = around.min_by_key(|offset| cost(*offset)) {
                self.offsets[label] = best;
            }
        }
        self.check_labels();
    }

    /// The offsets that pixels of a window have.
    pub(super) fn offsets_in(&self, window: Window) -> Vec<Offset> {
        let labels = window.places(self.picture.extent).map(|place| self.labels[place]);
        let mut labels: Vec<u32> = labels.collect();
        labels.sort_unstable();
        labels.dedup();
        labels.into_iter().filter_map(|label| self.offsets.get(label as usize).copied()).collect()
    }

    /// What each pixel shows; beside joins the mean of what its neighbours' offsets show there.
    pub(super) fn blended(&self) -> Vec<f32> {
        let picture = &self.picture;
        let color = |place: usize| {
            if picture.is_kept(place) {
                return picture.color(place);
            }
            let near = picture
                .extent
                .beside(place)
                .filter_map(|near| Some(picture.color(picture.at(place, self.offset(near)?)?)));
            let (mut sum, mut count) = ([0.0; 3], 0.0);
            for color in near {
                (0..3).for_each(|c| sum[c] += color[c]);
                count += 1.0;
            }
            sum.map(|sum| sum / f32::max(count, 1.0))
        };
        (0..self.labels.len()).into_par_iter().flat_map_iter(color).collect()
    }

    /// Which pixel each pixel shows.
    pub(super) fn sources(&self) -> Vec<u32> {
        // Sides are at most 32768.
        let shown = |place: usize| self.shown(place).unwrap_or(place) as u32;
        (0..self.labels.len()).map(shown).collect()
    }
}
