//! Which offset a window takes: one from where the picture looks most like what is there.

use std::sync::Arc;

use rayon::prelude::*;

use super::ground::{Ground, Move, Picture};
use super::window::{Offset, Window};

/// By how much the picture is reduced where all of it is searched.
const REDUCED: usize = 4;
/// So many of the most similar places are tried for a hole: what shows is the join, not the
/// similarity.
const TRIED: usize = 16;
/// The same for a join that is there.
const TRIED_AGAIN: usize = 6;
/// By how much a place costs more for each time that it was taken before.
const REPETITION: f32 = 0.5;

/// A rectangle as it is compared with others: its colours, and which of its pixels count.
#[derive(Default)]
struct Shown {
    size: (usize, usize),
    rgb: Vec<f32>,
    counts: Vec<bool>,
}

impl Shown {
    /// The colours of these pixels; those that are not there do not count.
    fn of(picture: &Picture, size: (usize, usize), shown: &[Option<usize>]) -> Self {
        let color = |place: &Option<usize>| place.map_or([0.0; 3], |place| picture.color(place));
        let rgb = shown.iter().flat_map(color).collect();
        Self { size, rgb, counts: shown.iter().map(Option::is_some).collect() }
    }

    /// What can be taken of a window.
    fn offered(picture: &Picture, window: Window) -> Self {
        let shown = window.places(picture.extent);
        let shown: Vec<_> =
            shown.map(|place| Some(place).filter(|place| picture.can_be_taken(*place))).collect();
        Self::of(picture, window.size, &shown)
    }

    /// Means of squares of so many pixels a side, of those pixels that count.
    fn reduced(&self, by: usize) -> Self {
        let size = (self.size.0 / by, self.size.1 / by);
        let (mut rgb, mut counts) = (Vec::new(), Vec::new());
        for (y, x) in (0..size.1).flat_map(|y| (0..size.0).map(move |x| (y, x))) {
            let square = (0..by * by).map(|at| (y * by + at / by) * self.size.0 + x * by + at % by);
            let (mut sum, mut count) = ([0.0; 3], 0);
            for place in square.filter(|&place| self.counts[place]) {
                (0..3).for_each(|c| sum[c] += self.rgb[3 * place + c]);
                count += 1;
            }
            rgb.extend(sum.map(|sum| sum / count.max(1) as f32));
            counts.push(count > 0);
        }
        Self { size, rgb, counts }
    }

    /// The mean squared difference of what counts here from another rectangle, of which this one
    /// covers the part that begins at `(left, top)`.
    fn distance(&self, other: &Self, (left, top): (usize, usize)) -> f32 {
        let (mut sum, mut count) = (0.0, 0);
        for y in 0..self.size.1 {
            let (row, start) = (y * self.size.0, (top + y) * other.size.0 + left);
            for x in (0..self.size.0).filter(|x| self.counts[row + x]) {
                let (one, other) = (&self.rgb[3 * (row + x)..], &other.rgb[3 * (start + x)..]);
                sum += (0..3).map(|c| (one[c] - other[c]) * (one[c] - other[c])).sum::<f32>();
                count += 1;
            }
        }
        sum / count.max(1) as f32
    }
}

/// All places of a picture from which a window of one size can be taken.
pub(super) struct Offer {
    picture: Arc<Picture>,
    pub(super) size: (usize, usize),
    /// By how much the picture is reduced where all of it is searched, and that copy.
    reduced: (usize, Shown),
    /// For each place, how many pixels above it and at its left cannot be taken.
    untakable: Vec<u32>,
    /// How many columns and rows of places there are.
    places: (usize, usize),
}

impl Offer {
    /// `None` if there is no such place.
    pub(super) fn of(picture: &Arc<Picture>, size: (usize, usize)) -> Option<Self> {
        let extent = picture.extent;
        let places = |len: usize, size: usize, wraps: bool| match wraps {
            true => Some(len).filter(|len| size <= *len),
            false => (len + 1).checked_sub(size),
        };
        let places = (
            places(extent.width, size.0, extent.wraps.0)?,
            places(extent.height, size.1, extent.wraps.1)?,
        );
        let wide = places.0 + size.0;
        let mut untakable = vec![0; wide * (places.1 + size.1)];
        for (above, y) in (1..places.1 + size.1).enumerate() {
            let mut in_row = 0;
            for x in 1..wide {
                let place = extent.place((x - 1, above));
                in_row += u32::from(!picture.can_be_taken(place));
                untakable[y * wide + x] = untakable[above * wide + x] + in_row;
            }
        }
        let whole = Window { start: (0, 0), size: (places.0 + size.0, places.1 + size.1) };
        let by = REDUCED.min(size.0.min(size.1) / 4).max(1);
        let picture = picture.clone();
        let mut offer = Self { picture, size, reduced: (1, Shown::default()), untakable, places };
        let has = |by: usize| {
            let rows = (0..places.1).step_by(by);
            rows.flat_map(|y| (0..places.0).step_by(by).map(move |x| (x, y)))
                .any(|place| offer.has(place))
        };
        // Where no place is a multiple, all are searched as they are.
        let by = [by, 1].into_iter().find(|by| has(*by))?;
        offer.reduced = (by, Shown::offered(&offer.picture, whole).reduced(by));
        Some(offer)
    }

