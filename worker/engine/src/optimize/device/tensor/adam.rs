//! Adam with the average of its iterates: see the optimiser's `adam.rs`, whose numbers these are.

use candle_core::{DType, Device, Result, Tensor};

use impasto_cuda::picture::{self, AdamRates, AdamState};

use super::pooling::kept;
use super::tile_pass::Kernels;
use crate::optimize::optimizer::adam::{BETA_1, BETA_2, EPSILON};
use crate::optimize::optimizer::{Memory, MomentPrecision, Vector};
use crate::optimize::vector::{Bf16, Encoding, Unsigned16};

/// Below this, a second moment in 16 bits is zero.
const LEAST_SECOND: f64 = 2.524_354_896_707_238e-29;

/// The factor of Dekker's splitting, which rounds a number to ten bits of mantissa (Dekker, "A
/// floating-point technique for extending the available precision", 1971).
const SPLIT_AT_TEN_DIGITS: f64 = 16385.0;

/// Memory in bytes that a step works in beside what the plan counts, for a picture of so many
/// values: what it was and is to be, both moments and the average, old and new, and what the second
/// moment is rounded in.
pub(super) fn working_bytes(values: u64) -> u64 {
    4 * 9 * values
}

/// Where the plan asks for moments in 16 bits, the first is kept in bf16. The second is rounded to
/// the digits that it has in 16 bits, so that a checkpoint holds it; it takes four bytes, since no
/// type of the device's has such digits.
pub(super) struct Adam {
    learning_rate: f32,
    averaging: f32,
    steps: i32,
    seen: i32,
    precision: MomentPrecision,
    kernels: Kernels,
    first: Tensor,
    second: Tensor,
    average: Option<Tensor>,
}

impl Adam {
    /// For pictures (height, width, 3).
    pub(super) fn new(
        learning_rate: f32,
        averaging: f32,
        precision: MomentPrecision,
        shape: (usize, usize, usize),
        kernels: Kernels,
        device: &Device,
    ) -> Result<Self> {
        let zeros = |dtype| Tensor::zeros(shape, dtype, device);
        let first = match precision {
            MomentPrecision::Fp32 => zeros(DType::F32)?,
            MomentPrecision::Half => zeros(DType::BF16)?,
        };
        let average = if averaging > 0.0 { Some(zeros(DType::F32)?) } else { None };
        Ok(Self {
            learning_rate,
            averaging,
            steps: 0,
            seen: 0,
            precision,
            kernels,
            first,
            second: zeros(DType::F32)?,
            average,
        })
    }

    /// The next picture.
    pub(super) fn step(&mut self, x: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        self.steps += 1;
        self.seen = self.seen.saturating_add(1);
        let step = f64::from(self.learning_rate / (1.0 - BETA_1.powi(self.seen)));
        let free = f64::from(1.0 / (1.0 - BETA_2.powi(self.seen)));
        if self.kernels == Kernels::Fused {
            let (epsilon, averaging) = (EPSILON, self.averaging);
            let rates = AdamRates {
                beta_1: BETA_1,
                beta_2: BETA_2,
                averaging,
                step: step as f32,
                free: free as f32,
                epsilon,
            };
            let state = AdamState {
                first: self.first.to_dtype(DType::F32)?,
                second: self.second.clone(),
                average: self.average.clone(),
            };
            let (moved, state) = picture::adam(x, gradient, &state, rates)?;
            self.keep(state)?;
            return Ok(moved);
        }
        let scaled = |values: &Tensor, by: f32| values * f64::from(by);
        let first =
            (scaled(&self.first.to_dtype(DType::F32)?, BETA_1)? + scaled(gradient, 1.0 - BETA_1)?)?;
        let second = (scaled(&self.second, BETA_2)? + scaled(&gradient.sqr()?, 1.0 - BETA_2)?)?;
        let length = ((&second * free)?.sqrt()? + f64::from(EPSILON))?;
        let moved = (x - ((&first * step)? / length)?)?.clamp(0.0_f32, 255.0_f32)?;
        let average = match &self.average {
            Some(average) => {
                Some((scaled(average, self.averaging)? + scaled(&moved, 1.0 - self.averaging)?)?)
            }
            None => None,
        };
        self.keep(AdamState { first, second, average })?;
        Ok(moved)
    }

