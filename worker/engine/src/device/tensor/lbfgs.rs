//! L-BFGS on the device: the pairs are tensors, and what it decides is the host's (the optimiser's `control.rs`), from the inner products that a step fetches.

use candle_core::{D, DType, Device, Result, Tensor};

use super::pooling::kept;
use super::smoothing::Smoothing;
use super::statistics::Sums;
use crate::optimizer::control::{Control, Move, Verdict};
use crate::optimizer::curvature::{PairProducts, Products};
use crate::optimizer::smoothing::Frame;
use crate::optimizer::{HistoryPrecision, Memory, Vector};
use crate::vector::{BLOCK, Bf16, Encoding};

/// Values of a pair over which products are summed at once.
const STRETCH: usize = 4096;

/// Vectors of a picture's length that a step works in beside what it remembers.
pub(super) const WORKING_VECTORS: u64 = 10;

pub(super) struct Lbfgs {
    control: Control,
    capacity: usize,
    precision: HistoryPrecision,
    smoothing: Smoothing,
    /// By slot.
    pairs: Vec<Option<Pair>>,
    /// Where the last step began, and the gradient there, (height, width, 3).
    start: Tensor,
    start_gradient: Tensor,
}

/// A step and its change of gradient times `M`, each (stretches, 1, [`STRETCH`]), filled up with zeros.
struct Pair {
    step: Tensor,
    change: Tensor,
}

impl Lbfgs {
    pub(super) fn new(learning_rate: f32, history: usize, precision: HistoryPrecision, frame: Frame, device: &Device) -> Result<Self> {
        let zeros = Tensor::zeros((frame.height, frame.width, 3), DType::F32, device)?;
        Ok(Self {
            control: Control::new(learning_rate, history),
            capacity: history,
            precision,
            smoothing: Smoothing::new(frame, device)?,
            pairs: (0..history).map(|_| None).collect(),
            start: zeros.clone(),
            start_gradient: zeros,
        })
    }

    /// The next picture.
    pub(super) fn step(&mut self, x: &Tensor, loss: f64, gradient: Tensor) -> Result<Tensor> {
        let (step, own) = match self.control.judge(loss) {
            Verdict::TakeBack(step) => {
                drop(gradient);
                (step, self.smoothing.apply(&free(&self.start, &self.start_gradient)?)?)
            }
            Verdict::Stands { pair } => self.advance(pair, x, gradient)?,
        };
        self.follow(&own, &step)
    }

    /// Measures the step that ended at `x`, and takes that for the start of the next. Gives the way from there, and `M q`, where `q` is the gradient with held pixels at
    /// zero.
    fn advance(&mut self, pair: Option<usize>, x: &Tensor, gradient: Tensor) -> Result<(Move, Tensor)> {
        let q = free(x, &gradient)?;
        let mut sums = Sums::default();
        let mut products = match pair {
            Some(pair) => {
                // What lay there makes room first.
                self.pairs[pair] = None;
                let change = (&gradient - &self.start_gradient)?;
                let step = (x - &self.start)?;
                sums.add(&step.sqr()?)?;
                sums.add(&change.sqr()?)?;
                let smooth = self.smoothing.apply(&change)?;
                self.pairs[pair] = Some(Pair { step: self.stored(&step)?, change: self.stored(&smooth)? });
                drop((step, smooth));
                self.measured(pair, &change, &q)?
            }
            None => Products::default(),
        };
        (self.start, self.start_gradient) = (x.clone(), gradient);
        let own = self.smoothing.apply(&q)?;
        sums.add(&(&own * &q)?)?;
        sums.add(&own.sqr()?)?;
        let mut sums = sums.fetch()?.into_iter().rev();
        let mut next = || sums.next().unwrap_or(0.0);
        products.own_rms = (next() / own.elem_count() as f64).sqrt();
        products.own = next();
        // There are none where there is no pair.
        (products.change_square, products.step_square) = (next(), next());
        Ok((self.control.advance(pair, &products), own))
    }

    /// The products of the pairs in use and of the new one with its change of gradient and with `q`.
    fn measured(&self, pair: usize, change: &Tensor, q: &Tensor) -> Result<Products> {
        let both = Tensor::cat(&[stretched(change)?, stretched(q)?], 1)?.transpose(1, 2)?;
        let slots: Vec<_> = self.control.slots().iter().copied().chain([pair]).collect();
        let mut sums = Vec::new();
        for &slot in &slots {
            let Pair { step, change } = self.pair(slot)?;
            for vector in [step, change] {
                sums.push(vector.to_dtype(DType::F32)?.matmul(&both)?.sum(0)?.flatten_all()?);
            }
        }
        let sums = Tensor::cat(&sums, 0)?.to_vec1::<f32>()?;
        let mut products = Products { pairs: vec![PairProducts::default(); self.capacity], ..Products::default() };
        let (sums, _) = sums.as_chunks::<4>();
        for (slot, sums) in slots.into_iter().zip(sums) {
            let [step_change, step_own, change_change, change_own] = sums.map(f64::from);
            products.pairs[slot] = PairProducts { step_change, change_change, step_own, change_own };
        }
        Ok(products)
    }

