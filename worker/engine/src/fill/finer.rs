//! Offsets and joins of a small copy of the picture, in one that is twice as large.

use super::ground::Ground;
use super::window::{Extent, Window};
use crate::{EngineError, Interrupt};

/// How far joins move.
const REACH_PX: usize = 3;
/// The side of the windows in which they do.
const SIDE_PX: usize = 128;

/// Moves offsets by a pixel and joins by a few, to where they cost least.
///
/// # Errors
/// Once it was interrupted.
pub(super) fn finer(ground: &mut Ground, interrupt: &Interrupt) -> Result<(), EngineError> {
    ground.settle();
    let extent = ground.picture.extent;
    // Joins do not move at the borders of windows, which lie elsewhere the second time.
    for shift in [0, SIDE_PX / 2] {
        let joins: Vec<bool> = ground.joins().iter().map(|join| *join > 0.0).collect();
        let near = extent.around(&joins, REACH_PX);
        for window in windows(extent, shift) {
            interrupt.check()?;
            if !window.places(extent).any(|place| near[place]) {
                continue;
            }
            for offset in ground.offsets_in(window) {
                let made = ground.consider(window, offset, |place| near[place]);
                if made.cost < ground.window_cost(window) {
                    ground.take(made);
                }
            }
        }
    }
    Ok(())
}

/// Windows that cover a picture once. Those of a picture that repeats begin at `shift`; otherwise
/// those inside do.
fn windows(extent: Extent, shift: usize) -> impl Iterator<Item = Window> {
    let spans = move |len: usize, wraps: bool| {
        let (first, last) = if wraps { (shift, shift + len) } else { (0, len) };
        let inner = (shift.max(first)..last).step_by(SIDE_PX).filter(move |start| *start > first);
        let starts = [first].into_iter().chain(inner.clone());
        starts.zip(inner.chain([last]))
    };
    spans(extent.height, extent.wraps.1).flat_map(move |(top, bottom)| {
        spans(extent.width, extent.wraps.0).map(move |(left, right)| Window {
            start: (left % extent.width, top % extent.height),
            size: (right - left, bottom - top),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_a_picture_once() {
        for ((width, height), shift) in
            [((300, 40), 0), ((300, 200), 64), ((128, 128), 0), ((50, 64), 64), ((128, 300), 64)]
        {
            for wraps in [(false, false), (true, true)] {
                let extent = Extent { width, height, wraps };
                let mut times = vec![0; extent.pixels()];
                for window in windows(extent, shift) {
                    assert!(window.size.0 <= SIDE_PX && window.size.1 <= SIDE_PX);
                    window.places(extent).for_each(|place| times[place] += 1);
                }
                assert!(times.iter().all(|times| *times == 1), "{width} {height} {shift}");
            }
        }
    }
}
