//! L-BFGS on the device: the pairs are tensors; the host decides about steps (the optimiser's
//! `control.rs`) from the inner products that a step fetches.

use candle_core::{D, DType, Device, Result, Tensor};

use impasto_cuda::{history, picture};

use super::pooling::kept;
use super::smoothing::Smoothing;
use super::statistics::Sums;
use super::tile_pass::Kernels;
use crate::optimize::optimizer::control::{Control, Move, Verdict};
use crate::optimize::optimizer::curvature::{PairProducts, Products};
use crate::optimize::optimizer::smoothing::Frame;
use crate::optimize::optimizer::{HistoryPrecision, Memory, Vector};
use crate::optimize::vector::{BLOCK, Bf16, Encoding};

/// Values that are put to single precision at once: 128 MiB.
const BAND: usize = 32 << 20;

/// Memory in bytes that a step works in beside what the plan counts, for a picture of so many
/// values: the step, the change of gradient, the free gradient, and what a vector is smoothed and
/// put to the history's type in. Composed, also the two vectors whose products are taken, filled up
/// and side by side, and a band.
pub(super) fn working_bytes(values: u64, history: u64, kernels: Kernels) -> u64 {
    match kernels {
        Kernels::Composed => 4 * (10 * values + u64::min(BAND as u64, 2 * history * values)),
        Kernels::Fused => 4 * 6 * values,
    }
}

pub(super) struct Lbfgs {
    control: Control,
    kernels: Kernels,
    smoothing: Smoothing,
    /// (blocks, 2 * capacity, [`BLOCK`]): a block of slot 0's step, of its change of gradient times
    /// `M`, of slot 1's step and so on, as in the host's memory; the last is filled up with zeros.
    /// So all pairs' products are one matrix product for each block, and so is a combination of
    /// them.
    history: Tensor,
    /// Values of it that are put to single precision at once.
    band: usize,
    /// Where the last step began, and the gradient there, (height, width, 3).
    start: Tensor,
    start_gradient: Tensor,
}

impl Lbfgs {
    pub(super) fn new(
        learning_rate: f32,
        history: usize,
        precision: HistoryPrecision,
        frame: Frame,
        kernels: Kernels,
        device: &Device,
    ) -> Result<Self> {
        let zeros = Tensor::zeros((frame.height, frame.width, 3), DType::F32, device)?;
        let dtype = match precision {
            HistoryPrecision::Fp32 => DType::F32,
            HistoryPrecision::Bf16 => DType::BF16,
        };
        Ok(Self {
            control: Control::new(learning_rate, history),
            kernels,
            smoothing: Smoothing::new(frame, kernels, device)?,
            history: Tensor::zeros(
                (frame.len().div_ceil(BLOCK), 2 * history, BLOCK),
                dtype,
                device,
            )?,
            band: BAND,
            start: zeros.clone(),
            start_gradient: zeros,
        })
    }

    /// The next picture.
    pub(super) fn step(&mut self, x: &Tensor, loss: f64, gradient: Tensor) -> Result<Tensor> {
        let (step, own) = match self.control.judge(loss) {
            Verdict::TakeBack(step) => {
                drop(gradient);
                (step, self.smoothing.apply(&self.free(&self.start, &self.start_gradient)?)?)
            }
            Verdict::Stands { pair } => self.advance(pair, x, gradient)?,
        };
        self.follow(&own, &step)
    }

    /// Where the last step began, if there was one.
    pub(super) fn taken_back(&self) -> Option<Tensor> {
        self.control.has_moved().then(|| self.start.clone())
    }

    /// Measures the step that ended at `x`, and takes that for the start of the next. Gives the way
    /// from there, and `M q`, where `q` is the gradient with held pixels at zero.
    fn advance(
        &mut self,
        pair: Option<usize>,
        x: &Tensor,
        gradient: Tensor,
    ) -> Result<(Move, Tensor)> {
        let q = self.free(x, &gradient)?;
        let mut sums = Sums::none(self.kernels);
        let mut of_pairs = None;
        if let Some(pair) = pair {
            let change = (&gradient - &self.start_gradient)?;
            let step = (x - &self.start)?;
            sums.add_products(&step, &step)?;
            sums.add_products(&change, &change)?;
            self.store(2 * pair, &step)?;
            self.store(2 * pair + 1, &self.smoothing.apply(&change)?)?;
            drop(step);
            of_pairs = Some(self.measured(&change, &q)?);
        }
        (self.start, self.start_gradient) = (x.clone(), gradient);
        let own = self.smoothing.apply(&q)?;
        sums.add_products(&own, &q)?;
        sums.add_products(&own, &own)?;
        let (sums, of_pairs) = sums.fetch_beside(of_pairs)?;
        let mut sums = sums.into_iter().rev();
        let mut next = || sums.next().unwrap_or(0.0);
        let own_rms = (next() / own.elem_count() as f64).sqrt();
        let own_product = next();
        // There are none where there is no pair.
        let (change_square, step_square) = (next(), next());
        let (of_pairs, _) = of_pairs.as_chunks::<4>();
        let pairs = of_pairs.iter().map(|products| {
            let [step_change, step_own, change_change, change_own] = products.map(f64::from);
            PairProducts { step_change, change_change, step_own, change_own }
        });
        let products = Products {
            pairs: pairs.collect(),
            own: own_product,
            own_rms,
            step_square,
            change_square,
        };
        Ok((self.control.advance(pair, &products), own))
    }

