//! Offsets and joins of a small copy of the picture, in one that is twice as large.

use super::ground::Ground;
use super::window::Window;
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
    // Joins do not move at the borders of windows, so those lie elsewhere the second time.
    for shift in [0, SIDE_PX / 2] {
        let joins: Vec<bool> = ground.joins().iter().map(|join| *join > 0.0).collect();
        let near = extent.around(&joins, REACH_PX);
        for window in windows(extent.size(), shift) {
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

/// Windows that cover a picture of this size, those inside from `shift` on.
fn windows((width, height): (usize, usize), shift: usize) -> impl Iterator<Item = Window> {
    let spans = move |len: usize| {
        let ends = (shift..len).step_by(SIDE_PX).chain([len]).filter(|end| *end > 0);
        ends.scan(0, |start, end| Some((std::mem::replace(start, end), end)))
    };
    spans(height).flat_map(move |(top, bottom)| {
        spans(width).map(move |(left, right)| Window {
            start: (left, top),
            size: (right - left, bottom - top),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_a_picture_once() {
        for (size, shift) in [((300, 40), 0), ((300, 200), 64), ((128, 128), 0), ((50, 64), 64)] {
            let mut times = vec![0; size.0 * size.1];
            for Window { start, size: side } in windows(size, shift) {
                for y in start.1..start.1 + side.1 {
                    (start.0..start.0 + side.0).for_each(|x| times[y * size.0 + x] += 1);
                }
            }
            assert!(times.iter().all(|times| *times == 1), "{size:?} {shift}");
        }
    }
}
