//! Windows over holes, and over joins that show.

use super::aim::{Target, aim};
use super::ground::Ground;
use super::search::Offer;
use super::window::{Extent, Window};
use crate::{EngineError, Interrupt};

/// A window's side is this part of the picture's shorter one.
const PARTS: usize = 3;
/// The least side of a window.
const LEAST_PX: usize = 8;
/// A hole no longer than this part of the picture is covered by one window.
const WHOLE: usize = 2;
/// How far around its hole such a window reaches, as a part of a window's side.
const AROUND: usize = 4;
/// How often all joins are tried, and the least share of their cost that doing so again is for.
const SWEEPS: usize = 2;
const LEAST_GAIN: f64 = 0.03;

/// Lays windows over all holes, whose sides are `most_px` pixels or less.
///
/// # Errors
/// If there is nothing large enough to fill them from.
pub(super) fn cover(
    ground: &mut Ground,
    most_px: usize,
    interrupt: &Interrupt,
) -> Result<(), EngineError> {
    let extent = ground.picture.extent;
    let mut side = (extent.width.min(extent.height) / PARTS).clamp(LEAST_PX, most_px);
    let mut used = Vec::new();
    let mut offer: Option<Offer> = None;
    loop {
        interrupt.check()?;
        let hole = |place: usize| if ground.is_hole(place) { 1.0 } else { 0.0 };
        let holes: Vec<f32> = (0..extent.pixels()).map(hole).collect();
        if holes.iter().all(|hole| *hole == 0.0) {
            return Ok(());
        }
        let whole = around_all(extent, &holes, side / AROUND).and_then(|window| {
            Offer::of(&ground.picture, window.size)?.fill(ground, window.start, &used)
        });
        let laid = whole.or_else(|| {
            let size = (side.min(extent.width), side.min(extent.height));
            if offer.as_ref().is_none_or(|offer| offer.size != size) {
                offer = Offer::of(&ground.picture, size);
            }
            let start = aim(extent, &holes, size, Target::Holes)?;
            offer.as_ref()?.fill(ground, start, &used)
        });
        match laid {
            Some((made, place)) => {
                used.push(place);
                ground.take(made);
            }
            None if side > LEAST_PX => {
                side = (side * 2 / 3).max(LEAST_PX);
                used.clear();
            }
            None => {
                let Extent { width, height, .. } = extent;
                return Err(EngineError::NothingToFillFrom { width, height });
            }
        }
    }
}

/// The window around all holes and so much around them, if they lie near enough to each other.
fn around_all(extent: Extent, holes: &[f32], around: usize) -> Option<Window> {
    let is_hole = |x: usize, y: usize| holes[y * extent.width + x] > 0.0;
    let columns = (0..extent.width).map(|x| (0..extent.height).any(|y| is_hole(x, y)));
    let rows = (0..extent.height).map(|y| (0..extent.width).any(|x| is_hole(x, y)));
    let axis = |has: Vec<bool>, wraps: bool| {
        let (start, len) = stretch(&has, wraps);
        match wraps {
            _ if len > has.len() / WHOLE => None,
            true => Some(((start + has.len() - around) % has.len(), len + 2 * around)),
            false => {
                let from = start.saturating_sub(around);
                Some((from, (start + len + around).min(has.len()) - from))
            }
        }
    };
    let (x, width) = axis(columns.collect(), extent.wraps.0)?;
    let (y, height) = axis(rows.collect(), extent.wraps.1)?;
    Some(Window { start: (x, y), size: (width, height) })
}

/// The start and the length of the shortest stretch of a line, which may be a ring, with all places
/// that have something.
fn stretch(has: &[bool], wraps: bool) -> (usize, usize) {
    let places: Vec<usize> = (0..has.len()).filter(|at| has[*at]).collect();
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return (0, 0) };
    if !wraps {
        return (*first, last + 1 - first);
    }
    // All of the ring but its widest gap.
    let next = places.iter().cycle().skip(1);
    let gaps = places.iter().zip(next);
    let gaps = gaps.map(|(at, next)| ((next + has.len() - at - 1) % has.len(), *next));
    let widest = gaps.max_by_key(|(gap, next)| (*gap, has.len() - next));
    widest.map_or((*first, has.len()), |(gap, next)| (next, has.len() - gap))
}

/// Tries other offsets where joins cost most.
pub(super) fn mend(ground: &mut Ground, interrupt: &Interrupt) -> Result<(), EngineError> {
    let extent = ground.picture.extent;
    let side = extent.width.min(extent.height) / PARTS;
    let total = |joins: &[f32]| joins.iter().map(|join| f64::from(*join)).sum::<f64>();
    let size = (side, side);
    let Some(offer) = Offer::of(&ground.picture, size) else { return Ok(()) };
    for _ in 0..SWEEPS {
        let mut left = ground.joins();
        let before = total(&left);
        let mut tried = vec![false; left.len()];
        while let Some(start) = aim(extent, &left, size, Target::Joins) {
            interrupt.check()?;
            let window = Window { start, size };
            let made =
                offer.mend(ground, start).filter(|made| made.cost < ground.window_cost(window));
            // Where only the rim has joins, there is nothing else to try them by.
            let has_middle = window.places(extent).enumerate();
            let has_middle = has_middle
                .filter(|(at, _)| extent.is_middle(window, *at))
                .any(|(_, place)| left[place] > 0.0);
            for (at, place) in window.places(extent).enumerate() {
                tried[place] |= extent.is_middle(window, at) || !has_middle;
            }
            if let Some(made) = made {
                ground.take(made);
                left = ground.joins();
            }
            let done = left.iter_mut().zip(&tried).filter(|(_, tried)| **tried);
            done.for_each(|(join, _)| *join = 0.0);
        }
        if total(&ground.joins()) > before * (1.0 - LEAST_GAIN) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_stretch_has_all_holes() {
        let check = |text: &str, wraps: bool, expected: (usize, usize)| {
            let has: Vec<bool> = text.chars().map(|letter| letter == 'x').collect();
            assert_eq!(stretch(&has, wraps), expected, "{text} {wraps}");
        };
        check("..x.x...", false, (2, 3));
        check("..x.x...", true, (2, 3));
        check("xx.....x", false, (0, 8));
        check("xx.....x", true, (7, 3));
        check("xxxxxxxx", true, (0, 8));
        check("...x....", true, (3, 1));
        check("........", true, (0, 0));
    }
}