    /// The gradient with held pixels at zero.
    fn free(&self, x: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        match self.kernels {
            Kernels::Composed => kept(&is_free(x, gradient)?, gradient),
            Kernels::Fused => picture::free(x, gradient),
        }
    }

    /// Puts a vector into a row of the history.
    fn store(&self, row: usize, vector: &Tensor) -> Result<()> {
        let vector = blocks(&vector.to_dtype(self.history.dtype())?)?;
        // In bands, since a device's copy may index with 32 bits.
        self.bands()?.try_for_each(|(first, count)| {
            self.history.narrow(0, first, count)?.slice_set(
                &vector.narrow(0, first, count)?,
                1,
                row,
            )
        })
    }

    /// The products of each row of the history with the newest change of gradient and with `q`: (2
    /// * capacity, 2).
    fn measured(&self, change: &Tensor, q: &Tensor) -> Result<Tensor> {
        if self.kernels == Kernels::Fused {
            return history::products(&self.history, [change, q]);
        }
        let both = Tensor::cat(&[blocks(change)?, blocks(q)?], 1)?.transpose(1, 2)?;
        let products = self.bands()?.map(|(first, count)| {
            let band = self.history.narrow(0, first, count)?.to_dtype(DType::F32)?;
            band.matmul(&both.narrow(0, first, count)?)?.sum(0)
        });
        products.reduce(|sum, part| sum? + part?).unwrap_or_else(|| self.history.zeros_like())
    }

    /// `start + length * direction`, within range, held pixels where they are.
    fn follow(&self, own: &Tensor, step: &Move) -> Result<Tensor> {
        let mut scales = vec![0.0; self.history.dim(1)?];
        for &(slot, [of_step, of_change]) in &step.direction.pairs {
            (scales[2 * slot], scales[2 * slot + 1]) = (of_step, of_change);
        }
        let own_scale = step.direction.own;
        if self.kernels == Kernels::Fused {
            return history::follow(
                &self.start,
                &self.start_gradient,
                own,
                own_scale,
                &self.history,
                &scales,
                step.length,
            );
        }
        let mut direction = (own * f64::from(own_scale))?;
        if !step.direction.pairs.is_empty() {
            let rows = scales.len();
            let scales = Tensor::from_vec(scales, (1, 1, rows), own.device())?;
            let bands = self.bands()?.map(|(first, count)| {
                let band = self.history.narrow(0, first, count)?.to_dtype(DType::F32)?;
                scales.broadcast_as((count, 1, rows))?.matmul(&band)
            });
            let combined = Tensor::cat(&bands.collect::<Result<Vec<_>>>()?, 0)?;
            direction = (direction
                + combined.flatten_all()?.narrow(0, 0, own.elem_count())?.reshape(own.shape())?)?;
        }
        let by = kept(
            &is_free(&self.start, &self.start_gradient)?,
            &(direction * f64::from(step.length))?,
        )?;
        (&self.start + by)?.clamp(0.0_f32, 255.0_f32)
    }

    /// The history in bands of blocks: where each begins, and how many blocks it has.
    fn bands(&self) -> Result<impl Iterator<Item = (usize, usize)>> {
        let (blocks, rows, _) = self.history.dims3()?;
        let count = (self.band / (rows * BLOCK)).max(1);
        Ok((0..blocks).step_by(count).map(move |first| (first, count.min(blocks - first))))
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        let rows = self.history.dim(1)?;
        let mut words = Vec::with_capacity(self.history.elem_count());
        for (first, count) in self.bands()? {
            words.extend(
                self.history
                    .narrow(0, first, count)?
                    .to_dtype(DType::F32)?
                    .flatten_all()?
                    .to_vec1::<f32>()?,
            );
        }
        // In the host's memory the last block is as long as what is left for it.
        let rest = self.start.elem_count() % BLOCK;
        if rest > 0 {
            let last = words.split_off(words.len() - rows * BLOCK);
            words.extend(last.chunks_exact(BLOCK).flat_map(|row| &row[..rest]));
        }
        let words = match self.history.dtype() {
            DType::BF16 => Vector::Half(words.into_iter().map(Bf16::store).collect()),
            _ => Vector::Fp32(words),
        };
        let fetch = |vector: &Tensor| vector.flatten_all()?.to_vec1::<f32>().map(Vector::Fp32);
        Ok(Memory {
            scalars: self.control.scalars(),
            vectors: vec![fetch(&self.start)?, fetch(&self.start_gradient)?, words],
        })
    }

