//! The threads of a network, the memory that its runs reuse, and how a picture goes through it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use impasto_kernels::networks::{Canvas, PaintError, Workspace};
use rayon::ThreadPool;

use crate::threads::pool;
use crate::{EngineError, Image};

/// A workspace that keeps no more than this waits for the next run; the memory of a larger one is
/// given back, since the next picture may be small.
const KEPT_BYTES: u64 = 64 << 20;

/// A texture that repeats is painted from here on. Networks enlarge by whole pixels, so steps
/// between their pixels are at multiples of four; a seam should be at none.
const TURN_PX: usize = 2;

/// Threads and workspaces, which all runs of a network share.
pub(super) struct Workshop {
    threads: Arc<ThreadPool>,
    /// One for each run that has been going at the same time.
    workspaces: Mutex<Vec<Workspace>>,
}

impl fmt::Debug for Workshop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop").finish_non_exhaustive()
    }
}

impl Workshop {
    /// # Errors
    /// Where no threads are to be had.
    pub(super) fn new(threads: usize) -> Result<Self, EngineError> {
        Ok(Self { threads: pool(threads)?, workspaces: Mutex::default() })
    }

    /// The threads.
    pub(super) fn pool(&self) -> Arc<ThreadPool> {
        self.threads.clone()
    }

    /// Runs `work` on the threads.
    pub(super) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(work)
    }

    /// The values of a plane, one at each pixel, where [`Self::paint`] turns a picture to.
    pub(super) fn turned(
        values: &[f32],
        (width, height): (usize, usize),
        wraps: (bool, bool),
    ) -> Vec<f32> {
        let (x, y) = (turn(wraps.0, width), turn(wraps.1, height));
        let rows = (0..height).map(|at| &values[(at + y) % height * width..][..width]);
        rows.flat_map(|row| row[x..].iter().chain(&row[..x])).copied().collect()
    }

    /// What `network` makes of a picture. Where it wraps, opposite sides meet in the result as
    /// well.
    pub(super) fn paint(
        &self,
        mut picture: Image,
        wraps: (bool, bool),
        network: impl FnOnce(&mut Workspace, &mut Canvas<'_>) -> Result<(), EngineError>,
    ) -> Result<Image, EngineError> {
        let Image { width, height, .. } = picture;
        let (x, y) = (turn(wraps.0, width), turn(wraps.1, height));
        roll(&mut picture, (x, y));
        let rgb = &mut picture.rgb[..];
        let mut canvas = Canvas { rgb, width, height, wrap_x: wraps.0, wrap_y: wraps.1 };
        self.with_workspace(|workspace| network(workspace, &mut canvas))?;
        roll(&mut picture, (width - x, height - y));
        Ok(picture)
    }

    /// Gives the memory back that waits for the next run.
    pub(super) fn clear(&self) {
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn with_workspace<T>(
        &self,
        work: impl FnOnce(&mut Workspace) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let lock = || self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = lock().pop();
        let mut workspace = spare.unwrap_or_else(|| Workspace::new(self.threads.clone()));
        let done = work(&mut workspace);
        if workspace.kept_bytes() > KEPT_BYTES {
            workspace.clear();
        }
        lock().push(workspace);
        done
    }
}

/// By how much an axis is turned.
fn turn(wraps: bool, len: usize) -> usize {
    if wraps { TURN_PX % len } else { 0 }
}

/// Why a network does not paint.
pub(super) fn unpaintable(error: PaintError) -> EngineError {
    EngineError::Weights(error.to_string())
}

/// Turns a picture so that the pixel at the origin is the one that lay so far to the right and
/// down.
fn roll(picture: &mut Image, (x, y): (usize, usize)) {
    let (x, y, row) = (x % picture.width, y % picture.height, 3 * picture.width);
    if y > 0 {
        picture.rgb.rotate_left(y * row);
    }
    if x > 0 {
        picture.rgb.chunks_exact_mut(row).for_each(|row| row.rotate_left(3 * x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_rolls_there_and_back() {
        let rgb: Vec<f32> = (0..5 * 4 * 3).map(|value| value as f32).collect();
        let picture = Image { width: 5, height: 4, rgb };
        let rolled = |picture: &Image, by: (usize, usize)| {
            let mut turned = picture.clone();
            roll(&mut turned, by);
            turned
        };
        let there = rolled(&picture, (2, 1));
        assert_eq!(there.rgb[..3], picture.rgb[3 * (5 + 2)..][..3]);
        assert_eq!(rolled(&there, (3, 3)), picture);
        assert_eq!(rolled(&picture, (5, 4)), picture);
    }
}
