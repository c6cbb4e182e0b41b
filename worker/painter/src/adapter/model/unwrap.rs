//! The unwrap of a model: which pixels of its textures show a surface, and what lies beside them
//! on the surface.

use std::cell::Cell;
use std::collections::BTreeMap;

use impasto_assets::Model;
use impasto_engine::Joins;

use super::area::{Area, GUTTER_PX, TOUCH_PX, around, under};
use super::seams::{Point, Seams, Side};

/// Triangles may cover the picture so often before all of a texture counts as used.
const MOST_LAYERS: usize = 64;

/// Pixels that are looked at beside seams, at most, besides those of so many layers: three times
/// what a million edges of a pixel need.
const MOST_VISITS: usize = 1 << 30;

/// Where a model's surface lies in a picture of its textures.
#[derive(Debug)]
pub(super) struct Unwrap {
    size: (usize, usize),
    places: Vec<Area>,
    /// How far gutters reach, in pixels: not into another texture.
    reach: f64,
    /// The island that each pixel shows, from 1; 0 is none.
    islands: Vec<u32>,
    /// What lies across seams, by the pixels that touch them or lie beyond them.
    across: Vec<Across>,
}

/// A pixel at a seam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Across {
    /// Its index.
    pub(super) at: u32,
    /// The point of the picture that lies across the seam from it: as far beyond it as the pixel
    /// is within; for a pixel outside of islands, the one that shows what is there.
    pub(super) to: Point,
    /// Whether an island shows at the pixel.
    pub(super) is_inside: bool,
}

impl Unwrap {
    /// Of a model whose textures' picture has `layout` pixels, drawn in `size` pixels.
    pub(super) fn of(model: &Model, layout: (usize, usize), size: (usize, usize)) -> Self {
        let mut places: Vec<Area> =
            model.places.iter().map(|place| Area::of(place, layout, size)).collect();
        let mut points: Vec<[Point; 3]> = Vec::with_capacity(model.triangles.len());
        for triangle in &model.triangles {
            let (own, area) = (&model.places[triangle.place], &mut places[triangle.place]);
            let scale = [
                area.size.0 as f64 / f64::from(own.width),
                area.size.1 as f64 / f64::from(own.height),
            ];
            let point = |at: [f32; 2]| [0, 1].map(|axis| f64::from(at[axis]) * scale[axis]);
            let corners = triangle.corners.each_ref().map(|corner| point(corner.at));
            area.meet(&corners);
            points.push(corners);
        }
        let Seams { islands: roots, mut sides } = Seams::of(&model.triangles, &points);
        for side in &mut sides {
            let by = side.triangle.map(|at| places[side.place].periods(&points[at]));
            *side = side.moved(by.unwrap_or_default());
            places[side.place].meet_seam(side);
        }
        // Where there are several textures, half of the gap between them is as wide.
        let scale = size.0 as f64 / layout.0.max(1) as f64;
        let reach = if places.len() > 1 { GUTTER_PX * scale.min(1.0) } else { GUTTER_PX };
        let islands = vec![0; size.0 * size.1];
        let mut unwrap = Self { size, places, reach: reach.floor(), islands, across: Vec::new() };
        unwrap.draw(model, &points, &roots);
        sides.extend((0..unwrap.places.len()).flat_map(|place| unwrap.repeated(place)));
        unwrap.find_across(&sides, &roots);
        unwrap
    }

    /// Whether a pixel shows a surface.
    pub(super) fn is_used(&self, at: usize) -> bool {
        self.islands[at] != 0
    }

    /// The island that a pixel shows, from 1; 0 is none.
    pub(super) fn island(&self, at: usize) -> u32 {
        self.islands[at]
    }

    /// The pixels at seams, in their order.
    pub(super) fn across(&self) -> &[Across] {
        &self.across
    }

    pub(super) fn size(&self) -> (usize, usize) {
        self.size
    }

