//! A texture's area in the picture of all, with what its surface shows beyond its borders.

use impasto_assets::{Place, Wrap};

use super::seams::{Point, Side};

/// How far beyond an island its pixels show what goes on there, in pixels: as much as a renderer's
/// filter and a few mips reach, and half of the gap between textures.
pub(super) const GUTTER_PX: f64 = 8.0;

/// Pixels whose centres are no further from a seam touch it.
pub(super) const TOUCH_PX: f64 = 1.0;

/// A triangle that repeats its texture so often shows all of it.
const MOST_PERIODS: f64 = 2.0;

/// Coordinates beyond this are no pixels of anything.
const FAR_PX: f64 = 1e9;

/// A place in the picture, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) origin: (usize, usize),
    pub(super) size: (usize, usize),
    wraps: [Wrap; 2],
    /// Whether the texture repeats across and down.
    pub(super) repeats: [bool; 2],
}

impl Area {
    pub(super) fn of(place: &Place, layout: (usize, usize), size: (usize, usize)) -> Self {
        let Place { x, y, width, height, .. } =
            place.scaled((layout.0 as u32, layout.1 as u32), (size.0 as u32, size.1 as u32));
        Self {
            origin: (x as usize, y as usize),
            size: (width as usize, height as usize),
            wraps: place.wraps,
            repeats: [false; 2],
        }
    }

    pub(super) fn lengths(&self) -> [f64; 2] {
        [self.size.0 as f64, self.size.1 as f64]
    }

    /// A triangle that goes beyond a border repeats the texture.
    pub(super) fn meet(&mut self, corners: &[Point; 3]) {
        let lengths = self.lengths();
        for axis in [0, 1] {
            let is_beyond =
                |at: &Point| at[axis] < -TOUCH_PX || at[axis] > lengths[axis] + TOUCH_PX;
            self.repeats[axis] |= self.wraps[axis] == Wrap::Repeat && corners.iter().any(is_beyond);
        }
    }

    /// A surface that is cut along a border and goes on straight at the opposite one repeats the
    /// texture.
    pub(super) fn meet_seam(&mut self, side: &Side) {
        let lengths = self.lengths();
        for axis in [0, 1] {
            let far = lengths[axis];
            let (own, other) = (side.ends, side.ends.map(|end| side.across(end)));
            let lies =
                |ends: [Point; 2], at: f64| ends.iter().all(|end| (end[axis] - at).abs() < 0.5);
            let is_straight = own
                .iter()
                .zip(&other)
                .all(|(own, other)| (own[1 - axis] - other[1 - axis]).abs() < 0.5);
            let meets =
                (lies(own, 0.0) && lies(other, far)) || (lies(own, far) && lies(other, 0.0));
            let is_own = side.place == side.other;
            self.repeats[axis] |=
                self.wraps[axis] == Wrap::Repeat && is_own && is_straight && meets;
        }
    }

    /// Whether a triangle is so large that all of the texture shows.
    pub(super) fn is_all_of_it(&self, corners: &[Point; 3]) -> bool {
        let lengths = self.lengths();
        [0, 1].into_iter().any(|axis| {
            let (least, most) = range(corners, axis);
            if least < -FAR_PX || most > FAR_PX {
                return true;
            }
            self.wraps[axis] != Wrap::Clamp && most - least > MOST_PERIODS * lengths[axis]
        })
    }

    /// Calls `pixel` for each pixel whose centre lies in a triangle, in the place's coordinates,
    /// and counts the rows.
    pub(super) fn rows(&self, corners: &[Point; 3], mut pixel: impl FnMut(i64, i64)) -> usize {
        let (mut least, mut most) = range(corners, 1);
        if self.wraps[1] == Wrap::Clamp {
            // What lies beyond shows the last row.
            (least, most) = (least.max(-1.0), most.min(self.size.1 as f64 + 1.0));
        }
        let first = (least - 0.5).ceil() as i64;
        let mut count = 0;
        for y in first.. {
            let centre = y as f64 + 0.5;
            if centre > most {
                break;
            }
            count += 1;
            let (mut left, mut right) = (f64::INFINITY, f64::NEG_INFINITY);
            for (from, to) in [(0, 1), (1, 2), (2, 0)] {
                let (from, to) = (corners[from], corners[to]);
                let (low, high) = (from[1].min(to[1]), from[1].max(to[1]));
                if (low..=high).contains(&centre) && high > low {
                    let x = from[0] + (centre - from[1]) / (to[1] - from[1]) * (to[0] - from[0]);
                    (left, right) = (left.min(x), right.max(x));
                }
            }
            if self.wraps[0] == Wrap::Clamp {
                (left, right) = (left.max(-1.0), right.min(self.size.0 as f64 + 1.0));
            }
            let mut x = (left - 0.5).ceil() as i64;
            while x as f64 + 0.5 <= right {
                pixel(x, y);
                x += 1;
            }
        }
        count
    }

