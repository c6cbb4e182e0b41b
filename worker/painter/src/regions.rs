//! Regions: from an ID map to how much of each pixel belongs to which region.
//!
//! A pixel belongs to the named colour that is nearest, if that is within the tolerance. Areas of
//! any other colour are one more region. What is left lies on edges, where editors mix the colours
//! of both sides, and belongs to the region that is nearest in the picture. Weights fall off over
//! the map's softness across a border, and those of all regions add up to one at every pixel.

use std::collections::BTreeMap;

use impasto_assets::{Header, Limits, Picture, decode};
use impasto_engine::{Joins, Mask};
use impasto_types::{HexColor, Regions};

use crate::adapter::check_shape;
use crate::nearest::{nearest, neighbors};
use crate::{AdapterError, Source};

/// Whose pixels these are: the region with this index among the named ones, or what has none of
/// their colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Named(u8),
    Others,
}

/// The regions of a picture that have pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shares {
    /// In the picture's size. No mask where one region has all of it.
    pub(crate) shares: Vec<(Owner, Option<Mask>)>,
}

/// An ID map as it lies on a picture's pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IdMap {
    name: String,
    width: usize,
    height: usize,
    /// None where alpha says that there is nothing.
    colors: Vec<Option<HexColor>>,
}

impl IdMap {
    /// Reads the map of a picture whose stored grid is painted, with the header of that; or of one
    /// that has been turned.
    ///
    /// It is drawn over what a viewer shows of the picture, or over the stored grid, if only that
    /// has the map's shape.
    ///
    /// # Errors
    /// If the file is no picture.
    pub(crate) fn read(source: &Source, stored: Option<&Header>) -> Result<Self, AdapterError> {
        let picture = decode(&source.bytes, &source.name, &Limits::default())?;
        let picture = match stored {
            None => picture.upright(),
            Some(Header { width, height, orientation, .. }) => {
                let size = (picture.width, picture.height);
                let is_on_grid =
                    orientation.swaps_sides() && size == (*width, *height) && width != height;
                if is_on_grid { picture } else { picture.stored_as(*orientation) }
            }
        };
        Ok(Self::of(&picture))
    }

    fn of(picture: &Picture) -> Self {
        let color = |rgb: &[f32]| HexColor([0, 1, 2].map(|channel| rgb[channel].round() as u8));
        let colors = picture.rgb.chunks_exact(3).map(color);
        let colors = match &picture.alpha {
            None => colors.map(Some).collect(),
            Some(alpha) => {
                let pixels = colors.zip(alpha);
                pixels.map(|(color, alpha)| Some(color).filter(|_| *alpha >= 0.5)).collect()
            }
        };
        let (width, height) = (picture.width as usize, picture.height as usize);
        Self { name: picture.origin.name.clone(), width, height, colors }
    }

    /// The regions of a picture of this size whose borders are joined so.
    ///
    /// # Errors
    /// If the picture has another shape than the map.
    pub(crate) fn shares(
        &self,
        regions: &Regions,
        picture: (usize, usize),
        joins: &Joins,
    ) -> Result<Shares, AdapterError> {
        check_shape(&self.name, (self.width, self.height), "picture", picture)?;
        let wraps = (joins.repeats_across(), joins.repeats_down());
        let owners = self.owners(regions, wraps);
        let at = |place: usize, from: usize, to: usize| (2 * place + 1) * from / (2 * to);
        let owner = |x: usize, y: usize| {
            let (x, y) = (at(x, self.width, picture.0), at(y, self.height, picture.1));
            owners[y * self.width + x]
        };
        let (width, height) = picture;
        let owners: Vec<Owner> =
            (0..width * height).map(|place| owner(place % width, place / width)).collect();
        let mut present = owners.clone();
        present.sort_unstable();
        present.dedup();
        if let [only] = present[..] {
            return Ok(Shares { shares: vec![(only, None)] });
        }
        let share = |own: Owner| {
            let is_own = owners.iter().map(|owner| f32::from(u8::from(*owner == own))).collect();
            let weights = softened(is_own, picture, usize::from(regions.softness), wraps);
            let mask = Mask::new(width, height, weights);
            mask.map(|mask| (own, Some(mask))).map_err(|error| AdapterError::Mask {
                name: self.name.clone(),
                source: Box::new(error),
            })
        };
        Ok(Shares { shares: present.into_iter().map(share).collect::<Result<_, _>>()? })
    }