    /// `start + length * direction`, within range, held pixels where they are.
    fn follow(&self, own: &Tensor, step: &Move) -> Result<Tensor> {
        let mut direction = (stretched(own)? * f64::from(step.direction.own))?;
        for &(slot, scales) in &step.direction.pairs {
            let pair = self.pair(slot)?;
            for (vector, scale) in [&pair.step, &pair.change].into_iter().zip(scales) {
                direction = (direction + (vector.to_dtype(DType::F32)? * f64::from(scale))?)?;
            }
        }
        let direction = direction.flatten_all()?.narrow(0, 0, own.elem_count())?.reshape(own.shape())?;
        let by = kept(&is_free(&self.start, &self.start_gradient)?, &(direction * f64::from(step.length))?)?;
        (&self.start + by)?.clamp(0.0_f32, 255.0_f32)
    }

    fn pair(&self, slot: usize) -> Result<&Pair> {
        self.pairs[slot].as_ref().ok_or_else(|| candle_core::Error::Msg(format!("slot {slot} holds no pair")))
    }

    fn stored(&self, vector: &Tensor) -> Result<Tensor> {
        let dtype = match self.precision {
            HistoryPrecision::Fp32 => DType::F32,
            HistoryPrecision::Bf16 => DType::BF16,
        };
        stretched(&vector.to_dtype(dtype)?)
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        let len = self.start.elem_count();
        let fetch = |vector: &Tensor| vector.to_dtype(DType::F32)?.flatten_all()?.narrow(0, 0, len)?.to_vec1::<f32>();
        let mut words = vec![0.0; 2 * self.capacity * len];
        for (slot, pair) in self.pairs.iter().enumerate() {
            let Some(Pair { step, change }) = pair else { continue };
            for (which, vector) in [step, change].into_iter().enumerate() {
                let values = fetch(vector)?;
                for (block, values) in words.chunks_mut(2 * self.capacity * BLOCK).zip(values.chunks(BLOCK)) {
                    block[(2 * slot + which) * values.len()..][..values.len()].copy_from_slice(values);
                }
            }
        }
        let words = match self.precision {
            HistoryPrecision::Fp32 => Vector::Fp32(words),
            HistoryPrecision::Bf16 => Vector::Half(words.into_iter().map(Bf16::store).collect()),
        };
        let vectors = vec![Vector::Fp32(fetch(&self.start)?), Vector::Fp32(fetch(&self.start_gradient)?), words];
        Ok(Memory { scalars: self.control.scalars(), vectors })
    }

    /// Takes up what `memory` gave, here or in the host's memory, for a picture of the same size. Where it does not fit, nothing changes and it says `false`.
    pub(super) fn recall(&mut self, memory: Memory) -> Result<bool> {
        let (Some(control), Ok([Vector::Fp32(start), Vector::Fp32(start_gradient), words])) =
            (self.control.recalled(&memory.scalars), <[Vector; 3]>::try_from(memory.vectors))
        else {
            return Ok(false);
        };
        let words = match (self.precision, words) {
            (HistoryPrecision::Fp32, Vector::Fp32(words)) => words,
            (HistoryPrecision::Bf16, Vector::Half(words)) => words.into_iter().map(Bf16::load).collect(),
            _ => return Ok(false),
        };
        let len = self.start.elem_count();
        if start.len() != len || start_gradient.len() != len || words.len() != 2 * self.capacity * len {
            return Ok(false);
        }
        let (shape, device) = (self.start.shape().clone(), self.start.device().clone());
        let put = |values: Vec<f32>| Tensor::from_vec(values, shape.clone(), &device);
        let vector = |slot: usize, which: usize| {
            let blocks = words.chunks(2 * self.capacity * BLOCK);
            let values = blocks.flat_map(|block| {
                let len = block.len() / (2 * self.capacity);
                &block[(2 * slot + which) * len..][..len]
            });
            self.stored(&put(values.copied().collect())?)
        };
        let mut pairs: Vec<_> = (0..self.capacity).map(|_| None).collect();
        for &slot in control.slots() {
            pairs[slot] = Some(Pair { step: vector(slot, 0)?, change: vector(slot, 1)? });
        }
        (self.start, self.start_gradient) = (put(start)?, put(start_gradient)?);
        (self.control, self.pairs) = (control, pairs);
        Ok(true)
    }
}

/// A vector as (stretches, 1, [`STRETCH`]), filled up with zeros.
fn stretched(vector: &Tensor) -> Result<Tensor> {
    let vector = vector.flatten_all()?;
    let rest = vector.elem_count().next_multiple_of(STRETCH) - vector.elem_count();
    vector.pad_with_zeros(D::Minus1, 0, rest)?.reshape(((), 1, STRETCH))
}

/// The gradient with held pixels at zero.
fn free(x: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    kept(&is_free(x, gradient)?, gradient)
}

/// One where a pixel may move; zero where it stands at a bound and the loss falls only beyond it.
fn is_free(x: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    // A product of bytes is their conjunction.
    let held_low = (x.le(0.0_f32)? * gradient.gt(0.0_f32)?)?;
    let held_high = (x.ge(255.0_f32)? * gradient.lt(0.0_f32)?)?;
    (held_low + held_high)?.eq(0_u8)
}