    /// Takes up what `memory` gave, here or in the host's memory, for a picture of the same size.
    /// Where it does not fit, nothing changes and it says `false`.
    pub(super) fn recall(&mut self, memory: Memory) -> Result<bool> {
        let (Some(control), Ok([Vector::Fp32(start), Vector::Fp32(start_gradient), words])) =
            (self.control.recalled(&memory.scalars), <[Vector; 3]>::try_from(memory.vectors))
        else {
            return Ok(false);
        };
        let mut words = match (self.history.dtype(), words) {
            (DType::F32, Vector::Fp32(words)) => words,
            (DType::BF16, Vector::Half(words)) => words.into_iter().map(Bf16::load).collect(),
            _ => return Ok(false),
        };
        let (len, rows) = (self.start.elem_count(), self.history.dim(1)?);
        if start.len() != len || start_gradient.len() != len || words.len() != rows * len {
            return Ok(false);
        }
        let rest = len % BLOCK;
        if rest > 0 {
            let last = words.split_off(words.len() - rows * rest);
            for row in last.chunks_exact(rest) {
                words.extend(row);
                words.resize(words.len() + BLOCK - rest, 0.0);
            }
        }
        let device = self.start.device().clone();
        for (first, count) in self.bands()? {
            let band = &words[first * rows * BLOCK..][..count * rows * BLOCK];
            let band = Tensor::from_slice(band, (count, rows, BLOCK), &device)?
                .to_dtype(self.history.dtype())?;
            self.history.slice_set(&band, 0, first)?;
        }
        let put = |values: Vec<f32>| Tensor::from_vec(values, self.start.shape(), &device);
        (self.start, self.start_gradient) = (put(start)?, put(start_gradient)?);
        self.control = control;
        Ok(true)
    }
}

/// A vector as (blocks, 1, [`BLOCK`]), filled up with zeros.
fn blocks(vector: &Tensor) -> Result<Tensor> {
    let vector = vector.flatten_all()?;
    let rest = vector.elem_count().next_multiple_of(BLOCK) - vector.elem_count();
    vector.pad_with_zeros(D::Minus1, 0, rest)?.reshape(((), 1, BLOCK))
}

/// One where a pixel may move; zero where it stands at a bound and the loss falls only beyond it.
fn is_free(x: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    // A product of bytes is their conjunction.
    let held_low = (x.le(0.0_f32)? * gradient.gt(0.0_f32)?)?;
    let held_high = (x.ge(255.0_f32)? * gradient.lt(0.0_f32)?)?;
    (held_low + held_high)?.eq(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::optimizer::{Optimizer, OptimizerPlan, PlannedMethod};

    const FRAME: Frame = Frame { width: 61, height: 50, wrap_x: true, wrap_y: false };

    /// A bowl with curvatures from 1 to 50 and its minimum out of range for some pixels.
    fn bowl(x: &[f32]) -> (f64, Vec<f32>) {
        let mut loss = 0.0;
        let slope = x.iter().enumerate().map(|(i, &x)| {
            let (curvature, minimum) = (1.0 + (i % 50) as f32, (i % 7) as f32 * 60.0 - 60.0);
            loss += f64::from(0.5 * curvature * (x - minimum).powi(2));
            curvature * (x - minimum)
        });
        let slope = slope.collect();
        (loss, slope)
    }

    #[test]
    fn steps_are_those_of_the_host_in_one_band_and_in_many() -> Result<()> {
        // In levels, of steps of tens of them: bf16 has eight bits of digits, and a number between
        // two may be rounded to either.
        for (precision, band, kernels, tolerance) in [
            (HistoryPrecision::Fp32, BAND, Kernels::Composed, 0.01),
            (HistoryPrecision::Fp32, 1, Kernels::Composed, 0.01),
            (HistoryPrecision::Bf16, 1, Kernels::Composed, 1.0),
            (HistoryPrecision::Fp32, 1, Kernels::Fused, 0.01),
            (HistoryPrecision::Bf16, BAND, Kernels::Fused, 1.0),
        ] {
            let (wrap_x, wrap_y) = (FRAME.wrap_x, FRAME.wrap_y);
            let method = PlannedMethod::Lbfgs { history: 4, precision, wrap_x, wrap_y };
            let mut host = Optimizer::new(
                &OptimizerPlan { learning_rate: 1.0, method },
                FRAME.width,
                FRAME.height,
            );
            let mut lbfgs =
                Lbfgs { band, ..Lbfgs::new(1.0, 4, precision, FRAME, kernels, &Device::Cpu)? };
            let mut x = vec![128.0_f32; FRAME.len()];
            for step in 0..12 {
                let at = |values: &[f32]| {
                    Tensor::from_slice(values, (FRAME.height, FRAME.width, 3), &Device::Cpu)
                };
                // From the same place each time, so that what is compared is one step.
                let (loss, mut gradient) = bowl(&x);
                let found =
                    lbfgs.step(&at(&x)?, loss, at(&gradient)?)?.flatten_all()?.to_vec1::<f32>()?;
                host.step(&mut x, loss, &mut gradient);
                let apart = found.iter().zip(&x).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(
                    apart < tolerance,
                    "{precision:?} {kernels:?} in bands of {band}, step {step}: {apart} levels"
                );
                assert!(lbfgs.recall(host.memory())?, "what the host remembers");
            }
        }
        Ok(())
    }
}
