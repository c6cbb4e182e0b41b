//! Holes in a picture are filled with what lies elsewhere in it, and a picture is made to tile by
//! filling its borders.
//!
//! Windows over the holes take offsets into the rest of the picture, where it looks most like what
//! lies around them, and cuts of least cost join them (`ground.rs`). Then windows over the worst
//! joins try other offsets. This is done on a small copy of the picture; its offsets and joins are
//! made finer as it grows, and at last what meets at a join is blended over two pixels. No network
//! looks at it: for textures, joins that are cut show less than what is painted over holes.

mod aim;
mod cover;
mod cut;
mod finer;
mod ground;
mod holes;
mod search;
#[cfg(test)]
mod tests;
mod window;

pub use holes::Holes;

use cover::{cover, mend};
use finer::finer;
use ground::{Ground, Picture};
use window::Extent;

use crate::threads::pool;
use crate::{EngineError, Image, Interrupt, Joins, Mask};

/// The longer side of the copy that windows are laid on.
const COARSE_PX: usize = 320;

/// The most pixels of a side of a window over what is lost while the copy grows.
const PATCH_PX: usize = 64;

/// What is filled.
#[derive(Debug, Clone, Copy)]
pub struct Fill<'a> {
    pub image: &'a Image,
    /// How much of each pixel there is; others are filled only from where there is all.
    pub coverage: Option<&'a Mask>,
    pub holes: &'a Holes,
    /// What lies beyond the borders of the result.
    pub joins: &'a Joins,
}

/// A picture without holes.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    pub image: Image,
    /// Which pixel of the picture each pixel shows, by its index. Beside joins the result is a mean
    /// of what several offsets show, also where a pixel shows itself.
    pub from: Vec<u32>,
}

impl Filled {
    /// Fills a map that belongs to the picture, of so many interleaved `channels`, from the same
    /// places. Nothing is blended: each of its pixels is one that it had.
    ///
    /// # Panics
    /// If the map has another size.
    #[must_use]
    pub fn along(&self, map: &[f32], channels: usize) -> Vec<f32> {
        assert_eq!(map.len(), channels * self.from.len(), "a map of the picture's size");
        let pixel = |from: &u32| map[channels * *from as usize..][..channels].iter().copied();
        self.from.iter().flat_map(pixel).collect()
    }
}

impl Fill<'_> {
    /// The memory that filling takes at most, in bytes a pixel, beside what it is given: levels,
    /// places and labels of the picture and of its copies; what joins cost and what is near them;
    /// and the result.
    pub const BYTES_PER_PX: u64 = 96;

    /// Fills all holes, on so many threads. Their number does not change the result.
    ///
    /// # Errors
    /// [`EngineError::NothingToFillFrom`] if no part of the picture without holes is large enough,
    /// [`EngineError::MaskSize`] if the holes are those of another picture, and
    /// [`EngineError::Interrupted`].
    pub fn run(&self, threads: usize, interrupt: &Interrupt) -> Result<Filled, EngineError> {
        self.holes.check_size(self.image)?;
        if let Some(coverage) = self.coverage {
            coverage.check_size("asset", self.image)?;
        }
        pool(threads)?.install(|| self.filled(interrupt))
    }

    fn filled(&self, interrupt: &Interrupt) -> Result<Filled, EngineError> {
        let extent = Extent {
            width: self.image.width,
            height: self.image.height,
            wraps: (self.joins.repeats_across(), self.joins.repeats_down()),
        };
        let is_whole =
            |at: usize| self.coverage.is_none_or(|coverage| coverage.weights()[at] >= 1.0);
        let (rgb, places) = (self.image.rgb.clone(), self.holes.places().to_vec());
        let picture = Picture::new(extent, rgb, places, is_whole);
        let mut by = 1;
        while extent.width.max(extent.height) / by > COARSE_PX {
            by *= 2;
        }
        let mut ground = loop {
            let mut ground = Ground::new(picture.reduced(by));
            match cover(&mut ground, usize::MAX, interrupt) {
                Ok(()) => break ground,
                // Holes that lie close together leave more in a larger copy.
                Err(EngineError::NothingToFillFrom { .. }) if by > 1 => by /= 2,
                Err(error) => return Err(error),
            }
        };
        mend(&mut ground, interrupt)?;
        while by > 1 {
            by /= 2;
            ground = ground.enlarged(picture.reduced(by));
            finer(&mut ground, interrupt)?;
            // A pixel may have lost what covered it, as that cannot be taken whole.
            cover(&mut ground, PATCH_PX, interrupt)?;
        }
        let Image { width, height, .. } = *self.image;
        let image = Image { width, height, rgb: ground.blended() };
        Ok(Filled { image, from: ground.sources() })
    }
}