    /// What to say of a map that has none of the named colours.
    pub(crate) fn without_named(&self) -> String {
        let mut counts: BTreeMap<HexColor, usize> = BTreeMap::new();
        self.colors.iter().flatten().for_each(|color| *counts.entry(*color).or_default() += 1);
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let most = most
            .map_or("it is transparent".to_owned(), |(color, _)| format!("most of it is {color}"));
        format!("`{}` has none of the colours of `regions`; {most}", self.name)
    }

    /// Whose each of the map's pixels is.
    fn owners(&self, regions: &Regions, wraps: (bool, bool)) -> Vec<Owner> {
        let named = |color: HexColor| {
            let distances = regions.named.iter().map(|region| region.color.distance(color));
            let nearest = distances.enumerate().min_by_key(|(_, distance)| *distance);
            let (index, distance) = nearest?;
            // There are no more than `Regions::MOST`.
            (distance <= regions.tolerance).then_some(Owner::Named(index as u8))
        };
        let clear: Vec<Option<Owner>> =
            self.colors.iter().map(|color| color.map_or(Some(Owner::Others), named)).collect();
        let is_area = |place: usize| {
            let Some(own) = self.colors[place] else { return true };
            neighbors(place, (self.width, self.height), wraps).all(|other| {
                self.colors[other].is_some_and(|color| own.distance(color) <= regions.tolerance)
            })
        };
        let size = (self.width, self.height);
        let areas: Vec<bool> =
            (0..clear.len()).map(|place| clear[place].is_none() && is_area(place)).collect();
        // The rim of an area has its colour.
        let is_rim = |place: usize| {
            neighbors(place, size, wraps).any(|other| {
                let pair = self.colors[place].zip(self.colors[other]);
                areas[other]
                    && pair.is_some_and(|(own, color)| own.distance(color) <= regions.tolerance)
            })
        };
        let owner = |place: usize| match clear[place] {
            None if areas[place] || is_rim(place) => Some(Owner::Others),
            known => known,
        };
        let known: Vec<_> = (0..clear.len()).map(owner).collect();
        spread(&known, (self.width, self.height), wraps)
    }
}

/// Gives each place that has no owner the nearest one's; all of them others if there is none.
fn spread(owners: &[Option<Owner>], size: (usize, usize), wraps: (bool, bool)) -> Vec<Owner> {
    let owner = |place: u32| owners[place as usize].unwrap_or(Owner::Others);
    match nearest(|place| owners[place].is_some(), size, wraps) {
        Some(places) => places.into_iter().map(owner).collect(),
        None => vec![Owner::Others; owners.len()],
    }
}

/// Averages a plane over squares of `softness` pixels a side: weights that add up to one do so
/// afterwards.
fn softened(
    plane: Vec<f32>,
    (width, height): (usize, usize),
    softness: usize,
    (across, down): (bool, bool),
) -> Vec<f32> {
    if softness == 0 {
        return plane;
    }
    let taps = taps(softness);
    let mut rows = vec![0.0; plane.len()];
    for (row, line) in rows.chunks_exact_mut(width).zip(plane.chunks_exact(width)) {
        for (x, value) in row.iter_mut().enumerate() {
            let taps =
                taps.iter().map(|(step, share)| share * line[place(x, *step, width, across)]);
            *value = taps.sum();
        }
    }
    let mut softened = plane;
    for (y, row) in softened.chunks_exact_mut(width).enumerate() {
        row.fill(0.0);
        for (step, share) in &taps {
            let line = &rows[place(y, *step, height, down) * width..][..width];
            row.iter_mut().zip(line).for_each(|(value, tap)| *value += share * tap);
        }
    }
    softened.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    softened
}

/// The steps and shares of a mean over so many pixels around one: an even number has half a pixel
/// at both ends.
fn taps(softness: usize) -> Vec<(isize, f32)> {
    let reach = (softness / 2) as isize;
    let end = if softness.is_multiple_of(2) { 0.5 } else { 1.0 };
    let share = |step: isize| if step.abs() == reach { end } else { 1.0 } / softness as f32;
    (-reach..=reach).map(|step| (step, share(step))).collect()
}

/// A place some steps further; beyond an end, the last one, or around where the axis wraps.
fn place(at: usize, step: isize, len: usize, wraps: bool) -> usize {
    let (at, len) = (at as isize + step, len as isize);
    (if wraps { at.rem_euclid(len) } else { at.clamp(0, len - 1) }) as usize
}