    /// The longer side of the largest texture.
    pub(super) fn largest(&self) -> usize {
        self.places.iter().map(|area| area.size.0.max(area.size.1)).max().unwrap_or(0)
    }

    /// The areas of the textures: the left and upper ends, and the sizes.
    pub(super) fn areas(&self) -> impl Iterator<Item = ((usize, usize), (usize, usize))> {
        self.places.iter().map(|area| (area.origin, area.size))
    }

    /// What is beyond the picture's borders, where it is one texture.
    pub(super) fn joins(&self) -> Joins {
        match &self.places[..] {
            [only] => Joins::repeating(only.repeats[0], only.repeats[1]),
            _ => Joins::default(),
        }
    }

    /// Memory that it holds, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (size_of_val(&self.islands[..]) + size_of_val(&self.across[..])) as u64
    }

    /// Marks the pixels whose centres lie in triangles. Of a triangle that has none, the pixels
    /// under its corners and its middle show: models of few colours have no others.
    fn draw(&mut self, model: &Model, points: &[[Point; 3]], roots: &[u32]) {
        let mut whole = vec![true; self.places.len()];
        model.triangles.iter().for_each(|triangle| whole[triangle.place] = false);
        model.unread.iter().for_each(|place| whole[*place] = true);
        let mut left = MOST_LAYERS.saturating_mul(self.islands.len());
        for (triangle, (corners, root)) in model.triangles.iter().zip(points.iter().zip(roots)) {
            let area = self.places[triangle.place];
            if area.is_all_of_it(corners) || left == 0 {
                whole[triangle.place] = true;
                continue;
            }
            let (size, islands) = (self.size, &mut self.islands);
            let count = Cell::new(0);
            let mut mark = |x: i64, y: i64| {
                count.set(count.get() + 1);
                let at = area.folded(x, y).map(|(x, y)| area.index(x, y, size));
                if let Some(pixel) = at.and_then(|at| islands.get_mut(at)).filter(|own| **own == 0)
                {
                    *pixel = root + 1;
                }
            };
            let rows = area.rows(corners, &mut mark);
            if count.get() == 0 {
                under(corners).for_each(|(x, y)| mark(x, y));
            }
            left = left.saturating_sub(count.get() + rows);
        }
        for (place, _) in whole.iter().enumerate().filter(|(_, whole)| **whole) {
            // An island of its own, where no triangle is drawn.
            let island = u32::MAX - place as u32;
            let area = self.places[place];
            for y in 0..area.size.1 {
                let row = area.index(0, y, self.size);
                let row = &mut self.islands[row..row + area.size.0];
                row.iter_mut().filter(|own| **own == 0).for_each(|own| *own = island);
            }
        }
    }

    /// The borders of a texture that repeats and is not all of the picture: each goes on at the
    /// opposite one.
    fn repeated(&self, place: usize) -> Vec<Side> {
        let area = self.places[place];
        if self.places.len() < 2 {
            return Vec::new();
        }
        let (width, height) = (area.size.0 as f64, area.size.1 as f64);
        let mut sides = Vec::new();
        if area.repeats[0] {
            let (left, right) = ([[0.0, 0.0], [0.0, height]], [[width, 0.0], [width, height]]);
            sides.extend(Side::opposite(place, left, right, [1.0, 0.0]));
        }
        if area.repeats[1] {
            let (top, bottom) = ([[0.0, 0.0], [width, 0.0]], [[0.0, height], [width, height]]);
            sides.extend(Side::opposite(place, top, bottom, [0.0, 1.0]));
        }
        sides
    }

    /// Finds the pixels at seams; of several seams the nearest counts.
    fn find_across(&mut self, sides: &[Side], roots: &[u32]) {
        let mut nearest: BTreeMap<u32, (f64, Across)> = BTreeMap::new();
        let mut left = MOST_VISITS.saturating_add(MOST_LAYERS * self.islands.len());
        for side in sides {
            let island = side.triangle.map(|triangle| roots[triangle] + 1);
            let other = self.places[side.other];
            if !self.places[side.place].is_near(&side.ends) {
                continue;
            }
            for (x, y) in around(side.ends) {
                if left == 0 {
                    break;
                }
                left -= 1;
                let centre = [x as f64 + 0.5, y as f64 + 0.5];
                let distance = side.distance(centre);
                let is_beyond = side.beyond(centre) > 0.0;
                if distance > if is_beyond { self.reach } else { TOUCH_PX } {
                    continue;
                }
                let Some(at) = self.pixel(side.place, x, y) else { continue };
                let own = self.islands[at];
                let counts = match is_beyond {
                    true => own == 0,
                    false => own != 0 && island.is_none_or(|island| island == own),
                };
                let Some(to) = other.point(side.across(centre)).filter(|_| counts) else {
                    continue;
                };
                let across = Across { at: at as u32, to, is_inside: !is_beyond };
                let entry = nearest.entry(across.at).or_insert((f64::INFINITY, across));
                if distance < entry.0 {
                    *entry = (distance, across);
                }
            }
        }
        let shows =
            |across: &Across| self.weights(across.to).iter().any(|(_, weight)| *weight > 0.0);
        self.across = nearest.into_values().map(|(_, across)| across).filter(shows).collect();
    }

    /// The pixel at a place's own coordinates, which may lie in the gap around it.
    fn pixel(&self, place: usize, x: i64, y: i64) -> Option<usize> {
        let area = self.places[place];
        if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
            && x < area.size.0
            && y < area.size.1
        {
            return Some(area.index(x, y, self.size));
        }
        if self.places.len() < 2 {
            return area.folded(x, y).map(|(x, y)| area.index(x, y, self.size));
        }
        let along = |at: i64, origin: usize, len: usize, whole: usize| {
            let gap = self.reach as i64;
            let is_near = (-gap..len as i64 + gap).contains(&at);
            let at = usize::try_from(at + origin as i64).ok();
            at.filter(|at| is_near && *at < whole)
        };
        let x = along(x, area.origin.0, area.size.0, self.size.0)?;
        let y = along(y, area.origin.1, area.size.1, self.size.1)?;
        Some(y * self.size.0 + x)
    }

    /// The pixels around a point of the picture that show a surface, with their shares of it.
    fn weights(&self, [x, y]: Point) -> [(usize, f32); 4] {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = ((x - left) as f32, (y - top) as f32);
        let place = |column: f64, row: f64, weight: f32| {
            let (column, row) = (column.max(0.0) as usize, row.max(0.0) as usize);
            let at = row.min(self.size.1 - 1) * self.size.0 + column.min(self.size.0 - 1);
            (at, if self.is_used(at) { weight } else { 0.0 })
        };
        [
            place(left, top, (1.0 - right_share) * (1.0 - lower_share)),
            place(left + 1.0, top, right_share * (1.0 - lower_share)),
            place(left, top + 1.0, (1.0 - right_share) * lower_share),
            place(left + 1.0, top + 1.0, right_share * lower_share),
        ]
    }

    /// The weight at a point, of what shows there.
    pub(super) fn weight(&self, weights: &[f32], at: Point) -> f32 {
        let around = self.weights(at);
        let sum: f32 = around.iter().map(|(_, share)| share).sum();
        let own: f32 = around.iter().map(|(at, share)| share * weights[*at]).sum();
        own / sum.max(f32::MIN_POSITIVE)
    }

    /// The colour of a picture at a point, of what shows there; none if nothing does.
    pub(super) fn sample(&self, rgb: &[f32], at: Point) -> Option<[f32; 3]> {
        let weights = self.weights(at);
        let sum: f32 = weights.iter().map(|(_, weight)| weight).sum();
        let channel = |channel: usize| {
            let values = weights.iter().map(|(at, weight)| weight * rgb[3 * at + channel]);
            values.sum::<f32>() / sum
        };
        (sum > 0.0).then(|| [0, 1, 2].map(channel))
    }
}

#[cfg(test)]
mod tests;