    /// Remembers moments in the digits that they have.
    fn keep(&mut self, state: AdamState) -> Result<()> {
        self.first = state.first.to_dtype(self.first.dtype())?;
        self.second = match self.precision {
            MomentPrecision::Fp32 => state.second,
            MomentPrecision::Half => ten_digits(&state.second)?,
        };
        self.average = state.average;
        Ok(())
    }

    /// The average so far, freed of its start at zero; `None` where none is kept.
    pub(super) fn averaged(&self) -> Result<Option<Tensor>> {
        match &self.average {
            Some(average) if self.steps > 0 => {
                let scale = f64::from(1.0 / (1.0 - self.averaging.powi(self.steps)));
                (average * scale)?.clamp(0.0_f32, 255.0_f32).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        let [first, second] = [&self.first, &self.second]
            .map(|values| values.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>());
        let (first, second) = (first?, second?);
        let average = self
            .average
            .as_ref()
            .map_or(Ok(Vec::new()), |average| average.flatten_all()?.to_vec1::<f32>())?;
        let [first, second] = match self.precision {
            MomentPrecision::Fp32 => [Vector::Fp32(first), Vector::Fp32(second)],
            MomentPrecision::Half => [
                Vector::Half(first.into_iter().map(Bf16::store).collect()),
                Vector::Half(second.into_iter().map(Unsigned16::store).collect()),
            ],
        };
        Ok(Memory {
            scalars: vec![f64::from(self.steps), f64::from(self.seen)],
            vectors: vec![first, second, Vector::Fp32(average)],
        })
    }

    /// Takes up what `memory` gave, here or in the host's memory, for a picture of the same size.
    /// Where it does not fit, nothing changes and it says `false`.
    pub(super) fn recall(&mut self, memory: Memory) -> Result<bool> {
        let (Ok([steps, seen]), Ok(vectors)) =
            (<[f64; 2]>::try_from(memory.scalars), <[Vector; 3]>::try_from(memory.vectors))
        else {
            return Ok(false);
        };
        let (first, second, average) = match (self.precision, vectors) {
            (
                MomentPrecision::Fp32,
                [Vector::Fp32(first), Vector::Fp32(second), Vector::Fp32(average)],
            ) => (first, second, average),
            (
                MomentPrecision::Half,
                [Vector::Half(first), Vector::Half(second), Vector::Fp32(average)],
            ) => {
                let first = first.into_iter().map(Bf16::load).collect();
                (first, second.into_iter().map(Unsigned16::load).collect(), average)
            }
            _ => return Ok(false),
        };
        let len = self.first.elem_count();
        let average_len = self.average.as_ref().map_or(0, Tensor::elem_count);
        if first.len() != len || second.len() != len || average.len() != average_len {
            return Ok(false);
        }
        let (shape, device) = (self.first.shape().clone(), self.first.device().clone());
        let put = |values: Vec<f32>| Tensor::from_vec(values, shape.clone(), &device);
        let average = if average.is_empty() { None } else { Some(put(average)?) };
        (self.first, self.second, self.average) =
            (put(first)?.to_dtype(self.first.dtype())?, put(second)?, average);
        (self.steps, self.seen) = (steps as i32, seen as i32);
        Ok(true)
    }
}

/// Positive numbers, rounded to what 16 bits hold of them.
fn ten_digits(values: &Tensor) -> Result<Tensor> {
    let large = (values * SPLIT_AT_TEN_DIGITS)?;
    let rounded = (&large - (&large - values)?)?;
    kept(&rounded.gt(LEAST_SECOND)?, &rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_numbers_survive_their_encoding() -> Result<()> {
        let numbers: Vec<f32> = (-90..30)
            .flat_map(|exponent| {
                [1.0, 1.0004, 1.3337, 1.9999].map(|d: f32| d * 2.0_f32.powi(exponent))
            })
            .collect();
        let rounded =
            ten_digits(&Tensor::new(numbers.as_slice(), &Device::Cpu)?)?.to_vec1::<f32>()?;
        for (number, rounded) in numbers.into_iter().zip(rounded) {
            assert_eq!(Unsigned16::load(Unsigned16::store(rounded)), rounded, "{number:e}");
            assert!(
                (rounded - number).abs() <= number * 2.0_f32.powi(-10),
                "{number:e} {rounded:e}"
            );
        }
        Ok(())
    }
}