#[cfg(test)]
mod tests {
    use impasto_types::Region;

    use super::*;

    const RED: HexColor = HexColor([255, 0, 0]);
    const BLUE: HexColor = HexColor([0, 0, 255]);

    fn regions(softness: u8) -> Regions {
        let region = |color| Region { color, styles: vec![], recipe: None };
        Regions {
            named: vec![region(BLUE), region(RED)],
            tolerance: 8,
            softness,
            keeps_others: false,
        }
    }

    fn map(width: usize, height: usize, color: impl Fn(usize, usize) -> Option<HexColor>) -> IdMap {
        let colors = (0..width * height).map(|at| color(at % width, at / width)).collect();
        IdMap { name: "wall_id.png".to_owned(), width, height, colors }
    }

    fn owners(map: &IdMap) -> Vec<Owner> {
        map.owners(&regions(0), (false, false))
    }

    #[test]
    fn mixed_colours_on_an_edge_belong_to_the_sides_and_areas_are_others() {
        let purple = HexColor([128, 0, 127]);
        let edge = map(9, 5, |x, _| {
            Some(match x {
                0..=3 => BLUE,
                4 => purple,
                _ => HexColor([250, 4, 3]),
            })
        });
        let found = owners(&edge);
        assert!(found.iter().all(|owner| *owner != Owner::Others), "{found:?}");
        assert_eq!((found[3], found[5]), (Owner::Named(0), Owner::Named(1)));
        let area = map(9, 5, |x, _| Some(if x < 4 { BLUE } else { purple }));
        let found = owners(&area);
        assert_eq!((found[3], found[4], found[8]), (Owner::Named(0), Owner::Others, Owner::Others));
        let cut_out = map(4, 4, |x, _| Some(RED).filter(|_| x < 2));
        assert_eq!((owners(&cut_out)[1], owners(&cut_out)[2]), (Owner::Named(1), Owner::Others));
    }

    #[test]
    fn shares_add_up_to_one_in_any_size_and_across_a_seam() {
        let quarters = map(40, 24, |x, y| {
            Some(match (x < 20, y < 12) {
                (true, true) => BLUE,
                (false, true) => RED,
                _ => HexColor([9, 90, 9]),
            })
        });
        for (size, joins) in [
            ((40, 24), Joins::default()),
            ((83, 50), Joins::default()),
            ((20, 12), Joins::repeating(true, true)),
        ] {
            for softness in [0, 1, 2, 5, 8] {
                let shares = quarters.shares(&regions(softness), size, &joins);
                let shares = shares.expect("the same shape").shares;
                assert_eq!(shares.len(), 3);
                for place in 0..size.0 * size.1 {
                    let masks = shares.iter().filter_map(|(_, mask)| mask.as_ref());
                    let sum: f32 = masks.map(|mask| mask.weights()[place]).sum();
                    assert!((sum - 1.0).abs() < 1e-5, "{size:?} {softness}: {sum}");
                }
            }
        }
        let of_first = |joins: &Joins| {
            let shares = quarters.shares(&regions(4), (40, 24), joins).expect("it fits").shares;
            let (owner, mask) = &shares[0];
            assert_eq!(*owner, Owner::Named(0));
            mask.as_ref().expect("there are others").weights()[40 * 6]
        };
        assert_eq!(of_first(&Joins::default()), 1.0);
        assert!((of_first(&Joins::repeating(true, false)) - 0.625).abs() < 1e-6);
    }

    #[test]
    fn one_region_alone_has_no_mask_and_another_shape_is_an_error() {
        let red = map(8, 8, |_, _| Some(RED));
        let shares = red.shares(&regions(4), (64, 64), &Joins::default()).expect("it fits");
        assert_eq!(shares.shares, [(Owner::Named(1), None)]);
        let error = red.shares(&regions(4), (64, 32), &Joins::default()).expect_err("a shape");
        let text = error.to_string();
        assert!(
            text.contains("`wall_id.png` has 8 x 8 pixels") && text.contains("64 x 32"),
            "{text}"
        );
        let rounded = map(333, 100, |_, _| Some(RED));
        rounded.shares(&regions(4), (1000, 300), &Joins::default()).expect("it is rounded");
    }
}
