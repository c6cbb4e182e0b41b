//! The two networks, prepared once and shared by sessions.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use impasto_kernels::Level;
use impasto_kernels::networks::{
    PaintError, Picture, StylePredictor, StyleTransformer, StyleVector, TensorError, Tensors,
    Workspace,
};
use impasto_models::NamedTensor;
use rayon::ThreadPool;

use super::squares::Square;
use crate::threads::pool;
use crate::{EngineError, Image};

/// A workspace that keeps no more than this waits for the next run; the memory of a larger one is
/// given back, since the next picture may be small.
const KEPT_BYTES: u64 = 64 << 20;

/// The vectors of so many squares are remembered: those of a project's styles.
const KEPT_VECTORS: usize = 256;

/// A texture that repeats is painted from here on. The network enlarges by whole pixels, so steps
/// between its pixels are at multiples of four; a seam should be at none.
const TURN_PX: usize = 2;

/// The network that looks at styles, the one that paints, and the threads that work for them.
pub struct Networks {
    predictor: StylePredictor,
    transformer: StyleTransformer,
    level: Level,
    threads: Arc<ThreadPool>,
    bytes: u64,
    /// One for each run that has been going at the same time.
    workspaces: Mutex<Vec<Workspace>>,
    /// What was seen in squares of styles, by their digests, the latest last.
    vectors: Mutex<Vec<(blake3::Hash, StyleVector)>>,
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Networks").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Networks {
    /// Prepares the networks for the CPU, on `threads` threads. `level` may lower the instructions
    /// that the kernels use; `None` uses the best there are.
    ///
    /// # Errors
    /// Where the tensors are not those of the two networks, or no threads are to be had.
    pub fn new(
        tensors: &[NamedTensor],
        threads: usize,
        level: Option<Level>,
    ) -> Result<Self, EngineError> {
        let level = level.map_or_else(Level::detect, Level::lowered);
        let bytes = tensors.iter().map(|tensor| 4 * tensor.values.len() as u64).sum();
        let threads = pool(threads)?;
        let unfit = |error: TensorError| EngineError::Weights(error.to_string());
        let named = tensors.iter().map(|it| (&it.name[..], &it.shape[..], &it.values[..]));
        let tensors = Tensors::new(named).map_err(unfit)?;
        let predictor = StylePredictor::new(&tensors, level).map_err(unfit)?;
        let transformer = StyleTransformer::new(&tensors, level).map_err(unfit)?;
        tensors.finish("").map_err(unfit)?;
        Ok(Self {
            predictor,
            transformer,
            level,
            threads,
            bytes,
            workspaces: Mutex::default(),
            vectors: Mutex::default(),
        })
    }

    /// What they run on, such as `cpu avx512 fp32`.
    pub fn device(&self) -> String {
        format!("cpu {} fp32", self.level)
    }

    /// Memory that the prepared networks take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Memory that painting a picture of this size takes, beside the picture and the result.
    pub(super) fn painting_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        let turned = if wraps.0 || wraps.1 { 3 * 4 * (size.0 * size.1) as u64 } else { 0 };
        self.transformer.run_bytes(size, wraps) + turned
    }

    /// Runs `work` on the networks' threads.
    pub(super) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(work)
    }

    /// The vector of squares, each by its weight.
    pub(super) fn vector(&self, squares: &[Square]) -> Result<StyleVector, EngineError> {
        let total: f32 = squares.iter().map(|square| square.weight).sum();
        let vectors = squares
            .iter()
            .map(|square| Ok((square.weight / total, self.seen(&square.rgb)?)))
            .collect::<Result<Vec<_>, EngineError>>()?;
        mixed(&vectors)
    }

    /// The vector of a square, if it is not known by looking at it.
    fn seen(&self, rgb: &[f32]) -> Result<StyleVector, EngineError> {
        let bytes: Vec<u8> = rgb.iter().flat_map(|value| value.to_le_bytes()).collect();
        let digest = blake3::hash(&bytes);
        let known = |(known, vector): &(_, StyleVector)| (*known == digest).then(|| vector.clone());
        let lock = || self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vector) = lock().iter().rev().find_map(known) {
            return Ok(vector);
        }
        let vector = self.with_workspace(|workspace| self.predictor.predict(workspace, rgb))?;
        let mut vectors = lock();
        if vectors.len() == KEPT_VECTORS {
            vectors.remove(0);
        }
        vectors.push((digest, vector.clone()));
        Ok(vector)
    }

    /// A picture in a style. Where it wraps, opposite sides meet in the result as well.
    pub(super) fn paint(
        &self,
        picture: &Image,
        wraps: (bool, bool),
        style: &StyleVector,
    ) -> Result<Image, EngineError> {
        let &Image { width, height, .. } = picture;
        let turn = |wraps: bool, len: usize| if wraps { TURN_PX % len } else { 0 };
        let (x, y) = (turn(wraps.0, width), turn(wraps.1, height));
        let turned = (x, y) != (0, 0);
        let before = turned.then(|| rolled(picture, (x, y)));
        let rgb = &before.as_ref().unwrap_or(picture).rgb;
        let source = Picture { rgb, width, height, wrap_x: wraps.0, wrap_y: wraps.1 };
        let mut painted = Image { width, height, rgb: vec![0.0; 3 * width * height] };
        self.with_workspace(|workspace| {
            self.transformer.paint(workspace, &source, style, &mut painted.rgb)
        })?;
        drop(before);
        Ok(if turned { rolled(&painted, (width - x, height - y)) } else { painted })
    }

    fn with_workspace<T>(
        &self,
        work: impl FnOnce(&mut Workspace) -> Result<T, PaintError>,
    ) -> Result<T, EngineError> {
        let lock = || self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = lock().pop();
        let mut workspace = spare.unwrap_or_else(|| Workspace::new(self.threads.clone()));
        let done = work(&mut workspace);
        if workspace.kept_bytes() > KEPT_BYTES {
            workspace.clear();
        }
        lock().push(workspace);
        done.map_err(|error| EngineError::Weights(error.to_string()))
    }
}

/// The sum of vectors, each by its weight.
pub(super) fn mixed(parts: &[(f32, StyleVector)]) -> Result<StyleVector, EngineError> {
    let parts: Vec<_> = parts.iter().map(|(weight, vector)| (*weight, vector)).collect();
    StyleVector::mixed(&parts).map_err(|error| EngineError::Weights(error.to_string()))
}

/// A picture whose pixel at the origin is the one that lay so far to the right and down.
fn rolled(picture: &Image, (x, y): (usize, usize)) -> Image {
    let &Image { width, height, ref rgb } = picture;
    let mut turned = Vec::with_capacity(rgb.len());
    for row in (0..height).map(|at| &rgb[(at + y) % height * 3 * width..][..3 * width]) {
        let (end, begin) = row.split_at(3 * (x % width));
        turned.extend_from_slice(begin);
        turned.extend_from_slice(end);
    }
    Image { width, height, rgb: turned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_rolls_there_and_back() {
        let rgb: Vec<f32> = (0..5 * 4 * 3).map(|value| value as f32).collect();
        let picture = Image { width: 5, height: 4, rgb };
        let there = rolled(&picture, (2, 1));
        assert_eq!(there.rgb[..3], picture.rgb[3 * (5 + 2)..][..3]);
        assert_eq!(rolled(&there, (3, 3)), picture);
        assert_eq!(rolled(&picture, (5, 4)), picture);
    }
}