    /// Whether all of the window at this place can be taken.
    fn has(&self, (x, y): (usize, usize)) -> bool {
        let count = |x: usize, y: usize| self.untakable[y * (self.places.0 + self.size.0) + x];
        let (right, bottom) = (x + self.size.0, y + self.size.1);
        count(right, bottom) + count(x, y) == count(right, y) + count(x, bottom)
    }

    /// Fills the holes of the window that begins at `start`. `used` are the places that were taken
    /// so far.
    pub(super) fn fill(
        &self,
        ground: &Ground,
        start: (usize, usize),
        used: &[(usize, usize)],
    ) -> Option<(Move, (usize, usize))> {
        let window = Window { start, size: self.size };
        let shown = window.places(self.picture.extent);
        let shown: Vec<_> = shown.map(|place| ground.shown(place)).collect();
        self.best(ground, window, &shown, TRIED, used)
    }

    /// Looks for better joins in the middle of the window that begins at `start`.
    pub(super) fn mend(&self, ground: &Ground, start: (usize, usize)) -> Option<Move> {
        let window = Window { start, size: self.size };
        let extent = self.picture.extent;
        let shown = window.places(extent).enumerate();
        // The middle may look otherwise.
        let shown: Vec<_> = shown
            .map(|(at, place)| ground.shown(place).filter(|_| !extent.is_middle(window, at)))
            .collect();
        self.best(ground, window, &shown, TRIED_AGAIN, &[]).map(|(made, _)| made)
    }

    fn best(
        &self,
        ground: &Ground,
        window: Window,
        shown: &[Option<usize>],
        most: usize,
        used: &[(usize, usize)],
    ) -> Option<(Move, (usize, usize))> {
        let wanted = Shown::of(&self.picture, self.size, shown);
        let tried = self.similar(&wanted, most);
        let tried = tried.into_par_iter().filter_map(|place| {
            let place = self.nearest(&wanted, place)?;
            let offset = Offset::between(window.start, place);
            let made = ground.consider(window, offset, |_| true);
            Some((made.cost as f32 * self.repetition(place, used), made, place))
        });
        let tried: Vec<(f32, Move, (usize, usize))> = tried.collect();
        let best = tried.into_iter().min_by(|one, other| one.0.total_cmp(&other.0));
        best.map(|(_, made, place)| (made, place))
    }

    /// The places that are most similar in the reduced picture, none beside another.
    fn similar(&self, wanted: &Shown, most: usize) -> Vec<(usize, usize)> {
        let (by, ref offered) = self.reduced;
        let wanted = &wanted.reduced(by);
        let rows = (0..self.places.1.div_ceil(by)).into_par_iter().flat_map_iter(|y| {
            let row = (0..self.places.0.div_ceil(by)).map(move |x| (x, y));
            let row = row.filter(|(x, y)| self.has((x * by, y * by)));
            row.map(|at| (wanted.distance(offered, at), at))
        });
        let mut places: Vec<(f32, (usize, usize))> = rows.collect();
        places.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut apart: Vec<(usize, usize)> = Vec::new();
        for (_, (x, y)) in places {
            let is_beside =
                |other: &(usize, usize)| x.abs_diff(other.0) < 2 && y.abs_diff(other.1) < 2;
            if !apart.iter().any(is_beside) {
                apart.push((x, y));
            }
            if apart.len() == most {
                break;
            }
        }
        apart.into_iter().map(|(x, y)| (x * by, y * by)).collect()
    }

    /// The most similar place beside one of the reduced picture's.
    fn nearest(&self, wanted: &Shown, (x, y): (usize, usize)) -> Option<(usize, usize)> {
        let (by, _) = self.reduced;
        let near = move |at: usize, end: usize| at.saturating_sub(by)..(at + by + 1).min(end);
        let size = (
            near(x, self.places.0).len() + self.size.0,
            near(y, self.places.1).len() + self.size.1,
        );
        let start = (near(x, self.places.0).start, near(y, self.places.1).start);
        let around = Shown::offered(&self.picture, Window { start, size });
        let places =
            near(y, self.places.1).flat_map(|y| near(x, self.places.0).map(move |x| (x, y)));
        let places = places.filter(|place| self.has(*place));
        let distance =
            |(x, y): (usize, usize)| (wanted.distance(&around, (x - start.0, y - start.1)), (x, y));
        let best = places.map(distance).min_by(|one, other| one.0.total_cmp(&other.0));
        best.map(|(_, place)| place)
    }

    /// What a place costs more because it was taken before.
    fn repetition(&self, (x, y): (usize, usize), used: &[(usize, usize)]) -> f32 {
        let common = |one: usize, other: usize, len: usize| {
            len.saturating_sub(one.abs_diff(other)) as f32 / len as f32
        };
        let share = |(left, top): &(usize, usize)| {
            common(x, *left, self.size.0) * common(y, *top, self.size.1)
        };
        1.0 + REPETITION * used.iter().map(share).sum::<f32>()
    }
}