    /// Whether an edge lies in the place or a little beyond it.
    pub(super) fn is_near(&self, ends: &[Point; 2]) -> bool {
        let lengths = self.lengths();
        let is_near = |at: f64, len: f64| (-len..=2.0 * len).contains(&at);
        ends.iter().all(|end| (0..2).all(|axis| is_near(end[axis], lengths[axis])))
    }

    /// By how much a triangle has to be moved so that its middle lies in the place, in whole
    /// periods of a texture that is repeated.
    pub(super) fn periods(&self, corners: &[Point; 3]) -> Point {
        let lengths = self.lengths();
        [0, 1].map(|axis| {
            let middle = corners.iter().map(|at| at[axis]).sum::<f64>() / 3.0;
            match self.wraps[axis] {
                Wrap::Repeat => -(middle / lengths[axis]).floor() * lengths[axis],
                Wrap::Clamp | Wrap::Mirror => 0.0,
            }
        })
    }

    /// Coordinates within the place, as its texture is repeated, mirrored or held beyond it.
    pub(super) fn folded(&self, x: i64, y: i64) -> Option<(usize, usize)> {
        let along = |at: i64, len: usize, wrap: Wrap| {
            let len = i64::try_from(len).ok()?;
            let at = match wrap {
                Wrap::Repeat => at.rem_euclid(len),
                Wrap::Clamp => at.clamp(0, len - 1),
                Wrap::Mirror => match at.rem_euclid(2 * len) {
                    back if back >= len => 2 * len - 1 - back,
                    at => at,
                },
            };
            usize::try_from(at).ok()
        };
        Some((along(x, self.size.0, self.wraps[0])?, along(y, self.size.1, self.wraps[1])?))
    }

    /// A point of the place in the picture, as its texture is repeated, mirrored or held.
    pub(super) fn point(&self, at: Point) -> Option<Point> {
        if !at.iter().all(|value| value.abs() < FAR_PX) {
            return None;
        }
        let lengths = self.lengths();
        let along = |axis: usize, origin: usize| {
            let (at, len) = (at[axis], lengths[axis]);
            let at = match self.wraps[axis] {
                Wrap::Repeat if (0.0..=len).contains(&at) => at,
                Wrap::Repeat => at.rem_euclid(len),
                Wrap::Clamp => at.clamp(0.0, len),
                Wrap::Mirror => len - (at.rem_euclid(2.0 * len) - len).abs(),
            };
            origin as f64 + at
        };
        Some([along(0, self.origin.0), along(1, self.origin.1)])
    }

    pub(super) fn index(&self, x: usize, y: usize, whole: (usize, usize)) -> usize {
        (self.origin.1 + y) * whole.0 + self.origin.0 + x
    }
}

/// The pixels under the middle of a triangle, and under its corners, a little inwards.
pub(super) fn under(corners: &[Point; 3]) -> impl Iterator<Item = (i64, i64)> {
    const INWARDS: f64 = 0.05;
    let middle = [0, 1].map(|axis| corners.iter().map(|at| at[axis]).sum::<f64>() / 3.0);
    let inner = corners.map(|at| [0, 1].map(|axis| at[axis] + INWARDS * (middle[axis] - at[axis])));
    inner.into_iter().chain([middle]).map(|at| (at[0].floor() as i64, at[1].floor() as i64))
}

/// The pixels no further from an edge than a gutter is wide, and a few more.
pub(super) fn around([one, other]: [Point; 2]) -> impl Iterator<Item = (i64, i64)> {
    let (top, bottom) = if one[1] <= other[1] { (one, other) } else { (other, one) };
    let height = bottom[1] - top[1];
    let rows = (top[1] - GUTTER_PX).floor() as i64..(bottom[1] + GUTTER_PX).ceil() as i64;
    rows.flat_map(move |y| {
        // The part of the edge that is near this row.
        let share = |y: f64| if height > 0.0 { (y - top[1]) / height } else { 0.5 };
        let x = |share: f64| top[0] + share.clamp(0.0, 1.0) * (bottom[0] - top[0]);
        let centre = y as f64 + 0.5;
        let (from, to) = match height > 1.0 {
            true => (x(share(centre - GUTTER_PX)), x(share(centre + GUTTER_PX))),
            false => (top[0], bottom[0]),
        };
        let least = (from.min(to) - GUTTER_PX).floor() as i64;
        let most = (from.max(to) + GUTTER_PX).ceil() as i64;
        (least..most).map(move |x| (x, y))
    })
}

fn range(corners: &[Point; 3], axis: usize) -> (f64, f64) {
    let values = corners.map(|corner| corner[axis]);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}
